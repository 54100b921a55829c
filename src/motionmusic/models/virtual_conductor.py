"""VirtualConductor's networks: M2S-Net, and M2S-GAN's generator and critic (docs/method.md).

Modules have the authors' names, so that their state dicts are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from motionmusic.features.keypoints import FRAMES, KEYPOINTS
from motionmusic.features.mel import BANDS, MEL_PER_FRAME

CODE = 64
"""Numbers that describe one motion frame's music, or its pose."""
LINKS = (
    (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (0, 6), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),
    (11, 12), (5, 11), (6, 12),
)  # fmt: skip
"""Keypoints that the motion encoder has as neighbours."""
NOISE = 8
"""Random numbers for every second."""
SHORTEST_S = 3
"""Seconds below which the generator's widest convolution finds too little to reflect."""

_BLOCKS = 10
_WIDTH = 32
_DILATIONS = (1, 2, 4, 8, 16, 32)


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
        self.residual: nn.Module = nn.Identity()
        if skip and inputs != outputs:
            self.residual = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2d_layer(x)
        return y + self.residual(x) if self.skip else y


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


class SyncNetwork(nn.Module):
    """M2S-Net: music (n, t, 128) at 90 Hz, motion (n, f, 13, 2) at 30 Hz → votes (n, f = ⌈t/3⌉).

    A vote for every frame that music and movement belong together; only the mean over seconds of it
    means something.
    """

    def __init__(self) -> None:
        super().__init__()
        self.music_encoder, self.motion_encoder = MusicEncoder(), MotionEncoder()
        sizes = (2 * CODE, CODE), (CODE, CODE), (CODE, 1)
        first, second, last = (nn.Conv1d(a, b, 1) for a, b in sizes)
        self.fuse_layer = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, music: Tensor, motion: Tensor) -> Tensor:
        """Music and motion → votes in 0…1."""
        return self.fuse(self.music_encoder(music), self.motion_encoder(motion))

    def fuse(self, music: Tensor, motion: Tensor) -> Tensor:
        """Codes of both, (n, f, 64) each → votes (n, f). Raises ValueError where f differs."""
        if music.shape != motion.shape:
            raise ValueError(f"codes of music {music.shape} and of motion {motion.shape}")
        logits: Tensor = self.fuse_layer(torch.cat([music, motion], 2).transpose(1, 2))
        return torch.sigmoid(logits[:, 0])

    def agree(self, music: Tensor, motion: Tensor) -> Tensor:
        """The mean vote (n,) of clips' codes (n, f, 64)."""
        return self.fuse(music, motion).mean(1)


class _Dilated(nn.Module):
    """Two dilated convolutions over time, a mean of three frames, and a skip."""

    def __init__(self, inputs: int, dilation: int):
        super().__init__()

        def convolution(size: int) -> nn.Conv1d:
            # the authors reflect 4 d frames and cut 2 d off again, which is the same
            layer = nn.Conv1d(
                size, CODE, 5, dilation=dilation, padding=2 * dilation, padding_mode="reflect"
            )
            # weight normalisation overwrites N(0, 0.01²), so PyTorch's own start counts (V11)
            weight_norm(layer)
            return layer

        self.conv1, self.bn1 = convolution(inputs), nn.BatchNorm1d(CODE)
        self.conv2, self.bn2 = convolution(CODE), nn.BatchNorm1d(CODE)
        self.pool = nn.AvgPool1d(3, 1, 1)
        self.downsample: nn.Module = nn.Identity()
        if inputs != CODE:
            self.downsample = nn.Conv1d(inputs, CODE, 1)
            nn.init.normal_(self.downsample.weight, 0, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.relu(self.bn1(self.conv1(x)))
        z = self.pool(torch.relu(self.bn2(self.conv2(z))))
        return torch.relu(z + self.downsample(x))


class Generator(nn.Module):
    """Whole seconds of music to 13 keypoints at 30 Hz."""

    def __init__(self) -> None:
        super().__init__()
        self.music_encoder = MusicEncoder()
        self.noise_path = nn.Sequential(
            nn.ConvTranspose1d(NOISE, 16, 3, 1, 1), nn.ReLU(),
            nn.ConvTranspose1d(16, 16, 11, 5, 3), nn.ReLU(),
            nn.ConvTranspose1d(16, 32, 5, 3, 1), nn.ReLU(),
            nn.ConvTranspose1d(32, CODE, 6, 2, 2), nn.ReLU(),
        )  # fmt: skip
        self.noise_norm = nn.BatchNorm1d(CODE)
        self.blocks = nn.Sequential(
            *(_Dilated(CODE if n else 2 * CODE, d) for n, d in enumerate(_DILATIONS))
        )
        self.linear = nn.Linear(CODE, CODE)
        nn.init.normal_(self.linear.weight, 0, 0.01)
        self.head = nn.Sequential(
            nn.Linear(CODE, CODE), nn.ReLU(),
            nn.Linear(CODE, CODE), nn.ReLU(),
            nn.Linear(CODE, 2 * len(KEYPOINTS)), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, mel: Tensor, noise: Tensor) -> Tensor:
        """(n, 90 s, 128), (n, s, 8), s at least 3 → (n, 30 s, 13, 2), x and y (down) in 0…1."""
        return self.move(self.music_encoder(mel), noise)

    def move(self, music: Tensor, noise: Tensor) -> Tensor:
        """As forward, from codes (n, 30 s, 64). Raises ValueError where the seconds differ."""
        if music.shape[1] != FRAMES * noise.shape[1]:
            raise ValueError(f"music of {music.shape[1]} frames, noise of {noise.shape[1]} seconds")
        loud = self.noise_norm(self.noise_path(noise.transpose(1, 2)))
        x = self.blocks(torch.cat([music.transpose(1, 2), loud], dim=1)).transpose(1, 2)
        motion: Tensor = self.head(self.linear(x))
        return motion.reshape(*motion.shape[:2], len(KEYPOINTS), 2)


class Critic(nn.Module):
    """How real a motion looks, without bounds; it hears no music, and no weights were released."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(2 * len(KEYPOINTS), CODE, 5, padding=2), nn.ReLU(), nn.MaxPool1d(5, 3),
            nn.Conv1d(CODE, CODE, 5, padding=2), nn.ReLU(), nn.MaxPool1d(5, 2),
            nn.Conv1d(CODE, CODE, 5, padding=2), nn.ReLU(), nn.MaxPool1d(5, 2),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Linear(CODE, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, motion: Tensor) -> Tensor:
        """(n, f, 13, 2), f at least 41 → (n, 1); higher is more real."""
        x = self.convolutions(motion.flatten(2).transpose(1, 2)).transpose(1, 2)
        scores: Tensor = self.head(x)
        return scores.mean(dim=1)
