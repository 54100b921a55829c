"""What synchrony, dance and match hand to their trainings, and whose networks are asked about what.

As in test_wiring.py, nothing is optimised here.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_task
import torch
from params_file import set_params
from small_task import DATA, EXCERPT, FOLDS, TASK, few, keep_few, pieces_of
from taken_down import Given, run, taken_down

from motionmusic.files import read_json
from motionmusic.models.conductor_weights import load_generator, load_sync_network, read
from motionmusic.models.matcher import load
from motionmusic.training import adversarial, contrastive, dancing, in_time, matching
from motionmusic.training.dances import read_keypoint_dances


@pytest.fixture
def given(small: Path, monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What all trainings of a test are given."""
    return taken_down(monkeypatch)


def right(number: int) -> Any:
    """A stand-in for contrastive.right that says whom it was asked about."""

    def said(network: Any, dances: Any, codes: Any, clip: Any, random: Any) -> dict[str, float]:
        dance, start, frames = clip
        assert len(codes) == len(dances)
        network = getattr(network, "__self__", network)  # or one of its methods
        # codes are those of the network that is asked, of every dance its own
        music = network.music_encoder(dances[dance].music[None])
        got = codes[dance][0]
        assert torch.allclose(got, music.reshape(-1, got.shape[1])[: len(got)], atol=1e-4)
        values = (int(dances[dance].name[2:]), start + frames / 1000, number + len(dances))
        return dict(zip(("easy", "hard", "super_hard"), map(float, values), strict=True))

    return said


@torch.no_grad()
def test_synchrony_is_asked_about_the_test_excerpts_of_its_own_fold(
    given: list[Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, learned = [], []
    on_device = contrastive.on_device

    def taken(dances: Any, device: Any) -> Any:
        learned.append([dance.name for dance in dances])
        assert {dance.rate_hz for dance in dances} == {25}
        return on_device(dances, device)

    def planted(network: Any, ids: pd.DataFrame, *_: Any) -> pd.DataFrame:
        asked.append((network, ids))
        return pd.DataFrame({"fold": ids["fold"].unique()})

    monkeypatch.setattr(import_module("synchrony"), "planted", planted)
    monkeypatch.setattr(in_time, "right", right(0))
    monkeypatch.setattr(in_time, "on_device", taken)
    run("synchrony 0")
    votes = pd.read_csv(DATA / "synchrony/0/votes.csv")
    rows = [(f, p, e) for f in range(FOLDS) for p in pieces_of(f, "test") for e in range(2)]
    assert list(votes[["fold", "piece", "excerpt"]].itertuples(index=False, name=None)) == rows
    assert votes["easy"].tolist() == [int(piece[2:]) for _, piece, _ in rows]
    assert votes["hard"].tolist() == [EXCERPT * e + EXCERPT / 1000 for *_, e in rows]
    assert set(votes["super_hard"]) == {4}
    # whole test dances against the music of all
    whole = pd.read_csv(DATA / "synchrony/0/whole.csv")
    pairs = [
        (f, p, c) for f in range(FOLDS) for p in pieces_of(f, "test") for c in small_task.NAMES
    ]
    assert list(whole[["fold", "piece", "candidate"]].itertuples(index=False, name=None)) == pairs
    assert whole["score"].nunique() > len(whole) - 5
    for fold, (network, ids) in enumerate(asked):
        assert set(ids["fold"]) == {fold}
        saved = load(DATA / "synchrony/0", fold).network.state_dict()
        own = network.state_dict()
        assert all(torch.equal(own[key], saved[key]) for key in own)
        # dances by number: those of train, then those of validation
        assert learned[fold] == pieces_of(fold, "train") + pieces_of(fold, "validation")
        assert {row[0] for row in given[fold].rows} == {0, 1, 2, 3}
        assert {row[0] for row in given[fold].checked} == {4, 5, 6, 7}


@torch.no_grad()
def test_who_learns_from_which_dances_and_who_judges(
    given: list[Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    voters: list[tuple[list[str], list[str]]] = []
    generators: list[tuple[list[str], list[str], Any]] = []
    train_voter, train_generator = contrastive.train_voter, adversarial.train_generator

    def names(dances: Any) -> list[str]:
        return [dance.name for dance in dances]

    def voter(train: Any, validation: Any, *more: Any) -> Any:
        voters.append((names(train), names(validation)))
        return train_voter(train, validation, *more)

    def generator(train: Any, validation: Any, network: Any, *more: Any) -> Any:
        generators.append((names(train), names(validation), network))
        return train_generator(train, validation, network, *more)

    heard: list[float] = []

    def nearest(codes: torch.Tensor, others: Any) -> tuple[int, int]:
        heard.append(float(others[1].sum()))
        assert len(others) == 2
        return 1, round(float(codes.sum()) * 1e3)

    monkeypatch.setattr(dancing, "train_voter", voter)
    monkeypatch.setattr(dancing, "train_generator", generator)
    monkeypatch.setattr(dancing, "right", right(10))
    monkeypatch.setattr(dancing, "nearest", nearest)
    seeds: list[int] = []

    def conducted(network: Any, mel: Any, seed: int, smooth: bool) -> Any:
        seeds.append(seed)
        return np.full((3, 13, 2), mel.sum())

    cuts: list[tuple[torch.Tensor, torch.Tensor]] = []
    monkeypatch.setattr(dancing, "conducted", conducted)
    monkeypatch.setattr(
        adversarial.Adversarial, "losses", lambda _, music, real: cuts.append((music, real))
    )
    set_params({"dance.synthetic": {"steps": 7, "generator_steps": 3}})
    keep_few()
    run("dance 1")
    folder = DATA / "dance/1"
    for fold in range(FOLDS):
        train, validation, test = (few(fold, s) for s in ("train", "validation", "test"))
        assert voters[2 * fold : 2 * fold + 2] == [(train, validation), (test, [])]
        assert generators[fold][:2] == (train, validation)
        saved = load_sync_network(read(folder / f"fold{fold}_synchrony.safetensors")).state_dict()
        network = generators[fold][2]
        (dance,) = read_keypoint_dances(TASK, [train[1]]).values()
        expected = float(dancing.codes_of(network, [dance])[0][0].sum())
        assert heard[4 * fold : 4 * fold + 4] == pytest.approx([expected] * 4, rel=1e-4)
        used = network.state_dict()
        assert all(torch.equal(saved[key], used[key]) for key in saved)
        made = load_generator(read(folder / f"fold{fold}_generator.safetensors")).state_dict()
        # it hears by the network's music encoder, and is that of the epoch that validated best
        of_network = network.music_encoder.state_dict()
        assert all(torch.equal(made[f"music_encoder.{key}"], of_network[key]) for key in of_network)
        started = given[3 * fold + 2].networks[0]
        assert all(torch.equal(made[key], started[key]) for key in started)
        dances = list(read_keypoint_dances(TASK, train).values())
        codes = [music for music, _ in dancing.codes_of(network, dances)]
        firsts = []
        for number, (music, real) in enumerate(zip(*cuts[fold], strict=True)):
            # music and motion of one moment of one dance
            (first,) = (
                k for k in range(60) if torch.equal(dances[number].motion[k : k + 90], real)
            )
            torch.testing.assert_close(
                codes[number][first : first + 90], music, rtol=1e-3, atol=1e-4
            )
            firsts.append(first)
        assert len({*firsts, 0}) == 3  # drawn
        judge = load_sync_network(read(folder / f"fold{fold}_judge.safetensors")).state_dict()
        assert any(not torch.equal(saved[key], judge[key]) for key in saved)
    assert [one.chance.seed for one in given] == [1] * 3 * FOLDS
    assert set(seeds) == {1}
    # two windows a step: as many epochs as steps; dances by number, those of train first
    assert [one.schedule.epochs for one in given] == [7, 7, 3] * FOLDS
    checked = [{row[0] for row in one.checked} for one in given]
    assert checked == [{2, 3}, set(), {2, 3}] * FOLDS
    assert len({one.chance.cell for one in given}) == len({one.store for one in given}) == 3 * FOLDS
    votes, near = (pd.read_csv(folder / f"{name}.csv") for name in ("votes", "neighbours"))
    rows = [(f, p, e) for f in range(FOLDS) for p in few(f, "test") for e in range(2)]
    for table in (votes, near):
        assert list(table[["fold", "piece", "excerpt"]].itertuples(index=False, name=None)) == rows
    for prefix in ("", "judge_"):
        assert votes[f"{prefix}easy"].tolist() == [int(piece[2:]) for _, piece, _ in rows]
        assert votes[f"{prefix}hard"].tolist() == [66 * e + 0.066 for *_, e in rows]
    assert near["neighbour"].tolist() == [few(fold, "train")[1] for fold, *_ in rows]
    assert near["neighbour_start"].nunique() == len(rows)
    # the music of each dance is its own, from its first frame on
    sums = {path.stem: float(np.load(path)[0, 0, 0]) for path in (folder / "motion").iterdir()}
    assert sorted(sums) == sorted({piece for _, piece, _ in rows})
    assert len(set(sums.values())) == len(sums)
    known = read_json(folder / "dance.json", "")["folds"]
    assert known["1"] == {s: few(1, s) for s in ("test", "train", "validation")}


def test_dances_are_matched_by_their_own_folds_and_seeds_synchrony(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, asked = import_module("match"), []

    class Said:
        def __init__(self, *which: Any) -> None:
            self.which, self.network = which, which

    def scored(matcher: Said, ids: pd.DataFrame, *_: Any) -> pd.DataFrame:
        asked.append((*matcher.which, set(ids["fold"])))
        return ids[["piece"]]

    monkeypatch.setattr(stage, "load", Said)
    monkeypatch.setattr(stage.matching, "scored", scored)
    saved: list[Any] = []
    monkeypatch.setattr(stage, "save", lambda folder, about, networks: saved.append(networks))
    run("match synchrony 1")
    own = {fold: (DATA / "synchrony/1", fold) for fold in range(FOLDS)}
    assert asked == [(*own[fold], {fold}) for fold in range(FOLDS)]
    assert saved == [own]


def test_the_teacher_sees_means_of_what_is_on_one_side() -> None:
    ids = pd.DataFrame(
        {"split": ["train", "test", "train"], "piece": "a", "excerpt": 0, "label": 0}
    )
    z = torch.tensor([[1.0], [5.0], [3.0]])
    whole, _ = matching.Pairs(ids, z, z, torch.zeros(3)).whole
    assert whole[:, 0].tolist() == [2, 5, 2]
