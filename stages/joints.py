"""Skeletons of every piece → centred, scaled joints, the list of pieces and of their units."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data import choreonet, pieces
from motionmusic.data.look_over import faults_of, in_lines
from motionmusic.features.motion import normalise_joints
from motionmusic.features.skeletons import chosen_joints, layout_of
from motionmusic.files import new_folder, write_array, write_text
from motionmusic.params import CORPUS, Joints, group, motion_rate_hz


def main(given: Sequence[str]) -> None:
    """joints.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    about = group(CORPUS, "corpora", corpus)
    settings = group(Joints, "joints", corpus)
    raw = workspace.data(corpus, "raw")
    layout, rows, faults = layout_of(about), [], {}
    with new_folder(workspace.data(corpus, "joints")) as folder:
        for dance in tqdm(pieces.dances(about.source, raw), desc="joints", mininterval=5):
            rows.append((dance, pieces.label_of(dance, corpus, about)))
            faults[dance.piece] = faults_of(dance, motion_rate_hz(about.source))
            skeletons = chosen_joints(dance.skeletons, layout)
            joints = normalise_joints(
                skeletons, dance.center, centering=settings.center, scale=settings.scale
            )
            write_array(folder / f"{dance.piece}.npy", joints)
        for line in in_lines(faults, motion_rate_hz(about.source)):
            print(f"joints: {corpus}: {line}", file=sys.stderr)
        table = pieces.table(rows, corpus, about, raw)
        units = choreonet.units(raw, table)
        # before the folder takes its name: a disk that gets full here leaves all as they were
        write_text(workspace.data(corpus, "units.csv"), units.to_csv(index=False))
        write_text(workspace.data(corpus, "pieces.csv"), table.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
