"""Music–motion synchrony, learned without labels: is this music the music of this movement, now?

After VirtualConductor's M2S-Net (spec/virtual_conductor.md; anchors G1): two encoders to 64 channels
a frame, joined by a small network that gives each frame a probability of being in time; its mean is
p, and 1 − p is the **sync error**. Positive is the same moment, negatives come in three kinds: *easy*,
the music of another piece; *hard*, another moment of the same excerpt; *super-hard*, the same moment
a quarter to half a beat off.

What is different: clips of a few seconds at 25 frames a second, few and narrow layers (the data are
minutes, not 90 hours), speeds beside positions, all three kinds of negatives in every step, and easy
negatives never of the same piece.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 64
NEGATIVES = ("easy", "hard", "super_hard")


class SynchronyNetwork(nn.Module):
    """Motion (n, 3, t, v) and music (n, bands, t) → codes (n, t, 64) → logits of being in time.

    Args:
        graph: (3, v, v), the joints' links (skeletons.paper_graph).
        bands: of the log-mel.
        channels: of the motion's layers; the music's have half and all of them.
        blocks: layers of the motion encoder.
    """

    def __init__(self, graph: Tensor, bands: int, channels: int, blocks: int):
        super().__init__()
        self.motion = MotionCodes(graph, channels, blocks)
        self.music = MusicCodes(bands, channels)
        self.first = nn.Linear(2 * SIZE, SIZE)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(SIZE, SIZE), nn.ReLU(), nn.Linear(SIZE, 1))

    def together(self, motion: Tensor, music: Tensor) -> Tensor:
        """Probability of being in time, (n,), of codes (n, t, 64) and (n, t, 64), pair by pair."""
        logits = self.rest(self.first(torch.cat([motion, music], 2)))
        return torch.sigmoid(logits).mean((1, 2))

    def all_pairs(self, motion: Tensor, music: Tensor) -> Tensor:
        """The same of every motion (q, t, 64) with every music (c, t, 64), (q, c)."""
        # the first layer is linear in both: each side once, and not once a pair
        weight, bias = self.first.weight, self.first.bias
        a, b = motion @ weight[:, :SIZE].T + bias, music @ weight[:, SIZE:].T
        return torch.stack([torch.sigmoid(self.rest(row + b)).mean((1, 2)) for row in a])


class MotionCodes(nn.Module):
    """A spatial-temporal graph network without pooling over time: (n, 3, t, v) → (n, t, 64)."""

    def __init__(self, graph: Tensor, channels: int, blocks: int):
        super().__init__()
        joints = graph.shape[1]
        self.norm = nn.BatchNorm1d(6 * joints)
        sizes = [6] + blocks * [channels]
        self.blocks = nn.ModuleList(GraphBlock(graph, a, b) for a, b in pairwise(sizes))
        self.out = nn.Sequential(nn.Conv1d(channels * joints, SIZE, 1), nn.BatchNorm1d(SIZE))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        n, channels, frames, joints = x.shape
        y: Tensor = self.out(x.permute(0, 1, 3, 2).reshape(n, channels * joints, frames))
        return y.transpose(1, 2)

    def features(self, x: Tensor) -> Tensor:
        """What the last block gives: (n, 3, t, v) → (n, channels, t, v)."""
        speed = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 1, 0))
        x = torch.cat([x, speed], 1)
        n, channels, frames, joints = x.shape
        flat = x.permute(0, 1, 3, 2).reshape(n, channels * joints, frames)
        x = self.norm(flat).reshape(n, channels, joints, frames).transpose(2, 3)
        for block in self.blocks:
            x = block(x)
        return x


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
    """Convolutions over bands and time, pooled over bands only: (n, bands, t) → (n, t, 64)."""

    def __init__(self, bands: int, channels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in ((1, channels // 2), (channels // 2, channels), (channels, channels)):
            layers += [
                nn.Conv2d(a, b, 3, stride=(2, 1), padding=1), nn.BatchNorm2d(b), nn.ReLU(),
            ]  # fmt: skip
            bands = (bands + 1) // 2
        self.layers = nn.Sequential(*layers)
        self.out = nn.Sequential(
            nn.Conv1d(channels * bands, SIZE, 9, padding=4), nn.BatchNorm1d(SIZE)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(self.layers(x[:, None]).flatten(1, 2))
        return y.transpose(1, 2)


class Excerpts(NamedTuple):
    """Whole excerpts on the device.

    Attributes:
        motion: (m, 3, T, v) joints.
        music: (m, bands, T) log-mel.
        pieces: (m,) number of each excerpt's piece.
        beat: (m,) frames from beat to beat of each excerpt's music.
    """

    motion: Tensor
    music: Tensor
    pieces: Tensor
    beat: Tensor


class Clips(NamedTuple):
    """Clips of excerpts: motion (n, 3, t, v), their music and two negatives, (n, bands, t) each.

    ``other`` (n,) is the row whose music is the easy negative.
    """

    motion: Tensor
    music: Tensor
    hard: Tensor
    super_hard: Tensor
    other: Tensor


def draw_clips(data: Excerpts, rows: Tensor, frames: int) -> Clips:
    """Random clips (torch's generator) of the excerpts ``rows`` (n,), ``frames`` long.

    Raises ValueError where an excerpt has no other piece beside it.
    """
    n, room = len(rows), data.motion.shape[2] - frames
    drawn = torch.rand(3, n, device=rows.device)
    start = (drawn[0] * (room + 1)).long()
    # another moment: at least half a clip away, or as far as the excerpt allows
    away = (torch.arange(room + 1, device=rows.device)[None] - start[:, None]).abs()
    far = away >= min(frames // 2, (room + 1) // 2)
    elsewhere = torch.multinomial(far.float(), 1)[:, 0]
    offset = (data.beat[rows] * (0.25 + 0.25 * drawn[1])).round().clamp(min=1).long()
    shifted = start + torch.where(drawn[2] < 0.5, offset, -offset)
    shifted = torch.where((shifted < 0) | (shifted > room), 2 * start - shifted, shifted)
    strangers = data.pieces[rows][:, None] != data.pieces[rows][None]
    if not bool(strangers.any(1).all()):
        raise ValueError("easy negatives need excerpts of at least two pieces")
    music = data.music[..., None]
    return Clips(
        cut(data.motion, rows, start, frames),
        cut(music, rows, start, frames)[..., 0],
        cut(music, rows, elsewhere, frames)[..., 0],
        cut(music, rows, shifted.clamp(0, room), frames)[..., 0],
        torch.multinomial(strangers.float(), 1)[:, 0],
    )


def cut(excerpts: Tensor, rows: Tensor, start: Tensor, frames: int) -> Tensor:
    """Frames start … start + frames of rows of (m, c, T, v): (n, c, frames, v)."""
    when = start[:, None] + torch.arange(frames, device=rows.device)
    return excerpts[rows[:, None], :, when].permute(0, 2, 1, 3)


def probabilities(network: SynchronyNetwork, clips: Clips) -> dict[str, Tensor]:
    """p of the true pairs (``same``) and of each kind of negative, each (n,)."""
    motion = network.motion(clips.motion)
    n = len(clips.music)
    music = network.music(torch.cat([clips.music, clips.hard, clips.super_hard]))
    same, hard, super_hard = music.split(n)
    return {
        "same": network.together(motion, same),
        "easy": network.together(motion, same[clips.other]),
        "hard": network.together(motion, hard),
        "super_hard": network.together(motion, super_hard),
    }


def at_shift(network: SynchronyNetwork, motion: Tensor, music: Tensor, shift: int) -> Tensor:
    """p of codes (n, t, 64) when the music comes ``shift`` frames later than it does, (n,)."""
    whole = motion.shape[1]
    first, last = max(0, shift), whole + min(0, shift)
    return network.together(motion[:, first:last], music[:, first - shift : last - shift])


def losses(network: SynchronyNetwork, clips: Clips) -> tuple[dict[str, Tensor], Tensor]:
    """Binary cross-entropy of the true pairs (as heavy as all negatives) and of each negative.

    Also how many true pairs have a larger p than the mean of their negatives.
    """
    p = probabilities(network, clips)
    named = {kind: F.binary_cross_entropy(p[kind], torch.zeros_like(p[kind])) for kind in NEGATIVES}
    named["same"] = len(NEGATIVES) * F.binary_cross_entropy(p["same"], torch.ones_like(p["same"]))
    negatives = torch.stack([p[kind] for kind in NEGATIVES]).mean(0)
    return named, (p["same"] > negatives).sum()
