"""Names that animation programs and capture suites give to joints → the points of a body.

Case, separators and what all names of a file begin with (mixamorig:, Bip01, J_Bip) do not matter;
the side may stand before or behind (LeftArm, lShldr, upper_arm.L, L_Elbow).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from motionmusic.errors import UserError

# Names of one point, the surest first: "shoulder" is a collar bone wherever there is an "arm".
_LIMBS: dict[str, tuple[str, ...]] = {
    "shoulder": ("upperarm", "uparm", "shldr", "armupper", "uarm", "arm", "shoulderjoint", "shoulder"),
    "elbow": ("forearm", "farm", "lowerarm", "lowarm", "elbow", "armlower"),
    "wrist": ("wrist", "hand"),
    "hand": (
        "handmiddle1", "middle1", "middleproximal", "middle01", "mid1", "finger2", "handindex1",
        "handend", "wristend", "index1", "finger1", "fingerbase", "hand",
    ),
    "hip": ("upleg", "upperleg", "thigh", "legupper", "hipjoint", "hip"),
    "knee": ("lowerleg", "lowleg", "knee", "calf", "shin", "leglower", "leg"),
    "ankle": ("ankle", "foot"),
    "heel": ("heel",),
    "toe": (
        "toebase", "toes", "toe0", "toe", "ball", "forefoot", "foot", "footend", "ankleend",
    ),
    "eye": ("eye",),
    "ear": ("ear",),
}  # fmt: skip
_MIDDLE: dict[str, tuple[str, ...]] = {
    "pelvis": ("hips", "pelvis", "hip", "root"),
    "neck": ("neck", "neck1", "neck01"),
    "skull": ("head",),
    "head top": ("headtopend", "headend", "headtop", "headnub", "headsite"),
    "nose": ("nose",),
}
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
_SHAPE = """a yaml file with lines `left shoulder: NAME` for the shoulders, elbows, wrists, hips,
knees and ankles of both sides"""


def points_of_names(names: Sequence[str]) -> dict[str, list[int]]:
    """Point → the number of its joint; of several joints of one name the first counts."""
    found: dict[str, list[int]] = {}
    known = {key: n for n, key in reversed(list(enumerate(_keys(names))))}
    for side in ("left", "right"):
        for point, bases in _LIMBS.items():
            # a hand or a toe is no joint that is taken for a wrist or an ankle already
            taken = [n for of in found.values() for n in of]
            numbers = [known[side, base] for base in bases if (side, base) in known]
            free = [n for n in numbers if n not in taken]
            if free:
                found[f"{side} {point}"] = [free[0]]
    for point, bases in _MIDDLE.items():
        numbers = [known["", base] for base in bases if ("", base) in known]
        if numbers:
            found[point] = [numbers[0]]
    return found


def read_names(file: Path) -> dict[str, list[str]]:
    """A user's yaml: point → the joint, or the joints that it is the middle of. Raises UserError."""
    remedy = f"write {' '.join(_SHAPE.split())}"
    try:
        content = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(file, "", "names of joints", "no such file", remedy) from None
    except (YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        got = " ".join(str(error).split())[:200]
        raise UserError(file, "", "names of joints in yaml", got, remedy) from None
    points = {f"{side} {point}" for side in ("left", "right") for point in _LIMBS} | {*_MIDDLE}
    if not isinstance(content, dict) or not content:
        raise UserError(file, "", "names of joints", type(content).__name__, remedy)
    names: dict[str, list[str]] = {}
    for point, value in content.items():
        several = value if isinstance(value, list) else [value]
        if point not in points:
            raise UserError(file, f"{point}", f"one of {', '.join(sorted(points))}", "it", remedy)
        if not several or not all(isinstance(name, str) for name in several):
            raise UserError(file, f"{point}", "a name, or a list of names", f"{value!r}", remedy)
        names[str(point)] = several
    return names


def _keys(names: Sequence[str]) -> list[tuple[str, str]]:
    """(side or "", base) of every name."""
    words = [_words(name) for name in names]
    # what most names begin with is the rig's name, unless it is a side
    while True:
        firsts = [word[0] for word in words if len(word) > 1]
        most = max(set(firsts), key=firsts.count, default="")
        if not most or most in _SIDES or 4 * firsts.count(most) < 3 * len(words):
            break
        words = [word[1:] if len(word) > 1 and word[0] == most else word for word in words]
    keys = []
    for word in words:
        side = next((w for w in (word[0], word[-1]) if w in _SIDES), "") if word else ""
        rest = [w for w in word if w != side]
        keys.append((_SIDES.get(side, ""), "".join(rest)))
    return keys


def _words(name: str) -> list[str]:
    """Lower-case parts: mixamorig:LeftUpLeg → mixamorig, left, up, leg; lShldr → l, shldr."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    split = []
    for part in parts:
        low = part.lower()
        side = re.match(r"(left|right)(?=.)", low)
        if side is None:  # LUArm and LFArm of OptiTrack
            side = re.match(r"([lr])(?=[uf]$)", low)
        split += [side[1], low[side.end() :]] if side else [low]
    return [word for word in split if word != "c"]  # the middle, of VRM
