"""Music–motion synchrony, learned without labels: is this the music of this movement, now?

Two small encoders give every frame of music and of motion a code. How far the codes of a clip
correlate is its **agreement**, −1…1; within a second it is highest where the music is in time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motionmusic.features.skeletons import Layout

CODE = 16
"""Numbers that describe one frame's music, or its movement."""
WIDTH = 32
DROPOUT = 0.3
_STILL = 1e-5  # a speed in scaled coordinates a frame that is none


class SynchronyNetwork(nn.Module):
    """Encoders of log-mel (n, f, bands) and of joints (n, f, v, 3), at one rate → (n, f, 16)."""

    def __init__(self, layout: Layout, bands: int):
        super().__init__()
        self.motion_encoder = MotionCodes(layout)
        self.music_encoder = MusicCodes(bands)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())  # of agreements in the losses

    def agree(self, music: Tensor, motion: Tensor) -> Tensor:
        """The agreement (n,) of clips' codes (n, f, 16)."""
        return (unit(music) * unit(motion)).sum((1, 2))

    def all_pairs(self, motion: Tensor, music: Tensor) -> Tensor:
        """The agreement of every motion (q, f, 16) with every music (c, f, 16): (q, c)."""
        return unit(motion).flatten(1) @ unit(music).flatten(1).T

    def at_lags(self, motion: Tensor, music: Tensor) -> Tensor:
        """How well every motion agrees with every music, read later by 0, 1, … frames.

        Codes of motion (q, f, 16), of music (c, f + k, 16) → (q, c, k + 1). Music has its length 1
        over all of its frames.
        """
        heard, seen = unit(music).transpose(1, 2), unit(motion).transpose(1, 2)
        return F.conv1d(heard, seen).transpose(0, 1)


def unit(codes: Tensor) -> Tensor:
    """Codes (…, f, 16) less their mean over the frames, as one vector of length 1 a clip."""
    codes = codes - codes.mean(-2, keepdim=True)
    return codes / codes.square().sum((-2, -1), keepdim=True).sqrt().clamp(min=1e-6)


class _Encoder(nn.Module):
    """Three convolutions over time, (n, f, inputs) → (n, f, 16); whole inputs are dropped."""

    def __init__(self, inputs: int, frames: int):
        super().__init__()
        self.mix = nn.Conv1d(inputs, WIDTH, 1)
        self.hidden = nn.Conv1d(WIDTH, WIDTH, frames, padding=frames // 2)
        self.out = nn.Conv1d(WIDTH, CODE, frames, padding=frames // 2)

    def encode(self, x: Tensor) -> Tensor:
        x = F.dropout1d(x.transpose(1, 2), DROPOUT, self.training)
        x = F.relu(self.hidden(F.relu(self.mix(x))))
        code: Tensor = self.out(F.dropout(x, DROPOUT, self.training))
        return code.transpose(1, 2)


class MotionCodes(_Encoder):
    """From how fast joints move, and how fast up, within half a second; each scaled over the clip.

    Left and right count as their sum and their distance, so a dancer and their mirror image, turned
    any way, have equal codes: (n, f, v, 3), y up → (n, f, 16).
    """

    def __init__(self, layout: Layout):
        pairs = layout.mirror_pairs
        self.left, self.right = ([pair[side] for pair in pairs] for side in (0, 1))
        paired = {*self.left, *self.right}
        self.middle = [joint for joint in range(len(layout.joints)) if joint not in paired]
        super().__init__(2 * len(layout.joints), 13)

    def forward(self, motion: Tensor) -> Tensor:
        (velocity,) = torch.gradient(motion, dim=1)
        speeds = []
        for values in (velocity.norm(dim=3), velocity[..., 1]):
            left, right = values[..., self.left], values[..., self.right]
            speeds += [left + right, (left - right).abs(), values[..., self.middle]]
        x = torch.cat(speeds, 2)
        x = x - x.mean(1, keepdim=True)
        return self.encode(x / x.std(1, keepdim=True).clamp(min=_STILL))


class MusicCodes(_Encoder):
    """From what grows louder or softer within a sixth of a second: (n, f, bands) → (n, f, 16)."""

    def __init__(self, bands: int):
        super().__init__(bands, 5)

    def forward(self, music: Tensor) -> Tensor:
        return self.encode(F.pad(music[:, 1:] - music[:, :-1], (0, 0, 1, 0)))
