"""M2S-Net: do this music and this motion belong together? (spec/virtual_conductor.md 3)"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from motionmusic.models.conductor_encoders import CODE, MotionEncoder, MusicEncoder


class SyncNetwork(nn.Module):
    """A vote for every motion frame; only the mean over seconds of it means something (spec 3.5)."""

    def __init__(self) -> None:
        super().__init__()
        self.music_encoder = MusicEncoder()
        self.motion_encoder = MotionEncoder()
        self.fuse_layer = nn.Sequential(
            nn.Conv1d(2 * CODE, CODE, 1), nn.ReLU(),
            nn.Conv1d(CODE, CODE, 1), nn.ReLU(),
            nn.Conv1d(CODE, 1, 1),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, mel: Tensor, motion: Tensor) -> Tensor:
        """(n, t, 128), (n, f, 13, 2) with f = ceil(t / 3) → (n, f) in 0…1."""
        return self.fuse(self.music_encoder(mel), self.motion_encoder(motion))

    def fuse(self, music: Tensor, motion: Tensor) -> Tensor:
        """Codes of both, (n, f, 64) each → (n, f) in 0…1. Raises ValueError if f differs."""
        if music.shape != motion.shape:
            raise ValueError(f"codes of music {music.shape} and of motion {motion.shape}")
        logits: Tensor = self.fuse_layer(torch.cat([music, motion], dim=2).transpose(1, 2))
        return torch.sigmoid(logits[:, 0])
