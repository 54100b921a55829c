"""Runs that are followed while they train: their files, table and picture, and bad arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import recipes

from motionmusic.errors import UserError
from motionmusic.training.recipe import PAPER, QUICK, Recipe

SMALL = ("--width", "4", "--batch", "6", "--epochs", "3")


@pytest.fixture
def results(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(recipes, "RESULTS", small / "results")
    return small / "results"


def test_a_run_is_a_curve_and_a_record(results: Path) -> None:
    for recipe in ("paper", "quick", "turn=3.14,mirror=0.5"):
        recipes.main(["train", "synthetic", "--fold", "1", "--recipe", recipe, *SMALL])
    curve = pd.read_csv(results / "paper-3-fp32-synthetic-joints-1-0.csv")
    assert curve["epoch"].tolist() == [1, 2, 3]
    assert curve["test"].between(0, 1).all()
    record = json.loads((results / "quick-3-fp32-synthetic-joints-1-0.json").read_text("utf-8"))
    assert record["settings"]["recipe"]["turn"] == pytest.approx(QUICK.turn)
    assert record["segments"] == {"train": 16, "validation": 16, "test": 16}
    assert record["last"]["test"] in [hits / 16 for hits in range(17)]
    assert not list(Path("data/synthetic/checkpoints").glob("recipe-*"))

    recipes.main(["draw"])
    table = (results / "summary.md").read_text("utf-8")
    assert all(name in table for name in ("paper", "quick", "turn=3.14+mirror=0.5"))
    assert (results / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_recipes_by_name_and_by_parts() -> None:
    assert recipes.recipe_of("paper") == PAPER
    assert recipes.recipe_of("turn=1,noise=0.01") == Recipe(turn=1, noise=0.01)
    for text in ("fast", "turn", "turn=x", "spin=1", ""):
        with pytest.raises(UserError, match="paper, quick or NAME=NUMBER"):
            recipes.recipe_of(text)


def test_a_fold_that_is_not_there_and_no_runs_are_errors(results: Path) -> None:
    with pytest.raises(UserError, match="below 2"):
        recipes.main(["train", "synthetic", "--fold", "2", *SMALL])
    with pytest.raises(UserError, match="train some"):
        recipes.main(["draw"])
