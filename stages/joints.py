"""Skeletons of every piece → centred, scaled joints, and the list of pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data import aist, musictodance
from motionmusic.data.dance import Dance
from motionmusic.errors import UserError
from motionmusic.features.motion import normalise_joints
from motionmusic.files import new_folder, write_array, write_text
from motionmusic.params import DATASET, Joints, group


def read_dances(source: str, raw: Path) -> list[tuple[str, Path]]:
    """(piece, where) in the order of the pieces' names."""
    if source != "aist":
        return list(musictodance.find_pieces(raw).items())
    found = aist.find_pieces(raw).items()
    return [(piece, where) for piece, where in found if aist.split_of(piece) != "unused"]


def read_dance(source: str, piece: str, where: Path, raw: Path) -> Dance:
    """One dance of either source."""
    return (
        aist.read_dance(piece, raw) if source == "aist" else musictodance.read_dance(piece, where)
    )


def main(given: Sequence[str]) -> None:
    """joints.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    settings = group(Joints, "joints", dataset)
    raw = workspace.data(dataset, "raw")
    labels = list(about.labels)
    ignore_list = raw / "ignore_list.txt"
    broken = aist.read_ignore_list(ignore_list) if ignore_list.exists() else set()
    rows = []
    with new_folder(workspace.data(dataset, "joints")) as folder:
        for piece, where in tqdm(read_dances(about.source, raw), desc="joints", mininterval=5):
            dance = read_dance(about.source, piece, where, raw)
            if dance.code not in labels:
                raise UserError(
                    where, "name", f"a dance type of {', '.join(labels)}", dance.code,
                    f"rename the folder, or add the type to datasets.{dataset}.labels",
                )  # fmt: skip
            joints = normalise_joints(
                dance.skeletons, dance.center, centering=settings.center, scale=settings.scale
            )
            write_array(folder / f"{piece}.npy", joints)
            rows.append(
                {
                    "piece": piece,
                    "label": labels.index(dance.code),
                    "frames": len(joints),
                    "motion_rate_hz": about.motion_rate_hz,
                    "music_file": dance.music_file.relative_to(raw).as_posix(),
                    "music_start_s": dance.music_start_s,
                    "music_end_s": dance.music_end_s,
                    "official_split": aist.split_of(piece) if about.source == "aist" else "",
                    "broken_tracking": piece in broken,
                }
            )
        pieces = pd.DataFrame(rows)
        for number, code in enumerate(labels):
            if not (pieces["label"] == number).any():
                raise UserError(
                    raw, "", f"at least one dance of type {code} ({about.labels[code]})", "none",
                    f"add its dances, or take {code} out of datasets.{dataset}.labels",
                )  # fmt: skip
        # before the folder takes its name: a disk that gets full here leaves both as they were
        write_text(workspace.data(dataset, "pieces.csv"), pieces.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
