"""What each loss teaches, which weights are tested, and that a seed says everything (docs/method.md)."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_phases import GRAPH, PHASES, K, networks_of, run, same, segments
from torch import Tensor, nn

from motionmusic.models import weights
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.training import phases
from motionmusic.training.folds import Segments
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.phases import Collaborative, Keeper, epoch_to_test

VARIANTS = ("plain", "dropout", "fc")


pytestmark = pytest.mark.usefixtures("torch_alone")


def batch(n: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    data = segments()
    return data.motion[:n], data.music[:n], data.labels[:n]


# Who learns from what, 4.1


def parts_of(networks: Collaborative) -> dict[str, list[nn.Parameter]]:
    encoder = [p for name, p in networks.motion.named_parameters() if not name.startswith("fc.")]
    parts = {
        "motion encoder": encoder,
        "classifier": list(networks.motion.fc.parameters()),
        "music encoder": list(networks.music.encoder.parameters()),
        "music decoder": list(networks.music.decoder.parameters()),
        "mapping": list(networks.mapping.parameters()),
    }
    assert sum(map(len, parts.values())) == len(list(networks.parameters()))
    return parts


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_go_where_the_table_says(variant: str) -> None:
    networks = networks_of(variant)
    named, _ = networks.losses(*batch())
    teaches = {
        "motion encoder": {"motion", "pair", "reconstruction"},
        "classifier": {"motion"},
        "music encoder": {"pair"},
        "music decoder": {"reconstruction"},
        "mapping": {"reconstruction"} if variant == "fc" else set(),
    }
    assert set(named) == {"motion", "pair", "reconstruction"}
    for part, parameters in parts_of(networks).items():
        learnt = set()
        for name, loss in named.items():
            if not parameters:
                continue
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            if any(g is not None and bool(g.any()) for g in gradients):
                learnt.add(name)
        assert learnt == teaches[part], part


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_are_means_over_elements(variant: str) -> None:
    """The pair loss takes z before the mapping, the decoder after it."""
    networks = networks_of(variant).eval()
    motion, music, labels = batch()
    named, right = networks.losses(motion, music, labels)
    with torch.no_grad():
        z, logits = networks.motion(motion)
        code = networks.music.encode(music)
        mapped = networks.mapping(z) if variant == "fc" else z
        decoded = networks.music.decode(mapped)
    n = len(motion)
    chosen = torch.log_softmax(logits, 1)[torch.arange(n), labels]
    torch.testing.assert_close(named["motion"].detach(), -chosen.sum() / n)
    torch.testing.assert_close(named["pair"].detach(), (z - code).square().sum() / (n * 16))
    torch.testing.assert_close(
        named["reconstruction"].detach(), (decoded - music).square().sum() / (n * 96 * 25)
    )
    assert int(right) == int((logits.argmax(1) == labels).sum())


class Scalars(nn.Module):
    """Networks of one weight each: z_m = w·x, logits (c·z_m, 0), z_a = a·s, decoded d·z."""

    def __init__(self, **weights: float) -> None:
        super().__init__()
        for name, value in weights.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))

    def weight(self, name: str) -> Tensor:
        return self.get_parameter(name)

    def forward(self, x: Tensor) -> Any:
        if hasattr(self, "m"):
            return self.weight("m") * x
        z = self.weight("w") * x.reshape(1, 1)
        return z, torch.cat([self.weight("c") * z, torch.zeros(1, 1)], dim=1)

    def encode(self, x: Tensor) -> Tensor:
        return self.weight("a") * x

    def decode(self, z: Tensor) -> Tensor:
        return self.weight("d") * z


def test_one_step_of_phase_2_by_hand() -> None:
    """L = CE + (wx − as)² + (dmwx − s)²: pair before the mapping, the decoder gets mapped z_m."""
    w, c, a, d, m, x, s, rate = 0.5, 1.5, -0.25, 2.0, 3.0, 0.8, 0.6, 0.01
    networks = Collaborative(
        cast(MotionEncoder, Scalars(w=w, c=c)),
        cast(MusicAutoencoder, Scalars(a=a, d=d)),
        Scalars(m=m),
    )
    data = Segments(
        torch.tensor([[x]]), torch.tensor([[s]]), torch.tensor([0]), torch.tensor([0]),
        torch.tensor([], dtype=torch.int64),
    )  # fmt: skip
    optimisers = [phases.adam(child, rate) for child in (networks.motion, networks.music)]
    plan = Schedule(1, 1, rate, "constant", "fp32")
    trained = phases.cotrain(networks, optimisers, data, plan, "last", 1, Chance(0, ("x",)))

    z = w * x
    pair, recon = z - a * s, d * m * z - s
    missing = 1 / (1 + math.exp(c * z))  # 1 − probability of the true class 0
    by_hand = {
        "motion.w": -missing * c * x + 2 * pair * x + 2 * recon * d * m * x,
        "motion.c": -missing * z,
        "music.a": -2 * pair * s,
        "music.d": 2 * recon * m * z,
        "mapping.m": 2 * recon * d * z,
    }
    (row,) = trained.run.history
    assert row["motion_loss"] == pytest.approx(-math.log(1 - missing))
    assert row["pair_loss"] == pytest.approx(pair**2)
    assert row["reconstruction_loss"] == pytest.approx(recon**2)
    start = {"motion.w": w, "motion.c": c, "music.a": a, "music.d": d, "mapping.m": m}
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None
        assert float(parameter.grad) == pytest.approx(by_hand[name], rel=1e-5), name
        # Adam's first step: the gradient over its own size
        moved = start[name] - rate * math.copysign(1, by_hand[name])
        assert parameter.item() == pytest.approx(moved, rel=1e-5), name


def test_the_optimiser_is_the_papers() -> None:
    settings = phases.adam(nn.Linear(1, 1), 5e-4).param_groups[0]
    assert settings["lr"] == 5e-4
    assert tuple(settings["betas"]) == (0.9, 0.999)
    assert settings["eps"] == 1e-8
    assert settings["weight_decay"] == 0
    assert settings["amsgrad"] is False


# Which epoch is tested, 4.2


@given(epochs=st.integers(101, 3000), earlier=st.integers(0, 3000))
def test_last_hundred_is_the_last_checkpoint(epochs: int, earlier: int) -> None:
    checkpoints = [e for e in range(earlier, earlier + epochs) if e % 100 == 0]
    assert epoch_to_test("last_hundred", epochs, earlier) == checkpoints[-1] - earlier + 1
    assert epoch_to_test("last", epochs, earlier) == epochs


def test_the_papers_epochs_that_are_tested() -> None:
    assert [epoch_to_test("last_hundred", n, 0) for n in (1500, 500, 101)] == [1401, 401, 101]


class Guesser(nn.Module):
    """Predicts the first ``right`` of four segments rightly."""

    def __init__(self) -> None:
        super().__init__()
        self.right = nn.Parameter(torch.tensor(0.0), requires_grad=False)

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        good = motion[:, 0] < self.right
        return motion, torch.stack([good, ~good], 1).float()


def guessing() -> Segments:
    # the first rows are training segments that must not be looked at
    motion = torch.tensor([9.0, 9, 9, 0, 1, 2, 3])[:, None]
    labels = torch.tensor([1, 1, 1, 0, 0, 0, 0])
    return Segments(motion, torch.empty(0), labels, torch.arange(3), torch.arange(3, 7))


def test_best_validation_keeps_the_first_of_the_best() -> None:
    network = Guesser()
    whole = nn.ModuleDict({"motion": network, "other": nn.Linear(1, 1)})
    other = whole["other"].get_parameter("weight")
    keeper = Keeper(whole, network, guessing(), "best_validation", 99)
    seen = []
    for epoch, right in enumerate([1, 3, 2, 3, 0]):
        with torch.no_grad():
            network.right.fill_(right)
            other.fill_(epoch)
        seen.append(keeper.after_epoch(epoch)["validation_accuracy"])
    assert seen == [0.25, 0.75, 0.5, 0.75, 0]
    assert float(keeper.kept[1]["other.weight"]) == 1
    assert float(keeper.kept[1]["motion.right"]) == 3


def test_a_chosen_epoch_is_kept_and_stays_as_it_was() -> None:
    network = Guesser()
    keeper = Keeper(network, network, guessing(), "last_hundred", 2)
    for epoch in range(4):
        with torch.no_grad():
            network.right.fill_(epoch)
        assert keeper.after_epoch(epoch) == {}
    assert float(keeper.kept[1]["right"]) == 1  # the second epoch


# Whole phases with tiny networks


@pytest.mark.parametrize("phase", PHASES)
def test_a_seed_says_everything_and_the_global_generator_is_left_alone(phase: str) -> None:
    first = run(phase, 0)
    torch.manual_seed(1234)  # what else was drawn is of no account
    again = run(phase, 0)
    drawn = torch.rand(3)
    torch.manual_seed(1234)
    assert torch.equal(drawn, torch.rand(3))
    assert same(first.tested, again.tested)
    assert same(first.last, again.last)
    assert same(first.moments, again.moments)
    assert first.run.history == again.run.history
    assert not same(first.last, run(phase, 1, epochs=1).last)
    assert len(first.run.history) == 2
    losses = {"motion": "motion", "music": "reconstruction"}
    columns = losses.get(phase.split()[0], "motion pair reconstruction").split()
    wanted = {"epoch"} | {f"{name}_loss" for name in columns}
    assert set(first.run.history[0]) - {"accuracy"} == wanted
    assert ("accuracy" in first.run.history[0]) == ("motion" in columns)


@pytest.mark.parametrize("phase", ["motion", "dropout"])
def test_validation_changes_nothing_of_the_training(phase: str) -> None:
    validated = run(phase, 0, "best_validation")
    assert same(run(phase, 0).last, validated.last)
    assert "validation_accuracy" in validated.run.history[0]


def test_longer_without_learning_goes_on_with_the_moments(tmp_path: Path) -> None:
    """Two epochs, saved, and two more are Adam's steps 3 and 4, not 1 and 2 again."""
    data = segments()
    first = MotionEncoder(3, GRAPH, K, width=4)
    optimiser = phases.adam(first, 0.01)
    one = Schedule(5, 2, 0.01, "constant", "fp32")
    trained = phases.train_motion(first, optimiser, data, one, "last", Chance(0, ("x",)))
    path = tmp_path / "fold0.last.safetensors"
    weights.save(path, weights.prefixed(network=trained.last, adam=trained.moments))
    resumed = MotionEncoder(3, GRAPH, K, width=4)
    again = phases.resume(resumed, path, one)
    for network, adam in ((first, optimiser), (resumed, again)):
        phases.train_motion(network, adam, data, one, "last", Chance(0, ("y",)), 2)
    assert same(first.state_dict(), resumed.state_dict())
    assert {int(entry["step"]) for entry in again.state_dict()["state"].values()} == {4}


def test_bf16_keeps_weights_moments_and_statistics_in_float32() -> None:
    """The same step as in float32, to bf16's three digits; nothing that is kept is bf16."""
    data = segments()
    networks = networks_of("fc")
    losses = {}
    for precision in ("fp32", "bf16"):
        copied = copy.deepcopy(networks)
        optimisers = [phases.adam(child, 0.01) for child in (copied.motion, copied.music)]
        plan = Schedule(5, 1, 0.01, "constant", precision)
        trained = phases.cotrain(copied, optimisers, data, plan, "last", 1, Chance(0, ("x",)))
        losses[precision] = trained.run.history[0]
        kept = [*trained.last.values()]
        kept += [value for adam in optimisers for value in weights.optimiser_state(adam).values()]
        assert all(value.dtype != torch.bfloat16 for value in kept)
    for name in ("motion_loss", "pair_loss", "reconstruction_loss"):
        assert losses["bf16"][name] == pytest.approx(losses["fp32"][name], rel=0.05), name
        assert losses["bf16"][name] != losses["fp32"][name]


def test_seeded_draws_are_of_their_own_stream() -> None:
    def draw(seed: int, use: str, *cell: Any) -> list[float]:
        with phases.seeded(Chance(seed, cell), use, torch.device("cpu")):
            return torch.rand(4).tolist()

    first = draw(0, "initial", "a", 1)
    torch.rand(3)
    assert draw(0, "initial", "a", 1) == first
    others = [draw(1, "initial", "a", 1), draw(0, "dropout", "a", 1), draw(0, "initial", "a", 2)]
    assert len({tuple(values) for values in (first, *others)}) == 4
