"""A picture of the data: one piece of every class, its music above its motion, with their beats."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from motionmusic import errors, workspace
from motionmusic.features.beats import (
    Definition,
    alignment_by_chance,
    beat_alignment,
    kinetic_energy,
)
from motionmusic.files import read_array, write_bytes
from motionmusic.params import DATASET, group
from motionmusic.results.figures import png
from motionmusic.results.look import Look, data_picture

SHOWN_S, START_S = 9.0, 10.0
DEFINITION: Definition = "mint"


def look_at(dataset: str, row: dict[Hashable, Any], class_name: str, beats: pd.DataFrame) -> Look:
    """One piece as it is drawn; of the alignment counts what has both music and motion."""
    piece, rate_hz = row["piece"], float(row["motion_rate_hz"])
    log_mel = read_array(workspace.data(dataset, "music", f"{piece}.npy"))
    joints = read_array(workspace.data(dataset, "joints", f"{piece}.npy"))
    together_s = min(len(log_mel), len(joints)) / rate_hz
    own = beats[(beats["piece"] == piece) & (beats["time_s"] < together_s)]
    music, motion = (
        own.loc[own["kind"] == kind, "time_s"].to_numpy(np.float64)
        for kind in ("music", f"motion_{DEFINITION}")
    )
    chance, _ = alignment_by_chance(motion, music, together_s, DEFINITION)
    return Look(
        piece=piece,
        class_name=class_name,
        log_mel=log_mel,
        energy=kinetic_energy(joints, rate_hz),
        music_beats=music,
        motion_beats=motion,
        rate_hz=rate_hz,
        start_s=START_S if together_s >= START_S + SHOWN_S else 0.0,
        duration_s=min(SHOWN_S, together_s),
        alignment=beat_alignment(motion, music, DEFINITION),
        chance=chance,
    )


def main(given: Sequence[str]) -> None:
    """look.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    beats = pd.read_parquet(workspace.data(dataset, "beats.parquet"))
    rows = workspace.read_pieces(dataset).sort_values("piece")
    heard = rows[rows["piece"].isin(workspace.piece_arrays(dataset, "music"))]
    first = heard.groupby("label").head(1).sort_values("label").to_dict("records")
    names = list(about.labels.values())
    figure = data_picture(
        [look_at(dataset, row, names[row["label"]], beats) for row in first],
        f"{dataset}: what is heard and what is danced",
        "The first piece of every class, by name. Log-mel: dark where a band is louder than its"
        " mean. Energy: the mean over joints of the squared speed of the scaled joints, drawn as its"
        " square root, on one scale for all classes. Beats of the motion and beat alignment as"
        " defined by google-research/mint, in seconds, over the whole piece; by chance: the mean"
        " over 200 circular shifts of the music.",
    )
    write_bytes(workspace.plots(dataset, "look.png"), png(figure))


if __name__ == "__main__":
    errors.run(main)
