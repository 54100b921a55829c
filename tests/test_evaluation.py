from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.files import write_json
from motionmusic.predictions import logits_of, make_predictions, write_predictions
from motionmusic.scoring.accuracy import (
    accuracy_interval,
    excerpt_votes,
    fuse,
    paired_difference,
    per_piece,
    score,
    segment_predictions,
)
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.evaluation import (
    INPUTS,
    ROWS,
    complete_cells,
    confusion_rows,
    evaluate,
    read_cells,
    summary,
)

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


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    return evaluate(example(), CLASSES, 0, resamples=200)


def test_cells_come_in_the_order_of_the_tables(evaluation: dict[str, Any]) -> None:
    inputs = ("joints", "bones", "fused", "merged")
    networks = [f"{row}/{name}" for row in ROWS for name in inputs]
    assert list(evaluation["cells"]) == [*networks, *(f"{name}/joints" for name in BASELINES)]


def test_counts_and_chance(evaluation: dict[str, Any]) -> None:
    counts = {name: evaluation[f"n_{name}"] for name in ("segments", "excerpts", "pieces")}
    assert counts == {"segments": 144, "excerpts": 16, "pieces": 8}
    assert (evaluation["n_seeds"], evaluation["n_folds"]) == (2, 1)
    assert evaluation["chance"] == {"uniform": 0.25, "largest_class": 3 / 8}
    assert evaluation["classes"] == CLASSES


def test_each_cell_is_scored_as_scoring_does(evaluation: dict[str, Any]) -> None:
    cells = example()
    for cell in ("plain/bones", "random_forest/joints"):
        got = evaluation["cells"][cell]
        scores = [score(frame, 0, resamples=20) for frame in cells[cell]]
        for level in ("segment", "excerpt", "dance"):
            expected = [one[f"{level}_accuracy"] for one in scores]
            assert got[level]["per_seed"] == expected
            assert got[level]["mean"] == pytest.approx(np.mean(expected))
            assert got[level]["sd"] == pytest.approx(np.std(expected, ddof=1))
            assert got[level]["low"] <= got[level]["mean"] <= got[level]["high"]
        assert got["macro_f1"]["per_seed"] == [one["macro_f1"] for one in scores]
        total = np.sum([one["confusion"] for one in scores], axis=0)
        assert got["confusion"] == total.tolist()
        for label, row in enumerate(got["per_class"]):
            assert row["name"] == CLASSES[label]
            assert row["n"] == total[label].sum() / 2
            if row["n"]:
                assert row["recall"] == total[label, label] / total[label].sum()
        right = np.mean([per_piece(segment_predictions(f))["right"] for f in cells[cell]], axis=0)
        interval = accuracy_interval(right, np.full(PIECES, 18), 0, resamples=200)
        assert (got["segment"]["low"], got["segment"]["high"]) == interval


def test_fused_is_joints_and_bones_of_the_same_seed() -> None:
    cells = example()
    complete = complete_cells(cells, alpha=0.5)
    for seed in range(2):
        expected = fuse([cells["fc/joints"][seed], cells["fc/bones"][seed]], [1, 0.5])
        pd.testing.assert_frame_equal(complete["fc/fused"][seed], expected)


@pytest.mark.parametrize("without", ["alone", "longer"])
def test_gain_is_the_paired_difference(without: str, evaluation: dict[str, Any]) -> None:
    cells = complete_cells(example())
    gains = evaluation["collaborative_gain"]
    assert list(gains) == ["alone", "longer"]
    inputs = ["joints", "bones", "fused", "merged"]
    assert list(gains["alone"]) == list(gains["longer"]) == inputs
    learning = ["plain", "dropout", "fc"]
    assert all(list(rows) == ["longer", *learning] for rows in gains["alone"].values())
    assert all(list(rows) == learning for rows in gains["longer"].values())
    for level, function in (("segment", segment_predictions), ("excerpt", excerpt_votes)):
        counts = [
            [per_piece(function(frame)) for frame in cells[f"{row}/fused"]]
            for row in ("dropout", without)
        ]
        n = counts[0][0]["n"]
        right = [np.mean([one["right"] for one in row], axis=0) for row in counts]
        expected = paired_difference(right[0], right[1], n, 0, resamples=200)
        assert tuple(gains[without]["fused"]["dropout"][level].values()) == expected
        accuracy = [
            evaluation["cells"][f"{row}/fused"][level]["mean"] for row in ("dropout", without)
        ]
        assert expected[0] == pytest.approx(accuracy[0] - accuracy[1])


def test_nothing_is_gained_over_the_same_predictions() -> None:
    cells = {f"{row}/joints": [frame_of(3, 0.5)] for row in ("alone", "plain")}
    result = evaluate(
        cells, CLASSES, 0, rows=["alone", "plain"], inputs=["joints"], baselines=[], resamples=50
    )
    none = {"difference": 0, "low": 0, "high": 0}
    assert result["collaborative_gain"] == {
        "alone": {"joints": {"plain": {"segment": none, "excerpt": none}}}
    }
    assert np.isnan(result["cells"]["plain/joints"]["segment"]["sd"])


def test_order_of_cells_and_rows_is_nothing(tmp_path: Path, evaluation: dict[str, Any]) -> None:
    other = {
        cell: [frame.sample(frac=1, random_state=1) for frame in frames]
        for cell, frames in reversed(example().items())
    }
    write_json(tmp_path / "a.json", evaluation)
    write_json(tmp_path / "b.json", evaluate(other, CLASSES, 0, resamples=200))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    result = evaluate(example(1), CLASSES, 0, resamples=50, folds=5)
    assert result["n_folds"] == 5
    write_json(tmp_path / "e.json", result)
    cell = json.loads((tmp_path / "e.json").read_text())["cells"]["fc/fused"]
    assert cell["segment"]["sd"] is None
    assert cell["per_class"][3]["recall"] is None  # no waltz among the true labels


def test_summary_is_small_and_in_order(evaluation: dict[str, Any]) -> None:
    result = summary(evaluation)
    assert list(result) == [*ROWS, *BASELINES]
    assert list(result["fc"]) == ["joints", "bones", "fused", "merged"]
    assert list(result["majority"]) == ["joints"]
    for level in ("segment", "excerpt"):
        assert result["fc"]["fused"][level] == evaluation["cells"]["fc/fused"][level]["mean"]


def test_missing_cells_and_seeds_are_named() -> None:
    cells = example()
    del cells["dropout/bones"]
    with pytest.raises(UserError, match="dropout/bones: expected its predictions"):
        evaluate(cells, CLASSES, 0)
    assert "dropout/joints" not in complete_cells(cells, rows=["alone", "fc"])
    cells = example()
    cells["random_forest/joints"] = []
    with pytest.raises(UserError, match="random_forest/joints"):
        evaluate(cells, CLASSES, 0)
    cells = example()
    cells["fc/merged"].pop()
    with pytest.raises(UserError, match="fc/merged: seeds: expected 2 as for alone/joints, got 1"):
        evaluate(cells, CLASSES, 0)


def test_other_segments_or_classes_are_named() -> None:
    cells = example()
    cells["plain/merged"][1] = cells["plain/merged"][1].query("piece != 'P_3'")
    with pytest.raises(
        UserError, match=r"plain/merged, seed 2: .*P_3.*only in alone/joints, seed 1"
    ):
        evaluate(cells, CLASSES, 0)
    with pytest.raises(UserError, match="expected 3 classes, got 4"):
        evaluate(example(), CLASSES[:3], 0)


def test_read_cells_puts_folds_together(tmp_path: Path) -> None:
    frame = frame_of(1, 1).sort_values(["piece", "excerpt", "segment"], ignore_index=True)
    folds = []
    for fold in range(2):
        part = frame[(frame["piece"] < "P_4") == (fold == 0)]
        rest = frame[(frame["piece"] < "P_4") != (fold == 0)].assign(split="train")
        folds.append(tmp_path / f"fold{fold}.parquet")
        write_predictions(folds[-1], pd.concat([rest, part]))
    cells = read_cells({"alone/joints": [folds], "plain/joints": [folds]})
    pd.testing.assert_frame_equal(cells["alone/joints"][0], frame)
    with pytest.raises(UserError, match=r"none\.parquet: expected a file of predictions"):
        read_cells({"alone/joints": [[tmp_path / "none.parquet"]]})
    with pytest.raises(UserError, match=r"fold0\.parquet.*only test, train"):
        read_cells({"alone/joints": [folds]}, split="validation")
    twice = read_cells({"alone/joints": [[folds[0], folds[0]]]})
    with pytest.raises(UserError, match=r"alone/joints, seed 1.*one row a segment"):
        evaluate(twice, CLASSES, 0, rows=["alone"], inputs=["joints"], baselines=[])


def test_confusion_rows_count_as_the_confusion() -> None:
    frames = complete_cells(example())["fc/fused"]
    order = ["waltz", "cha-cha", "tango", "rumba"]
    rows = confusion_rows(frames, CLASSES, order)
    assert list(rows.columns) == ["actual", "predicted", "actual_order", "predicted_order"]
    assert len(rows) == 2 * 144
    for side in ("actual", "predicted"):
        assert [order[place] for place in rows[f"{side}_order"]] == rows[side].tolist()
    expected = np.sum([score(frame, 0, resamples=10)["confusion"] for frame in frames], axis=0)
    for true, name in enumerate(CLASSES):
        for guess, other in enumerate(CLASSES):
            count = ((rows["actual"] == name) & (rows["predicted"] == other)).sum()
            assert count == expected[true, guess]
    by_label = confusion_rows(frames, CLASSES)
    assert by_label["actual_order"].tolist() == [
        label for frame in frames for label in frame["label"]
    ]
    with pytest.raises(ValueError, match="in another order"):
        confusion_rows(frames, CLASSES, order[:3])


def test_a_perfect_network_is_one_everywhere() -> None:
    frame = frame_of(0, 100)
    assert logits_of(frame).shape == (144, 4)
    result = evaluate(
        {"alone/joints": [frame] * 2},
        CLASSES,
        0,
        rows=["alone"],
        inputs=["joints"],
        baselines=[],
        resamples=50,
    )
    cell = result["cells"]["alone/joints"]
    for level in ("segment", "excerpt", "dance"):
        assert cell[level] == {"mean": 1, "sd": 0, "low": 1, "high": 1, "per_seed": [1, 1]}
    assert cell["macro_f1"] == {"mean": 1, "sd": 0, "per_seed": [1, 1]}
    assert result["collaborative_gain"] == {"alone": {"joints": {}}}
