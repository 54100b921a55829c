"""What each training stage hands to its training, and whose networks are asked about what.

Nothing is optimised here: the loop only takes down what it is given.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import small_task
import torch
from params_file import set_params
from small_task import (
    CHANNELS,
    DATA,
    EXCERPT,
    FOLDS,
    TASK,
    few,
    keep_few,
    pieces_of,
    rows_of,
    write_weights,
)  # fmt: skip
from torch.nn import functional as F

from motionmusic.files import read_json
from motionmusic.models import weights
from motionmusic.models.conductor_weights import load_sync_network, read
from motionmusic.models.matcher import load
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.training import adversarial, contrastive, dancing, in_time, phases
from motionmusic.training.dances import read_keypoint_dances
from motionmusic.training.loop import Chance, Run, Schedule


class Given(NamedTuple):
    """What one training was given."""

    networks: list[dict[str, torch.Tensor]]
    moments: list[torch.Tensor]  # of each optimiser's first parameter
    rows: list[Any]
    checked: list[Any]  # rows that may choose an epoch
    losses: dict[str, float]  # of all these rows, without dropout
    schedule: Schedule
    chance: Chance
    store: str  # where its checkpoints lie, empty where it has none


EPOCHS = {"train.synthetic": 3, "cotrain.synthetic": 5, "match": 4, "synchrony.synthetic": 6}
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


@pytest.fixture
def given(small: Path, monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What all trainings of a test are given; they leave the networks as they were."""
    set_params({f"{name}.epochs": epochs for name, epochs in EPOCHS.items()})
    taken: list[Given] = []

    def optimise(
        networks: Any, optimisers: Any, losses: Any, rows: Any, schedule: Any, chance: Any,
        between: Any, store: Any = None,
    ) -> Run:  # fmt: skip
        states = [{k: v.clone() for k, v in n.state_dict().items()} for n in networks]
        first = [weights.optimiser_state(o).get("0.exp_avg", torch.zeros(1)) for o in optimisers]
        named = {}
        if chance.cell[0] in ("train_motion", "train_music", "train_longer", "cotrain"):
            networks[0].eval()
            with torch.no_grad():
                named = {name: float(value) for name, value in losses(rows)[0].items()}
        checked = between.segments.validation if hasattr(between, "segments") else []
        checked = getattr(between, "rows", checked)
        checked = torch.as_tensor(checked).tolist()
        kept = "" if store is None else f"{store.folder}/{store.name}"
        taken.append(Given(states, first, rows.tolist(), checked, named, schedule, chance, kept))
        between.after_epoch(schedule.epochs - 1)
        return Run([{"epoch": 1.0}], 0.0)

    monkeypatch.setattr(phases, "optimise", optimise)
    monkeypatch.setattr(adversarial, "optimise", optimise)
    monkeypatch.setattr(in_time, "CLIP_FRAMES", 50)
    monkeypatch.setattr(in_time, "_WHOLE", 50 + 2 * in_time.LAG)
    monkeypatch.setattr(dancing, "CLIP_S", 2)
    monkeypatch.setattr(adversarial, "CLIP_S", 3)
    return taken


def run(call: str) -> None:
    stage, *arguments = call.split()
    import_module(stage).main([TASK, *arguments])


def write_starts() -> None:
    for fold in range(FOLDS):
        for seed in (0, 1):
            for kind in CHANNELS:
                write_weights(f"motion-{kind}-{seed}/fold{fold}.last")
            for kind in ("plain", "dropout"):
                write_weights(f"music-{seed}/fold{fold}.{kind}.last")


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
def test_a_checkpoint_is_for_the_same_files_and_epochs(
    call: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a training would go on from where another one, of other data, was broken off."""
    set_params({f"{name}.epochs": epochs for name, epochs in EPOCHS.items()})
    write_starts()
    taken: dict[str, Any] = {}

    def training(task: str, name: str, params: Any, inputs: Any, **_: Any) -> None:
        taken.update(params=params, inputs=set(inputs))
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


def test_new_weights_are_the_seeds(given: list[Given]) -> None:
    for seed in (0, 1, 0):
        run(f"train_motion joints {seed}")
    one, other, again = (given[n].networks[0]["l1.gcn1.conv_d.0.weight"] for n in (0, 2, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@torch.no_grad()
@pytest.mark.parametrize("call", [call for call in STAGES if call.startswith(("train", "cotrain"))])
def test_losses_are_of_each_rows_own_motion_music_and_label(call: str, given: list[Given]) -> None:
    """By hand, from the arrays and the names of the pieces."""
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
            expected, _ = both.losses(motion[rows], music[rows], labels[rows])
        else:
            encoder = small_task.encoder(kind).eval()
            encoder.load_state_dict(one.networks[0])
            expected = {"motion": F.cross_entropy(encoder(motion[rows])[1], labels[rows])}
        assert one.losses == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-4)


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
    monkeypatch.setattr(
        dancing, "conducted", lambda network, mel, seed, smooth: np.full((3, 13, 2), mel.sum())
    )
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
        judge = load_sync_network(read(folder / f"fold{fold}_judge.safetensors")).state_dict()
        assert any(not torch.equal(saved[key], judge[key]) for key in saved)
    assert [one.chance.seed for one in given] == [1] * 3 * FOLDS
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
    made = {path.stem: float(np.load(path)[0, 0, 0]) for path in (folder / "motion").iterdir()}
    assert sorted(made) == sorted({piece for _, piece, _ in rows})
    assert len(set(made.values())) == len(made)
    known = read_json(folder / "dance.json", "")["folds"]
    assert known["1"] == {s: few(1, s) for s in ("test", "train", "validation")}


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
