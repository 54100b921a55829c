"""The page that tells what was found, written from the metrics that are there and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from motionmusic import workspace
from motionmusic.files import read_json
from motionmusic.lettering import Figure
from motionmusic.results.figures import Panel, forest
from motionmusic.results.names import MATCHERS
from motionmusic.results.table import Table, grid, read_tables
from motionmusic.scoring.evaluation import BEST
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.paper import printed

TASKS = {
    "paper": "m2d.paper",
    "full": "m2d.paper_full",
    "quick": "m2d.paper_quick",
    "published": "m2d.published",
    "mini": "m2d_mini",
    "by_piece": "on_beat.by_piece",
    "by_figure": "on_beat.by_figure",
}
"""The tasks of the story."""
SPLITS = {
    "paper": "the paper's split",
    "published": "name order: pieces apart",
    "mini": "on the beat: pieces apart",
}
GAINS = SPLITS | {
    "quick": "the paper's split and width",
    "by_piece": "on the beat, four types: pieces apart",
    "by_figure": "on the beat, four types: figures apart",
}
STATED = ("m2d.published", "on_beat.by_piece", "on_beat.by_figure")
"""Where collaborative learning is compared over seeds (docs/training.md)."""
VERSIONS = {"published": "as published", "on_beat": "on the beat"}
_REGRESSION = "logistic_regression/joints"
_SERIES = (("#08306b", "o"), ("#4292c6", "o"), ("#b35806", "s"))
_REMEDY = "restore it from git"
_MATCHING = [
    MATCHERS[name]
    for name in ("chance", "category", "category_joints", "infonce", "whole", "own_tempo")
]
"""Rows of the matching table that the story is about."""


def percent(found: Mapping[str, Any] | Interval) -> str:
    """As VALUE % [LOW, HIGH]."""
    value, bracket, rest = _read(found).text("percent").partition(" [")
    return f"{value} %{bracket}{rest}"


def points(found: Mapping[str, Any] | Interval) -> str:
    """As +VALUE points [LOW, HIGH]."""
    value, bracket, rest = _read(found).text("points").partition(" [")
    return f"{value} points{bracket}{rest}"


def share(value: float | None) -> str:
    """In percent with one digit, without it where it is 0; – where it is not known."""
    return "–" if value is None else f"{100 * value:.1f}".removesuffix(".0") + " %"


def _read(found: Mapping[str, Any] | Interval) -> Interval:
    return found if isinstance(found, Interval) else Interval.read(found)


def facts() -> dict[str, Any]:
    """What the template names, None for results that are not there."""
    tasks = {name: _task(task) for name, task in TASKS.items()}
    table3 = printed("table3").set_index(["row", "cl", "input"])
    alone = table3["percent"].xs("no", level="cl")  # two runs of one recipe
    compared = [task for task in STATED if workspace.metrics(task, "collaborative.json").is_file()]
    return {
        **tasks,
        "full_alone": _alone(TASKS["full"]),
        "printed": table3["percent"]["fc", "yes", "fused"],
        "printed_segments": table3["n"]["fc", "yes", "fused"],
        "printed_alone": {name: [*alone.xs(name, level="input")] for name in ("joints", "fused")},
        "authors": _authors(),
        "ladder": _ladder(_json("aist_retargeted/ladder.json")),
        "splits": _columns("splits/splits.json", 0, 1, 2, 3, 4, 7, 8, 9),
        "collaborative": _columns("collaborative/collaborative.json", 0, 1, 6, 7, 8, 10),
        "not_compared": [task for task in STATED if task not in compared],
        "timing": _timing(_json("on_beat/timing.json")),
        "two": _json("aist_retargeted/two_corpora.json"),
        "damage": _json("on_beat/damage.json"),
        "sync": _synchrony(workspace.metrics("on_beat.by_piece", "synchrony", "synchrony.json")),
        "own": _json("on_beat/own_track.json"),
        "matching": _columns("on_beat/by_piece/matching/matching.json", 0, 1, 4, 5, kept=_MATCHING)
        or _columns("m2d_mini/matching/matching.json", 0, 1, 4, 5, kept=_MATCHING),
        "gains": {
            words: {part: task[part] for part in ("seeds", "adds", "before", "after")}
            for name, words in GAINS.items()
            if (task := tasks[name]) and TASKS[name] not in compared
        },
    }


def page(found: Mapping[str, Any]) -> str:
    """findings.md, of :func:`facts`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"percent": percent, "points": points, "share": share}
    text = environment.get_template("findings.md.j2").render(**found)
    return re.sub(r"\n{3,}", "\n\n", text)


def pictures(found: Mapping[str, Any]) -> dict[str, Figure]:
    """By their names in plots/findings, without suffix; of :func:`facts`."""
    drawn = {"splits": _splits_picture(found)} if _there(found) else {}
    return drawn | ({"in_time": _in_time_picture(found)} if found["timing"] else {})


def _splits_picture(found: Mapping[str, Any]) -> Figure:
    """The networks and a logistic regression, from the paper's split to no piece on two sides."""
    rows = {
        f"{title} (n {of['segments']})": {
            "MCLEMCD-FC, joints and bones": Interval.read(of["fc"]),
            "MCLEMCD-FC, joints": Interval.read(of["fc_joints"]),
            "logistic regression, joints": Interval.read(of["lr"]),
        }
        for name, title in SPLITS.items()
        if (of := found[name])
    }
    chance = {row: of["chance"] for row, of in zip(rows, _there(found), strict=True)}
    panel = Panel("right segments", rows, percent=True, chance=chance, limits=(0, 100))
    note = "95 % intervals over pieces; dashed: chance"
    return forest([panel], _colours(rows), "MusicToDance: what is left of the paper's number", note)


def _in_time_picture(found: Mapping[str, Any]) -> Figure:
    """True music against the same music part of a beat off, as published and on the beat."""
    told = {"phase": "told the beat's phase", "onset": "told only what sounds"}
    tests = {"by_piece": "new pieces", "by_figure": "new figures"}
    rows = {
        f"{told[model]}: {tests[test]}": {
            VERSIONS[version]: Interval.read(found["timing"][version][model][test])
            for version in VERSIONS
        }
        for model in told
        for test in tests
    }
    chance = found["timing"]["chance"]
    panel = Panel("true music preferred", rows, percent=True, chance=chance, limits=(40, 100))
    note = "95 % intervals over pieces or figures; dashed: chance"
    return forest([panel], _colours(rows), "MusicToDance: in time with its music?", note)


def _there(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [found[name] for name in SPLITS if found[name]]


def _colours(rows: Mapping[str, Mapping[str, Interval]]) -> dict[str, tuple[str, str]]:
    names = list(dict.fromkeys(name for values in rows.values() for name in values))
    return dict(zip(names, (*_SERIES[: len(names) - 1], _SERIES[-1]), strict=True))


def _json(name: str) -> Any:
    """metrics/NAME, None where there is none."""
    path = Path("metrics", name)
    return read_json(path, _REMEDY) if path.is_file() else None


def _columns(name: str, *places: int, kept: Sequence[str] = ()) -> str | None:
    """Some columns of metrics/NAME's first table, or of its rows ``kept``, and its caption."""
    if not Path("metrics", name).is_file():
        return None
    whole = read_tables(Path("metrics", name))[0]
    places = tuple(place for place in places if place < len(whole.columns))
    rows = [[cells[place][0] for place in places] for cells in whole.texts()]
    rows = [row for row in rows if not kept or row[0] in kept]
    lines = grid([whole.columns[place].head for place in places], rows)
    return f"{lines}\n\n{whole.caption}"


def _task(name: str) -> dict[str, Any] | None:
    """Of a task's results: what the networks and the regression have, what CL adds."""
    needed = ("evaluation.json", "tables/table1.json")
    if not all(workspace.metrics(name, file).is_file() for file in needed):
        return None
    of = read_json(workspace.metrics(name, "evaluation.json"), _REMEDY)
    cells, gains = of["cells"], of["gain"]
    if not {BEST, "fc/joints", _REGRESSION, "alone/fused", "longer/fused"} <= cells.keys():
        return None  # trainings of it have not ended
    seeds = of["n_seeds"]
    stated = workspace.metrics(name, "collaborative.json")
    over = read_json(stated, _REMEDY) if stated.is_file() else None
    ahead, behind = (
        Interval.read(cells[name]["segment"]).value for name in ("fc/joints", _REGRESSION)
    )
    return {
        "segments": of["n_segments"],
        "pieces": of["n_pieces"],
        "seeds": "one seed" if seeds == 1 else f"{seeds} seeds",
        "size": _size(name),
        "chance": of["chance"]["uniform"],
        "shared": {"unit": None, "capture": None}
        | read_json(workspace.metrics(name, "leakage.json"), _REMEDY)["tested_with_shared"],
        "fc": cells[BEST]["segment"],
        "over_seeds": over and over["rows"]["fc"] | {"n": over["n_seeds"]},
        "fc_joints": cells["fc/joints"]["segment"],
        "lr": cells[_REGRESSION]["segment"],
        "statistics": "not worse"
        if behind >= ahead
        else f"{100 * (ahead - behind):.1f} points behind",
        "adds": gains["longer"]["fused"]["fc"]["segment"],
        "before": Interval.read(cells["alone/fused"]["segment"]).value,
        "after": Interval.read(cells["longer/fused"]["segment"]).value,
    }


def _size(name: str) -> str:
    """Of a task's networks and trainings, from its table of settings."""
    _, settings = read_tables(workspace.metrics(name, "tables", "table1.json"))
    of = {row.cells[0]: row.cells[1] for row in settings.rows}
    width, epochs = of["width of the first motion layer"], of["epochs without CL + with CL"]
    return f"of width {width} after {epochs} epochs"


def _alone(name: str) -> dict[str, Any] | None:
    """What a task's networks have before collaborative learning, by input; of its first seed."""
    files = {of: workspace.metrics(name, "alone", f"{of}-0.json") for of in ("joints", "fused")}
    if not all(file.is_file() for file in files.values()):
        return None
    return {of: read_json(file, _REMEDY)["segment"] for of, file in files.items()}


def _authors() -> dict[str, Any]:
    """How many printed accuracies the authors' files give, and what name order costs in them."""
    cells = pd.read_csv("metrics/authors/cells.csv")
    by = cells.groupby(["table", "row", "cl", "input"])
    per_segment = cells[cells["table"] == "table3"]
    both = per_segment[(per_segment["of"] == 432) & per_segment["input"].ne("merged")]
    falls = both["percent"] - 100 * both["right"] / both["of"]
    fused = both[both["input"] == "fused"].set_index("cl")
    alone = per_segment[per_segment["cl"] == "no"].set_index(["row", "input"])["percent"]
    apart = (alone["plain"] - alone["dropout"]).abs()
    return {
        "cells": by.ngroups,
        "with_file": int(by["file"].apply(lambda names: names.notna().any()).sum()),
        "same": int(by["reproduces"].apply(lambda given: given.eq(True).any()).sum()),
        "both": len(both),
        "lower": int((falls > 0).sum()),
        "most": f"{falls.max():.0f}",
        "fused": {
            cl: {"printed": of["percent"], "now": f"{100 * of['right'] / of['of']:.1f}"}
            for cl, of in fused.iterrows()
        },
        "runs_apart": {of: f"{apart[of]:.1f}" for of in ("joints", "fused")},
    }


def _ladder(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Segments of the best baseline by split; its rivals where most is new, of ladder.json."""
    if found is None:
        return None
    ladder = found["protocols"]
    models = {
        name: {model: one["all"]["segment"] for model, one in of["models"].items()}
        for name, of in ladder.items()
    }
    last = next(reversed(ladder))
    (entry,) = ladder[last]["ahead"].values()
    best = models[last][ladder[last]["best"]]
    return {
        "n": best["n"],
        "best": {name: models[name][of["best"]]["accuracy"] for name, of in ladder.items()},
        "balanced": best["balanced"],
        "tempo": models[last]["tempo"]["accuracy"],
        "majority": models[last]["majority"]["accuracy"],
        "gain": entry["excerpt"],
    }


def _timing(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    first = found["versions"]["on_beat"]["part_of_a_beat_off_phase"]
    return {
        "figures": first["by_figure"]["figures"],
        "chance": first["by_piece"]["chance"],
    } | {
        version: {
            model: found["versions"][version][f"part_of_a_beat_off_{model}"]
            for model in ("phase", "onset")
        }
        for version in VERSIONS
    }


def _synchrony(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    pairs, _, own = read_tables(path)

    def of(table: Table, row: str, place: int) -> Any:
        (cells,) = (one.cells for one in table.rows if str(one.cells[0]).startswith(row))
        return cells[place]

    rows = {"network": "synchrony", "tempo": "true tempo", "category": "true category"}
    return {
        "caption": own.caption.split(" [")[0].rstrip("; ."),
        "easy": of(pairs, "from another piece", 1),
        "super_hard": of(pairs, "part of a beat off", 1),
        "chance": {"first": of(own, "chance", 1).value, "one_tempo": of(own, "chance", 4)},
    } | {
        name: {"first": of(own, row, 1), "one_tempo": of(own, row, 4)} for name, row in rows.items()
    }
