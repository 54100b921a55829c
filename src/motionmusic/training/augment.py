"""Training segments seen a little differently, with the same label (``recipe: quick``).

Everything is linear in the joints, so it holds for bones and merged features as well: what a mirror
or noise does to the joints is carried over to the array's own slots by matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic.features.motion import bones
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.params import Scale
from motionmusic.training.recipe import Recipe


@dataclass(frozen=True)
class Body:
    """What the slots of a motion array mean, in each of its g groups of x, y (up), z."""

    mirror: Tensor  # (g, v, v), slots of the mirror image from slots, before x is negated
    origin: Tensor  # (g, v), added after x is negated: 1 for coordinates from 0 to 1, else 0
    slots: Tensor  # (g, v, v), slots from joints
    turns: bool  # whether a turn about the vertical is one in the array, too

    def to(self, device: torch.device) -> Body:
        """The same on a device."""
        mirror, origin, slots = (x.to(device) for x in (self.mirror, self.origin, self.slots))
        return Body(mirror, origin, slots, self.turns)


def body(kind: str, layout: LayoutName, scale: Scale, *, paper_bones: bool) -> Body:
    """The body of the motion input ``kind``: joints, bones or merged.

    Where every coordinate has a scale of its own (``per_coordinate_piece``, O9) angles are lost and
    nothing can be turned; a mirror image is exact there as well.
    """
    v = len(LAYOUTS[layout].joints)
    exchange = np.eye(v)
    for left, right in LAYOUTS[layout].mirror_pairs:
        exchange[[left, right]] = exchange[[right, left]]
    # v frames in which one joint each is at 1: the bones' matrix, column by column
    limbs = bones(np.eye(v)[:, :, None], layout, paper_bones)[:, :, 0].T.astype(np.float64)
    maps = {"joints": [np.eye(v)], "bones": [limbs], "merged": [np.eye(v), limbs]}[kind]
    between = scale == "per_coordinate_piece"
    return Body(
        # a bone's slot may lack a mirrored slot (O8), but no joint that bones depend on does
        mirror=_tensor([slots @ exchange @ np.linalg.pinv(slots) for slots in maps]),
        origin=_tensor([between * slots.sum(axis=1) for slots in maps]),
        slots=_tensor(maps),
        turns=not between,
    )


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of one fold's training segments; ``ends`` are from :func:`neighbours`."""

    recipe: Recipe
    body: Body | None  # none where only music is trained
    ends: Tensor

    def __call__(self, motion: Tensor, music: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of motion (m, c, 25, v) and music (m, 1, bands, 25), seen differently each time."""
        with torch.autocast(motion.device.type, enabled=False):
            when = times(rows, self.ends, music.shape[3], self.recipe)
            motion, music = at_times(motion, when, 2), at_times(music, when, 3)
            return motion if self.body is None else move(motion, self.body, self.recipe), music


def move(motion: Tensor, of: Body, how: Recipe) -> Tensor:
    """Each segment turned, mirrored and with noise by chance (torch's generator): (n, 3g, t, v)."""
    n, channels, frames, v = motion.shape
    x = motion.reshape(n, channels // 3, 3, frames, v)
    drawn = torch.rand(2, n, device=x.device)
    if of.turns:
        angle = (2 * drawn[0] - 1) * how.turn
        c, s = (part[:, None, None, None] for part in (angle.cos(), angle.sin()))
        right, up, front = x.unbind(2)
        x = torch.stack([c * right + s * front, up, c * front - s * right], 2)
    image = torch.einsum("ngctv,gwv->ngctw", x, of.mirror)
    image = torch.cat([of.origin[None, :, None, None] - image[:, :, :1], image[:, :, 1:]], 2)
    x = torch.where((drawn[1] < how.mirror)[:, None, None, None, None], image, x)
    noise = how.noise * torch.randn(n, 3, frames, v, device=x.device)
    x = x + torch.einsum("nctv,gwv->ngctw", noise, of.slots)
    return x.reshape(motion.shape)


def neighbours(rows: Tensor, excerpts: NDArray[np.integer[Any]], frames: int) -> Tensor:
    """How far each segment's time goes on both sides while everything still trains.

    From the training rows, every row's excerpt (whose segments lie in time order) and the frames of
    a segment: (m, 2) first and last frame, counted through all rows; only training rows are of use.
    """
    trains = np.zeros(len(excerpts) + 2, bool)
    trains[rows.cpu().numpy() + 1] = True
    number = np.concatenate([[-1], excerpts, [-1]])
    at = np.arange(len(excerpts))
    before = trains[:-2] & (number[:-2] == number[1:-1])
    after = trains[2:] & (number[2:] == number[1:-1])
    first, last = frames * (at - before), frames * (at + 1 + after) - 1
    return torch.from_numpy(np.stack([first, last], 1)).to(rows.device)


def times(rows: Tensor, ends: Tensor, frames: int, how: Recipe) -> Tensor:
    """Where in time to take segments instead, (n, frames), counted through all rows, by chance."""
    first, last = ends[rows].double().unbind(1)
    drawn = torch.rand(2, len(rows), device=rows.device, dtype=torch.float64)
    half = (frames - 1) / 2
    pace = 1 + (2 * drawn[0] - 1) * how.tempo
    pace = torch.minimum(pace, (last - first) / (2 * half))
    middle = frames * rows + half
    low = torch.maximum(first + half * pace, middle - how.shift)
    high = torch.minimum(last - half * pace, middle + how.shift)
    middle = low + (high - low) * drawn[1]
    return middle[:, None] + pace[:, None] * (torch.arange(frames, device=rows.device) - half)


def at_times(segments: Tensor, when: Tensor, axis: int) -> Tensor:
    """Segments (m, …) taken anew at times (n, frames), between frames by a straight line."""
    source = segments.movedim(axis, 1).flatten(0, 1)
    low = when.floor().long().clamp(0, len(source) - 2)
    share = (when - low).reshape(*when.shape, *[1] * (source.ndim - 1))
    taken = torch.lerp(source[low], source[low + 1], share.to(source.dtype))
    return taken.movedim(1, axis)


def _tensor(arrays: Sequence[NDArray[np.floating[Any]]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).float()
