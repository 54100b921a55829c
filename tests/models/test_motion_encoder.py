"""The motion encoder against loops in plain NumPy and the numbers of docs/method.md."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motionmusic.features.skeletons import LAYOUTS, MUSICTODANCE, LayoutName, paper_graph
from motionmusic.models.motion_encoder import GraphConvolution, Layer, MotionEncoder

Array = NDArray[np.float64]
Values = Mapping[str, Array]
WIDTHS = {"l1": 64, "l2": 64, "l5": 128, "l6": 128, "l8": 256, "l9": 256}


pytestmark = pytest.mark.usefixtures("torch_alone")


def graph_of(layout: LayoutName) -> Tensor:
    return torch.from_numpy(paper_graph(LAYOUTS[layout]))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def randomised(module: nn.Module, size: float = 0.3) -> None:
    """Every parameter and running statistic away from its initial value."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.copy_(torch.randn(value.shape) * (size if value.dim() > 1 else 0.5))


def values_of(module: nn.Module) -> dict[str, Array]:
    return {key: value.double().numpy() for key, value in module.state_dict().items()}


# Graph, 3.1


def test_the_graph_of_musictodance() -> None:
    graph = paper_graph(MUSICTODANCE)
    assert graph.shape == (3, 23, 23)
    assert np.array_equal(graph[0], np.eye(23))
    assert graph[1][2, 3] == 1  # pair (3,2): column 3 of In takes joint 2
    column = np.zeros(23)
    column[[3, 7, 12, 16]] = 0.25  # column 2 of Out takes its four neighbours, a quarter each
    assert np.array_equal(graph[2][:, 2], column)


@pytest.mark.parametrize(
    ("layout", "inward", "outward", "isolated"),
    [("musictodance", 18, 15, {0, 1, 21, 22}), ("aist", 8, 8, {0, 1, 2, 3, 4})],
)
def test_facts_of_the_graph(
    layout: LayoutName, inward: int, outward: int, isolated: set[int]
) -> None:
    graph = paper_graph(LAYOUTS[layout])
    sums = graph.astype(np.float64).sum(axis=1)
    assert np.all(np.isclose(sums, 1, atol=1e-6) | (sums == 0))
    assert [int((subset > 0).sum()) for subset in sums] == [graph.shape[1], inward, outward]
    links = graph[1] + graph[2]
    linked = set(np.flatnonzero(links.any(axis=0) | links.any(axis=1)).tolist())
    assert set(range(graph.shape[1])) - linked == isolated


# Numbers of parameters, 3.2


@pytest.mark.parametrize(
    ("channels", "layout", "classes", "used"),
    [
        (3, "musictodance", 4, 2_426_418), (6, "musictodance", 4, 2_427_612),
        (3, "aist", 10, 2_418_228), (6, "aist", 10, 2_419_386),
    ],
)  # fmt: skip
def test_number_of_parameters(channels: int, layout: LayoutName, classes: int, used: int) -> None:
    with torch.device("meta"):
        network = MotionEncoder(channels, graph_of(layout).to("meta"), classes)
    assert count(network) == used


# Against plain NumPy


def sub(values: Values, name: str) -> dict[str, Array]:
    return {k.removeprefix(f"{name}."): v for k, v in values.items() if k.startswith(f"{name}.")}


def sigmoid(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(x / 2))


def norm(x: Array, s: Values) -> Array:
    shape = [1, -1] + [1] * (x.ndim - 2)
    part = {key: value.reshape(shape) for key, value in s.items() if value.ndim}
    scaled = (x - part["running_mean"]) / np.sqrt(part["running_var"] + 1e-5)
    return np.asarray(scaled * part["weight"] + part["bias"])


def pointwise(x: Array, s: Values) -> Array:
    return np.asarray(
        np.einsum("oc,nctv->notv", s["weight"][:, :, 0, 0], x) + s["bias"][None, :, None, None]
    )


def over_time(x: Array, s: Values, stride: int) -> Array:
    weight = s["weight"][:, :, :, 0]
    taps = weight.shape[2]
    reach = (taps - 1) // 2
    n, _, frames, joints = x.shape
    length = (frames + 2 * reach - taps) // stride + 1
    out = np.zeros((n, len(weight), length, joints))
    for t in range(length):
        for tap in range(taps):
            at = t * stride + tap - reach
            if 0 <= at < frames:
                out[:, :, t] += np.einsum("oc,ncv->nov", weight[:, :, tap], x[:, :, at])
    return out + s["bias"][None, :, None, None]


def gate_along(means: Array, s: Values) -> Array:
    """(n, O, length) → sigmoid of a one-channel convolution with zeros around, (n, length)."""
    weight = s["weight"][0]
    reach, length = (weight.shape[1] - 1) // 2, means.shape[2]
    out = np.full((len(means), length), s["bias"][0])
    for at in range(length):
        for tap in range(weight.shape[1]):
            if 0 <= at + tap - reach < length:
                out[:, at] += means[:, :, at + tap - reach] @ weight[:, tap]
    return sigmoid(out)


def graph_convolution(x: Array, s: Values) -> Array:
    n, _, frames, joints = x.shape
    total: Array | None = None
    for j in range(3):
        a, b = pointwise(x, sub(s, f"conv_a.{j}")), pointwise(x, sub(s, f"conv_b.{j}"))
        e = a.shape[1]
        assert e == s["bn.weight"].shape[0] // 4
        mixed = np.zeros_like(x)
        for sample in range(n):
            for w in range(joints):
                for u in range(joints):
                    dot = np.sum(a[sample, :, :, u] * b[sample, :, :, w]) / (e * frames)
                    weight = s["PA"][j, u, w] + s["alpha"][0] * math.tanh(dot)
                    mixed[sample, :, :, w] += x[sample, :, :, u] * weight
        part = pointwise(mixed, sub(s, f"conv_d.{j}"))
        total = part if total is None else total + part
    assert total is not None
    skip = norm(pointwise(x, sub(s, "down.0")), sub(s, "down.1")) if "down.0.weight" in s else x
    y = np.maximum(0, norm(total, sub(s, "bn")) + skip)
    y = y + y * gate_along(y.mean(axis=2), sub(s, "conv_sa"))[:, None, None, :]
    y = y + y * gate_along(y.mean(axis=3), sub(s, "conv_ta"))[:, None, :, None]
    means = y.mean(axis=(2, 3))
    hidden = np.maximum(0, means @ s["fc1c.weight"].T + s["fc1c.bias"])
    gate = sigmoid(hidden @ s["fc2c.weight"].T + s["fc2c.bias"])
    return np.asarray(y + y * gate[:, :, None, None])


def layer(x: Array, s: Values, stride: int, skip: bool) -> Array:
    y = norm(
        over_time(graph_convolution(x, sub(s, "gcn1")), sub(s, "tcn1.conv"), stride),
        sub(s, "tcn1.bn"),
    )
    if skip:
        if "residual.conv.weight" in s:
            x = norm(over_time(x, sub(s, "residual.conv"), stride), sub(s, "residual.bn"))
        y = y + x
    return np.maximum(0, y)


def encoder(x: Array, s: Values) -> tuple[Array, Array]:
    n, channels, frames, joints = x.shape
    flat = np.zeros((n, joints * channels, frames))
    for joint in range(joints):
        for channel in range(channels):
            flat[:, joint * channels + channel] = x[:, channel, :, joint]
    flat = norm(flat, sub(s, "data_bn"))
    h = np.zeros_like(x)
    for joint in range(joints):
        for channel in range(channels):
            h[:, channel, :, joint] = flat[:, joint * channels + channel]
    for name in WIDTHS:
        h = layer(h, sub(s, name), 2 if name in ("l5", "l8") else 1, skip=name != "l1")
    z = h.mean(axis=(2, 3))
    return z, z @ s["fc.weight"].T + s["fc.bias"]


def channels_last(x: Tensor) -> Tensor:
    """(n, channels, t, v) → (n, t, v, channels), as the layers take it."""
    return x.permute(0, 2, 3, 1).contiguous()


def channels_second(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def close(got: Tensor, expected: Array) -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got.detach().numpy() / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("joints", [5, 17])
@pytest.mark.parametrize(("channels_in", "channels_out"), [(3, 8), (8, 8)])
def test_graph_convolution(channels_in: int, channels_out: int, joints: int) -> None:
    module = GraphConvolution(channels_in, channels_out, torch.rand(3, joints, joints))
    randomised(module)
    x = torch.randn(2, channels_in, 7, joints)
    got = channels_second(module.eval()(channels_last(x)))
    close(got, graph_convolution(x.double().numpy(), values_of(module)))


@pytest.mark.parametrize("frames", [25, 13])
@pytest.mark.parametrize(
    ("channels_in", "stride", "skip"), [(3, 1, False), (8, 1, True), (4, 2, True), (8, 2, True)]
)
def test_layer(channels_in: int, stride: int, skip: bool, frames: int) -> None:
    module = Layer(channels_in, 8, torch.rand(3, 5, 5), stride, skip=skip)
    randomised(module)
    x = torch.randn(2, channels_in, frames, 5)
    got = channels_second(module.eval()(channels_last(x)))
    assert got.shape == (2, 8, (frames - 1) // stride + 1, 5)
    close(got, layer(x.double().numpy(), values_of(module), stride, skip))


@pytest.mark.parametrize(("channels", "layout"), [(3, "musictodance"), (6, "aist")])
def test_whole_encoder(channels: int, layout: LayoutName) -> None:
    network = MotionEncoder(channels, graph_of(layout), 4, width=4)
    randomised(network, 0.15)
    x = torch.rand(1, channels, 25, len(LAYOUTS[layout].joints))
    z, logits = network.eval()(x)
    expected_z, expected_logits = encoder(x.double().numpy(), values_of(network))
    assert z.shape == (1, 16)
    assert logits.shape == (1, 4)
    close(z, expected_z)
    close(logits, expected_logits)


# Initial values, 3.2


def test_initial_values() -> None:
    graph = graph_of("musictodance")
    network = MotionEncoder(3, graph, 4)
    exact = 0
    for name, module in network.named_modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            assert module.eps == 1e-5
            assert module.momentum == 0.1
            weight = 1e-6 if name.endswith("gcn1.bn") else 1.0
            assert torch.equal(module.weight, torch.full_like(module.weight, weight)), name
            assert not module.bias.any()
            exact += 1
        elif isinstance(module, (nn.Conv1d, nn.Conv2d)) or name.endswith(("fc1c", "fc2c")):
            bias = module.bias
            assert isinstance(bias, Tensor)
            assert not bias.any(), name
    # 1 + six layers with two each, three downs, two skips
    assert exact == 1 + 12 + 3 + 2
    values = network.state_dict()
    for layer_name in WIDTHS:
        assert torch.equal(values[f"{layer_name}.gcn1.PA"], graph)
        assert not values[f"{layer_name}.gcn1.alpha"].any()
        assert not values[f"{layer_name}.gcn1.conv_ta.weight"].any()
        assert not values[f"{layer_name}.gcn1.fc2c.weight"].any()


def test_spread_of_the_initial_values() -> None:
    v, k = 23, 4
    network = MotionEncoder(3, graph_of("musictodance"), k)
    expected: dict[str, float] = {"fc.weight": math.sqrt(2 / k)}
    before = 3
    for name, out in WIDTHS.items():
        gcn = f"{name}.gcn1"
        for j in range(3):
            expected[f"{gcn}.conv_d.{j}.weight"] = math.sqrt(2 / (out * before * 3))
            expected[f"{gcn}.conv_a.{j}.weight"] = math.sqrt(2 / (out // 4))
            expected[f"{gcn}.conv_b.{j}.weight"] = math.sqrt(2 / (out // 4))
        expected[f"{gcn}.conv_sa.weight"] = math.sqrt(2 / (out * v + v))
        expected[f"{gcn}.fc1c.weight"] = math.sqrt(2 / out)
        expected[f"{name}.tcn1.conv.weight"] = math.sqrt(2 / (out * 9))
        if name in ("l1", "l5", "l8"):
            expected[f"{gcn}.down.0.weight"] = math.sqrt(2 / out)
        if name in ("l5", "l8"):
            expected[f"{name}.residual.conv.weight"] = math.sqrt(2 / out)
        before = out
    for name, std in expected.items():
        value = network.get_parameter(name).detach().double()
        root = float(value.square().mean().sqrt())
        # six standard errors of a normal's spread
        assert root == pytest.approx(std, rel=6 / math.sqrt(2 * value.numel())), name
    bias = network.fc.bias
    assert float(bias.detach().abs().max()) <= 1 / 16
