"""evaluate, leaderboard, overview, collaborative, splits: every number from its own files and split."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from params_file import set_params
from task_facts import ABOUT

from motionmusic.files import read_json, write_array, write_json, write_parquet, write_text
from motionmusic.predictions import logit_columns, make_predictions, write_predictions
from motionmusic.results.names import model
from motionmusic.results.table import read_tables
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.evaluation import FIRST, cell_files
from motionmusic.scoring.intervals import Interval

TASK = "synthetic"
SEEDS, ENTRIES = (0, 1), ("limb_lengths", "facing_ensemble")
PIECES = [f"P_{n}" for n in range(4)]
SHAPES = {"joints": [40, 3, 25, 23], "bones": [40, 3, 25, 22], "merged": [40, 6, 25, 23]}


def cells() -> dict[str, list[Path]]:
    """The files of the cells that no table can do without; others have not ended."""
    return {
        cell: paths
        for cell, paths in cell_files(Path("data", TASK, "cells"), SEEDS).items()
        if cell.split("/")[0] in (*FIRST, *BASELINES) and not cell.endswith("/merged")
    }


def entry_files(name: str) -> list[Path]:
    return [Path("data", TASK, f"entries/{name}-{seed}.parquet") for seed in SEEDS]


def ids(split: str) -> pd.DataFrame:
    """Five segments in each of two excerpts; a piece is tested and validates."""
    rows = [(split, piece, excerpt, segment, n % 4) for n, piece in enumerate(PIECES)
            for excerpt in range(2) for segment in range(5)]  # fmt: skip
    return pd.DataFrame(rows, columns=["split", "piece", "excerpt", "segment", "label"])


def drawn(name: str, skill: float) -> pd.DataFrame:
    """Predictions that no other file has: on test as good as is said, on validation the opposite."""
    random = np.random.default_rng([*name.encode()])
    parts = []
    for split, good in (("validation", 1.2 - skill), ("test", skill)):
        rows = ids(split)
        logits = random.normal(size=(len(rows), 4)) + 2 * good * np.eye(4)[rows["label"]]
        parts.append(make_predictions("t", rows, logits))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task with predictions of its cells and entries, and what the stages say of them."""
    space = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(space)
        set_params(
            {"seeds": list(SEEDS), "evaluate.resamples": 100, "benchmark.seeds": list(SEEDS),
             "benchmark.entries": list(ENTRIES)}
        )  # fmt: skip
        folder = Path("data", TASK)
        write_json(folder / "segments/about.json", ABOUT | {"protocol": "by_figure"})
        write_parquet(folder / "segments/index.parquet", ids("test").assign(fold=0))
        # each piece begins with its own figure and ends with that of the next
        spans = [f"P_{n},{60 * k},{60 * k + 60},X-{n + k}-1,14" for n in range(4) for k in (0, 1)]
        units = "\n".join(["piece,start,end,unit,capture", *spans, ""])
        write_text(folder / "segments/units.csv", units)
        for kind, shape in SHAPES.items():
            write_array(folder / f"segments/{kind}.npy", np.zeros(shape, np.float32))
        files = cells() | {entry: entry_files(entry) for entry in ENTRIES}
        for place, paths in enumerate(files.values()):
            for path in paths:
                write_predictions(path, drawn(f"{path}", 0.2 + 0.07 * (7 * place % len(files))))
        write_text(folder / "cells/motion-joints-0/history.csv", "epoch,accuracy\n1,0.5\n")
        import_module("evaluate").main([TASK])
        import_module("leaderboard").main([TASK])
    return space


@pytest.fixture
def evaluated(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its workspace, the current folder."""
    monkeypatch.chdir(made)
    return made


def right(path: Path, split: str) -> float:
    """By hand: the share of a split's segments that a file is right of."""
    rows = pd.read_parquet(path).query("split == @split")
    said = rows[logit_columns(rows)].to_numpy().argmax(axis=1)
    return float((said == rows["label"]).mean())


def mean(paths: list[Path], split: str) -> float:
    return float(np.mean([right(path, split) for path in paths]))


def test_evaluate_scores_test_and_validation_stands_apart(evaluated: Path) -> None:
    found = read_json(Path("metrics", TASK, "evaluation.json"), "")
    for cell, paths in cells().items():
        scores = found["cells"][cell]["segment"]
        by_hand = [right(path, "test") for path in paths]
        assert scores["per_seed"] == pytest.approx(by_hand, abs=1e-6), cell
        assert found["validation"][cell] == pytest.approx(mean(paths, "validation"), abs=1e-6)
    assert (found["n_pieces"], found["n_groups"]) == (4, 5)  # figures are resampled
    assert found["facts"]["shapes"] == SHAPES
    votes = pd.read_parquet(Path("data", TASK, "votes.parquet")).query("label == predicted")
    hits = {cell: 40 * sum(of["segment"]["per_seed"]) for cell, of in found["cells"].items()}
    assert votes.groupby("cell")["segments"].sum().to_dict() == pytest.approx(hits, abs=1e-3)


def test_evaluate_has_the_confusion_of_fused_fc(evaluated: Path) -> None:
    files, expected = cells(), []
    for joints, bones in zip(files["fc/joints"], files["fc/bones"], strict=True):
        both = [pd.read_parquet(path).query("split == 'test'") for path in (joints, bones)]
        logits = sum(rows[logit_columns(rows)].to_numpy() for rows in both)
        expected += list(zip(both[0]["label"], np.asarray(logits).argmax(axis=1), strict=True))
    rows = pd.read_csv(Path("plots", TASK, "confusion.csv"))
    names = list(ABOUT["labels"].values())  # type: ignore[attr-defined]
    got = [
        (names.index(a), names.index(b))
        for a, b in zip(rows["actual"], rows["predicted"], strict=True)
    ]
    assert sorted(got) == sorted(expected)


def test_the_leaderboards_rival_is_the_best_on_validation(evaluated: Path) -> None:
    (board,) = read_tables(Path("metrics", TASK, "leaderboard/leaderboard.json"))
    of = {(row.cells[1], row.cells[3]): row.cells for row in board.rows}
    baselines = {name: cells()[f"{name}/joints"] for name in BASELINES}
    found = read_json(Path("metrics", TASK, "evaluation.json"), "")
    best = max(BASELINES, key=lambda name: mean(baselines[name], "validation"))
    assert best != max(BASELINES, key=lambda name: mean(baselines[name], "test"))
    for name in ENTRIES:
        baselines[name] = entry_files(name)
    for name, paths in baselines.items():
        row = of[model(name), "–" if name in ENTRIES else "joints"]
        numbers = [cell.value for cell in row[5:7] if isinstance(cell, Interval)]
        assert numbers == pytest.approx([mean(paths, "validation"), mean(paths, "test")], abs=1e-6)
        if name in BASELINES:
            evaluated_too = found["cells"][f"{name}/joints"]["segment"]
            assert row[6] == Interval.read(evaluated_too)
        if name == best:
            assert row[8] is None
        else:
            assert isinstance(row[8], Interval)
            ahead = mean(paths, "test") - mean(baselines[best], "test")
            assert row[8].value == pytest.approx(ahead, abs=1e-6)


def taken(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """What a function of a module is given from now on."""
    calls: list[Any] = []
    monkeypatch.setattr(module, name, lambda *given: calls.append(given))
    return calls


def test_tasks_beside_each_other_have_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_params({"cotrain.synthetic.epochs": 7, "cotrain.own.epochs": 9, "train.own.width": 4})
    two = {"C": "Cha-cha", "R": "Rumba"}
    write_json(Path("data/synthetic/segments/about.json"), ABOUT)
    write_json(Path("data/own/segments/about.json"), ABOUT | {"labels": two})
    for task in ("synthetic", "own"):
        for name in ("evaluation", "collaborative"):
            write_json(Path("metrics", task, f"{name}.json"), {"of": task})
    overview, splits = import_module("overview"), import_module("splits")
    tables = taken(monkeypatch, overview, "overview_tables")
    for module, name in ((overview, "save_tables"), (overview, "overview_figure"),
                         (overview, "save_picture"), (splits, "save_tables")):  # fmt: skip
        taken(monkeypatch, module, name)
    overview.main(["synthetic", "own"])
    collaborative = import_module("collaborative")
    monkeypatch.setattr(collaborative, "collaborative_table", lambda *given: tables.append(given))
    taken(monkeypatch, collaborative, "write_tables")
    collaborative.main(["synthetic", "own"])
    assert len(tables) == 2
    for found, trains, cotrains in tables:
        assert found == {task: {"of": task} for task in ("synthetic", "own")}
        assert {task: of.epochs for task, of in cotrains.items()} == {"synthetic": 7, "own": 9}
        assert trains["own"].width == 4 != trains["synthetic"].width
    monkeypatch.setattr(splits, "read_tables", lambda path: [path])
    rows = taken(monkeypatch, splits, "splits_table")
    splits.main(["facing_ensemble", "synthetic", "own"])
    ((boards, chances, entry),) = rows
    assert boards == {task: Path("metrics", task, "leaderboard/leaderboard.json")
                      for task in ("synthetic", "own")}  # fmt: skip
    assert (chances, entry) == ({"synthetic": 1 / 4, "own": 1 / 2}, "facing_ensemble")
