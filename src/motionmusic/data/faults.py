"""What is wrong with a dance: lost, frozen, far and doubled frames, axes, units, rate, floor.

Everything is measured against the body, whose size is from shoulders to ankles (about 130 cm).
Thresholds are such that no piece of MusicToDance on the beat, no sequence of AIST++ at hand and no
synthetic dance has a fault that its files do not have (tests, docs/data.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from motionmusic.data.points import Points, body_size, unit
from motionmusic.files import Floats

Flags = NDArray[np.bool_]

_NOWHERE = 1e12  # in any unit: beyond it is no place, and squares lose their digits
SHOWN = 5  # spans that a line names
_POINT = 1e-3  # of the body: a pose of this size is a point
_STILL = 1e-6  # of the body: less than that is no movement
_STILL_S = 2.0
_REACH = 3.0  # bodies: no joint is farther from the middle of the others
_LEAP = 1.0  # bodies within _AROUND_S: nobody goes there and back
_AROUND_S = 0.36
_JUMP = 0.5  # bodies in one frame
_PICTURE = 0.2  # of the picture's width or height from one frame to the next
_FASTEST = 7.0  # bodies a second of the fastest joint, nine tenths of the time
_DOUBLED = 0.2
_SPREAD = 0.35  # bodies: the floor does not rise and fall by so much
_SIZES_CM = (80.0, 180.0)
_FPS = (24.0, 25.0, 30.0, 50.0, 60.0, 90.0, 100.0, 120.0)


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: lost, far, jump, frozen, still, held, doubled, axes, mirrored, units, floor, fast, music.
        text: what, and what to do.
        spans: first and last frame of each place; none where it is the whole dance.
    """

    kind: str
    text: str
    spans: tuple[tuple[int, int], ...] = ()

    def line(self, rate_hz: float) -> str:
        """In words, with frames and seconds."""
        if not self.spans:
            return self.text
        places = [
            f"{first} ({first / rate_hz:.2f} s)" if first == last
            else f"{first} to {last} ({first / rate_hz:.2f} to {last / rate_hz:.2f} s)"
            for first, last in self.spans[:SHOWN]
        ]  # fmt: skip
        more = len(self.spans) - SHOWN
        rest = f" and {more} more" if more > 0 else ""
        one = len(self.spans) == 1 and self.spans[0][0] == self.spans[0][1]
        return f"{'frame' if one else 'frames'} {', '.join(places)}{rest}: {self.text}"

    def as_json(self, rate_hz: float) -> dict[str, Any]:
        """Plain values."""
        seconds = [[first / rate_hz, last / rate_hz] for first, last in self.spans]
        return {
            "kind": self.kind,
            "text": self.text,
            "frames": [list(span) for span in self.spans],
            "seconds": seconds,
        }


def spans_of(flags: Flags) -> tuple[tuple[int, int], ...]:
    """First and last number of every run of true."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return tuple((int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True))


def lost_joints(joints: Floats) -> Flags:
    """(frames, v): no number, a whole pose in one point, or a joint at exactly 0, 0, 0.

    A joint that is at 0 in nearly all frames is the origin of the others.
    """
    broken = np.asarray(~(np.abs(joints) < _NOWHERE).all(axis=2))
    zero = np.asarray((joints == 0).all(axis=2))
    zero[:, zero.mean(axis=0) > 0.9] = False
    known = np.where(broken[..., None], np.nan, joints)
    with np.errstate(all="ignore"):
        least, most = np.fmin.reduce(known, axis=1), np.fmax.reduce(known, axis=1)
        extent = np.linalg.norm(most - least, axis=1)
        usual = float(np.median(extent[np.isfinite(extent)])) if np.isfinite(extent).any() else 0.0
        point = ~(extent > _POINT * usual)
    return np.asarray(broken | zero | point[:, None], np.bool_)


def far_joints(joints: Floats, size: float, rate_hz: float, lost: Flags) -> Flags:
    """(frames, v): where no body reaches, and frames in which all of it is elsewhere for a moment."""
    filled = fill(joints, lost)
    middle = np.median(filled, axis=1)
    flags = np.linalg.norm(filled - middle[:, None], axis=2) > _REACH * size
    width = max(5, round(_AROUND_S * rate_hz)) | 1
    around = np.stack([median_filter(x, width, mode="nearest") for x in middle.T], axis=1)
    away = np.linalg.norm(middle - around, axis=1) > _LEAP * size
    return np.asarray((flags | away[:, None]) & ~lost, np.bool_)


def fill(values: Floats, gaps: Flags) -> Floats:
    """(frames, v, 3) with gaps (frames, v) filled by straight lines; what is known stays."""
    if not gaps.any():
        return values
    filled = np.array(values)
    frames = np.arange(len(values))
    for joint in np.flatnonzero(gaps.any(axis=0)):
        known = ~gaps[:, joint]
        if known.any():
            for axis in range(3):
                line = np.interp(frames, frames[known], values[known, joint, axis])
                filled[~known, joint, axis] = line[~known]
    return filled


def gap_faults(lost: Flags, far: Flags, names: Sequence[str]) -> list[Fault]:
    """What :func:`lost_joints` and :func:`far_joints` found, in words."""
    faults = []
    for kind, flags, all_of_it, what in (
        ("lost", lost, "the body is lost (no numbers, or all joints at one point)", "lost"),
        ("far", far, "the body is far away", "far from the body"),
    ):
        end = "; filled by straight lines"
        most = flags.mean(axis=1) > 0.5
        if most.any():
            faults.append(Fault(kind, f"{all_of_it}{end}", spans_of(most)))
        some = flags & ~most[:, None]
        if some.any():
            joints = [name for name, of in zip(names, some.T, strict=True) if of.any()]
            named = ", ".join(joints[:SHOWN]) + (" and others" if len(joints) > SHOWN else "")
            faults.append(Fault(kind, f"{named}: {what}{end}", spans_of(some.any(axis=1))))
    return faults


def still_faults(joints: Floats, names: Sequence[str], size: float, rate_hz: float) -> list[Fault]:
    """Poses and joints that do not move at all, and frames that come twice.

    Of joints as their file has them: relative to the body's centre, or in the room.
    """
    if len(joints) < 3:
        return []
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=2) <= _STILL * size  # (frames − 1, v)
    least = max(2, round(_STILL_S * rate_hz))
    faults = []
    held = _long(steps.all(axis=1), least)
    if held.any():
        text = "no joint moves; cut the dance there unless it is a hold"
        faults.append(Fault("frozen", text, spans_of(held)))
    moving = ~steps.all(axis=1)
    parts = np.zeros_like(held)
    stuck = []
    for joint, name in enumerate(names):
        # feet stand, and the origin never moves
        if name.endswith(("ankle", "heel", "toe")) or steps[:, joint].mean() > 0.9:
            continue
        runs = _long(steps[:, joint] & moving, least)
        if runs.any():
            parts |= runs
            stuck.append(name)
    if stuck:
        named = ", ".join(stuck[:SHOWN]) + (" and others" if len(stuck) > SHOWN else "")
        faults.append(Fault("still", f"{named}: frozen while the body moves", spans_of(parts)))
    rest = ~held[1:]
    twice = steps.all(axis=1)[rest]
    if len(twice) and twice.mean() > _DOUBLED:
        share = 1 - float(twice.sum()) / (len(twice) + 1)
        faults.append(Fault(
            "doubled",
            f"{100 * twice.mean():.0f} % of the frames repeat the one before: recorded at about"
            f" {share * rate_hz:.3g} a second, written at {rate_hz:g}",
        ))  # fmt: skip
    return faults


def _long(flags: Flags, least: int) -> Flags:
    """Frames of steps (frames − 1) that are true at least so many times in a row."""
    frames = np.zeros(len(flags) + 1, np.bool_)
    for first, last in spans_of(flags):
        if last - first + 1 >= least:
            frames[first : last + 2] = True
    return frames


def up_of(points: Points) -> tuple[int, int] | None:
    """The axis that heads are above feet on, and its sign; None where that is not clear."""
    head = points["left shoulder"] + points["right shoulder"]
    feet = points["left ankle"] + points["right ankle"]
    mean = np.median(unit(head - feet), axis=0)
    axis = int(np.abs(mean).argmax())
    clear = abs(mean[axis]) > 0.75 and np.abs(np.delete(mean, axis)).max() < 0.45
    return (axis, int(np.sign(mean[axis]))) if clear else None


def mirrored(points: Points) -> bool:
    """Whether feet and face point backwards: right-handed points, y up, of a mirrored body."""
    across = points["left hip"] - points["right hip"]
    spine = points["left shoulder"] + points["right shoulder"] - points["left hip"]
    ahead = unit(np.cross(across, spine - points["right hip"]))
    signs = []
    for side in ("left", "right"):
        back = points.get(f"{side} heel", points[f"{side} ankle"])
        if f"{side} toe" in points:
            signs.append(_along(points[f"{side} toe"] - back, ahead))
    if "nose" in points and "left ear" in points:
        ears = (points["left ear"] + points["right ear"]) / 2
        signs.append(_along(points["nose"] - ears, ahead))
    # elbows bend backwards' other way: without feet and face, knees tell
    for side in ("left", "right"):
        hip, knee, ankle = (points[f"{side} {n}"] for n in ("hip", "knee", "ankle"))
        signs.append(0.5 * _along(knee - (hip + ankle) / 2, ahead))
    return float(np.mean(signs)) < -0.15


def _along(vectors: Floats, ahead: Floats) -> float:
    return float(np.median((unit(vectors) * ahead).sum(axis=1)))


def room_faults(joints: Floats, points: Points, rate_hz: float, *, floor: bool) -> list[Fault]:
    """Jumps, impossible speeds and a floor that is none, of joints in the room with y up."""
    size = body_size(points)
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=2)
    faults = []
    leaps = (
        np.r_[False, np.median(steps, axis=1) > _JUMP * size] if len(steps) else np.zeros(0, bool)
    )
    if leaps.any():
        text = "the body jumps: two takes, or another person"
        faults.append(Fault("jump", text, spans_of(leaps)))
    if len(steps) > 2:
        fast = float(np.percentile(np.percentile(steps, 90, axis=1), 90)) * rate_hz / size
        if fast > _FASTEST:
            faults.append(Fault(
                "fast",
                f"faster than people are ({1.3 * fast:.0f} m a second for a body of 170 cm):"
                f" is {rate_hz:g} frames a second right? --rate says otherwise",
            ))  # fmt: skip
    if floor:
        low = np.min([points[f"{s} ankle"][:, 1] for s in ("left", "right")], axis=0)
        window = max(1, round(rate_hz))
        lows = [low[n : n + window].min() for n in range(0, len(low), window)]
        least, most = np.percentile(lows, [10, 90])
        if most - least > _SPREAD * size:
            faults.append(Fault(
                "floor",
                f"the lower foot's lowest point of each second wanders by"
                f" {100 * (most - least) / size * 1.3:.0f} cm: a floor that is not level, or a drift",
            ))  # fmt: skip
    return faults


def picture_faults(seen: Floats) -> list[Fault]:
    """Jumps of a body in the picture, (frames, 2) in parts of it, NaN where nobody is found.

    Across a gap as well: whom the tool finds after it may be somebody else.
    """
    known = np.flatnonzero(np.isfinite(seen).all(axis=1))
    away = np.linalg.norm(np.diff(seen[known], axis=0), axis=1) > _PICTURE
    flags = np.zeros(len(seen), np.bool_)
    flags[known[1:][away]] = True
    if not flags.any():
        return []
    text = "the body jumps in the picture: the tool may follow another person from here on"
    return [Fault("jump", text, spans_of(flags))]


def size_fault(size_cm: float) -> list[Fault]:
    """Of a file that should be in cm."""
    if _SIZES_CM[0] < size_cm < _SIZES_CM[1]:
        return []
    return [Fault(
        "units",
        f"from shoulders to ankles {size_cm:.3g}, where about 130 cm are expected: not in cm."
        " Recommendations do not mind",
    )]  # fmt: skip


def music_fault(frames: int, rate_hz: float, music_s: float) -> list[Fault]:
    """Of a dance whose config.json says how long its music is."""
    seconds = frames / rate_hz
    if abs(seconds - music_s) <= max(1.0, 0.02 * music_s):
        return []
    fits = [fps for fps in _FPS if abs(frames / fps - music_s) <= max(0.2, 0.01 * music_s)]
    hint = f"; it would fit at {fits[0]:g} frames a second" if fits else ""
    text = (
        f"{frames} frames at {rate_hz:g} a second are {seconds:.1f} s, config.json says"
        f" {music_s:.1f} s{hint}"
    )
    return [Fault("music", text)]
