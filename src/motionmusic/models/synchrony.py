"""Music–motion synchrony, learned without labels: is this the music of this movement, now?

After VirtualConductor (docs/method.md): every frame's music and pose become codes, and a small
network votes whether they belong together. A clip's mean vote is p, and 1 − p its **sync error**.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CODE = 64
"""Numbers that describe one motion frame's music, or its pose."""
CHANNELS = 16
BLOCKS = 3


class Voter(nn.Module):
    """Two encoders, and a vote for every frame; only the mean over seconds of it means something.

    Music (n, k f, bands), k music frames a motion frame, and motion (n, f, joints, coordinates)
    become codes (n, f, 64).
    """

    def __init__(self, music_encoder: nn.Module, motion_encoder: nn.Module) -> None:
        super().__init__()
        self.music_encoder = music_encoder
        self.motion_encoder = motion_encoder
        sizes = (2 * CODE, CODE), (CODE, CODE), (CODE, 1)
        first, second, last = (nn.Conv1d(a, b, 1) for a, b in sizes)
        self.fuse_layer = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)

    def forward(self, music: Tensor, motion: Tensor) -> Tensor:
        """Music and motion, as the encoders take them → votes (n, f) in 0…1."""
        return self.fuse(self.music_encoder(music), self.motion_encoder(motion))

    def fuse(self, music: Tensor, motion: Tensor) -> Tensor:
        """Codes of both, (n, f, 64) each → votes (n, f). Raises ValueError where f differs."""
        if music.shape != motion.shape:
            raise ValueError(f"codes of music {music.shape} and of motion {motion.shape}")
        heard, seen = self.halves(music, motion)
        return self.votes(heard + seen)

    def halves(self, music: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """What each side adds to the first layer, (…, f, 64): once a side, not once a pair."""
        first = self.fuse_layer[0]
        weight = first.get_parameter("weight")[:, :, 0].T
        return music @ weight[:CODE], motion @ weight[CODE:] + first.get_parameter("bias")

    def votes(self, both: Tensor) -> Tensor:
        """The sum of the two halves, (n, f, 64) → (n, f)."""
        logits: Tensor = self.fuse_layer[1:](both.transpose(1, 2))
        return torch.sigmoid(logits[:, 0])

    def all_pairs(self, motion: Tensor, music: Tensor) -> Tensor:
        """p of every motion (q, f, 64) with every music (c, f, 64): (q, c)."""
        heard, seen = self.halves(music, motion)
        return torch.stack([self.votes(heard + one).mean(1) for one in seen])


class SynchronyNetwork(Voter):
    """Ours, for minutes of dance instead of 90 hours: smaller, with all joints and their speeds.

    Log-mel (n, t, bands) and motion (n, t, v, 3) at one rate → votes (n, t); the graph (3, v, v) is
    the joints' links (skeletons.paper_graph).
    """

    def __init__(self, graph: Tensor, bands: int):
        super().__init__(MusicCodes(bands), MotionCodes(graph))


class MotionCodes(nn.Module):
    """A spatial-temporal graph network without pooling over time: (n, t, v, 3) → (n, t, 64)."""

    def __init__(self, graph: Tensor):
        super().__init__()
        joints = graph.shape[1]
        self.norm = nn.BatchNorm1d(6 * joints)
        sizes = [6] + BLOCKS * [CHANNELS]
        self.blocks = nn.Sequential(*(GraphBlock(graph, a, b) for a, b in pairwise(sizes)))
        self.out = nn.Sequential(nn.Conv1d(CHANNELS * joints, CODE, 1), nn.BatchNorm1d(CODE))

    def forward(self, motion: Tensor) -> Tensor:
        speed = F.pad(motion[:, 1:] - motion[:, :-1], (0, 0, 0, 0, 1, 0))
        x = torch.cat([motion, speed], 3).permute(0, 3, 2, 1)
        n, channels, joints, frames = x.shape
        x = self.norm(x.reshape(n, channels * joints, frames)).reshape(x.shape).transpose(2, 3)
        x = self.blocks(x)
        y: Tensor = self.out(x.transpose(2, 3).reshape(n, -1, frames))
        return y.transpose(1, 2)


class GraphBlock(nn.Module):
    """ReLU(temporal(graph(x)) + skip(x)), (n, c, t, v), with learned importance of every link."""

    def __init__(self, graph: Tensor, channels_in: int, channels_out: int):
        super().__init__()
        self.graph = nn.Parameter(graph.clone())
        self.mix = nn.Conv2d(channels_in * len(graph), channels_out, 1)
        self.norm = nn.BatchNorm2d(channels_out)
        self.temporal = nn.Conv2d(channels_out, channels_out, (9, 1), padding=(4, 0))
        self.temporal_norm = nn.BatchNorm2d(channels_out)
        self.skip = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, frames, joints = x.shape
        spread = torch.einsum("nctu,suv->nsctv", x, self.graph).reshape(n, -1, frames, joints)
        y = F.relu(self.norm(self.mix(spread)))
        return F.relu(self.temporal_norm(self.temporal(y)) + self.skip(x))


class MusicCodes(nn.Module):
    """Convolutions over bands and time, pooled over bands only: (n, t, bands) → (n, t, 64)."""

    def __init__(self, bands: int):
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((1, CHANNELS // 2, CHANNELS, CHANNELS)):
            layers += [nn.Conv2d(a, b, 3, (2, 1), 1), nn.BatchNorm2d(b), nn.ReLU()]
            bands = (bands + 1) // 2
        self.layers = nn.Sequential(*layers)
        size = CHANNELS * bands
        self.out = nn.Sequential(nn.Conv1d(size, CODE, 9, padding=4), nn.BatchNorm1d(CODE))

    def forward(self, music: Tensor) -> Tensor:
        y: Tensor = self.out(self.layers(music.transpose(1, 2)[:, None]).flatten(1, 2))
        return y.transpose(1, 2)
