"""The adaptive attention graph convolutional network of the motion (spec/mclemcd.md 3.2).

Only the six layers that run are built; their names are those of the authors' state dict, where
seven more are constructed and never used (O19).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SUBSETS = 3
LAYER_NAMES = ("l1", "l2", "l5", "l6", "l8", "l9")


class GraphConvolution(nn.Module):
    """Spatial part of a layer: (n, C, t, v) → (n, O, t, v), with three attentions (spec 3.2, GCN)."""

    def __init__(self, channels_in: int, channels_out: int, graph: Tensor):
        super().__init__()
        joints = graph.shape[1]
        self.embedding = channels_out // 4
        self.PA = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.conv_a = nn.ModuleList(
            nn.Conv2d(channels_in, self.embedding, 1) for _ in range(SUBSETS)
        )
        self.conv_b = nn.ModuleList(
            nn.Conv2d(channels_in, self.embedding, 1) for _ in range(SUBSETS)
        )
        self.conv_d = nn.ModuleList(nn.Conv2d(channels_in, channels_out, 1) for _ in range(SUBSETS))
        self.bn = nn.BatchNorm2d(channels_out)
        self.down: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.down = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out)
            )
            _kaiming(self.down[0])
        kernel = joints if joints % 2 else joints - 1
        self.conv_sa = nn.Conv1d(channels_out, 1, kernel, padding=(kernel - 1) // 2)
        self.conv_ta = nn.Conv1d(channels_out, 1, 9, padding=4)
        self.fc1c = nn.Linear(channels_out, channels_out // 2)
        self.fc2c = nn.Linear(channels_out // 2, channels_out)
        for conv in (*self.conv_a, *self.conv_b):
            _kaiming(conv)
        for conv in self.conv_d:
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            nn.init.normal_(conv.weight, 0, math.sqrt(2 / (channels_out * channels_in * SUBSETS)))
            nn.init.zeros_(conv.bias)
        nn.init.constant_(self.bn.weight, 1e-6)  # the graph branch starts switched off
        nn.init.xavier_normal_(self.conv_sa.weight)
        nn.init.kaiming_normal_(self.fc1c.weight)
        for value in (self.conv_ta.weight, self.fc2c.weight):
            nn.init.zeros_(value)
        for bias in (self.conv_sa.bias, self.conv_ta.bias, self.fc1c.bias, self.fc2c.bias):
            assert bias is not None
            nn.init.zeros_(bias)

    def forward(self, x: Tensor) -> Tensor:
        n, _, frames, joints = x.shape
        # the three subsets side by side: one convolution for all a and b, one product with the
        # graphs, one convolution for the sum over the subsets
        weight, biases = _stacked((*self.conv_a, *self.conv_b))
        ab = F.conv2d(x, weight, torch.cat(biases))
        a, b = ab.reshape(n, 2, SUBSETS, -1, joints).unbind(1)
        attention = torch.tanh(a.transpose(2, 3) @ b / (self.embedding * frames))
        spread = x.reshape(n, 1, -1, joints) @ (self.PA + self.alpha * attention)
        weight, biases = _stacked(self.conv_d, dim=1)
        total = F.conv2d(spread.reshape(n, -1, frames, joints), weight, torch.stack(biases).sum(0))
        y = F.relu(self.bn(total) + self.down(x))
        # each attention acts on the result of the one before, as y·(1 + gate)
        y = y * (1 + torch.sigmoid(self.conv_sa(y.mean(2)))[:, :, None, :])
        y = y * (1 + torch.sigmoid(self.conv_ta(y.mean(3)))[:, :, :, None])
        gate = torch.sigmoid(self.fc2c(F.relu(self.fc1c(y.mean((2, 3))))))
        result: Tensor = y * (1 + gate[:, :, None, None])
        return result


class TemporalConvolution(nn.Module):
    """Convolution over time and batch norm; kernel 9 in the layers, 1 in their skips."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in,
            channels_out,
            (kernel, 1),
            stride=(stride, 1),
            padding=((kernel - 1) // 2, 0),
        )
        self.bn = nn.BatchNorm2d(channels_out)
        _kaiming(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return y


class Layer(nn.Module):
    """ReLU(TCN(GCN(x)) + skip(x))."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        graph: Tensor,
        stride: int = 1,
        *,
        skip: bool = True,
    ):
        super().__init__()
        self.gcn1 = GraphConvolution(channels_in, channels_out, graph)
        self.tcn1 = TemporalConvolution(channels_out, channels_out, 9, stride)
        self.skip = skip
        self.residual: nn.Module = nn.Identity()
        if skip and (channels_in != channels_out or stride != 1):
            self.residual = TemporalConvolution(channels_in, channels_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tcn1(self.gcn1(x))
        return F.relu(y + self.residual(x) if self.skip else y)


class MotionEncoder(nn.Module):
    """Segments of motion → embedding and logits: (n, c, 25, v) → z (n, 4·width), logits (n, k).

    Args:
        channels: c, 3 for joints or bones, 6 for merged.
        graph: (3, v, v), the initial value of the trained adjacency.
        classes: k.
        width: channels of the first layer, 64 in the paper (z then has 256 values, all ≥ 0).
    """

    def __init__(self, channels: int, graph: Tensor, classes: int, width: int = 64):
        super().__init__()
        joints = graph.shape[1]
        self.data_bn = nn.BatchNorm1d(joints * channels)
        self.l1 = Layer(channels, width, graph, skip=False)
        self.l2 = Layer(width, width, graph)
        self.l5 = Layer(width, 2 * width, graph, stride=2)
        self.l6 = Layer(2 * width, 2 * width, graph)
        self.l8 = Layer(2 * width, 4 * width, graph, stride=2)
        self.l9 = Layer(4 * width, 4 * width, graph)
        self.fc = nn.Linear(4 * width, classes)
        nn.init.normal_(self.fc.weight, 0, math.sqrt(2 / classes))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        n, channels, frames, joints = x.shape
        # joint-major feature order: joint · c + channel
        features = x.permute(0, 3, 1, 2).reshape(n, joints * channels, frames)
        x = self.data_bn(features).reshape(n, joints, channels, frames).permute(0, 2, 3, 1)
        for name in LAYER_NAMES:
            x = self.get_submodule(name)(x)
        z = x.mean((2, 3))
        return z, self.fc(z)


def _stacked(convolutions: Iterable[nn.Module], dim: int = 0) -> tuple[Tensor, list[Tensor]]:
    """The weights of convolutions side by side, as those of one, and their biases."""
    states: list[Tensor] = [
        conv.get_parameter(name) for conv in convolutions for name in ("weight", "bias")
    ]
    return torch.cat(states[::2], dim), states[1::2]


def _kaiming(module: nn.Module) -> None:
    assert isinstance(module, nn.Conv2d)
    assert module.bias is not None
    nn.init.kaiming_normal_(module.weight, mode="fan_out")
    nn.init.zeros_(module.bias)
