from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.files import write_json
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.scoring.accuracy import at_level, fuse, per_piece, score
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.evaluation import (
    BEST,
    INPUTS,
    ROWS,
    best_baseline,
    cell_files,
    complete_cells,
    confusion_rows,
    curves,
    evaluate,
    facts,
    headline,
    read_cells,
    runs,
    votes,
)
from motionmusic.scoring.intervals import bootstrap, ratio
from motionmusic.workspace import About

CLASSES = ["cha-cha", "rumba", "tango", "waltz"]
PIECES, EXCERPTS = 8, 2


def frame_of(seed: int, skill: float) -> pd.DataFrame:
    """Noise that favours the true class by ``skill``, and rows out of order."""
    rng = np.random.default_rng(seed)
    ids = pd.DataFrame(
        [
            ("test", f"P_{piece}", excerpt, segment, piece % 3)
            for piece in range(PIECES)
            for excerpt in range(EXCERPTS)
            for segment in range(9)
        ],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )
    logits = rng.normal(size=(len(ids), 4)) + skill * np.eye(4)[ids["label"]]
    return make_predictions("m2d", ids, logits).iloc[rng.permutation(len(ids))]


def example(seeds: int = 2) -> dict[str, list[pd.DataFrame]]:
    cells = [f"{row}/{name}" for row in ROWS for name in INPUTS]
    cells += [f"{name}/joints" for name in BASELINES]
    return {
        cell: [frame_of(100 * number + seed, 0.2 * number) for seed in range(seeds)]
        for number, cell in enumerate(reversed(cells))
    }


def measured(cells: dict[str, list[pd.DataFrame]], resamples: int = 50) -> dict[str, Any]:
    return evaluate(complete_cells(cells), CLASSES, 0, resamples)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return measured(example(), 200)


def test_cells_counts_and_chance(found: dict[str, Any]) -> None:
    inputs = ("joints", "bones", "fused", "merged")
    networks = [f"{row}/{name}" for row in ROWS for name in inputs]
    assert list(found["cells"]) == [*networks, *(f"{name}/joints" for name in BASELINES)]
    counts = {name: found[f"n_{name}"] for name in ("segments", "excerpts", "pieces", "seeds")}
    assert counts == {"segments": 144, "excerpts": 16, "pieces": 8, "seeds": 2}
    assert found["chance"] == {"uniform": 0.25, "largest_class": 3 / 8}


@pytest.mark.parametrize("cell", ["plain/bones", "random_forest/joints"])
def test_each_cell_is_scored_as_its_frames_are(cell: str, found: dict[str, Any]) -> None:
    frames, got = example()[cell], found["cells"][cell]
    scores = [score(frame, 0, resamples=20) for frame in frames]
    for level in ("segment", "excerpt"):
        expected = [one[level]["value"] for one in scores]
        assert got[level]["per_seed"] == expected
        assert got[level]["value"] == pytest.approx(np.mean(expected))
        assert got[level]["sd"] == pytest.approx(np.std(expected, ddof=1))
        counts = [per_piece(at_level(frame, level)) for frame in frames]
        right = np.mean([one["right"] for one in counts], axis=0)
        interval = bootstrap(ratio(right, counts[0]["n"]), PIECES, 0, 200)
        assert (got[level]["low"], got[level]["high"]) == (interval.low, interval.high)
    assert got["macro_f1"]["per_seed"] == [one["macro_f1"] for one in scores]
    total = np.sum([one["confusion"] for one in scores], axis=0)
    assert got["confusion"] == total.tolist()
    for label, row in enumerate(got["per_class"]):
        assert (row["name"], row["n"]) == (CLASSES[label], total[label].sum() / 2)
        assert (
            math.isnan(row["recall"]) or row["recall"] == total[label, label] / total[label].sum()
        )


@pytest.mark.parametrize("without", ["alone", "longer"])
@pytest.mark.parametrize("level", ["segment", "excerpt"])
def test_gain_is_the_paired_difference(level: str, without: str, found: dict[str, Any]) -> None:
    learning = ["plain", "dropout", "fc"]
    assert all(
        list(rows) == (["longer", *learning] if without == "alone" else learning)
        for rows in found["gain"][without].values()
    )
    given = example()
    cells = complete_cells(given)
    for seed, fused in enumerate(cells["fc/fused"]):
        expected_fused = fuse([given["fc/joints"][seed], given["fc/bones"][seed]])
        pd.testing.assert_frame_equal(fused, expected_fused)
    counts = [
        [per_piece(at_level(frame, level)) for frame in cells[f"{row}/fused"]]
        for row in ("dropout", without)
    ]
    right = [np.mean([one["right"] for one in row], axis=0) for row in counts]
    expected = bootstrap(ratio(right[0] - right[1], counts[0][0]["n"]), PIECES, 0, 200)
    got = found["gain"][without]["fused"]["dropout"][level]
    assert got == expected.json()
    accuracy = [found["cells"][f"{row}/fused"][level]["value"] for row in ("dropout", without)]
    assert got["value"] == pytest.approx(accuracy[0] - accuracy[1])


def test_order_of_cells_and_rows_is_nothing(tmp_path: Path, found: dict[str, Any]) -> None:
    other = {
        cell: [frame.sample(frac=1, random_state=1) for frame in frames]
        for cell, frames in reversed(example().items())
    }
    write_json(tmp_path / "a.json", found)
    write_json(tmp_path / "b.json", measured(other, 200))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_one_seed_has_no_spread() -> None:
    cell = measured(example(1), 20)["cells"]["fc/fused"]
    assert "sd" not in cell["segment"]
    assert math.isnan(cell["per_class"][3]["recall"])  # no waltz among the true labels


def test_the_headline_is_at_most_ten_numbers(found: dict[str, Any]) -> None:
    numbers = headline(found)
    assert len(numbers) <= 10
    assert numbers["fused_fc"] == found["cells"]["fc/fused"]["segment"]["value"]
    assert numbers["cl_gain"] == found["gain"]["longer"]["fused"]["fc"]["segment"]["value"]
    best = max(found["cells"][f"{name}/joints"]["segment"]["value"] for name in BASELINES)
    assert numbers["best_baseline"] == best
    assert found["cells"][f"{best_baseline(found)}/joints"]["segment"]["value"] == best


def test_cells_of_other_segments_are_named() -> None:
    fewer = {"plain/merged": [frame_of(1, 1), frame_of(1, 1).query("piece != 'P_3'")]}
    with pytest.raises(
        UserError, match=r"plain/merged, seed 2: .*P_3.*only in alone/joints, seed 1"
    ):
        complete_cells(example() | fewer)


def test_cells_are_read_from_where_trainings_leave_them(tmp_path: Path) -> None:
    files = cell_files(tmp_path, [0, 7])
    assert len(files) == len(example())
    names = {cell: seeds[1].relative_to(tmp_path).as_posix() for cell, seeds in files.items()}
    assert names["alone/joints"] == "motion-joints-7/predictions.parquet"
    assert names["longer/bones"] == "longer-bones-7/predictions.parquet"
    assert names["fc/merged"] == "cotrain-merged-fc-7/predictions.parquet"
    assert names["majority/joints"] == "baseline-7/majority.parquet"
    test = frame_of(1, 1)
    path = tmp_path / "one.parquet"
    write_predictions(path, pd.concat([test, test.assign(split="validation")]))
    (read,) = read_cells({"alone/joints": [path]})["alone/joints"]
    pd.testing.assert_frame_equal(read, test.reset_index(drop=True))
    with pytest.raises(UserError, match=r"none\.parquet: expected a file of predictions"):
        read_cells({"alone/joints": [tmp_path / "none.parquet"]})


def test_votes_and_confusion_rows_count_as_the_confusion(found: dict[str, Any]) -> None:
    cells = complete_cells(example())
    expected = np.array(found["cells"][BEST]["confusion"])
    rows = confusion_rows(cells[BEST], CLASSES)
    assert list(rows) == ["actual", "predicted", "actual_order", "predicted_order"]
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (rows["actual_order"], rows["predicted_order"]), 1)
    np.testing.assert_array_equal(counts, expected)
    assert [CLASSES[label] for label in rows["actual_order"]] == rows["actual"].tolist()
    table = votes(cells)
    assert set(table["cell"]) == set(cells)
    own = table[table["cell"] == BEST]
    counts[:] = 0
    np.add.at(counts, (own["label"], own["predicted"]), own["segments"])
    np.testing.assert_array_equal(counts, expected)
    assert not own.duplicated(["piece", "excerpt", "predicted"]).any()


def test_facts_of_a_task() -> None:
    about = About(
        "mine", "own", "folder", "musictodance", 25.0, {"C": "Cha-cha"}, "once", "per_piece", False,
        {}, "by_piece", 2, 229, 30, 51, {"motion": 7},
    )  # fmt: skip
    index = pd.DataFrame(
        {"fold": [0] * 10 + [1] * 10,
         "split": ["train"] * 6 + ["test"] * 4 + ["train"] * 5 + ["validation"] * 2 + ["test"] * 3}
    )  # fmt: skip
    found = facts(about, index, {"joints": (20, 3, 25, 23)})
    assert found["segments"] == {"train": [5, 6], "validation": [0, 2], "test": [3, 4]}
    assert (found["tested"], found["shapes"]["joints"]) == (7, [20, 3, 25, 23])
    assert (found["task"], found["stand_ins"]) == ("mine", {"motion": 7})
    one = facts(replace(about, folds=1), index[:6], {})
    assert one["segments"]["test"] == [0, 0]


def test_curves_and_runs_are_put_together(tmp_path: Path) -> None:
    for cell, column in (("motion-joints-0", "accuracy"), ("music-0", "plain_reconstruction_loss")):
        (tmp_path / "cells" / cell).mkdir(parents=True)
        text = f"epoch,{column}\n1,0.5\n2,0.25\n"
        (tmp_path / "cells" / cell / "history.csv").write_text(text)
        record = {"git": "abc", "seconds": 1.5, "machine": {"device": "cpu"}}
        write_json(tmp_path / "runs" / f"{cell}.json", record)
    table = curves(tmp_path / "cells")
    assert list(table) == ["cell", "epoch", "accuracy", "plain_reconstruction_loss"]
    assert table["accuracy"].tolist()[:2] == [0.5, 0.25]
    assert table["accuracy"].isna().sum() == 2
    records = runs(tmp_path / "runs").to_dict("records")
    assert records[0] == {"run": "motion-joints-0", "git": "abc", "seconds": 1.5, "device": "cpu"}
