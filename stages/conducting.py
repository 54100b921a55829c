"""The tables and the picture of what was made for music, and of how well music and motion agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import matching_files
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import read_array, read_json, write_bytes, write_json, write_text
from motionmusic.models.conductor_weights import load_sync_network, read
from motionmusic.params import DATASET, Evaluate, Segment, group
from motionmusic.results import dance as results
from motionmusic.results.figures import png
from motionmusic.scoring.motion_errors import KEYPOINTS
from motionmusic.scoring.rivals import IDS, Dances, Made, Motion, Perceive, clips_of

REMEDY = "run `dvc repro` for the stage that writes it"

_PART = 32  # clips that a judge looks at together


def main(given: Sequence[str]) -> None:
    """conducting.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings = group(Evaluate, "evaluate")
    segment = group(Segment, "segment", dataset)
    rate = group(DATASET, "datasets", dataset).motion_rate_hz
    seeds = group(list[int], "seeds")
    columns = [*IDS, *results.NEGATIVES, *(f"judge_{name}" for name in results.NEGATIVES)]
    votes = [table(dataset, seed, "votes.csv", columns) for seed in seeds]
    clips, frames = clips_of(votes[0], segment.excerpt_frames, rate)
    made = [made_by(dataset, seed, clips) for seed in seeds]
    # as the stage conduct does where rounding, or the music's end, takes a clip beyond the motion
    ends = {piece: min(len(of.motion[piece]) for of in made) for piece in made[0].motion}
    clips["start"] = np.minimum(clips["start"], clips["piece"].map(ends) - frames)
    try:
        found = results.evaluate(
            clips, frames, dances(dataset, seeds[0]), made,
            seed=settings.seed, resamples=settings.resamples,
        )  # fmt: skip
    except ValueError as error:
        raise UserError(
            workspace.data(dataset), "", "motions that cover the test excerpts", str(error),
            "run `dvc repro` for the stages that write keypoints and conducted",
        ) from None  # fmt: skip
    found["synchrony"] = results.agreement(votes, settings.seed, settings.resamples)
    columns = ["fold", "piece", "planted_s", *(f"{way}_s" for way in results.FINDERS)]
    offsets = [table(dataset, seed, "offsets.csv", columns) for seed in seeds]
    found["offsets"] = results.recovered(offsets, settings.seed, settings.resamples)

    folder = workspace.metrics(dataset)
    write_json(folder / "conducting.json", found)
    flat = results.flat(found).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(folder / "conducting.csv", flat)
    protocol = protocol_of(workspace.read_index(dataset), segment)
    write_text(folder / "conducting.md", results.markdown(found, dataset, protocol))
    title = f"Motion from music: {dataset}, {protocol}"
    write_bytes(workspace.plots(dataset, "conducting.png"), png(results.picture(found, title)))


def protocol_of(index: pd.DataFrame, segment: Segment) -> str:
    """The data set's protocol, or by_piece, which the stage conduct takes if a piece is on two sides."""
    sides = index.groupby(["fold", "piece"])["split"].nunique()
    return "by_piece" if sides.max() > 1 else segment.protocol


def dances(dataset: str, seed: int) -> Dances:
    """The real dances, their music's beats, and which were trained on."""
    pieces = workspace.read_pieces(dataset).set_index("piece")
    beats = matching_files.read_beats(dataset)
    beats = beats[beats["kind"] == "music"]
    path = workspace.data(dataset, "conductors", f"{seed}", "conductor.json")
    folds = read_json(path, REMEDY)["folds"]
    return Dances(
        arrays(workspace.data(dataset, "keypoints"), pieces.index),
        pieces,
        {
            piece: np.sort(beats.loc[beats["piece"] == piece, "time_s"].to_numpy(np.float64))
            for piece in pieces.index
        },
        {int(fold): sides["train"] for fold, sides in folds.items()},
    )


def made_by(dataset: str, seed: int, clips: pd.DataFrame) -> Made:
    """What the generators of one seed made, and the judges of it."""
    folder = workspace.data(dataset, "conducted", f"{seed}", "motion")
    columns = [*IDS, "neighbour", "neighbour_start"]
    return Made(
        arrays(folder, clips["piece"].unique()),
        table(dataset, seed, "neighbours.csv", columns),
        judges(workspace.data(dataset, "conductors", f"{seed}")),
    )


def judges(folder: Path) -> Perceive:
    """What the judge of a fold sees in motions, (n, frames, 64); each is read once."""
    encoders: dict[int, torch.nn.Module] = {}

    @torch.inference_mode()
    def perceive(fold: int, motions: Motion) -> NDArray[np.float32]:
        if fold not in encoders:
            path = folder / f"fold{fold}_judge.safetensors"
            encoders[fold] = load_sync_network(read(path), path).motion_encoder
        starts = range(0, len(motions), _PART)
        parts = [torch.from_numpy(motions[start : start + _PART]) for start in starts]
        return np.concatenate([encoders[fold](part).numpy() for part in parts])

    return perceive


def arrays(folder: Path, pieces: Iterable[str]) -> dict[str, Motion]:
    """The motions (f, 13, 2) of these pieces."""
    motions = {}
    for piece in pieces:
        path = folder / f"{piece}.npy"
        motion = read_array(path)
        if motion.ndim != 3 or motion.shape[1:] != (KEYPOINTS, 2):
            raise UserError(path, "", f"(frames, {KEYPOINTS}, 2)", f"{motion.shape}", REMEDY)
        motions[piece] = motion.astype(np.float32, copy=False)
    return motions


def table(dataset: str, seed: int, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """The named columns of data/DATASET/conducted/SEED/NAME."""
    path = workspace.data(dataset, "conducted", f"{seed}", name)
    if not path.exists():
        raise UserError(path, "", "what an earlier stage writes", "nothing", REMEDY)
    frame = pd.read_csv(path, dtype={"piece": str, "neighbour": str})
    missing = [column for column in columns if column not in frame]
    if missing:
        raise UserError(path, "", f"columns {', '.join(columns)}", f"no {missing[0]}", REMEDY)
    return frame[list(columns)]


if __name__ == "__main__":
    errors.run(main)
