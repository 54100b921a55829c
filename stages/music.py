"""The music of every piece → scaled log-mel (or MFCC), on all cores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.music import HOP, WINDOW, music_features, pad_short
from motionmusic.files import Float32, new_folder, write_array
from motionmusic.params import Music, group
from motionmusic.streams import stream

SHORTEST = WINDOW // HOP + 1  # frames
SLACK_S = 1.0  # a config.json may name an end this much past the sound without being wrong


def features(raw: Path, settings: Music, row: dict[str, object]) -> Float32:
    """Features of one piece, aligned with its motion: mel frame t is motion frame t."""
    piece, frames = str(row["piece"]), int(str(row["frames"]))
    path = raw / str(row["music_file"])
    if frames < SHORTEST:
        raise UserError(
            raw, piece, f"at least {SHORTEST} frames, one window of sound", f"{frames} frames",
            "take the piece out",
        )  # fmt: skip
    # (L − 1) · 512 samples give L mel frames
    samples = (frames - 1) * HOP
    whole = np.isnan(float(str(row["music_end_s"])))  # AIST++: the whole sound is scaled (spec 2.3)
    audio = read_audio(
        path,
        settings.sample_rate,
        start_s=float(str(row["music_start_s"])),
        duration_s=None if whole else samples / settings.sample_rate,
        resampler=settings.resampler,
    )
    missing_s = (samples - len(audio)) / settings.sample_rate
    if missing_s > SLACK_S and settings.short_sound == "error":
        raise UserError(
            path, "", f"sound for the whole dance ({samples / settings.sample_rate:.1f} s)",
            f"{missing_s:.1f} s less", "mend start_position in config.json or the sound file,"
            " or set music.*.short_sound to cut",
        )  # fmt: skip
    if settings.pad_short:
        audio = pad_short(audio, stream(0, "music", "pad_short", piece))
    values = music_features(
        audio, settings.sample_rate, feature=settings.feature, scale=settings.scale
    )
    return values[: len(audio) // HOP] if whole else values


def main(given: Sequence[str]) -> None:
    """music.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings = group(Music, "music", dataset)
    rows = workspace.read_pieces(dataset).to_dict("records")
    work = partial(features, workspace.data(dataset, "raw"), settings)
    with (
        new_folder(workspace.data(dataset, "music")) as folder,
        ProcessPoolExecutor(min(len(rows), os.cpu_count() or 1)) as pool,
    ):
        done = tqdm(
            pool.map(work, rows), total=len(rows), desc="music", unit="piece", mininterval=5
        )
        for row, values in zip(rows, done, strict=True):
            write_array(folder / f"{row['piece']}.npy", values)


if __name__ == "__main__":
    errors.run(main)
