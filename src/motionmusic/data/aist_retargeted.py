"""190 dances of AIST++ retargeted to another skeleton, and stored features of their music.

They are not AIST++: bones are held, the path over the floor is gone (``vrm``). Layout of the raw
folder, from two repositories:

    RAW/motion/gBR_sBM_cAll_d04_mBR1_ch02.t2.json   190 dances
    RAW/music/mBR1.npy                              (frames, 35) at 60 a second; 60 tracks
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motionmusic.data.aist import fields_of
from motionmusic.data.dance import Dance
from motionmusic.data.faults import SHOWN, Fault, spans_of
from motionmusic.data.vrm import BONES, SOURCE_HZ, Clip, read_clip
from motionmusic.errors import UserError

ENDING = ".t2.json"
SECONDS = 7  # of every dance, which the shortest has
LARGEST = 0.2  # of a second: a bone held for longer makes it unclean
_STIFF = ("chest", "leftHand", "rightHand", "leftFoot", "rightFoot")  # hardly move in any dance
MOVING = tuple(bone for bone in BONES if bone not in _STIFF)
PROXIMAL = tuple(bone for bone in MOVING if "Lower" not in bone)
"""The bones that 17 joints hang on, and those of the 13 without wrists and ankles."""
GROUPS = {
    "hips": ("hips",),
    "trunk": ("spine", "neck", "head"),
    **{
        name: (f"left{bone}", f"right{bone}")
        for name, bone in (
            ("upper arms", "UpperArm"), ("forearms", "LowerArm"), ("thighs", "UpperLeg"),
            ("shanks", "LowerLeg"),
        )
    },
}  # fmt: skip


def find_pieces(raw: Path) -> dict[str, Path]:
    """The file of every dance, by name. Raises UserError where there is none."""
    files = sorted((raw / "motion").glob(f"*{ENDING}"))
    if not files:
        expected = f"dances named like gBR_sBM_cAll_d04_mBR1_ch02{ENDING}"
        raise UserError(raw / "motion", "", expected, "none", "run `dvc repro` of the download")
    return {file.name.removesuffix(ENDING): file for file in files}


def read_dance(piece: str, raw: Path) -> Dance:
    """One dance at 25 frames a second; its music starts when it does. Raises UserError."""
    file = raw / "motion" / f"{piece}{ENDING}"
    fields, clip = fields_of(piece, file), read_clip(file)
    skeletons = np.asarray(clip.at_25_hz(), np.float64)
    music = raw / "music" / f"{fields['music']}.npy"
    if not music.exists():
        remedy = "run `dvc repro` of the download"
        raise UserError(music, "", "the features of a track", "no such file", remedy)
    return Dance(piece, fields["code"], skeletons, None, music, 0.0, None, _facts(piece, clip))


def tempo_bpm(track: str) -> float:
    """Beats a minute of a track by its name (mBR0, mHO5), the first at its start."""
    slowest, step = (110, 5) if track[1:3] == "HO" else (80, 10)
    return float(slowest + step * int(track[3]))


def choreography_of(piece: str) -> str:
    """What dancers of a genre share: gBR_sBM_ch02, whoever dances it to whatever track."""
    fields = fields_of(piece, piece)
    return f"{fields['code']}_{fields['situation']}_{fields['choreography']}"


def held_fault(clip: Clip) -> list[Fault]:
    """Where bones that every dance moves keep their rotation for longer than 0.2 s."""
    least = round(LARGEST * SOURCE_HZ) + 1
    flags = np.zeros(clip.held.shape, np.bool_)
    for n, bone in enumerate(BONES):
        for first, last in spans_of(clip.held[:, n]) if bone in MOVING else ():
            flags[first : last + 1, n] = last - first + 1 >= least
    if not flags.any():
        return []
    named = [bone for bone, of in zip(BONES, flags.T, strict=True) if of.any()]
    more = " and others" if len(named) > SHOWN else ""
    text = f"{', '.join(named[:SHOWN])}{more}: no rotation, so what hangs on it is wrong"
    return [Fault("held", text, spans_of(np.asarray(flags.any(axis=1))))]


def held_shares(clip: Clip) -> NDArray[np.float64]:
    """For which part of each of the first seven seconds every bone is held, (7, 19)."""
    a_second = int(SOURCE_HZ)
    whole = clip.held[: SECONDS * a_second].reshape(SECONDS, a_second, -1)
    return np.asarray(whole.mean(axis=1), np.float64)


def is_clean(shares: NDArray[np.float64], bones: tuple[str, ...]) -> bool:
    """Whether none of the bones is held for more than a fifth of a second; shares are (19,)."""
    return bool(shares[[BONES.index(bone) for bone in bones]].max() <= LARGEST)


def read_clips(raw: Path) -> dict[str, Clip]:
    """Every dance of a raw folder, by name. Raises UserError."""
    return {piece: read_clip(file) for piece, file in find_pieces(raw).items()}


def held_table(clips: Mapping[str, Clip]) -> dict[str, dict[str, dict[str, float]]]:
    """By genre (and of all) and kind of file: the share of frames in which bones are held.

    Returns:
        genre → doubled, true 60 → clips, hips, trunk, upper arms, forearms, thighs, shanks, any,
        clean_13 and clean_17 (segments of the first seven of each clip), segments.
    """
    groups: dict[tuple[str, str], list[Clip]] = {}
    for piece, clip in clips.items():
        kind = "doubled" if clip.doubled else "true 60"
        for genre in (piece.split("_")[0], "all"):
            groups.setdefault((genre, kind), []).append(clip)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (genre, kind), of in sorted(groups.items()):
        held = np.concatenate([clip.held for clip in of])
        shares = [row for clip in of for row in held_shares(clip)]
        row: dict[str, float] = {"clips": len(of), "segments": len(shares)}
        for name, bones in GROUPS.items():
            row[name] = float(held[:, [BONES.index(bone) for bone in bones]].mean())
        row["any"] = float(held[:, [BONES.index(bone) for bone in MOVING]].any(axis=1).mean())
        for name, bones in (("clean_13", PROXIMAL), ("clean_17", MOVING)):
            row[name] = sum(is_clean(share, bones) for share in shares)
        found.setdefault(genre, {})[kind] = row
    return found


def _facts(piece: str, clip: Clip) -> dict[str, object]:
    """The columns of pieces.csv that only this source has."""
    fields = fields_of(piece, piece)
    moving = clip.held[:, [BONES.index(bone) for bone in MOVING]]
    return {
        "dancer": fields["dancer"],
        "choreography": choreography_of(piece),
        "track": fields["music"],
        "music_bpm": tempo_bpm(fields["music"]),
        "doubled": clip.doubled,
        "held": round(float(moving.any(axis=1).mean()), 4),
        **{
            name: round(float(np.mean([is_clean(row, bones) for row in held_shares(clip)])), 4)
            for name, bones in (("clean_13", PROXIMAL), ("clean_17", MOVING))
        },
    }
