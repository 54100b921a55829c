"""M2S-Net: do this music and this motion belong together? (docs/method.md)"""

from __future__ import annotations

from torch import nn

from motionmusic.models.conductor_encoders import MotionEncoder, MusicEncoder
from motionmusic.models.synchrony import Voter


class SyncNetwork(Voter):
    """Music (n, t, 128) at 90 Hz and motion (n, f, 13, 2) at 30 Hz, f = ceil(t / 3) → votes (n, f)."""

    music_encoder: MusicEncoder
    motion_encoder: MotionEncoder

    def __init__(self) -> None:
        super().__init__(MusicEncoder(), MotionEncoder())
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
