"""The critic of M2S-GAN, which sees no music (docs/method.md). The authors released no weights of it."""

from __future__ import annotations

from torch import Tensor, nn

from motionmusic.features.keypoints import KEYPOINTS
from motionmusic.models.conductor_encoders import CODE


class Critic(nn.Module):
    """How real a motion looks: higher is more real, without bounds."""

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
        """(n, f, 13, 2), f at least 41 → (n, 1)."""
        x = self.convolutions(motion.flatten(2).transpose(1, 2)).transpose(1, 2)
        scores: Tensor = self.head(x)
        return scores.mean(dim=1)
