"""The authors' weights: loaders against the formulas of docs/method.md.

The reference below reads the authors' keys and shares nothing with the package.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from mirrored import CONDUCTOR, mirrored
from torch import Tensor

from motionmusic.errors import UserError
from motionmusic.models.conductor_weights import (
    load_generator,
    load_sync_network,
    published_entries,
    read,
)
from motionmusic.models.virtual_conductor import Generator, SyncNetwork

pytestmark = pytest.mark.usefixtures("torch_alone")

State = dict[str, Tensor]
GENERATOR = "M2SGAN/M2SGAN_official_pretrained.pt"
HARD = "M2SNet/M2SNet_official_pretrained.pt"
TEST = "M2SNet/M2SNet_test_official_pretrained.pt"


@pytest.fixture(scope="module")
def place() -> Path:
    """The folder with the authors' checkpoints."""
    return mirrored(str(CONDUCTOR)) / "checkpoints"


def randomised(network: Generator | SyncNetwork, seed: int) -> State:
    """Every published entry with values that no layer starts with."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=random)
            elif value.is_floating_point() and not name.endswith("st_gcn.A"):
                value += 0.1 * torch.randn(value.shape, generator=random)
            if name == "fuse_layer.4.weight":
                value *= 0.001  # so that votes are not all 0 or 1
    return {name: value.clone() for name, value in published_entries(network).items()}


def states(source: str, request: pytest.FixtureRequest) -> tuple[State, State]:
    """Of a generator and an M2S-Net."""
    if source == "published":
        place: Path = request.getfixturevalue("place")
        return read(place / GENERATOR), read(place / HARD)
    return randomised(Generator(), 1), randomised(SyncNetwork(), 2)


# The formulas of docs/method.md in float64


def norm(s: State, name: str, x: Tensor) -> Tensor:
    shape = (1, -1) + (1,) * (x.dim() - 2)
    mean, var = s[f"{name}.running_mean"].view(shape), s[f"{name}.running_var"].view(shape)
    weight, bias = s[f"{name}.weight"].view(shape), s[f"{name}.bias"].view(shape)
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def unit(s: State, name: str, x: Tensor, skip: Tensor | float) -> Tensor:
    inner = f"{name}.conv2d_layer"
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    y = F.conv2d(padded, s[f"{inner}.0.weight"], s[f"{inner}.0.bias"])
    return torch.relu(norm(s, f"{inner}.1", y)) + skip


def hear(s: State, mel: Tensor) -> Tensor:
    """3.1"""
    x = unit(s, "music_encoder.conv1.0", mel[:, None], 0)
    x = unit(s, "music_encoder.conv1.1", x, x)
    x = unit(s, "music_encoder.conv1.2", x, x)
    x = F.max_pool2d(x, 5, (1, 2), 2)
    beside = "music_encoder.conv2.0.residual"
    skip = F.conv2d(x, s[f"{beside}.0.weight"], s[f"{beside}.0.bias"])
    x = unit(s, "music_encoder.conv2.0", x, norm(s, f"{beside}.1", skip))
    x = unit(s, "music_encoder.conv2.1", x, x)
    x = F.max_pool2d(x, 5, (3, 2), 2)
    x = unit(s, "music_encoder.conv3.0", x, x)
    x = unit(s, "music_encoder.conv3.1", x, x)
    x = F.max_pool2d(x, 3, (1, 2), 1)
    flat = torch.stack([x[:, n // 16, :, n % 16] for n in range(512)], dim=1)
    weight, bias = s["music_encoder.conv4.0.weight"], s["music_encoder.conv4.0.bias"]
    return norm(s, "music_encoder.conv4.1", F.conv1d(flat, weight, bias))


def see(s: State, motion: Tensor) -> Tensor:
    """3.2"""
    n, frames = motion.shape[:2]
    x = torch.stack([motion[:, :, c // 2, c % 2] for c in range(26)], dim=1)
    x = norm(s, "motion_encoder.st_gcn.data_bn", x)
    x = torch.stack([x[:, c::2].transpose(1, 2) for c in range(2)], dim=1)  # (n, 2, f, 13)
    for number in range(10):
        block = f"motion_encoder.st_gcn.st_gcn_networks.{number}"
        importance = s[f"motion_encoder.st_gcn.edge_importance.{number}"][0]
        weights = s["motion_encoder.st_gcn.A"][0] * importance
        y = F.conv2d(x, s[f"{block}.gcn.conv.weight"], s[f"{block}.gcn.conv.bias"])
        y = torch.einsum("nctv,vw->nctw", y, weights)
        y = torch.relu(norm(s, f"{block}.tcn.0", y))
        y = F.conv2d(F.pad(y, (0, 0, 1, 1)), s[f"{block}.tcn.2.weight"], s[f"{block}.tcn.2.bias"])
        y = norm(s, f"{block}.tcn.3", y)
        x = torch.relu(y + x if number else y)
    flat = x.permute(0, 1, 3, 2).reshape(n, 416, frames)
    y = F.conv1d(flat, s["motion_encoder.fc.0.weight"], s["motion_encoder.fc.0.bias"])
    return norm(s, "motion_encoder.fc.1", y)


def vote(s: State, mel: Tensor, motion: Tensor) -> Tensor:
    """3.3"""
    x = torch.cat([hear(s, mel), see(s, motion)], dim=1)
    for number in (0, 2, 4):
        x = F.conv1d(x, s[f"fuse_layer.{number}.weight"], s[f"fuse_layer.{number}.bias"])
        x = torch.relu(x) if number < 4 else torch.sigmoid(x)
    return x[:, 0]


def conduct(s: State, mel: Tensor, noise: Tensor) -> Tensor:
    """4.1, with the padding as coded and the second names of the entries."""
    x = noise.transpose(1, 2)
    for number, stride, padding in ((0, 1, 1), (2, 5, 3), (4, 3, 1), (6, 2, 2)):
        name = f"noise_convTranspose.{number}"
        x = F.conv_transpose1d(x, s[f"{name}.weight"], s[f"{name}.bias"], stride, padding)
        x = torch.relu(x)
    x = torch.cat([hear(s, mel), norm(s, "noise_BN", x)], dim=1)
    for number in range(6):
        d, block = 2**number, f"tcn.TCN.tcn.tcn.network.{number}"
        z = x
        for layer, after in ((0, 2), (5, 7)):
            v, g = s[f"{block}.net.{layer}.weight_v"], s[f"{block}.net.{layer}.weight_g"]
            weight = g * v / v.pow(2).sum(dim=(1, 2), keepdim=True).sqrt()
            z = F.pad(z, (4 * d, 4 * d), mode="reflect")
            z = F.conv1d(z, weight, s[f"{block}.net.{layer}.bias"], dilation=d)
            z = torch.relu(norm(s, f"{block}.net.{after}", z[:, :, 2 * d : -2 * d]))
        z = F.pad(z, (1, 1))
        z = (z[:, :, :-2] + z[:, :, 1:-1] + z[:, :, 2:]) / 3
        if number == 0:
            x = F.conv1d(x, s[f"{block}.downsample.weight"], s[f"{block}.downsample.bias"])
        x = torch.relu(z + x)
    x = F.linear(x.transpose(1, 2), s["tcn.TCN.tcn.linear.weight"], s["tcn.TCN.tcn.linear.bias"])
    for number in (0, 2, 4):
        x = F.linear(x, s[f"tcn.fc.{number}.weight"], s[f"tcn.fc.{number}.bias"])
        x = torch.relu(x) if number < 4 else torch.sigmoid(x)
    return torch.stack([x[..., 0::2], x[..., 1::2]], dim=3)


def music(seconds: int) -> Tensor:
    """(2, 90 s, 128) that looks like mels: smooth, in 0…1, with beats."""
    t, b = torch.arange(90 * seconds)[:, None] / 90, torch.arange(128)[None] / 128
    loud = 0.5 + 0.5 * torch.sin(2 * math.pi * 2 * t)
    one = (b * loud + 0.2 * torch.rand(90 * seconds, 128)).clamp(0, 1)
    return torch.stack([one, one.flip(0) * 0.7])


def golden(amplitude: float, hz: float, frames: int = 900) -> Tensor:
    """(1, frames, 13, 2) of 9.1."""
    t = torch.arange(frames, dtype=torch.float64)[:, None, None] / 30
    j, c = torch.arange(13)[None, :, None], torch.arange(2)[None, None, :]
    return (0.5 + amplitude * torch.sin(2 * math.pi * (hz + 0.05 * j) * t + c)).float()[None]


@pytest.mark.parametrize(("name", "expected"), [(HARD, 0.562474), (TEST, 0.801762)])
def test_the_authors_sync_error_of_9_1(place: Path, name: str, expected: float) -> None:
    if not (place / name).exists():
        pytest.skip(f"{name} is not in the mirror: the package does not fetch it")
    real, generated = golden(0.05, 0.8), golden(0.04, 1.0)
    encoder = load_sync_network(read(place / name)).motion_encoder
    with torch.no_grad():
        error = float((encoder(generated) - encoder(real)).abs().mean())
    assert error == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("source", ["random", "published"])
def test_outputs_are_those_of_the_formulas(source: str, request: pytest.FixtureRequest) -> None:
    of_generator, of_network = states(source, request)
    mel, noise = music(6), torch.randn(2, 6, 8)
    motion = golden(0.05, 0.8, 180).repeat(2, 1, 1, 1)
    with torch.no_grad():
        moved = load_generator(of_generator)(mel, noise)
        votes = load_sync_network(of_network)(mel, motion)
    exact = {name: value.double() for name, value in of_generator.items()}
    torch.testing.assert_close(
        moved.double(), conduct(exact, mel.double(), noise.double()), rtol=0, atol=1e-5
    )
    exact = {name: value.double() for name, value in of_network.items()}
    torch.testing.assert_close(
        votes.double(), vote(exact, mel.double(), motion.double()), rtol=0, atol=1e-4
    )
    assert float(moved.std()) > 0.01
    assert float(votes.std()) > 1e-3


def test_the_noise_of_the_published_generator_does_nothing(place: Path) -> None:
    """1e-4 on average (6.3); 100 times as loud it does move the body (0.04)."""
    generator, mel = load_generator(read(place / GENERATOR)), music(10)[:1]
    one, other = torch.randn(2, 1, 10, 8)
    with torch.no_grad():
        base = generator(mel, one)
        assert float((generator(mel, other) - base).abs().mean()) < 1e-3
        assert float((generator(mel, 100 * other) - base).abs().mean()) > 0.01


@pytest.mark.parametrize("source", ["random", "published"])
def test_published_entries_are_the_file(source: str, request: pytest.FixtureRequest) -> None:
    of_generator, of_network = states(source, request)
    for state, entries in (
        (of_generator, published_entries(load_generator(of_generator))),
        (of_network, published_entries(load_sync_network(of_network))),
    ):
        assert entries.keys() == state.keys()
        assert all(torch.equal(entries[name], state[name]) for name in state)
    assert (len(of_generator), len(of_network)) == (278, 234)


def test_our_own_file_is_read_as_well(tmp_path: Path) -> None:
    state, path = randomised(SyncNetwork(), 3), tmp_path / "sync.safetensors"
    path.write_bytes(safetensors.torch.save(state))
    again = load_sync_network(read(path), path)
    assert not again.training
    assert all(torch.equal(value, state[key]) for key, value in published_entries(again).items())


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"weight": print}, path)
    with pytest.raises(UserError, match="not run"):
        read(path)


def test_entries_that_do_not_fit_are_named() -> None:
    state = randomised(Generator(), 1)
    before = torch.random.get_rng_state()
    for entry in ("noise_BN.bias", "tcn.TCN.tcn.tcn.network.3.net.5.weight_v"):
        with pytest.raises(UserError, match=f"{entry} is missing"):
            load_generator({name: value for name, value in state.items() if name != entry})
    assert torch.equal(before, torch.random.get_rng_state())  # loading draws nothing
    for name, value, expected in (
        ("tcn.fc.0.bias", torch.zeros(3), "tcn.fc.0.bias has shape"),
        ("extra", torch.zeros(3), "extra is unknown"),
        ("tcn.TCN.tcn.tcn.network.0.net.0.bias", torch.ones(64), "differs from"),
    ):
        with pytest.raises(UserError, match=expected) as caught:
            load_generator(state | {name: value}, "their.pt")
        assert str(caught.value).startswith("error: their.pt: ")
        assert "1 that do not fit" in str(caught.value)
    with pytest.raises(UserError, match="and 383 more: expected the 234 entries"):
        load_sync_network(state)
