"""Heads on the cotrained codes: the paper's mapping, and contrastive towers with two losses.

Every head gives each segment's motion and music a vector; a segment pair's score is their inner
product, a pair of windows' score its mean over all pairs of segments. So a window's code is the mean
of its segments', and a track's the mean of its windows'.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# multiples of the embedding's size; 13 linear layers, most of them without anything between (O14)
HIDDEN = (2, 4, 4, 8, 8, 16, 16, 8, 8, 4, 2)


def mapping(size: int = 256) -> nn.Sequential:
    """From motion embedding to music decoder, (n, size) → (n, size) ≥ 0: 48.8 M weights at 256."""
    return nn.Sequential(
        nn.Linear(size, 2 * size, bias=False),
        nn.Linear(2 * size, 2 * size, bias=False),
        nn.BatchNorm1d(2 * size),
        nn.ReLU(),
        *(nn.Linear(a * size, b * size, bias=False) for a, b in pairwise(HIDDEN)),
        nn.BatchNorm1d(2 * size),
        nn.Linear(2 * size, size, bias=False),
        nn.BatchNorm1d(size),
        nn.ReLU(),
    )


class Mapped(nn.Module):
    """The paper's learned space: the negative squared distance of mapped z_m and z_a.

    Up to a constant of the motion, −‖m − a‖² is the inner product of (m, 1) and (2a, −‖a‖²). With
    the identity as its mapping it is the space of the pair loss, which never sees the mapped code
    (O5).
    """

    def __init__(self, mapping: nn.Module):
        super().__init__()
        self.mapping = mapping

    def motion(self, z: Tensor) -> Tensor:
        """z_m (n, d) → (n, d + 1)."""
        return torch.cat([self.mapping(z), torch.ones_like(z[:, :1])], 1)

    def music(self, z: Tensor) -> Tensor:
        """z_a (n, d) → (n, d + 1)."""
        return torch.cat([2 * z, -z.square().sum(1, keepdim=True)], 1)


class Towers(nn.Module):
    """Two towers into one sphere: z (n, d) → unit vectors (n, size), for each modality."""

    def __init__(self, size_in: int, size: int, temperature: float):
        super().__init__()
        self.towers = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.BatchNorm1d(size_in, affine=False),
                    nn.Linear(size_in, 2 * size),
                    nn.ReLU(),
                    nn.Dropout(0.2),
                    nn.Linear(2 * size, size),
                )
                for name in ("motion", "music")
            }
        )
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def motion(self, z: Tensor) -> Tensor:
        """z_m (n, d) → (n, size)."""
        return F.normalize(self.towers["motion"](z), dim=1)

    def music(self, z: Tensor) -> Tensor:
        """z_a (n, d) → (n, size)."""
        return F.normalize(self.towers["music"](z), dim=1)


def label_loss(motion: Tensor, music: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Pairs of one class near, of two classes apart (the margin form of Hadsell et al. 2006).

    Every motion is paired with every music, unit vectors (n, size); labels are (n,). The mean d²
    of pairs of one class + the mean max(0, margin − d)² of the others: both weigh the same.
    """
    squared = (2 - 2 * motion @ music.T).clamp(min=1e-12)
    same = labels[:, None] == labels[None]
    apart = (margin - squared.sqrt()).clamp(min=0).square()
    return squared[same].mean() + (apart[~same].mean() if (~same).any() else 0)


def pair_loss(motion: Tensor, music: Tensor, tracks: Tensor, log_scale: Tensor) -> Tensor:
    """InfoNCE both ways on true pairs; other segments of the same track are no negatives.

    Args:
        motion, music: unit vectors (n, size), pair by pair.
        tracks: (n,) number of each pair's track.
        log_scale: the logarithm of 1 / temperature; the scale is at most 100.
    """
    logits = log_scale.exp().clamp(max=100) * motion @ music.T
    own = torch.eye(len(motion), dtype=torch.bool, device=motion.device)
    logits = logits.masked_fill((tracks[:, None] == tracks[None]) & ~own, -torch.inf)
    target = torch.arange(len(motion), device=motion.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
