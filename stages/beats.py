"""Beats and tempo of every piece, of its music and of its motion, on all cores."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import motion_beats, motion_tempo, music_beats
from motionmusic.files import read_array, write_bytes, write_text

SAMPLE_RATE = 22_050


def beats_of(dataset: str, row: dict[str, object]) -> tuple[pd.DataFrame, dict[str, object]]:
    """One piece's rows of beats.parquet, and its row of tempo.csv."""
    piece, music_file = str(row["piece"]), str(row["music_file"])
    frames, rate_hz = int(str(row["frames"])), float(str(row["motion_rate_hz"]))
    audio = read_audio(
        workspace.data(dataset, "raw") / music_file,
        SAMPLE_RATE,
        start_s=float(str(row["music_start_s"])),
        duration_s=(frames - 1) / rate_hz,
    )
    joints = read_array(workspace.data(dataset, "joints", f"{piece}.npy"))
    music_s, music_bpm = music_beats(audio, SAMPLE_RATE)
    times = {
        "motion_bailando": motion_beats(joints, rate_hz, "bailando"),
        "motion_mint": motion_beats(joints, rate_hz, "mint"),
        "music": music_s,
    }
    rows = pd.DataFrame(
        {
            "piece": piece,
            "kind": np.repeat(list(times), [len(values) for values in times.values()]),
            "time_s": np.concatenate(list(times.values())),
        }
    )
    tempo = {
        "piece": piece,
        "music_file": music_file,
        "music_bpm": float(f"{music_bpm:.6g}"),
        "motion_bpm": float(f"{motion_tempo(joints, rate_hz):.6g}"),
    }
    return rows, tempo


def main(given: Sequence[str]) -> None:
    """beats.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    rows = workspace.read_pieces(dataset).sort_values("piece").to_dict("records")
    with ProcessPoolExecutor(min(len(rows), os.cpu_count() or 1)) as pool:
        work = pool.map(partial(beats_of, dataset), rows)
        done = list(tqdm(work, total=len(rows), desc="beats", unit="piece", mininterval=5))
    beats = pd.concat([times for times, _ in done], ignore_index=True)
    buffer = io.BytesIO()
    beats.to_parquet(buffer, index=False)
    write_bytes(workspace.data(dataset, "beats.parquet"), buffer.getvalue())
    tempo = pd.DataFrame([tempo for _, tempo in done])
    write_text(workspace.data(dataset, "tempo.csv"), tempo.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
