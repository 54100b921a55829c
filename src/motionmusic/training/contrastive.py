"""M2S-Net learns whether dance and music are in time (spec/virtual_conductor.md 3.5, 3.6, 7.4).

Positive is the same moment. Negatives are of three kinds: *easy*, the music of another piece;
*hard*, the same piece at least 10 s away and off the beat; *super-hard*, the same moment a quarter
to three quarters of a beat off.

What is different from the authors': windows are drawn for every sample and not for a whole batch,
all three kinds are in every step, easy negatives are of another piece (theirs can be the same
minute, V20), hard and super-hard ones are off the music's beat (a whole bar away may be in time),
and every window is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic.models.conductor_encoders import CODE
from motionmusic.models.generator import FRAMES
from motionmusic.models.m2s_net import SyncNetwork
from motionmusic.training.dances import Dance, cut_mel, cut_motion

NEGATIVES = ("easy", "hard", "super_hard")
MARGIN = 20
"""Frames of music beside a window to both sides, where super-hard negatives are."""
AWAY = 10 * FRAMES
"""Frames between a moment and its hard negative, where the piece is long enough."""


def losses(
    network: SyncNetwork,
    dances: Sequence[Dance],
    rows: NDArray[np.int64],
    frames: int,
    random: np.random.Generator,
) -> dict[str, Tensor]:
    """Cross-entropies of clips' mean votes (V1): ``same``, and of the negatives together.

    Args:
        network: that is trained.
        dances: each of at least ``frames`` + 2 ``MARGIN`` frames.
        rows: (n, 2) windows, the clip is drawn anew within the piece; where they are all of one
            piece, this step has no easy negatives.
        frames: of a clip.
        random: what draws.
    """
    first, elsewhere = drawn(dances, rows[:, 0], frames, random)
    both = np.concatenate([first, elsewhere])
    motion = network.motion_encoder(cut_motion(dances, both + np.array([0, MARGIN]), frames))
    music = network.music_encoder(cut_mel(dances, both, frames + 2 * MARGIN))
    same = music[:, MARGIN : MARGIN + frames]
    shifted = torch.stack(
        [
            codes[MARGIN + shift : MARGIN + shift + frames]
            for codes, shift in zip(music, off_the_beat(dances, both, random), strict=True)
        ]
    )
    others = [same.roll(len(first), 0), shifted]
    if len(set(rows[:, 0])) > 1:
        others.append(same[strangers(both[:, 0], random)])
    wrong = [-torch.log(1 - _vote(network, other, motion)).mean() for other in others]
    return {
        "same": -torch.log(_vote(network, same, motion)).mean(),
        "other": torch.stack(wrong).mean(),
    }


def _vote(network: SyncNetwork, music: Tensor, motion: Tensor) -> Tensor:
    """(n,) mean votes, away from 0 and 1 so that their logarithms are finite."""
    return network.fuse(music, motion).float().mean(1).clamp(1e-4, 1 - 1e-4)


def drawn(
    dances: Sequence[Dance], pieces: NDArray[np.int64], frames: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Windows (n, 2) of the pieces with their margins, and windows of other moments of the same."""
    here, there = [], []
    for piece in pieces:
        beats = dances[piece].beats
        room = len(beats) - frames - 2 * MARGIN
        start = int(random.integers(room + 1))
        far = other_moments(beats[: room + 1], start)
        here.append((piece, start))
        there.append((piece, int(far[random.integers(len(far))])))
    return np.array(here, np.int64), np.array(there, np.int64)


def other_moments(beats: NDArray[np.float64], start: int) -> NDArray[np.int64]:
    """Frames that are 10 s from ``start`` and a quarter to three quarters off its place in the beat.

    In a short piece: so far as its farther half; where no such frame is off the beat, on it as well.

    Args:
        beats: (m,) beats passed at each frame that may be chosen.
        start: one of them.
    """
    distance = np.abs(np.arange(len(beats)) - start)
    far = distance >= min(AWAY, distance.max() / 2)
    off = far & (np.abs((beats - beats[start]) % 1 - 0.5) <= 0.25)
    return np.flatnonzero(off if off.any() else far)


def off_the_beat(
    dances: Sequence[Dance], rows: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """(n,): by how many frames to shift each window's music, a quarter to three quarters of a beat."""
    shifts = np.r_[-MARGIN:0, 1 : MARGIN + 1]
    chosen = []
    for piece, start in rows:
        beats = dances[piece].beats
        passed = np.abs(beats[start + MARGIN + shifts] - beats[start + MARGIN])
        off = shifts[(passed >= 0.25) & (passed <= 0.75)]
        chosen.append(random.choice(off if len(off) else shifts))
    return np.array(chosen, np.int64)


def strangers(pieces: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """(n,): for each row one of another piece."""
    rows = np.arange(len(pieces))
    return np.array([random.choice(rows[pieces != piece]) for piece in pieces], np.int64)


@torch.no_grad()
def right(
    network: SyncNetwork,
    dances: Sequence[Dance],
    codes: Sequence[tuple[Tensor, Tensor]],
    clip: tuple[int, int, int],
    draws: int,
    random: np.random.Generator,
) -> dict[str, float]:
    """How often a clip's own music gets a higher mean vote than a negative of each kind.

    Args:
        network: in eval mode.
        dances: of the same split.
        codes: of each dance's music and motion, (f, 64) each.
        clip: number of the dance, first frame, frames.
        draws: of each kind of negative.
        random: what draws.

    Returns:
        By kind 0…1, NaN where the data have no such negative: no other piece of that length, a
        piece that is not longer than the clip.
    """
    piece, start, frames = clip
    beats = dances[piece].beats
    motion = codes[piece][1][start : start + frames]
    room = len(beats) - frames
    far = other_moments(beats[: room + 1], start)
    near = np.arange(max(0, start - MARGIN), min(room, start + MARGIN) + 1)
    passed = np.abs(beats[near] - beats[start])
    off = near[(passed >= 0.25) & (passed <= 0.75)]
    foreign = [d for d, (music, _) in enumerate(codes) if d != piece and len(music) >= frames]
    places: dict[str, list[tuple[int, int]]] = {kind: [] for kind in NEGATIVES}
    for _ in range(draws):
        if foreign:
            other = int(random.choice(foreign))
            first = int(random.integers(len(codes[other][0]) - frames + 1))
            places["easy"].append((other, first))
        if room:
            places["hard"].append((piece, int(random.choice(far))))
        if len(off):
            places["super_hard"].append((piece, int(random.choice(off))))

    def votes(at: Sequence[tuple[int, int]]) -> Tensor:
        music = torch.stack([codes[d][0][k : k + frames] for d, k in at])
        return network.fuse(music, motion.expand(len(at), frames, CODE)).double().mean(1)

    true = votes([(piece, start)])
    better = {}
    for kind, at in places.items():
        others = votes(at) if at else torch.full((1,), torch.nan)
        won = (true > others).double() + 0.5 * (true == others).double()
        better[kind] = float(won.mean()) if at else float("nan")
    return better
