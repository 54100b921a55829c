"""The stages match and synchrony on the small task: what they write, and what they refuse.

test_wiring.py and test_poison.py hold which rows, folds and weights decide what.
"""

from __future__ import annotations

from pathlib import Path

import match
import numpy as np
import pandas as pd
import pytest
import synchrony
import torch
from params_file import set_params
from small_task import DATA, NAMES, TASK, pieces_of, write_weights

from motionmusic.errors import UserError
from motionmusic.methods import METHODS
from motionmusic.models import deconfounded, weights
from motionmusic.models.matcher import load, trained
from motionmusic.params import Deconfounded
from motionmusic.training import in_time, matching

INDEX = DATA / "segments/index.parquet"


@pytest.fixture
def matched(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small task with cotrained networks, in which short clips are enough."""
    for kind in ("joints", "bones"):
        for fold in range(2):
            write_weights(f"cotrain-{kind}-fc-0/fold{fold}")
    monkeypatch.setattr(in_time, "CLIP_FRAMES", 50)
    monkeypatch.setattr(in_time, "_WHOLE", 50 + 2 * in_time.LAG)
    return small


def test_every_method_matches(matched: Path) -> None:
    synchrony.main([TASK, "0"])
    for method in METHODS:
        match.main([TASK, method, "0"])
    assert {about.method for _, about in trained(Path())} == set(METHODS)
    assert not (DATA / "checkpoints/synchrony-0").exists()
    for method in METHODS:
        frame = pd.read_parquet(DATA / "matches" / f"{method}-0.parquet")
        assert len(frame) == 2 * 8 * 24  # in each of two folds eight queries against all excerpts
        assert np.isfinite(frame["score"]).all()
    knows = {fold: pieces_of(fold, "train", "validation") for fold in (0, 1)}
    assert load(DATA / "synchrony/0", 1).about.knows == knows
    votes = pd.read_csv(DATA / "synchrony/0/votes.csv")
    shares = votes[["easy", "hard", "super_hard"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    assert len(votes) == 16
    offsets = pd.read_csv(DATA / "synchrony/0/offsets.csv")
    assert sorted(offsets["piece"]) == sorted(pieces_of(0, "test") + pieces_of(1, "test"))
    assert offsets["planted_s"].between(-1.5, 1.5).all()


def test_info_nce_starts_at_the_temperature_of_params(matched: Path) -> None:
    """With hardly any learning the scale stays where it starts."""
    set_params({"match.temperature": 0.05, "match.learning_rate": 1e-9, "match.epochs": 1})
    match.main([TASK, "infonce", "0"])
    state = weights.load(DATA / "matchers/infonce-0/fold0.safetensors")
    assert float(state["head.log_scale"].exp()) == pytest.approx(20, rel=1e-3)


def test_a_track_that_is_danced_more_often_weighs_less(
    matched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four training pieces, two of them with one sound: weights 1/2 and 1, brought to a mean of 1."""
    index = pd.read_parquet(INDEX)
    ids = index[index["fold"] == 0].reset_index(drop=True)
    train = pieces_of(0, "train")
    # elsewhere the last of them may be danced as often as it likes
    sounds = dict.fromkeys(pieces_of(0, "validation", "test"), train[3]) | {train[0]: train[1]}
    pieces = pd.read_csv(DATA / "pieces.csv")
    pieces["music_file"] = pieces["piece"].replace(sounds)
    pieces.to_csv(DATA / "pieces.csv", index=False)
    made: list[matching.Pairs] = []
    monkeypatch.setattr(matching, "train_head", lambda *given: made.append(given[2]))
    match.main([TASK, "deconfounded", "0"])
    seen: list[torch.Tensor] = []
    divergences: list[float] = []

    def loss(*given: torch.Tensor, divergence: float, **_: object) -> dict[str, torch.Tensor]:
        seen.append(given[5])
        divergences.append(divergence)
        return {}

    monkeypatch.setattr(deconfounded, "loss", loss)
    head = deconfounded.Deconfounded(4, 4, 4, backdoor=True)
    how = Deconfounded(
        backdoor=True, propensity=True, teacher=0.0, divergence=0.1, margin=0.1, hardest=3
    )
    losses = matching.deconfounded_losses(head, made[0], 10, how, None)
    for _ in range(6):
        losses(torch.arange(len(ids)))
    # of ten steps the first five bring the divergence in
    assert divergences == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    rows = ids["split"] == "train"
    weight = pd.Series(seen[0].numpy())[rows]
    by_piece = weight.groupby(ids["piece"][rows]).mean()
    assert weight.mean() == pytest.approx(1)
    twice, once = by_piece[train[0]], by_piece[train[2]]
    assert by_piece[train[1]] == twice
    assert once == by_piece[train[3]] == pytest.approx(2 * twice)
    # every genre is as frequent among the training segments as it is there
    shares = ids[rows]["label"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(head.prior.numpy(), shares.to_numpy())


def test_splits_that_synchrony_cannot_learn_from_are_one_error(matched: Path) -> None:
    index = pd.read_parquet(INDEX)
    by_figure = index["segment"].replace({0: "train", 1: "test"})
    lonely = (index["split"] == "validation") & (index["piece"] != NAMES[4])
    alone = index["split"].mask(lonely, "train")
    for split in (by_figure, alone):
        index.assign(split=split).to_parquet(INDEX)
        with pytest.raises(UserError, match="two pieces in train") as error:
            synchrony.main([TASK, "0"])
        assert error.value.where == "segment.synthetic.protocol"
    assert not (DATA / "synchrony/0").exists()


def test_missing_files_are_one_error(matched: Path) -> None:
    (DATA / "cells/cotrain-joints-fc-0/fold1.safetensors").unlink()
    for method in ("mapping", "category"):
        with pytest.raises(UserError, match="fold1"):
            match.main([TASK, method, "0"])
    assert not (DATA / "matchers").exists()
    (DATA / f"music/{NAMES[3]}.npy").unlink()
    with pytest.raises(UserError, match=NAMES[3]):
        synchrony.main([TASK, "0"])
