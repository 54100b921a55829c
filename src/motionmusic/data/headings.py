"""How the body turns from one movement unit to the next, measured on published pieces (headings.csv).

The publishers turned every unit about the vertical, further than the unit before it by an angle
that depends on the two of them alone; their rule is not known. `python -m
motionmusic.data.headings` measures the angles on every published piece at hand and estimates the
others. It also takes the clip START, whose capture is not public, from the beginning of T_5.
"""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from motionmusic import errors
from motionmusic.data.captures import read_units
from motionmusic.data.choreonet import HOLD, START, read_choreographies, unit_frames
from motionmusic.data.dance import Dance
from motionmusic.data.musictodance import find_pieces, read_dance
from motionmusic.features.motion import Floats, rows_at
from motionmusic.files import write_text

TABLE = Path(__file__).with_name("headings.csv")
START_CLIP = Path(__file__).with_name("start.csv")
START_FRAMES = 57  # of T_5's motion, which holds START at 40 frames a second
MEASURED, ESTIMATED = "measured", "estimated"
_BLEND = 10  # frames at either end of a unit that the publishers bent towards its neighbour


def read_headings() -> dict[tuple[str, str], float]:
    """How much further a unit is turned than the one before it: (previous, unit) → radians."""
    table = pd.read_csv(TABLE)
    return dict(
        zip(zip(table["previous"], table["unit"], strict=True), table["angle"], strict=True)
    )


def read_start() -> Floats:
    """The clip START: (57, 24, 3) in cm, like the clips of :func:`captures.read_units`."""
    return np.loadtxt(START_CLIP, delimiter=",").reshape(START_FRAMES, 24, 3)


def with_center(dance: Dance) -> Floats:
    """A published dance as (frames, 24, 3): 23 joints less the body's centre, and the centre."""
    assert dance.center is not None  # MusicToDance's layout always has it
    return np.concatenate([dance.skeletons, dance.center[:, None]], axis=1)


def turn(angle: float) -> Floats:
    """The matrix that turns rows of x, y, z about the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def angle_between(source: Floats, target: Floats) -> float:
    """The turn about the vertical that brings points (…, 3) nearest to others, least squares."""
    x, z = source[..., 0].ravel(), source[..., 2].ravel()
    u, w = target[..., 0].ravel(), target[..., 2].ravel()
    return float(np.arctan2(x @ w - z @ u, x @ u + z @ w))


def measure(
    choreonet: Path, captures: Path, folders: Sequence[Path]
) -> tuple[pd.DataFrame, Floats | None]:
    """The table of headings and the clip START.

    Args:
        choreonet: ChoreoNet's tables.
        captures: the folder of its captures.
        folders: of published dances in MusicToDance's layout, in either time base.

    Returns:
        previous, unit, angle (radians), origin (measured, estimated), joins (measured), spread (the
        largest distance from the median, radians), one row for each pair that any piece dances; and
        START, None where T_5 is in no folder.
    """
    clips = read_units(choreonet, captures)
    choreographies = read_choreographies(choreonet)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    start = None
    for folder in folders:
        for piece, where in find_pieces(folder).items():
            dance = read_dance(piece, where)
            choreography = choreographies[piece]
            frames = unit_frames(choreography, len(dance.skeletons))
            if choreography.movements[0] == START:
                joints = with_center(dance)
                joints[:, :23] += joints[:, 23:]  # in the room, like a capture
                start = rows_at(joints, np.linspace(0, frames[0] - 1, START_FRAMES))
            for pair, angle in _turns(choreography.movements, frames, dance.skeletons, clips):
                found[pair].append(angle)
    if start is not None:
        clips |= {START: np.asarray(start, np.float64)}
    rows = []
    for pair in sorted({pair for c in choreographies.values() for pair in pairs(c.movements)}):
        if pair in found:
            angles = np.array(found[pair])
            away = (angles - angles[0] + np.pi) % (2 * np.pi) - np.pi  # the circle cut opposite
            spread = float(np.abs(away - np.median(away)).max())
            angle = angles[0] + np.median(away)
            rows.append((*pair, angle, MEASURED, len(angles), spread))
        elif pair[0] in clips and pair[1] in clips:
            ends = [clips[pair[1]][0], clips[pair[0]][-1]]
            points = [frame[:23] - frame[23] for frame in ends]
            rows.append((*pair, angle_between(*points), ESTIMATED, 0, np.nan))
    columns = ["previous", "unit", "angle", "origin", "joins", "spread"]
    return pd.DataFrame(rows, columns=columns).round({"angle": 4, "spread": 4}), start


def pairs(movements: Sequence[str]) -> list[tuple[str, str]]:
    """Each unit that is no HOLD with the one before it."""
    danced = [movement for movement in movements if movement != HOLD]
    return list(itertools.pairwise(danced))


def _turns(
    movements: Sequence[str], frames: Sequence[int], poses: Floats, clips: Mapping[str, Floats]
) -> Iterator[tuple[tuple[str, str], float]]:
    """How much further every unit is turned than the one before it, where both can be measured."""
    begin, previous, heading = 0, "", None
    for movement, count in zip(movements, frames, strict=True):
        if movement != HOLD:
            angle = None
            if not previous:
                angle = 0.0
            elif movement in clips:
                clip = clips[movement][:, :23] - clips[movement][:, 23:]
                # in a shorter one the middle is bent least: by a twentieth of the gap
                inner = slice(min(_BLEND, count // 2 - 1), max(count - _BLEND, count // 2 + 1))
                moves = rows_at(clip, np.linspace(0, len(clip) - 1, count))[inner]
                angle = angle_between(moves, poses[begin : begin + count][inner])
                # only where the published frames are this clip: a wrong unit fits no turn
                if np.median(np.abs(moves @ turn(angle) - poses[begin : begin + count][inner])) > 1:
                    angle = None
            if previous and heading is not None and angle is not None:
                yield (previous, movement), angle - heading
            previous, heading = movement, angle
        begin += count


def main(given: Sequence[str]) -> None:
    """headings.py CHOREONET CAPTURES DANCES...: write headings.csv and start.csv anew."""
    choreonet, captures, *folders = (Path(word) for word in given)
    table, start = measure(choreonet, captures, folders)
    write_text(TABLE, table.to_csv(index=False))
    if start is not None:
        lines = [",".join(f"{value:.2f}" for value in frame.ravel()) for frame in start]
        write_text(START_CLIP, "\n".join([*lines, ""]))
    print(table["origin"].value_counts().to_string(), table["spread"].max(), file=sys.stderr)


if __name__ == "__main__":
    errors.run(main)
