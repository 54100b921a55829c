"""What M2S-Net hears and sees: a code of 64 numbers for every motion frame (docs/method.md).

Modules have the authors' names, so that their state dicts are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from motionmusic.features.keypoints import KEYPOINTS
from motionmusic.features.mel import BANDS, MEL_PER_FRAME

CODE = 64
"""Numbers that describe one motion frame's music, or its pose."""
LINKS = (
    (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (0, 6), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),
    (11, 12), (5, 11), (6, 12),
)  # fmt: skip
"""Keypoints that the motion encoder has as neighbours."""

_BLOCKS = 10
_WIDTH = 32


def graph() -> Tensor:
    """(1, 13, 13): keypoints that are neighbours or the same, every column divided by its sum."""
    links = torch.eye(len(KEYPOINTS))
    for a, b in LINKS:
        links[a, b] = links[b, a] = 1
    return (links / links.sum(dim=0))[None]


class _Unit(nn.Module):
    """ReLU(BN(conv(x))) + skip(x), without an activation after the sum."""

    def __init__(self, inputs: int, outputs: int, *, skip: bool = True):
        super().__init__()
        self.conv2d_layer = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect"),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )
        self.skip = skip
        self.residual: nn.Sequential | None = None
        if skip and inputs != outputs:
            self.residual = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2d_layer(x)
        if not self.skip:
            return y
        return y + (x if self.residual is None else self.residual(x))


class MusicEncoder(nn.Module):
    """Mel spectrograms to codes; a mel frame reaches codes at most :attr:`REACH` frames away."""

    REACH = 6

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            _Unit(1, 16, skip=False), _Unit(16, 16), _Unit(16, 16), nn.MaxPool2d(5, (1, 2), 2)
        )
        self.conv2 = nn.Sequential(
            _Unit(16, 32), _Unit(32, 32), nn.MaxPool2d(5, (MEL_PER_FRAME, 2), 2)
        )
        self.conv3 = nn.Sequential(_Unit(32, 32), _Unit(32, 32), nn.MaxPool2d(3, (1, 2), 1))
        self.conv4 = nn.Sequential(nn.Conv1d(32 * BANDS // 8, CODE, 1), nn.BatchNorm1d(CODE))

    def forward(self, mel: Tensor) -> Tensor:
        """(n, t, 128) in 0…1, t at least 4 → (n, ceil(t / 3), 64)."""
        x = self.conv3(self.conv2(self.conv1(mel[:, None])))
        codes: Tensor = self.conv4(x.transpose(2, 3).flatten(1, 2))
        return codes.transpose(1, 2)


class _Importance(nn.Module):
    """A 1×1 convolution, then a weighted sum over a keypoint's neighbours."""

    def __init__(self, inputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, _WIDTH, 1)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y @ weights


class _Block(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.gcn = _Importance(inputs)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(_WIDTH),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, _WIDTH, (3, 1), padding=(1, 0)),
            nn.BatchNorm2d(_WIDTH),
        )
        self.skip = inputs == _WIDTH

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        y: Tensor = self.tcn(self.gcn(x, weights))
        return torch.relu(y + x if self.skip else y)


class _Graphs(nn.Module):
    A: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("A", graph())
        self.data_bn = nn.BatchNorm1d(2 * len(KEYPOINTS))
        self.st_gcn_networks = nn.ModuleList(_Block(_WIDTH if n else 2) for n in range(_BLOCKS))
        self.edge_importance = nn.ParameterList(
            nn.Parameter(torch.ones_like(self.A)) for _ in range(_BLOCKS)
        )
        self.fcn = nn.Conv2d(256, _WIDTH, 1)  # never used, but in the authors' files (V21)

    def forward(self, motion: Tensor) -> Tensor:
        n, frames, v, _ = motion.shape
        x = self.data_bn(motion.flatten(2).transpose(1, 2))
        x = x.view(n, v, 2, frames).permute(0, 2, 3, 1)
        for block, importance in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = block(x, (self.A * importance)[0])
        codes: Tensor = x.transpose(2, 3).flatten(1, 2)
        return codes


class MotionEncoder(nn.Module):
    """Motion to codes; a frame reaches codes at most :attr:`REACH` frames away."""

    REACH = 10

    def __init__(self) -> None:
        super().__init__()
        self.st_gcn = _Graphs()
        width = _WIDTH * len(KEYPOINTS)
        self.fc = nn.Sequential(nn.Conv1d(width, CODE, 1), nn.BatchNorm1d(CODE))

    def forward(self, motion: Tensor) -> Tensor:
        """(n, f, 13, 2), x to the right and y down in 0…1 → (n, f, 64)."""
        codes: Tensor = self.fc(self.st_gcn(motion))
        return codes.transpose(1, 2)
