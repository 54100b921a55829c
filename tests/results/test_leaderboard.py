"""The leaderboard: its order, the paired difference to the best baseline, entries by name."""

from __future__ import annotations

import importlib
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.files import write_array
from motionmusic.predictions import make_predictions, read_predictions
from motionmusic.results.leaderboard import leaderboard, leaderboard_csv, leaderboard_markdown
from motionmusic.scoring.evaluation import complete_cells, evaluate

CLASSES = ["Cha-cha", "Rumba", "Waltz"]
ROOT = Path(__file__).parents[1]


def frame_of(right_of_ten: int, seed: int = 0) -> pd.DataFrame:
    """Six pieces of one excerpt with ten segments, of which so many are right in every piece."""
    ids = pd.DataFrame(
        [("test", f"P_{p}", 0, s, p % 3) for p in range(6) for s in range(10)],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )
    said = np.where(ids["segment"] < right_of_ten - seed, ids["label"], (ids["label"] + 1) % 3)
    return make_predictions("x", ids, np.eye(3)[said])


@pytest.fixture(scope="module")
def board() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    cells = {
        f"{row}/{kind}": [frame_of(6)] for row in ("alone", "fc") for kind in ("joints", "bones")
    }
    cells |= {"trees/joints": [frame_of(8)], "majority/joints": [frame_of(3)]}
    cells |= {"mine/joints": [frame_of(9), frame_of(9, seed=2)]}
    options: dict[str, Any] = {
        "rows": ("alone", "fc"), "inputs": ("joints", "bones"),
        "baselines": ("majority", "trees", "mine"),
    }  # fmt: skip
    scores = evaluate(cells, CLASSES, 0, folds=4, resamples=100, **options)
    complete = complete_cells(cells, **options)
    return scores, leaderboard(scores, complete, ("majority", "trees"), ("mine",), 0, 100)


def test_best_first(board: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    _, rows = board
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["model"] for row in rows[:2]] == ["trees", "mine"] or [
        row["model"] for row in rows[:2]
    ] == ["mine", "trees"]
    assert [row["segment"]["mean"] for row in rows] == sorted(
        (row["segment"]["mean"] for row in rows), reverse=True
    )
    kinds = {row["model"]: row["kind"] for row in rows}
    assert kinds["mine"] == "entry"
    assert kinds["trees"] == kinds["majority"] == "baseline"
    assert kinds["MCLEMCD-FC with CL"] == kinds["MCLEMCD without CL"] == "network"


def test_differences_are_to_the_best_baseline_over_the_seeds(
    board: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    rows = {(row["model"], row["input"]): row for row in board[1]}
    assert rows["trees", "joints"]["segment"]["difference"] == 0
    # 9 and 7 of ten right over two seeds, 8 of ten
    mine = rows["mine", "–"]
    assert mine["seeds"] == 2
    assert mine["segment"]["mean"] == pytest.approx(0.8)
    assert mine["segment"]["difference"] == pytest.approx(0)
    fc = rows["MCLEMCD-FC with CL", "joints"]["segment"]
    # the same in every piece, so resampling pieces changes nothing
    assert [fc[part] for part in ("difference", "difference_low", "difference_high")] == [
        pytest.approx(-0.2)
    ] * 3


def test_of_baselines_that_tie_per_segment_the_votes_decide() -> None:
    spread = frame_of(6)
    # the same number of segments, but all right in half of the pieces: fewer excerpts
    packed = frame_of(6)
    whole = packed["piece"].isin(["P_0", "P_1", "P_2"]).to_numpy()
    said = np.where(whole | (packed["segment"] < 2), packed["label"], (packed["label"] + 1) % 3)
    packed = make_predictions("x", packed, np.eye(3)[said])
    cells = {"alone/joints": [spread], "packed/joints": [packed], "spread/joints": [spread]}
    options: dict[str, Any] = {
        "rows": ("alone",), "inputs": ("joints",), "baselines": ("packed", "spread"),
    }  # fmt: skip
    scores = evaluate(cells, CLASSES, 0, resamples=50, **options)
    rows = leaderboard(scores, complete_cells(cells, **options), ("packed", "spread"), (), 0, 50)
    assert rows[-1]["model"] == "packed"
    assert "against the best baseline (spread)" in " ".join(
        leaderboard_markdown("x", "by_piece", scores, rows).split()
    )
    assert {row["segment"]["difference"] for row in rows} == {0.0}
    assert rows[-1]["segment"]["difference_low"] < 0 < rows[-1]["segment"]["difference_high"]


def test_csv_and_markdown_say_the_same(
    board: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    scores, rows = board
    frame = pd.read_csv(io.StringIO(leaderboard_csv(rows)))
    assert frame["model"].tolist() == [row["model"] for row in rows]
    assert frame["segment_mean"].tolist() == pytest.approx([row["segment"]["mean"] for row in rows])
    text = leaderboard_markdown("x", "by_piece", scores, rows)
    for fact in ("60 test segments", "6 excerpts", "6 pieces", "chance 33.3 %", "Protocol by_piece",
                 "4 folds", "against the best baseline (trees)"):  # fmt: skip
        assert fact in " ".join(text.split()), fact
    assert "−20.0 [−20.0, −20.0]" in text
    assert "80.0 ± 14.1 [80.0, 80.0]" in text


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """stages/entry.py in a folder with params.yaml and twelve segments of four pieces."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "stages"))
    folder = Path("data/audio_time/segments")
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    write_array(folder / "joints.npy", random.normal(size=(12, 3, 25, 23)).astype(np.float32))
    write_array(folder / "music.npy", random.normal(size=(12, 1, 96, 25)).astype(np.float32))
    pd.DataFrame(
        {
            "split": ["train"] * 4 + ["validation"] * 4 + ["test"] * 4,
            "fold": 0,
            "piece": [f"P_{i}" for i in range(12)],
            "excerpt": 0,
            "segment": 0,
            "label": [0, 1, 2, 3] * 3,
        }
    ).to_parquet(folder / "index.parquet")
    return importlib.import_module("entry")


def test_an_entry_never_sees_the_labels_that_it_predicts(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def fit_predict(
        train: Any, validation: Any, test: Any, classes: int, layout: Any, seed: int
    ) -> Any:
        seen.update(train=train, validation=validation, test=test, seed=seed)
        return np.eye(classes)[np.arange(len(test.labels)) % classes]

    module = importlib.import_module("motionmusic.scoring.entries.facing_boosting")
    monkeypatch.setattr(module, "fit_predict", fit_predict)
    stage.main(["audio_time", "facing_boosting", "7"])
    assert seen["seed"] == 7
    assert seen["train"].labels.tolist() == seen["validation"].labels.tolist() == [0, 1, 2, 3]
    assert seen["test"].labels.tolist() == [-1] * 8
    assert seen["test"].joints.shape == (8, 3, 25, 23)
    assert seen["train"].pieces.tolist() == ["P_0", "P_1", "P_2", "P_3"]
    written = read_predictions(Path("data/audio_time/entries/facing_boosting-7.parquet"))
    assert written["split"].tolist() == ["validation"] * 4 + ["test"] * 4


def test_an_unknown_entry_is_one_clear_error(stage: Any) -> None:
    with pytest.raises(UserError, match="os") as caught:
        stage.main(["audio_time", "os", "0"])
    assert caught.value.where == "entries"
    assert not Path("data/audio_time/entries").exists()
