"""The baselines: the paper's networks and steps as plain eager PyTorch, nothing tuned.

Activations are (n, channels, t, v) in float32, every convolution and batch norm is a module of its
own, the three subsets of the graph are gone through one by one, as the authors' code does
(docs/method.md). Nothing is made slower than it has to be: the six layers that run
are built and no other, no copy is made that the algebra does not need, gradients are set to None.
Parameters have the names of motionmusic.models, so that both take one state dict; initial values
are PyTorch's. All of it is written out here, so that a faster house leaves its baseline alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Losses = Callable[[], Sequence[Tensor]]

SUBSETS = 3
STRIDES = ((2, 1), (2, 2), (2, 2), (2, 2), (2, 1), (1, 1))


class GraphConvolution(nn.Module):
    """(n, C, t, v) → (n, O, t, v), with three attentions."""

    def __init__(self, channels_in: int, channels_out: int, graph: Tensor):
        super().__init__()
        joints, embedding = graph.shape[1], channels_out // 4
        self.PA = nn.Parameter(graph.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.conv_a = nn.ModuleList(nn.Conv2d(channels_in, embedding, 1) for _ in range(SUBSETS))
        self.conv_b = nn.ModuleList(nn.Conv2d(channels_in, embedding, 1) for _ in range(SUBSETS))
        self.conv_d = nn.ModuleList(nn.Conv2d(channels_in, channels_out, 1) for _ in range(SUBSETS))
        self.bn = nn.BatchNorm2d(channels_out)
        self.down: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.down = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out)
            )
        kernel = joints if joints % 2 else joints - 1
        self.conv_sa = nn.Conv1d(channels_out, 1, kernel, padding=(kernel - 1) // 2)
        self.conv_ta = nn.Conv1d(channels_out, 1, 9, padding=4)
        self.fc1c = nn.Linear(channels_out, channels_out // 2)
        self.fc2c = nn.Linear(channels_out // 2, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, frames, joints = x.shape
        parts = []
        for j in range(SUBSETS):
            a = self.conv_a[j](x).reshape(n, -1, joints)
            b = self.conv_b[j](x).reshape(n, -1, joints)
            attention = torch.tanh(a.transpose(1, 2) @ b / a.shape[1])
            spread = x.reshape(n, channels * frames, joints) @ (self.PA[j] + self.alpha * attention)
            parts.append(self.conv_d[j](spread.reshape(x.shape)))
        y = F.relu(self.bn(parts[0] + parts[1] + parts[2]) + self.down(x))
        y = y * (1 + torch.sigmoid(self.conv_sa(y.mean(2)))[:, :, None, :])
        y = y * (1 + torch.sigmoid(self.conv_ta(y.mean(3)))[:, :, :, None])
        gate = torch.sigmoid(self.fc2c(F.relu(self.fc1c(y.mean((2, 3))))))
        result: Tensor = y * (1 + gate[:, :, None, None])
        return result


class TemporalConvolution(nn.Module):
    """Convolution over time and batch norm; kernel 9 in the layers, 1 in their skips."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int):
        super().__init__()
        padding = ((kernel - 1) // 2, 0)
        self.conv = nn.Conv2d(channels_in, channels_out, (kernel, 1), (stride, 1), padding)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return y


class Layer(nn.Module):
    """ReLU(TCN(GCN(x)) + skip(x)); the first layer has no skip."""

    def __init__(
        self, channels_in: int, channels_out: int, graph: Tensor, stride: int = 1, skip: bool = True
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
    """(n, c, 25, v) → z (n, 4·width), logits (n, k)."""

    def __init__(self, channels: int, graph: Tensor, classes: int, width: int = 64):
        super().__init__()
        self.data_bn = nn.BatchNorm1d(graph.shape[1] * channels)
        self.l1 = Layer(channels, width, graph, skip=False)
        self.l2 = Layer(width, width, graph)
        self.l5 = Layer(width, 2 * width, graph, stride=2)
        self.l6 = Layer(2 * width, 2 * width, graph)
        self.l8 = Layer(2 * width, 4 * width, graph, stride=2)
        self.l9 = Layer(4 * width, 4 * width, graph)
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        n, channels, frames, joints = x.shape
        # joint-major feature order: joint · c + channel
        x = self.data_bn(x.permute(0, 3, 1, 2).reshape(n, joints * channels, frames))
        x = x.reshape(n, joints, channels, frames).permute(0, 2, 3, 1).contiguous()
        for layer in (self.l1, self.l2, self.l5, self.l6, self.l8, self.l9):
            x = layer(x)
        z = x.mean((2, 3))
        return z, self.fc(z)


class MusicAutoencoder(nn.Module):
    """The variant without dropout: (n, 1, 96, 25) → z (n, 2·channels) → (n, 1, 96, 25)."""

    def __init__(self, channels: int = 128):
        super().__init__()
        self.channels = channels
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        for i, (down, up) in enumerate(zip(STRIDES, reversed(STRIDES), strict=True)):
            first, last = 1 if i == 0 else channels, 1 if i == 5 else channels
            encoder += [nn.Conv2d(first, channels, 4, down, 1), nn.BatchNorm2d(channels)]
            decoder += [nn.ConvTranspose2d(channels, last, 4, up, 1), nn.BatchNorm2d(last)]
            if i < 5:
                encoder.append(nn.ReLU())
                decoder.append(nn.ReLU())
        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder)

    def encode(self, x: Tensor) -> Tensor:
        """(n, 1, 96, 25) → (n, 2·channels)."""
        z: Tensor = self.encoder(x).flatten(1)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """(n, 2·channels) → (n, 1, 96, 25)."""
        x: Tensor = self.decoder(z.reshape(len(z), self.channels, 2, 1))
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.encode(x)
        return z, self.decode(z)


class Collaborative(nn.Module):
    """Phase 2: both networks and what stands between them (identity, or the mapping of fc)."""

    def __init__(self, motion: MotionEncoder, music: MusicAutoencoder, between: nn.Module):
        super().__init__()
        self.motion = motion
        self.music = music
        self.mapping = between

    def losses(
        self, motion: Tensor, music: Tensor, labels: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of motion, pair and reconstruction, and the number predicted right."""
        z_motion, logits = self.motion(motion)
        z_music = self.music.encode(music)
        decoded = self.music.decode(self.mapping(z_motion))
        named = {
            "motion": F.cross_entropy(logits, labels),
            "pair": F.mse_loss(z_motion, z_music),
            "reconstruction": F.mse_loss(decoded, music),
        }
        return named, (logits.argmax(1) == labels).sum()


def one_backward(losses: Losses, optimisers: Sequence[torch.optim.Optimizer]) -> None:
    """A step whose losses are added up and back-propagated once."""
    values = torch.stack(list(losses()))
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    values.sum().backward()  # type: ignore[no-untyped-call]
    for optimiser in optimisers:
        optimiser.step()


def backward_each(losses: Losses, optimisers: Sequence[torch.optim.Optimizer]) -> None:
    """A step as the authors' code takes it: one backward for each loss, gradients add up."""
    values = losses()
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    for value in values:
        value.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    for optimiser in optimisers:
        optimiser.step()
