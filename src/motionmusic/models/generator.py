"""The generator of M2S-GAN: music and noise to a conductor's motion (docs/method.md)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from motionmusic.features.keypoints import FRAMES as FRAMES
from motionmusic.features.keypoints import KEYPOINTS
from motionmusic.models.conductor_encoders import CODE, MusicEncoder

NOISE = 8
"""Random numbers for every second."""
SHORTEST_S = 3
"""Seconds below which the widest convolution finds too little to reflect."""

_DILATIONS = (1, 2, 4, 8, 16, 32)


class _Block(nn.Module):
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
        self.downsample: nn.Conv1d | None = None
        if inputs != CODE:
            self.downsample = nn.Conv1d(inputs, CODE, 1)
            nn.init.normal_(self.downsample.weight, 0, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.relu(self.bn1(self.conv1(x)))
        z = self.pool(torch.relu(self.bn2(self.conv2(z))))
        return torch.relu(z + (x if self.downsample is None else self.downsample(x)))


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
            *(_Block(CODE if n else 2 * CODE, d) for n, d in enumerate(_DILATIONS))
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
        """As :meth:`forward` from codes of the music, (n, 30 s, 64).

        Raises:
            ValueError: music and noise are not of the same whole seconds.
        """
        if music.shape[1] != FRAMES * noise.shape[1]:
            raise ValueError(f"music of {music.shape[1]} frames, noise of {noise.shape[1]} seconds")
        loud = self.noise_norm(self.noise_path(noise.transpose(1, 2)))
        x = self.blocks(torch.cat([music.transpose(1, 2), loud], dim=1)).transpose(1, 2)
        motion: Tensor = self.head(self.linear(x))
        return motion.reshape(*motion.shape[:2], len(KEYPOINTS), 2)
