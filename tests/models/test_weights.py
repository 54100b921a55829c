"""Weights and moments in safetensors: nothing lost, nothing foreign accepted."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from motionmusic.errors import UserError
from motionmusic.models import weights
from motionmusic.training.phases import adam

pytestmark = pytest.mark.usefixtures("torch_alone")


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))


def assert_same(a: weights.State, b: weights.State) -> None:
    assert a.keys() == b.keys()
    for key in a:
        assert a[key].dtype == b[key].dtype
        assert torch.equal(a[key], b[key]), key


def test_round_trip_also_of_views(tmp_path: Path) -> None:
    value = torch.arange(12.0).reshape(3, 4)
    state = network().state_dict() | {"t": value.T, "part": value[1:2, 1:3]}
    path = tmp_path / "new" / "w.safetensors"
    weights.save(path, state)
    assert_same(weights.load(path), state)
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def test_prefixes_part_and_join() -> None:
    a, b = {"x": torch.zeros(1), "y.z": torch.ones(2)}, {"x": torch.ones(3)}
    both = weights.prefixed(one=a, onemore=b)
    assert set(both) == {"one.x", "one.y.z", "onemore.x"}
    assert_same(weights.part(both, "one"), a)
    assert_same(weights.part(both, "onemore"), b)
    assert weights.part(both, "on") == {}


def test_equal_states_are_equal_bytes(tmp_path: Path) -> None:
    state = network().state_dict()
    turned = {key: state[key].clone() for key in reversed(state)}
    weights.save(tmp_path / "a", state)
    weights.save(tmp_path / "b", turned)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        weights.load(tmp_path / "none")
    weights.save(tmp_path / "w", network().state_dict())
    content = (tmp_path / "w").read_bytes()
    for number, broken in enumerate([b"", b"nothing of the kind", content[:-5]]):
        path = tmp_path / f"broken{number}"
        path.write_bytes(broken)
        with pytest.raises(UserError, match="safetensors"):
            weights.load(path)


def test_load_into_takes_what_fits(tmp_path: Path) -> None:
    source, target = network(), network()
    assert not torch.equal(source[0].get_parameter("weight"), target[0].get_parameter("weight"))
    weights.load_into(target, source.state_dict(), tmp_path)
    assert_same(target.state_dict(), source.state_dict())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("1.running_mean", None, "1.running_mean is missing"),
        ("9.weight", torch.zeros(1), "9.weight is unknown"),
        ("0.weight", torch.zeros(5, 3), "0.weight has shape (5, 3), not (4, 3)"),
    ],
)
def test_load_into_names_what_does_not_fit(
    key: str, value: Tensor | None, message: str, tmp_path: Path
) -> None:
    target = network()
    before = copy.deepcopy(target.state_dict())
    state = {name: old + 1 for name, old in before.items()} | {key: value}
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError) as caught:
        weights.load_into(target, {k: v for k, v in state.items() if v is not None}, path)
    assert caught.value.where == message
    assert caught.value.file == path
    assert_same(target.state_dict(), before)  # nothing is loaded by halves
    with pytest.raises(UserError, match=r"and 6 more: expected .* got 9 "):
        weights.load_into(target, {}, path)


def test_moments_are_all_there_and_the_rate_stays_the_optimisers() -> None:
    net = network()
    optimiser = adam(net, 0.5)
    assert weights.optimiser_state(optimiser) == {}
    for _ in range(6):
        net(torch.rand(5, 3)).square().mean().backward()
        optimiser.step()
    state = weights.optimiser_state(optimiser)
    count = len(list(net.parameters()))
    assert set(state) == {
        f"{number}.{key}" for number in range(count) for key in ("step", "exp_avg", "exp_avg_sq")
    }
    assert all(float(state[f"{number}.step"]) == 6 for number in range(count))
    new = adam(net, 0.25)
    weights.load_optimiser(new, state)
    assert new.param_groups[0]["lr"] == 0.25
    assert_same(weights.optimiser_state(new), state)
