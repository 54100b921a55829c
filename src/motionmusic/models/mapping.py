"""The fully connected mapping between motion embedding and music decoder (docs/method.md)."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

# multiples of the embedding's size; 13 linear layers, most of them without anything between (O14)
HIDDEN = (2, 4, 4, 8, 8, 16, 16, 8, 8, 4, 2)


def mapping(size: int = 256) -> nn.Sequential:
    """(n, size) → (n, size), output ≥ 0: the published form, 48.8 M weights at size 256."""
    layers: list[nn.Module] = [
        nn.Linear(size, 2 * size, bias=False),
        nn.Linear(2 * size, 2 * size, bias=False),
        nn.BatchNorm1d(2 * size),
        nn.ReLU(),
    ]
    layers += [nn.Linear(a * size, b * size, bias=False) for a, b in pairwise(HIDDEN)]
    layers += [
        nn.BatchNorm1d(2 * size),
        nn.Linear(2 * size, size, bias=False),
        nn.BatchNorm1d(size),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers)
