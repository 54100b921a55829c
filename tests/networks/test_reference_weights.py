"""The authors' weights: loaders against plain NumPy on their state dicts (spec 3.2, 3.3, 3.4, 7).

The weights themselves are not to be had, so state dicts are made with all of their keys. The NumPy
networks read these keys and share nothing with the package.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic import errors
from motionmusic.errors import UserError
from motionmusic.models import authors_weights as reference_weights
from motionmusic.models.authors_weights import (
    load_mapping,
    load_motion_encoder,
    load_music_autoencoder,
    used_entries,
)

pytestmark = pytest.mark.usefixtures("torch_alone")

Array = NDArray[np.float64]
State = dict[str, Tensor]


# State dicts with every key of the authors' (spec 7)


class Maker:
    """Collects entries of random values, none at its initial value."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.state: State = {}

    def normal(self, key: str, *shape: int, scale: float) -> None:
        values = self.rng.standard_normal(shape, np.float32) * np.float32(scale)
        self.state[key] = torch.from_numpy(values)

    def weights(self, name: str, *shape: int, bias: int = 0, gain: float = 1) -> None:
        """A weight that multiplies the input's size by ``gain``, a bias of that length unless 0."""
        self.normal(f"{name}.weight", *shape, scale=gain * np.prod(shape[1:]) ** -0.5)
        if bias:
            self.normal(f"{name}.bias", bias, scale=0.1)

    def norm(self, name: str, size: int) -> None:
        self.normal(f"{name}.weight", size, scale=0.5)
        self.state[f"{name}.weight"] += 1
        self.normal(f"{name}.bias", size, scale=0.2)
        self.normal(f"{name}.running_mean", size, scale=0.2)
        variance = self.rng.uniform(0.5, 2, size).astype(np.float32)
        self.state[f"{name}.running_var"] = torch.from_numpy(variance)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def motion_state(c: int, v: int, k: int, width: int = 64, seed: int = 0) -> State:
    """motion_model: 600 entries."""
    make = Maker(seed)
    make.norm("data_bn", v * c)
    kernel = v if v % 2 else v - 1
    inputs = c
    for number, factor in enumerate((1, 1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8), start=1):
        name, out = f"l{number}", factor * width
        make.normal(f"{name}.gcn1.PA", 3, v, v, scale=v**-0.5)
        make.state[f"{name}.gcn1.alpha"] = torch.tensor([0.6 + 0.02 * number])
        for j in range(3):
            make.weights(f"{name}.gcn1.conv_d.{j}", out, inputs, 1, 1, bias=out, gain=0.3)
            make.weights(f"{name}.gcn1.conv_a.{j}", out // 4, inputs, 1, 1, bias=out // 4)
            make.weights(f"{name}.gcn1.conv_b.{j}", out // 4, inputs, 1, 1, bias=out // 4)
        make.weights(f"{name}.gcn1.conv_ta", 1, out, 9, bias=1)
        make.weights(f"{name}.gcn1.conv_sa", 1, out, kernel, bias=1)
        make.weights(f"{name}.gcn1.fc1c", out // 2, out, bias=out // 2)
        make.weights(f"{name}.gcn1.fc2c", out, out // 2, bias=out)
        if number in (1, 5, 8, 11):
            make.weights(f"{name}.gcn1.down.0", out, inputs, 1, 1, bias=out)
            make.norm(f"{name}.gcn1.down.1", out)
        make.norm(f"{name}.gcn1.bn", out)
        make.weights(f"{name}.tcn1.conv", out, out, 9, 1, bias=out, gain=0.2)
        make.norm(f"{name}.tcn1.bn", out)
        if number in (5, 8, 11):
            make.weights(f"{name}.residual.conv", out, inputs, 1, 1, bias=out)
            make.norm(f"{name}.residual.bn", out)
        inputs = out
    make.weights("fc", k, 4 * width, bias=k)
    for place, (a, b) in {0: (256, 128), 3: (128, 64), 6: (64, 32), 9: (32, 25)}.items():
        make.weights(f"fc_audio.{place}", b, a)
        make.norm(f"fc_audio.{place + 1}", b)
    assert len(make.state) == 600
    return make.state


def encoder_state(dropout: bool, channels: int = 128, seed: int = 1) -> State:
    """audio_encoder: 48 entries."""
    make = Maker(seed)
    for index, place in enumerate((0, 4, 8, 12, 16, 19) if dropout else (0, 3, 6, 9, 12, 15)):
        inputs = channels if index else 1
        make.weights(f"audio_encoder.{place}", channels, inputs, 4, 4, bias=channels)
        make.norm(f"audio_encoder.{place + 1}", channels)
    make.weights("fc_audio.0", 256, 512)
    make.norm("fc_audio.1", 256)
    assert len(make.state) == 48
    return make.state


def decoder_state(channels: int = 128, seed: int = 2) -> State:
    """audio_decoder: 42 entries."""
    make = Maker(seed)
    for place in (1, 4, 7, 10, 13, 16):
        out = 1 if place == 16 else channels
        make.weights(f"audio_decoder.{place}", channels, out, 4, 4, bias=out)
        make.norm(f"audio_decoder.{place + 1}", out)
    assert len(make.state) == 42
    return make.state


def mapping_state(older: bool = False, size: int = 256, seed: int = 3) -> State:
    """fc_model: 28 entries; 23 in the older form."""
    make = Maker(seed)
    sizes = [factor * size for factor in (1, 2, 2, 4, 4, 8, 8, 16, 16, 8, 8, 4, 2, 1)]
    places = (0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16 if older else 15)
    for place, a, b in zip(places, sizes, sizes[1:], strict=False):
        make.weights(f"{place}", b, a)
    for place in (2, 14) if older else (2, 14, 16):
        make.norm(f"{place}", size if place == 16 else 2 * size)
    assert len(make.state) == (23 if older else 28)
    return make.state


# The networks in NumPy, float64, on the authors' keys


class Plain:
    """Operations on the values of a state dict, found by the names of their layers."""

    def __init__(self, state: Mapping[str, Tensor]):
        self.value = {key: tensor.double().numpy() for key, tensor in state.items()}

    def norm(self, x: Array, name: str) -> Array:
        """Batch norm over axis 1 with the running statistics."""
        value = {
            part: self.value[f"{name}.{part}"].reshape(-1, *[1] * (x.ndim - 2))
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        scaled = (x - value["running_mean"]) / np.sqrt(value["running_var"] + 1e-5)
        return np.asarray(value["weight"] * scaled + value["bias"])

    def pointwise(self, x: Array, name: str, step: int = 1) -> Array:
        """1×1 convolution of (n, C, t, v), every ``step``-th frame."""
        weight = self.value[f"{name}.weight"][:, :, 0, 0]
        bias = self.value[f"{name}.bias"][:, None, None]
        return np.asarray(np.einsum("oc,nctv->notv", weight, x[:, :, ::step]) + bias)

    def along(self, x: Array, name: str) -> Array:
        """(n, O, length) → (n, length): convolution to one channel, zeros outside, sigmoid."""
        weight = self.value[f"{name}.weight"][0]
        taps, length = weight.shape[1], x.shape[2]
        padded = np.pad(x, ((0, 0), (0, 0), (taps // 2, taps // 2)))
        out = np.zeros((len(x), length))
        for at in range(length):
            out[:, at] = np.einsum("ot,not->n", weight, padded[:, :, at : at + taps])
        return sigmoid(out + self.value[f"{name}.bias"])

    def linear(self, x: Array, name: str) -> Array:
        return np.asarray(x @ self.value[f"{name}.weight"].T + self.value.get(f"{name}.bias", 0))


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def plain_graph_part(net: Plain, x: Array, name: str) -> Array:
    frames = x.shape[2]
    total: Any = 0
    for j in range(3):
        a = net.pointwise(x, f"{name}.conv_a.{j}")
        b = net.pointwise(x, f"{name}.conv_b.{j}")
        attention = np.tanh(np.einsum("nctu,nctw->nuw", a, b) / (a.shape[1] * frames))
        graph = net.value[f"{name}.PA"][j] + net.value[f"{name}.alpha"] * attention
        moved = np.einsum("nctu,nuw->nctw", x, graph)
        total = total + net.pointwise(moved, f"{name}.conv_d.{j}")
    skip = x
    if f"{name}.down.0.weight" in net.value:
        skip = net.norm(net.pointwise(x, f"{name}.down.0"), f"{name}.down.1")
    y = relu(net.norm(total, f"{name}.bn") + skip)
    y = y + y * net.along(y.mean(axis=2), f"{name}.conv_sa")[:, None, None, :]
    y = y + y * net.along(y.mean(axis=3), f"{name}.conv_ta")[:, None, :, None]
    hidden = relu(net.linear(y.mean(axis=(2, 3)), f"{name}.fc1c"))
    gate = sigmoid(net.linear(hidden, f"{name}.fc2c"))
    return np.asarray(y + y * gate[:, :, None, None])


def plain_time_part(net: Plain, x: Array, name: str, stride: int) -> Array:
    weight = net.value[f"{name}.conv.weight"][:, :, :, 0]
    padded = np.pad(x, ((0, 0), (0, 0), (4, 4), (0, 0)))
    frames = [
        np.einsum("oct,nctv->nov", weight, padded[:, :, start : start + 9])
        for start in range(0, x.shape[2], stride)
    ]
    y = np.stack(frames, axis=2) + net.value[f"{name}.conv.bias"][:, None, None]
    return net.norm(y, f"{name}.bn")


def plain_motion(state: Mapping[str, Tensor], x: Array) -> tuple[Array, Array]:
    net = Plain(state)
    n, c, frames, v = x.shape
    flat = np.zeros((n, v * c, frames))
    for joint in range(v):
        for channel in range(c):
            flat[:, joint * c + channel] = x[:, channel, :, joint]
    flat = net.norm(flat, "data_bn")
    h = np.zeros_like(x)
    for joint in range(v):
        for channel in range(c):
            h[:, channel, :, joint] = flat[:, joint * c + channel]
    for name in ("l1", "l2", "l5", "l6", "l8", "l9"):
        stride = 2 if name in ("l5", "l8") else 1
        y = plain_time_part(net, plain_graph_part(net, h, f"{name}.gcn1"), f"{name}.tcn1", stride)
        if stride == 2:
            y = y + net.norm(
                net.pointwise(h, f"{name}.residual.conv", step=2), f"{name}.residual.bn"
            )
        elif name != "l1":
            y = y + h
        h = relu(y)
    z = h.mean(axis=(2, 3))
    return z, net.linear(z, "fc")


STRIDES = ((2, 1), (2, 2), (2, 2), (2, 2), (2, 1), (1, 1))


def plain_encode(state: Mapping[str, Tensor], x: Array) -> Array:
    net = Plain(state)
    dropout = state["audio_encoder.4.weight"].dim() == 4
    places = (0, 4, 8, 12, 16, 19) if dropout else (0, 3, 6, 9, 12, 15)
    for place, (down, right) in zip(places, STRIDES, strict=True):
        weight = net.value[f"audio_encoder.{place}.weight"]
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        height, width = (padded.shape[2] - 4) // down + 1, (padded.shape[3] - 4) // right + 1
        y = np.zeros((len(x), len(weight), height, width))
        for i in range(4):
            for j in range(4):
                part = padded[:, :, i : i + down * height : down, j : j + right * width : right]
                part = part[:, :, :height, :width]
                y += np.einsum("oc,nchw->nohw", weight[:, :, i, j], part, optimize=True)
        y = y + net.value[f"audio_encoder.{place}.bias"][:, None, None]
        x = net.norm(y, f"audio_encoder.{place + 1}")
        if dropout or place != places[-1]:
            x = relu(x)
    return x.reshape(len(x), -1)


def plain_decode(state: Mapping[str, Tensor], z: Array) -> Array:
    net = Plain(state)
    x = z.reshape(len(z), -1, 2, 1)
    for place, (down, right) in zip((1, 4, 7, 10, 13, 16), STRIDES[::-1], strict=True):
        weight = net.value[f"audio_decoder.{place}.weight"]
        height, width = x.shape[2:]
        # every input adds its 4 × 4 pattern to the output, whose border of 1 is cut away
        y = np.zeros((len(x), weight.shape[1], (height - 1) * down + 4, (width - 1) * right + 4))
        for i in range(4):
            for j in range(4):
                y[:, :, i : i + height * down : down, j : j + width * right : right][
                    :, :, :height, :width
                ] += np.einsum("co,nchw->nohw", weight[:, :, i, j], x, optimize=True)
        y = y[:, :, 1:-1, 1:-1] + net.value[f"audio_decoder.{place}.bias"][:, None, None]
        x = net.norm(y, f"audio_decoder.{place + 1}")
        if place != 16:
            x = relu(x)
    return x


def plain_mapping(state: Mapping[str, Tensor], z: Array, older: bool) -> Array:
    net = Plain(state)
    x = relu(net.norm(net.linear(net.linear(z, "0"), "1"), "2"))
    for place in range(4, 14):
        x = net.linear(x, f"{place}")
    x = net.norm(x, "14")
    if older:
        return net.linear(relu(x), "16")
    return relu(net.norm(net.linear(x, "15"), "16"))


def close(got: Tensor, expected: Array) -> None:
    """Within 1e-4 of the output's scale."""
    assert got.shape == expected.shape
    difference = np.abs(got.detach().double().numpy() - expected).max()
    assert difference < 1e-4 * np.abs(expected).max()


def gaussian(*shape: int, seed: int = 9) -> tuple[Tensor, Array]:
    values = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return torch.from_numpy(values), values.astype(np.float64)


# Loaders against NumPy


@pytest.mark.parametrize(
    ("c", "v", "k", "width"),
    [
        (3, 23, 4, 64),
        (6, 23, 4, 64),
        (3, 17, 10, 64),
        (6, 17, 10, 64),
        (3, 12, 5, 8),  # even: the attention's kernel is 11
        (5, 2, 3, 12),
    ],
)
def test_motion_encoder(c: int, v: int, k: int, width: int) -> None:
    state = motion_state(c, v, k, width)
    x, values = gaussian(3, c, 25, v)
    with torch.no_grad():
        z, logits = load_motion_encoder(state)(x)
    expected_z, expected_logits = plain_motion(state, values)
    assert z.shape == (3, 4 * width)
    assert logits.shape == (3, k)
    close(z, expected_z)
    close(logits, expected_logits)
    assert np.abs(expected_logits[0] - expected_logits[1]).max() > 1e-3  # x is not ignored


@pytest.mark.parametrize(
    "key",
    ["l1.gcn1.alpha", "l5.gcn1.conv_sa.weight", "l6.gcn1.conv_ta.weight", "l9.gcn1.fc2c.weight",
     "l8.gcn1.PA", "l2.gcn1.bn.running_mean", "l8.residual.bn.running_var", "fc.bias"],
)  # fmt: skip
def test_every_kind_of_entry_matters(key: str) -> None:
    """The comparison above would see each of them."""
    state = motion_state(3, 17, 4, 8)
    x, values = gaussian(3, 3, 25, 17)
    before = plain_motion(state, values)[1]
    state[key] = state[key] * 0.5
    after = plain_motion(state, values)[1]
    assert np.abs(after - before).max() > 1e-3 * np.abs(before).max()
    with torch.no_grad():
        close(load_motion_encoder(state)(x)[1], after)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("channels", [128, 6])
def test_music_autoencoder(channels: int, dropout: bool) -> None:
    forth, back = encoder_state(dropout, channels), decoder_state(channels)
    module = load_music_autoencoder(forth, back)
    x, values = gaussian(2, 1, 96, 25)
    with torch.no_grad():
        z = module.encode(x)
        decoded = module.decode(z)
    expected = plain_encode(forth, values)
    assert z.shape == (2, 2 * channels)
    assert decoded.shape == (2, 1, 96, 25)
    close(z, expected)
    close(decoded, plain_decode(back, expected))
    assert bool((z < 0).any()) == (not dropout)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("size", [256, 8])
def test_mapping(size: int, older: bool) -> None:
    state = mapping_state(older, size)
    x, values = gaussian(3, size)
    with torch.no_grad():
        got = load_mapping(state)(x)
    close(got, plain_mapping(state, values, older))
    assert bool((got < 0).any()) == older


def test_eval_mode_and_no_chance_used() -> None:
    before = torch.get_rng_state()
    modules = [
        load_motion_encoder(motion_state(3, 5, 4, 4)),
        load_music_autoencoder(encoder_state(True, 4), decoder_state(4)),
        load_mapping(mapping_state(True, 4)),
    ]
    assert not any(part.training for module in modules for part in module.modules())
    assert torch.equal(before, torch.get_rng_state())


def test_number_of_used_entries() -> None:
    """Of the 600, 48, 42 and 28 entries; counters of batch norms are read over."""
    counters = "num_batches_tracked"
    for module, state in (
        (load_motion_encoder(motion_state(3, 5, 4, 4)), motion_state(3, 5, 4, 4)),
        (load_mapping(mapping_state(size=4)), mapping_state(size=4)),
    ):
        used = used_entries(module)
        unused = {key for key in state if key not in used}
        left = {key.split(".")[0] for key in unused if counters not in key}
        assert left <= {"l3", "l4", "l7", "l10", "l11", "l12", "l13", "fc_audio"}
        assert all(torch.equal(value, state[key]) for key, value in used.items())
    music = used_entries(load_music_autoencoder(encoder_state(False, 4), decoder_state(4)))
    given = encoder_state(False, 4) | decoder_state(4)
    left = {key for key in given if key not in music and counters not in key}
    assert {key.split(".")[0] for key in left} == {"fc_audio"}
    assert len(music) == 2 * 6 * 6


# What is read over, and what is refused


def without(state: State, *starts: str) -> State:
    return {key: value for key, value in state.items() if not key.startswith(starts)}


def test_unused_entries_may_be_missing() -> None:
    state = motion_state(3, 5, 4, 4)
    idle = [f"l{n}." for n in (3, 4, 7, 10, 11, 12, 13)]
    bare = {
        key: value
        for key, value in without(state, *idle, "fc_audio.").items()
        if "num_batches" not in key
    }
    x, _ = gaussian(2, 3, 25, 5)
    with torch.no_grad():
        full, used = load_motion_encoder(state)(x), load_motion_encoder(bare)(x)
    assert torch.equal(full[1], used[1])
    load_motion_encoder(bare | {"something.else": torch.zeros(3)})
    forth = without(encoder_state(True, 4), "fc_audio.")
    load_music_autoencoder(forth, decoder_state(4))


def problem(load: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        load()
    return str(caught.value)


def test_missing_entries_are_named() -> None:
    state = motion_state(3, 5, 4, 4)
    text = problem(lambda: load_motion_encoder(without(state, "l2.gcn1.alpha"), "m.pt"))
    assert "m.pt: l2.gcn1.alpha is missing: expected the" in text
    text = problem(lambda: load_motion_encoder(without(state, "l2.gcn1.bn.")))
    assert "l2.gcn1.bn.weight is missing, l2.gcn1.bn.bias is missing" in text
    assert "and 1 more" in text
    assert "4 that do not fit" in text
    text = problem(lambda: load_motion_encoder({}))
    assert "l1.gcn1.down.0.weight is missing, l1.gcn1.PA is missing, fc.weight is missing" in text
    forth, back = encoder_state(False, 4), decoder_state(4)
    text = problem(lambda: load_music_autoencoder(without(forth, "audio_encoder.15.bias"), back))
    assert "audio_encoder.15.bias is missing" in text
    text = problem(lambda: load_music_autoencoder(forth, without(back, "audio_decoder.16.bias")))
    assert "audio_decoder.16.bias is missing" in text
    text = problem(lambda: load_music_autoencoder(without(forth, "audio_encoder.4."), back))
    assert "audio_encoder.4.weight is missing" in text
    for older, key in ((False, "15.weight"), (False, "16.running_var"), (True, "13.weight")):
        state = mapping_state(older, 4)
        assert f"{key} is missing" in problem(lambda s=state, k=key: load_mapping(without(s, k)))  # type: ignore[misc]


def test_misshapen_entries_are_named() -> None:
    state = motion_state(3, 5, 4, 4)
    state["l9.tcn1.conv.weight"] = torch.zeros(16, 16, 7, 1)
    text = problem(lambda: load_motion_encoder(state))
    assert "l9.tcn1.conv.weight has shape (16, 16, 7, 1), not (16, 16, 9, 1)" in text
    for key, shape in (
        ("fc.weight", (4,)), ("fc.weight", (0, 16)), ("l1.gcn1.PA", (3, 5)),
        ("l1.gcn1.PA", (3, 4, 5)), ("l1.gcn1.down.0.weight", (6, 3, 1, 1)),
        ("fc.weight", (10**6, 16)),
    ):  # fmt: skip
        broken = motion_state(3, 5, 4, 4) | {key: torch.zeros(1).expand(shape)}
        assert f"{key} has " in problem(lambda s=broken: load_motion_encoder(s))  # type: ignore[misc]
    forth = encoder_state(True, 4)
    text = problem(lambda: load_music_autoencoder(forth, decoder_state(8)))
    assert "audio_decoder.1.weight has shape (8, 8, 4, 4), not (4, 4, 4, 4)" in text
    # a state dict of another of their networks
    assert "is missing" in problem(lambda: load_mapping(forth))
    assert "is missing" in problem(lambda: load_motion_encoder(forth))


# The command


@pytest.fixture
def a_run(tmp_path: Path) -> Path:
    """Files of a run as the authors name them, with small networks."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name, state in {
        "motion_model": motion_state(6, 17, 10, 8),
        "audio_encoder": encoder_state(True, 4),
        "audio_decoder": decoder_state(4),
        "fc_model": mapping_state(True, 8),
    }.items():
        torch.save(state, folder / f"{name}_epoch_2900.pt")
    return folder


def test_command(a_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "weights.safetensors"
    reference_weights.main([str(a_run), str(out)])
    first = out.read_bytes()
    tensors = safetensors.torch.load(first)

    def part(name: str) -> State:
        prefix = f"{name}."
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    x, values = gaussian(2, 6, 25, 17)
    with torch.no_grad():
        logits = load_motion_encoder(part("motion"))(x)[1]
        z = load_music_autoencoder(part("encoder"), part("decoder")).encode(
            gaussian(2, 1, 96, 25)[0]
        )
        mapped = load_mapping(part("mapping"))(gaussian(2, 8)[0])
    close(logits, plain_motion(motion_state(6, 17, 10, 8), values)[1])
    close(z, plain_encode(encoder_state(True, 4), gaussian(2, 1, 96, 25)[1]))
    close(mapped, plain_mapping(mapping_state(True, 8), gaussian(2, 8)[1], older=True))
    assert {key.split(".")[0] for key in tensors} == {"motion", "encoder", "decoder", "mapping"}
    assert "decoder.audio_decoder.16.weight" in tensors
    assert not any(".l13." in key or "fc_audio" in key or "tracked" in key for key in tensors)
    with safetensors.safe_open(out, "pt") as file:
        provenance = json.loads(file.metadata()["provenance"])
    assert provenance == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in a_run.iterdir()
    }
    reference_weights.main([str(a_run), str(out)])
    assert out.read_bytes() == first
    # the run may have no mapping, and leftovers of other epochs
    (a_run / "fc_model_epoch_2900.pt").unlink()
    (a_run / "motion_model_epoch_1400.pt").write_bytes(b"")
    reference_weights.main([str(a_run), str(out)])
    assert not any(key.startswith("mapping.") for key in safetensors.torch.load_file(out))


def command_error(folder: Path, out: Path) -> str:
    text = problem(lambda: reference_weights.main([str(folder), str(out)]))
    assert not out.exists()
    return text


def test_files_of_several_epochs(a_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    for path in list(a_run.iterdir()):
        path.with_name(path.name.replace("2900", "1400")).write_bytes(path.read_bytes())
    text = command_error(a_run, out)
    assert "the epochs 1400, 2900" in text
    assert "put the files of one epoch into a folder of their own" in text


def test_missing_files(a_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    (a_run / "audio_decoder_epoch_2900.pt").rename(a_run / "audio_decoder_epoch_100.pt")
    text = command_error(a_run, out)
    assert "only audio_decoder_epoch_100.pt, audio_encoder_epoch_2900.pt" in text
    assert "got none of them" in command_error(tmp_path / "nowhere", out)
    assert ".safetensors" in command_error(a_run, tmp_path / "w.pt")


class Runs:
    """A pickle that calls something."""

    def __init__(self, call: Callable[..., object], *arguments: object):
        self.call = call, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_runs_a_command(a_run: Path, tmp_path: Path, legacy: bool) -> None:
    ran = tmp_path / "ran"
    target = a_run / "audio_encoder_epoch_2900.pt"
    for content in (
        Runs(os.system, f"touch {ran}"),
        encoder_state(True, 4) | {"more": Runs(os.system, f"touch {ran}")},
    ):
        torch.save(content, target, _use_new_zipfile_serialization=not legacy)
        text = command_error(a_run, tmp_path / "w.safetensors")
        assert str(target) in text
        assert "system (it was not run)" in text
        assert "weights_only" not in text  # torch's own advice
    target.write_bytes(pickle.dumps(Runs(os.system, f"touch {ran}"), protocol=2))
    assert "it was not run" in command_error(a_run, tmp_path / "w.safetensors")
    assert not ran.exists()


def test_other_content(a_run: Path, tmp_path: Path) -> None:
    target = a_run / "motion_model_epoch_2900.pt"
    whole = target.read_bytes()
    for content in ([torch.zeros(3)], {"a": 3}, {3: torch.zeros(3)}, torch.zeros(3), 3):
        torch.save(content, target)
        assert f"{target}: expected tensors by name" in command_error(
            a_run, tmp_path / "w.safetensors"
        )
    for broken in (b"", whole[:-100], whole[: len(whole) // 2], b"no weights"):
        target.write_bytes(broken)
        assert "a broken file" in command_error(a_run, tmp_path / "w.safetensors")
    torch.save(without(motion_state(6, 17, 10, 8), "fc."), target)
    text = command_error(a_run, tmp_path / "w.safetensors")
    assert f"{target}: fc.weight is missing" in text


def test_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["-m", "motionmusic.models.authors_weights", str(tmp_path), "w.safetensors"]
    ended = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"error: {tmp_path}: expected motion_model_epoch_E.pt")
    assert len(ended.stderr.splitlines()) == 2
    monkeypatch.setattr(sys, "argv", ["reference_weights", str(tmp_path), "w.pt"])
    with pytest.raises(SystemExit) as caught:
        errors.run(reference_weights.main)
    assert caught.value.code == 2
