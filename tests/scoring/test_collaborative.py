"""What collaborative learning adds over seeds, on planted differences."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from params_file import set_params
from scipy import stats
from task_facts import ABOUT

from motionmusic.files import read_json, write_json, write_parquet, write_text
from motionmusic.params import Epochs, Train
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.results.overview import collaborative_table, verdict
from motionmusic.scoring.accuracy import fuse, predicted
from motionmusic.scoring.collaborative import collaborative, student
from motionmusic.scoring.evaluation import cell_files
from motionmusic.scoring.intervals import crossed

PIECES, SEGMENTS = 24, 20


def frame(share: float, seed: int) -> pd.DataFrame:
    """Each segment right with the probability ``share``, by one draw a segment and seed."""
    ids = pd.DataFrame(
        [("test", f"P_{p}", 0, s, p % 2) for p in range(PIECES) for s in range(SEGMENTS)],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )
    right = np.random.default_rng(seed).uniform(size=len(ids)) < share
    return make_predictions("x", ids, np.eye(2)[np.where(right, ids["label"], 1 - ids["label"])])


def found(alone: list[float], longer: list[float], fc: list[float]) -> dict[str, Any]:
    """Of planted accuracies, one a seed; one seed draws alike in all three rows."""
    rows = {"alone": alone, "longer": longer, "fc": fc}
    cells = {
        f"{row}/fused": [frame(share, seed) for seed, share in enumerate(shares)]
        for row, shares in rows.items()
    }
    return collaborative(cells, 0, 500)


def test_a_planted_difference_is_found() -> None:
    got = found([0.6] * 5, [0.65] * 5, [0.75] * 5)
    longer = got["gains"]["longer"]
    assert longer["value"] == pytest.approx(0.10, abs=0.03)
    assert longer["low"] > 0.05
    assert longer["value"] == pytest.approx(
        got["rows"]["fc"]["value"] - got["rows"]["longer"]["value"]
    )
    assert got["gains"]["alone"]["value"] == pytest.approx(0.15, abs=0.03)
    assert got["gains"]["control"]["value"] == pytest.approx(0.05, abs=0.03)
    assert np.mean(longer["per_seed"]) == pytest.approx(longer["value"])
    assert (got["n_seeds"], got["n_segments"], got["n_pieces"]) == (5, 480, 24)
    assert 0 < longer["visible"] < 0.10  # so a difference of ten points is found nearly always
    # an interval is 2 · 1.96 errors wide; 1.96 + 0.84 of them are seen with a power of 0.8
    width = longer["high"] - longer["low"]
    assert longer["visible"] == pytest.approx(width * (1.96 + 0.84) / (2 * 1.96), rel=0.01)
    assert verdict(got["gains"]) == "CL is better"


def test_what_one_run_shows_and_the_next_takes_back_is_no_effect() -> None:
    """Ten points up in one run, ten down in the next: each run's interval excludes zero."""
    down = [0.6, 0.8, 0.6, 0.8, 0.7]
    got = found([0.7] * 5, [0.7] * 5, [1.4 - x for x in down])
    assert verdict(got["gains"]) == "no effect is shown"
    longer = got["gains"]["longer"]
    assert longer["low"] < -0.03
    assert longer["high"] > 0.03
    one = found([0.7] * 2, [0.7] * 2, [0.8] * 2)["gains"]["longer"]
    assert one["low"] > 0
    steady = found([0.7] * 5, [0.7] * 5, [0.72] * 5)["gains"]["longer"]
    assert longer["visible"] > 2 * steady["visible"]


def test_a_gain_over_a_control_that_got_worse_is_told() -> None:
    got = found([0.75] * 5, [0.65] * 5, [0.75] * 5)
    assert verdict(got["gains"]) == "CL is better than a control that got worse by training on"
    assert verdict(found([0.7] * 5, [0.75] * 5, [0.6] * 5)["gains"]) == "CL is worse"


def test_intervals_by_hand() -> None:
    """Equal groups: only seeds differ, so their draws are all there is."""
    per_seed = np.array([0.1, 0.2, 0.3, 0.4])
    right = np.repeat(per_seed[:, None], 6, axis=1) * 10
    got = crossed(right, np.full(6, 10.0), [6], 0, 4000)
    assert got.value == pytest.approx(0.25)
    means = np.random.default_rng(1).choice(per_seed, (20_000, 4)).mean(axis=1)
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.02)
    # equal seeds: only groups differ
    of_groups = np.array([[2.0, 4.0, 6.0, 8.0]] * 3)
    got = crossed(of_groups, np.full(4, 10.0), [4], 0, 4000)
    means = np.random.default_rng(1).choice(of_groups[0] / 10, (20_000, 4)).mean(axis=1)
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.03)
    # a stratum's groups stand for each other only: both strata have no spread
    apart = np.array([[2.0, 2.0, 8.0, 8.0]] * 3)
    got = crossed(apart, np.full(4, 10.0), [2, 2], 0, 200)
    assert (got.low, got.high) == pytest.approx((0.5, 0.5))
    interval = stats.t.interval(0.95, 3, per_seed.mean(), stats.sem(per_seed))
    mine = student(per_seed)
    assert (mine.low, mine.high) == pytest.approx(interval)


def test_the_table_has_each_number_in_its_column() -> None:
    train = Train(
        width=16, batch=36, learning_rate=0.003, schedule="one_cycle", precision="fp32",
        recipe="paper", epochs=60, select="last",
    )  # fmt: skip
    facts = {"protocol": "by_figure", "stand_ins": {}, "pieces": 24, "excerpts": 34}
    got = found([0.6, 0.62], [0.65, 0.66], [0.75, 0.77])
    table = collaborative_table(
        {"a.task": got | {"facts": facts}}, {"a.task": train}, {"a.task": Epochs(epochs=30)}
    )
    (row,) = table.rows
    assert row.cells[:3] == ("a.task", "2", "480 / 24 figures")
    rows, gains = got["rows"], got["gains"]
    values = [rows[name]["value"] for name in ("alone", "longer", "fc")]
    values += [gains["longer"]["value"], gains["longer"]["over_seeds"]["value"]]
    values += [gains["longer"]["visible"], gains["control"]["value"]]
    assert [cell.value for cell in row.cells[3:10]] == values  # type: ignore[union-attr]
    assert "width 16, 60 + 30 epochs" in table.note


def test_the_stage_reads_each_row_input_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file has other logits; what is read is fused and counted as by hand."""
    monkeypatch.chdir(tmp_path)
    set_params({"collaborative": [0, 3], "evaluate.resamples": 100})
    segments = Path("data/synthetic/segments")
    write_json(segments / "about.json", ABOUT | {"protocol": "by_figure"})
    write_parquet(segments / "index.parquet", frame(1, 0).assign(fold=0))
    units = [f"P_{n},0,500,X-{n // 2}-1,14\n" for n in range(PIECES)]  # two pieces a figure
    write_text(segments / "units.csv", "".join(["piece,start,end,unit,capture\n", *units]))
    files, made = cell_files(Path("data/synthetic/cells"), [0, 3]), {}
    names = [f"{row}/{kind}" for row in ("alone", "longer", "fc") for kind in ("joints", "bones")]
    for number, name in enumerate(names):
        for place, path in enumerate(files[name]):
            rng = np.random.default_rng(10 * number + place)
            ids = frame(1, 0)
            logits = rng.normal(size=(len(ids), 2)) + (0.2 + 0.2 * number) * np.eye(2)[ids["label"]]
            made[name, place] = make_predictions("synthetic", ids, logits)
            both = [made[name, place], made[name, place].assign(split="validation", logit_0=9.0)]
            write_predictions(path, pd.concat(both))
    importlib.import_module("gains").main(["synthetic"])
    importlib.import_module("collaborative").main(["synthetic"])
    got = read_json(Path("metrics/synthetic/collaborative.json"), "")
    assert (got["seeds"], got["n_seeds"], got["n_groups"]) == ([0, 3], 2, PIECES // 2)
    for row in ("alone", "longer", "fc"):
        for place in (0, 1):
            one = fuse([made[f"{row}/joints", place], made[f"{row}/bones", place]])
            share = (predicted(one) == one["label"]).mean()
            assert got["rows"][row]["per_seed"][place] == pytest.approx(share, abs=1e-5)
    assert "synthetic" in Path("metrics/collaborative/collaborative.md").read_text("utf-8")


def test_what_is_drawn_apart_stays_apart() -> None:
    """One stratum is all right, the other all wrong: each draw has as many of both."""
    ids = frame(1, 0)
    side = ids["piece"].str[2:].astype(int) < PIECES // 2
    said = np.where(side, ids["label"], 1 - ids["label"])
    made = make_predictions(
        "x", ids[["split", "piece", "excerpt", "segment", "label"]], np.eye(2)[said]
    )
    made = made.assign(stratum=side.astype(int), group=made["piece"], fold=0)
    got = collaborative({f"{row}/fused": [made, made] for row in ("alone", "longer", "fc")}, 0, 200)
    assert {name: got["rows"]["fc"][name] for name in ("value", "low", "high")} == {
        "value": 0.5, "low": 0.5, "high": 0.5,
    }  # fmt: skip
