from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import evaluate as stage
import leaderboard
import numpy as np
import pandas as pd
import pytest
import small_task

from motionmusic.errors import UserError
from motionmusic.files import Floats, read_json, write_json, write_text
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.results.table import read_tables
from motionmusic.scoring.accuracy import at_level, fuse, predicted, right_of, score
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
    not_ended,
    read_cells,
    runs,
    validated,
    votes,
)
from motionmusic.scoring.intervals import Interval, bootstrap, ratio
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
    """Every cell is right more or less often than every other, and none nearly always."""
    cells = [f"{row}/{name}" for row in ROWS for name in INPUTS]
    cells += [f"{name}/joints" for name in BASELINES]
    return {
        cell: [frame_of(130 * number + seed, 0.3 + 0.05 * number) for seed in range(seeds)]
        for number, cell in enumerate(reversed(cells))
    }


def measured(cells: dict[str, list[pd.DataFrame]], resamples: int = 50) -> dict[str, Any]:
    found = evaluate(complete_cells(cells), CLASSES, 0, resamples)
    return found | {"validation": validated(complete_cells(cells))}


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


def test_no_two_cells_are_alike(found: dict[str, Any]) -> None:
    shares = [
        (one["segment"]["value"], one["macro_f1"]["value"]) for one in found["cells"].values()
    ]
    assert len(set(shares)) == len(shares)
    assert max(segments for segments, _ in shares) < 0.9


@pytest.mark.parametrize("cell", ["plain/bones", "random_forest/joints"])
def test_each_cell_is_scored_as_its_frames_are(cell: str, found: dict[str, Any]) -> None:
    frames, got = example()[cell], found["cells"][cell]
    scores = [score(frame, 0, resamples=20) for frame in frames]
    for level in ("segment", "excerpt"):
        expected = [one[level]["value"] for one in scores]
        assert got[level]["per_seed"] == expected
        assert got[level]["value"] == pytest.approx(np.mean(expected))
        assert got[level]["sd"] == pytest.approx(np.std(expected, ddof=1))
        counts = [right_of(at_level(frame, level)) for frame in frames]
        right = np.mean([one["right"] for one in counts], axis=0)
        one_seed = bootstrap(ratio(counts[0]["right"], counts[0]["n"]), PIECES, 0, 20)
        assert (scores[0][level]["low"], scores[0][level]["high"]) == (one_seed.low, one_seed.high)
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
        [right_of(at_level(frame, level)) for frame in cells[f"{row}/fused"]]
        for row in ("dropout", without)
    ]
    right = [np.stack([one["right"] for one in row]) for row in counts]
    more, n = right[0] - right[1], counts[0][0]["n"].to_numpy()

    def of_both(drawn: Floats) -> Floats:
        """Seeds and pieces are drawn."""
        pairs = zip(drawn[:, :2], drawn[:, 2:], strict=True)
        return np.array([seeds @ more @ ps / (seeds.sum() * (ps @ n)) for seeds, ps in pairs])

    got = found["gain"][without]["fused"]["dropout"][level]
    assert got == pytest.approx(bootstrap(of_both, [2, PIECES], 0, 200).json())
    # of one seed, over its pieces
    alone = measured({cell: frames[:1] for cell, frames in given.items()}, 200)
    expected = bootstrap(ratio(more[0], n), PIECES, 0, 200)
    assert alone["gain"][without]["fused"]["dropout"][level] == expected.json()
    for name, rows in found["gain"][without].items():
        for row, gain in rows.items():
            more, less = (found["cells"][f"{r}/{name}"][level]["value"] for r in (row, without))
            assert gain[level]["value"] == pytest.approx(more - less)


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
    for row in ("fc", "alone", "longer"):
        assert numbers[f"fused_{row}"] == found["cells"][f"{row}/fused"]["segment"]["value"]
    gain = found["gain"]["longer"]["fused"]["fc"]["segment"]
    for name, key in (("", "value"), ("_low", "low"), ("_high", "high")):
        assert numbers[f"cl_gain{name}"] == gain[key]
    assert (numbers["chance"], numbers["n_segments"]) == (0.25, 144)
    cells = found["cells"]
    assert numbers["best_baseline"] == cells[f"{best_baseline(found)}/joints"]["segment"]["value"]


def test_the_best_baseline_is_the_best_on_validation() -> None:
    """Whatever test says; and a tie is the first's."""
    cells = example(2)
    values = validated(complete_cells(cells))
    expected = [(predicted(frame) == frame["label"]).mean() for frame in cells["fc/merged"]]
    assert values["fc/merged"] == pytest.approx(np.mean(expected))
    assert "fc/fused" in values
    on_test = measured(cells, 100)
    for best in BASELINES:
        on_validation = {f"{name}/joints": 0.5 + (name == best) / 4 for name in BASELINES}
        assert best_baseline(on_test | {"validation": on_validation}) == best
    equal = {f"{name}/joints": 0.5 for name in BASELINES}
    assert best_baseline(on_test | {"validation": equal}) == BASELINES[0]


def test_a_model_without_chance_has_one_seed() -> None:
    cells = example(2)
    cells["majority/joints"][1] = cells["majority/joints"][0].sample(frac=1, random_state=3)
    found = measured(cells, 100)["cells"]
    assert len(found["majority/joints"]["segment"]["per_seed"]) == 1
    assert "sd" not in found["majority/joints"]["segment"]
    assert len(found["random_forest/joints"]["segment"]["per_seed"]) == 2


def test_cells_that_were_not_trained_are_left_out() -> None:
    cells = {cell: frames for cell, frames in example().items() if cell != "longer/bones"}
    found = measured(cells, 100)
    assert "longer/fused" not in found["cells"]
    assert list(found["gain"]["longer"]["fused"]) == []
    assert list(found["gain"]["longer"]["joints"]) == ["plain", "dropout", "fc"]


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
    (read,) = read_cells({"alone/joints": [path]}, "test")["alone/joints"]
    pd.testing.assert_frame_equal(read, test.reset_index(drop=True))
    with pytest.raises(UserError, match=r"none\.parquet: expected a file of predictions"):
        read_cells({"alone/joints": [tmp_path / "none.parquet"]}, "test")


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


def test_the_stages_score_the_test_rows_of_each_cells_own_file(small: Path) -> None:
    """Rows of validation are all wrong; each cell is right in another share of its test rows."""
    rng, entries = np.random.default_rng(0), ("facing_boosting", "facing_ensemble", "limb_lengths")
    index = pd.read_parquet(small_task.DATA / "segments/index.parquet")
    ids = index[index["split"].isin(["validation", "test"])].reset_index(drop=True)
    test = (ids["split"] == "test").to_numpy()
    folder, data = small_task.DATA / "cells", small_task.DATA
    files = cell_files(folder, [0]) | {
        f"{name}/joints": [data / f"entries/{name}-{seed}.parquet" for seed in (0, 1)]
        for name in entries
    }
    right: dict[str, list[float]] = {}
    labels = np.eye(4)[ids["label"]]
    for number, (cell, paths) in enumerate(files.items()):
        for seed, path in enumerate(paths):
            logits = rng.normal(size=(len(ids), 4)) + (0.4 + 0.05 * number + 0.1 * seed) * labels
            logits[~test] = -9 * labels[~test]
            write_predictions(path, make_predictions("x", ids, logits))
            hit = logits.argmax(1)[test] == ids["label"][test]
            right.setdefault(cell, []).append(float(hit.mean()))
    for cell in ("motion-joints-0", "cotrain-joints-fc-0"):
        write_text(folder / cell / "history.csv", f"epoch,accuracy\n1,0.{len(cell)}\n")
    record = {"git": "abc", "seconds": 1.5, "machine": {"device": "cpu"}}
    write_json(Path("metrics/synthetic/runs/motion-joints-0.json"), record)
    stage.main(["synthetic"])
    found = read_json(Path("metrics/synthetic/evaluation.json"), "")
    for cell in cell_files(folder, [0]):
        segment = found["cells"][cell]["segment"]
        assert segment["value"] == pytest.approx(right[cell][0], abs=1e-5), cell
    assert (found["n_segments"], found["classes"]) == (32, ["Cha-cha", "Rumba", "Tango", "Waltz"])
    assert found["facts"]["segments"] == {s: [16, 16] for s in ("train", "validation", "test")}
    assert (
        read_json(Path("metrics/synthetic/scores.json"), "")["fused_fc"]
        == (found["cells"]["fc/fused"]["segment"]["value"])
    )
    counted = pd.read_parquet(data / "votes.parquet")
    assert (counted.groupby("cell")["segments"].sum() == 32).all()
    confused = pd.read_csv("plots/synthetic/confusion.csv")
    share = (confused["actual"] == confused["predicted"]).mean()
    assert share == pytest.approx(found["cells"]["fc/fused"]["segment"]["value"], abs=1e-5)
    assert set(pd.read_csv("plots/synthetic/curves.csv")["accuracy"]) == {0.15, 0.19}
    assert pd.read_csv("metrics/synthetic/runs.csv")["run"].tolist() == ["motion-joints-0"]

    # a table may go without what has not ended, but not without the fused FC cell and its control
    for cell in ("plain/bones", "longer/merged"):
        files[cell][0].unlink()
    assert not_ended(files) == ["longer/merged", "plain/bones"]
    stage.main(["synthetic"])
    fewer = read_json(Path("metrics/synthetic/evaluation.json"), "")
    gone = {"longer/merged", "plain/bones", "plain/fused"}
    assert fewer["cells"] == {k: v for k, v in found["cells"].items() if k not in gone}
    assert fewer["not_ended"] == ["longer/merged", "plain/bones"]
    assert "not_ended" not in found
    files["longer/bones"][0].unlink()
    with pytest.raises(UserError, match="longer-bones-0"):
        stage.main(["synthetic"])

    leaderboard.main(["synthetic"])
    (board,) = read_tables(Path("metrics/synthetic/leaderboard/leaderboard.json"))
    rows = {(row.cells[1], row.cells[3]): row.cells for row in board.rows}
    for name in entries:
        cells = rows[name.replace("_", " "), "–"]
        assert cells[2] == ("probe" if name == "limb_lengths" else "entry")
        assert cells[4] == "2"
        assert isinstance(cells[5], Interval)
        assert cells[5].value == 0  # validation, where all are wrong
        assert cells[6].value == pytest.approx(np.mean(right[f"{name}/joints"]), abs=1e-5)  # type: ignore[union-attr]
    for name in BASELINES:
        cells = rows[name.replace("_", " "), "joints"]
        assert cells[6].value == pytest.approx(right[f"{name}/joints"][0], abs=1e-5)  # type: ignore[union-attr]
