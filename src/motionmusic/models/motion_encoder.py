"""The adaptive attention graph convolutional network of the motion (docs/method.md).

Only the six layers that run are built, under the names of the authors' state dict, which has seven
more (O19). The modules only hold the weights: activations are (n, t, v, channels) throughout, so
that 1×1 convolutions are matrix products and 9×1 ones need no copy (docs/speed.md).
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
    """Spatial part of a layer: (n, t, v, C) → (n, t, v, O), with three attentions (docs/method.md)."""

    def __init__(self, channels_in: int, channels_out: int, graph: Tensor):
        super().__init__()
        joints = graph.shape[1]
        self.embedding = channels_out // 4
        self.PA = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))

        def three(size: int) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(channels_in, size, 1) for _ in range(SUBSETS))

        self.conv_a, self.conv_b = three(self.embedding), three(self.embedding)
        self.conv_d = three(channels_out)
        self.bn = nn.BatchNorm1d(channels_out)
        self.down: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.down = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1), nn.BatchNorm1d(channels_out)
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
            spread = math.sqrt(2 / (channels_out * channels_in * SUBSETS))
            nn.init.normal_(conv.get_parameter("weight"), 0, spread)
        nn.init.constant_(self.bn.weight, 1e-6)  # the graph branch starts switched off
        nn.init.xavier_normal_(self.conv_sa.weight)
        nn.init.kaiming_normal_(self.fc1c.weight)
        nn.init.zeros_(self.conv_ta.weight)
        nn.init.zeros_(self.fc2c.weight)
        for module in (*self.conv_d, self.conv_sa, self.conv_ta, self.fc1c, self.fc2c):
            nn.init.zeros_(module.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        n, frames, joints, channels = x.shape
        # the three subsets side by side: one product for all a and b, one with the graphs, one for
        # the sum over the subsets
        weight, biases = _stacked((*self.conv_a, *self.conv_b))
        ab = _product(x, weight, torch.cat(biases))
        ab = ab.reshape(n, frames, joints, 2, SUBSETS, self.embedding)
        a, b = ab.permute(3, 0, 4, 2, 1, 5).reshape(2, n, SUBSETS, joints, -1)
        attention = torch.tanh(a @ b.transpose(2, 3) / (self.embedding * frames))
        graph = self.PA + self.alpha * attention  # (n, subset, u, w)
        # (n, w · subset, u): the product's rows are then each joint's three subsets in a row
        graph = graph.permute(0, 3, 1, 2).reshape(n, 1, joints * SUBSETS, joints)
        spread = (graph @ x).reshape(n, frames, joints, SUBSETS * channels)
        weight, biases = _stacked(self.conv_d, dim=1)
        total = _product(spread, weight, torch.stack(biases).sum(0))
        y = F.relu(_normalised(self.bn, total) + self._down(x))
        # each attention acts on the result of the one before, as y·(1 + gate)
        gate = _correlation(y.mean(1), self.conv_sa)
        y = y * (1 + torch.sigmoid(gate)).to(y.dtype)[:, None, :, None]
        over_joints = y.mean(2)
        gate = (1 + torch.sigmoid(_correlation(over_joints, self.conv_ta))).to(y.dtype)[:, :, None]
        hidden = F.relu(self.fc1c((over_joints * gate).mean(1)))
        channel_gate = (1 + torch.sigmoid(self.fc2c(hidden))).to(y.dtype)[:, None, :]
        result: Tensor = y * (gate * channel_gate)[:, :, None, :]
        return result

    def _down(self, x: Tensor) -> Tensor:
        if isinstance(self.down, nn.Identity):
            return x
        conv, bn = self.down.children()
        return _normalised(bn, _product(x, *conv.parameters()))


class TemporalConvolution(nn.Module):
    """Convolution over time and batch norm, (n, t, v, C); kernel 9 in the layers, 1 in skips."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int):
        super().__init__()
        padding = ((kernel - 1) // 2, 0)
        self.conv = nn.Conv2d(channels_in, channels_out, (kernel, 1), (stride, 1), padding)
        self.bn = nn.BatchNorm1d(channels_out)
        _kaiming(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv.kernel_size == (1, 1):
            every = x[:, :: self.conv.stride[0]]
            return _normalised(self.bn, _product(every, *self.conv.parameters()))
        y = self.conv(x.permute(0, 3, 1, 2))
        return _normalised(self.bn, y.permute(0, 2, 3, 1).contiguous())


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
    """Segments of motion → embedding and logits: (n, c, 25, v) → z ≥ 0 (n, 4·width), logits (n, k).

    There are 3 channels in joints or bones, 6 in merged; the graph (3, v, v) is the initial value of
    the trained adjacency; the paper's width is 64.
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
        x = self.data_bn(features).reshape(n, joints, channels, frames)
        x = x.permute(0, 3, 1, 2).contiguous()
        for name in LAYER_NAMES:
            x = self.get_submodule(name)(x)
        z = x.mean((1, 2), dtype=self.fc.weight.dtype)
        with torch.autocast(z.device.type, enabled=False):
            return z, self.fc(z)


def _product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 1×1 convolution, as a product: (n, t, v, C) → (n, t, v, O)."""
    if x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
        # PyTorch multiplies float32 matrices at half the speed of convolutions on some processors
        # (docs/speed.md): the whole step is 1.3 times as fast so
        return F.conv2d(x.permute(0, 3, 1, 2), weight, bias).permute(0, 2, 3, 1)
    return F.linear(x, weight.flatten(1), bias)


def _normalised(bn: nn.Module, x: Tensor) -> Tensor:
    """Batch norm over the last axis."""
    y: Tensor = bn(x.reshape(-1, x.shape[-1]))
    return y.reshape(x.shape)


def _correlation(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """A Conv1d of one output channel, padded to keep the length: (n, length, C) → (n, length)."""
    kernel, bias = conv.weight.shape[2], conv.get_parameter("bias")
    # every tap's product at every place; tap i of the window at l lies at place l + i
    taps = F.pad(x @ conv.weight[0], (0, 0, kernel // 2, kernel // 2))
    return taps.unfold(1, kernel, 1).diagonal(dim1=2, dim2=3).sum(2) + bias


def _stacked(convolutions: Iterable[nn.Module], dim: int = 0) -> tuple[Tensor, list[Tensor]]:
    """The weights of convolutions side by side, as those of one, and their biases."""
    states: list[Tensor] = [
        conv.get_parameter(name) for conv in convolutions for name in ("weight", "bias")
    ]
    return torch.cat(states[::2], dim), states[1::2]


def _kaiming(module: nn.Module) -> None:
    nn.init.kaiming_normal_(module.get_parameter("weight"), mode="fan_out")
    nn.init.zeros_(module.get_parameter("bias"))
