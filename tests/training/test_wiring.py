"""What each training stage hands to its training, and whose networks are asked about what.

Nothing is optimised here: the loop only takes down what it is given.
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
import yaml
from params_file import set_params
from small_task import CHANNELS, DATA, EXCERPT, FOLDS, rows_of, write_weights
from taken_down import EPOCHS, Given, run, taken_down, write_starts
from torch.nn import functional as F

from motionmusic.models import weights
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.training import phases
from motionmusic.training.recipe import RECIPES, Recipe

# stage and what follows the task: whose epochs, trainings a fold, weights at the start
STAGES: dict[str, tuple[str, int, dict[str, str]]] = {
    "train_motion joints 1": ("train.synthetic", 1, {}),
    "train_music 1": ("train.synthetic", 2, {}),
    "train_longer bones 1": ("cotrain.synthetic", 1, {"": "motion-bones-1/fold{}.last"}),
    "cotrain merged fc 1": (
        "cotrain.synthetic", 1,
        {"motion.": "motion-merged-1/fold{}.last", "music.": "music-1/fold{}.plain.last"},
    ),
    "cotrain joints plain 0": (
        "cotrain.synthetic", 1,
        {"motion.": "motion-joints-0/fold{}.last", "music.": "music-0/fold{}.plain.last"},
    ),
    "cotrain joints dropout 0": (
        "cotrain.synthetic", 1,
        {"motion.": "motion-joints-0/fold{}.last", "music.": "music-0/fold{}.dropout.last"},
    ),
    "match contrastive 1": ("match", 1, {}),
    "match deconfounded 1": ("match", 2, {}),
    "synchrony 1": ("synchrony.synthetic", 1, {}),
}  # fmt: skip


PHASES = [call for call in STAGES if call.startswith(("train", "cotrain"))]


def cell_of(call: str) -> Path:
    """Where a training of the two phases leaves its results."""
    return DATA / "cells" / call.removeprefix("train_").replace(" ", "-")


@pytest.fixture
def given(small: Path, monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What all trainings of a test are given."""
    return taken_down(monkeypatch)


@pytest.mark.parametrize("call", STAGES)
def test_rows_epochs_chance_and_weights_to_start_from(
    call: str, given: list[Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    whose, trainings, starts = STAGES[call]
    write_starts() if starts else None
    for fold in range(FOLDS):
        write_weights(f"cotrain-joints-fc-{call[-1]}/fold{fold}")
    monkeypatch.setattr(import_module("synchrony"), "planted", lambda *_: pd.DataFrame())
    run(call)
    assert len(given) == FOLDS * trainings
    for number, one in enumerate(given):
        fold = number // trainings
        if not call.startswith("synchrony"):
            assert one.rows == rows_of(fold, "train")
        if not call.startswith(("synchrony", "train_music")):  # music's last epoch is kept
            assert one.checked == rows_of(fold, "validation")
        assert one.schedule.epochs == EPOCHS[whose]
        assert one.chance.seed == int(call[-1])
        for prefix, name in starts.items():
            state = weights.load(DATA / f"cells/{name.format(fold)}.safetensors")
            own = weights.part(state, "network")
            for key, value in own.items():
                assert torch.equal(one.networks[0][prefix + key], value), (name, key)
            moments = one.moments[list(starts).index(prefix)]
            assert torch.equal(moments, state["adam.0.exp_avg"])
    cells = [one.chance.cell for one in given]
    assert len(set(cells)) == len(cells)
    stores = [one.store for one in given if not call.startswith("match")]
    assert "" not in stores
    assert len(set(stores)) == len(stores)
    if not starts:  # new weights of their own
        for number, one in enumerate(given):
            for other in given[:number]:
                pairs = zip(one.networks[0].values(), other.networks[0].values(), strict=True)
                assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("call", [call for call in PHASES if "music" not in call])
def test_what_is_tested_is_kept_before_training_goes_on(call: str, given: list[Given]) -> None:
    write_starts()
    run(call)
    for fold, one in enumerate(given):
        (started,) = one.networks
        tested = weights.load(cell_of(call) / f"fold{fold}.safetensors")
        assert all(torch.equal(value, started[name]) for name, value in tested.items())
        if call.startswith("train_motion"):  # phase 2 starts from the end
            last = weights.part(
                weights.load(cell_of(call) / f"fold{fold}.last.safetensors"), "network"
            )
            assert torch.equal(last["fc.weight"], 1 + started["fc.weight"])


@pytest.mark.parametrize("call", ["train_longer bones 1", "cotrain joints plain 0"])
def test_the_authors_last_checkpoint_is_counted_through_both_phases(
    call: str, given: list[Given]
) -> None:
    """Of 160 epochs and 150 more, counted from 0, number 300: the 141st of the second phase."""
    set_params({"train.synthetic.epochs": 160, "cotrain.synthetic.epochs": 150})
    set_params({"train.synthetic.schedule": "constant", "train.synthetic.select": "last_hundred"})
    write_starts()
    run(call)
    assert [one.at for one in given] == [141] * FOLDS


class Begun(Exception):
    """A training begins."""


_STARTS = ("motion-joints-1/fold{}.last", "music-1/fold{}.plain.last")
# what each training reads
READS = {
    "train_motion joints 1": ["segments/joints.npy"],
    "train_music 1": ["segments/music.npy"],
    "train_longer joints 1": ["segments/joints.npy", f"cells/{_STARTS[0]}.safetensors"],
    "cotrain joints plain 1": [
        "segments/joints.npy", "segments/music.npy", *(f"cells/{name}.safetensors" for name in _STARTS),
    ],
    "synchrony 1": ["beats.parquet", *(f"{kind}/P_{{:02}}.npy" for kind in ("joints", "music"))],
    "dance 1": ["beats.parquet", "pieces.csv", "keypoints/P_{:02}.npy", "raw/P_{:02}.wav"],
}  # fmt: skip


@pytest.mark.parametrize("call", READS)
def test_a_checkpoint_is_for_the_same_files_and_settings(
    call: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a training would go on from where another one, of other data, was broken off."""
    set_params({f"{name}.epochs": epochs for name, epochs in EPOCHS.items()})
    set_params({"train.synthetic.precision": "auto"})
    write_starts()
    taken: dict[str, Any] = {}

    def training(task: str, name: str, params: Any, inputs: Any, **more: Any) -> None:
        taken.update(params=params, inputs=set(inputs), precision=more.get("precision"))
        raise Begun

    stage = call.split()[0]
    monkeypatch.setattr(import_module(stage), "training", training)
    with pytest.raises(Begun):
        run(call)
    expected = {DATA / "segments/index.parquet"}
    for name in READS[call]:
        several = range(FOLDS if "fold" in name else len(small_task.NAMES))
        expected |= {DATA / name.format(n) for n in several}
    assert expected <= taken["inputs"]
    phase = {"cotrain": "cotrain.synthetic", "train_longer": "cotrain.synthetic",
             "synchrony": "synchrony.synthetic"}.get(stage, "train.synthetic")  # fmt: skip
    assert stage == "dance" or EPOCHS[phase] in taken["params"].values()
    whole = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    settings = whole[stage if stage in ("synchrony", "dance") else "train"]["synthetic"]
    assert settings.items() <= taken["params"].items()
    assert taken["precision"] == settings.get("precision")


def test_new_weights_are_the_seeds(given: list[Given]) -> None:
    for seed in (0, 1, 0):
        run(f"train_motion joints {seed}")
    one, other, again = (given[n].networks[0]["l1.gcn1.conv_d.0.weight"] for n in (0, 2, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@torch.no_grad()
@pytest.mark.parametrize("call", PHASES)
def test_losses_are_of_each_rows_own_motion_music_and_label(
    call: str, given: list[Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, from the arrays and the names of the pieces; with all that the recipe says."""
    recipe = Recipe(weight_decay=0.03, smoothing=0.2)
    monkeypatch.setitem(RECIPES, "paper", recipe)
    write_starts()
    run(call)
    stage, kind, *_ = call.split()
    motion, music = (
        torch.from_numpy(np.load(DATA / f"segments/{name}.npy"))
        for name in (kind if kind in CHANNELS else "joints", "music")
    )
    labels = torch.tensor([int(name[2:]) % 4 for name in small_task.ORDER]).repeat_interleave(4)
    for number, one in enumerate(given):
        rows = rows_of(number // STAGES[call][1], "train")
        if stage == "train_music":
            network = MusicAutoencoder(2 * small_task.WIDTH, dropout=number % 2 == 1).eval()
            network.load_state_dict(one.networks[0])
            expected = {"reconstruction": F.mse_loss(network(music[rows])[1], music[rows])}
        elif stage == "cotrain":
            both = phases.collaborative(small_task.encoder(kind), call.split()[2], 4).eval()
            both.load_state_dict(one.networks[0])
            expected, _ = both.losses(motion[rows], music[rows], labels[rows], recipe.smoothing)
        else:
            encoder = small_task.encoder(kind).eval()
            encoder.load_state_dict(one.networks[0])
            logits = encoder(motion[rows])[1]
            loss = F.cross_entropy(logits, labels[rows], label_smoothing=recipe.smoothing)
            expected = {"motion": loss}
        assert set(one.decays) == {recipe.weight_decay}
        assert one.losses == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-4)


def test_rows_of_the_small_task_are_where_they_say(small: Path) -> None:
    """So that what these tests expect does not come from what they test."""
    index = pd.read_parquet(DATA / "segments/index.parquet")
    joints = np.load(DATA / "segments/joints.npy")
    for fold in range(FOLDS):
        ids = index[index["fold"] == fold].reset_index(drop=True)
        assert np.flatnonzero(ids["split"] == "test").tolist() == rows_of(fold, "test")
        for row, one in enumerate(ids.to_dict("records")):
            assert small_task.row_of(one["piece"], one["excerpt"], one["segment"]) == row
            whole = np.load(DATA / f"joints/{one['piece']}.npy")
            first = EXCERPT * one["excerpt"] + 25 * one["segment"]
            np.testing.assert_array_equal(joints[row], whole[first : first + 25].transpose(2, 0, 1))
