"""One dance with its music, as every source hands it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError


@dataclass(frozen=True)
class Dance:
    """One dance and where its music is.

    Attributes:
        piece: its name, unique within the corpus (C_1; gBR_sBM_cAll_d04_mBR0_ch01).
        code: the source's code of its dance type (C, R, T, W; gBR, gPO, …).
        skeletons: (frames, joints, 3) float64, in the source's unit, as published.
        center: (frames, 3) float64, the body's path that the source has already subtracted from
            ``skeletons``; None where it does not centre.
        music_file: the sound file.
        music_start_s: second of the sound file at which motion frame 0 is danced.
        music_end_s: second at which the source says that the dance ends in it; else None.
        facts: columns of pieces.csv that only this source has.
    """

    piece: str
    code: str
    skeletons: NDArray[np.float64]
    center: NDArray[np.float64] | None
    music_file: Path
    music_start_s: float
    music_end_s: float | None
    facts: Mapping[str, object] = field(default_factory=dict)


def must_be_finite(joints: NDArray[Any], file: Path, key: str, remedy: str) -> None:
    """Raise a UserError that names the first of (frames, joints, 3) that is NaN or infinite."""
    broken = np.argwhere(~np.isfinite(joints))
    if len(broken):
        frame, joint, _ = broken[0]
        where = f"{key}frame {frame}, joint {joint}"
        got = f"{joints[frame, joint].tolist()} ({len(broken)} such values in all)"
        raise UserError(file, where, "three finite numbers x, y, z", got, remedy)


def all_readable(raw: Path, wrong: Sequence[UserError]) -> None:
    """Raise a UserError that names everything in a folder of dances that cannot be read, if any."""
    if len(wrong) > 1:
        got = f"{len(wrong)} that cannot"
        got += "".join(f"\n    {each.file}: {each.where}: {each.got}" for each in wrong)
        raise UserError(raw, "", "dances that can be read", got, wrong[0].remedy)
    if wrong:
        raise wrong[0]
