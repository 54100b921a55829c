"""What rows, inputs and methods are called wherever a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VARIANTS = {"plain": "MCLEMCD", "dropout": "MCLEMCD-Dropout", "fc": "MCLEMCD-FC"}
NETWORKS = {
    "alone": "without CL",
    "longer": "without CL, as many epochs",
    **{row: f"{name} with CL" for row, name in VARIANTS.items()},
}
# the order of the paper's experiments: 1 to 4 on MusicToDance, 5 to 8 on AIST++
INPUTS = {
    "joints": "joint positions",
    "bones": "limbs (bones)",
    "fused": "late fusion of joints and bones",
    "merged": "early fusion: joints and bones on the channel axis",
}
MATCHERS = {
    "chance": "chance (any track)",
    "tempo": "tempo of the motion alone",
    "category": "category, then any track (the paper)",
    "category_joints": "category, from joints alone",
    "mapping": "mapped codes (the paper)",
    "unmapped": "codes before the mapping",
    "contrastive": "contrastive, by label",
    "infonce": "contrastive, true pairs (InfoNCE)",
    "synchrony": "synchrony, no labels",
    "whole": "synchrony over the whole dance",
    "deconfounded": "deconfounded (DecCM)",
    "own_tempo": "true tempo, then any track",
    "known": "true category, then any track",
}
DANCERS = {
    "generator": "generator",
    "shifted": "real motion, half a beat off",
    "moment": "real motion, another moment",
    "another": "another piece",
    "neighbour": "nearest neighbour",
    "mean_pose": "mean pose",
    "itself": "the dance itself",
}
NEGATIVES = {
    "easy": "from another piece (easy)",
    "hard": "from another moment (hard)",
    "super_hard": "part of a beat off (super-hard)",
}
KEYS = {
    "piece": "piece (a whole dance)",
    "unit": "movement unit",
    "figure": "figure (all takes of it)",
    "capture": "capture session",
    "body": "body",
}

TASKS = {
    "m2d.paper": "the paper's split: most dances on both sides",
    "m2d.published": "in name order, as published: each dance on one side only",
    "m2d_mini": "17 real dances: each on one side only",
    "on_beat.by_piece": "new pieces",
    "on_beat.by_figure": "new figures",
    "on_beat.by_body": "the other body",
    "on_beat.body_a": "the other body, four types learned",
    "aist_retargeted.by_dancer_and_choreography": "new dancers and choreographies",
    "synthetic": "synthetic dances: each on one side only",
}
"""Tasks in words: what train and test share."""
RETARGETED = (
    "Motion: AIST++ Dance Motion Dataset, © Google LLC, CC BY 4.0, retargeted by MotionMind and"
    " brought to joints of one skeleton (docs/ten_genres.md#attribution)."
)
"""Wherever a number or a picture is made from AIST++ retargeted."""


def task_name(task: str) -> str:
    """A task in words; its own name where there are none."""
    return TASKS.get(task, task)


def model(row: str) -> str:
    """A row of the evaluation: a network, a baseline or an entry."""
    return NETWORKS.get(row, row.replace("_", " "))


def cell(name: str) -> str:
    """A cell of the evaluation, such as fc/fused."""
    row, kind = name.split("/")
    return f"{model(row)}, {kind}"


def counted(n: int, one: str) -> str:
    """1 fold, 5 folds."""
    return f"{n:,} {one}{'' if n == 1 else 's'}"


def made_of(facts: Mapping[str, Any]) -> str:
    """A sentence on a task's stand-ins and on how many excerpts a class are left; else empty.

    Of AIST++ retargeted whose motion it is.

    Args:
        facts: source, pieces, excerpts and stand_ins of the task.
    """
    if facts.get("source") == "aist_retargeted":
        return RETARGETED
    found = facts["stand_ins"]
    texts = [
        f"{found[kind]} of {facts['pieces']} pieces have {words}"
        for kind, words in (("motion", "composed motion"), ("sound", "re-encoded sound"))
        if found.get(kind)
    ]
    if not texts:
        return ""
    left = f"; {facts['excerpts']} excerpts a class are left" if facts["excerpts"] else ""
    return f"{' and '.join(texts)} (docs/data.md){left}."
