"""A network learns whether dance and music are in time, and is asked how often it tells.

What music is wrong for a movement: *easy*, of another piece; *hard*, of the same piece, at least
10 s away and off the beat; *super-hard*, the same moment, a quarter to three quarters of a beat off.
A moment that is whole beats away may be in time, so it is never a negative. docs/method.md says what
differs from the authors' training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic.models.virtual_conductor import SyncNetwork
from motionmusic.training.checkpoint import Store
from motionmusic.training.dances import Dance, Windows, cut_motion, cut_music, windows
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.phases import fit, seeded

NEGATIVES = ("easy", "hard", "super_hard")
MARGIN = 20
"""Frames before and after a moment within which its super-hard negatives lie."""
AWAY_S = 10
VALIDATION = 32  # windows at most that choose the epoch
DRAWS = 20  # negatives of each kind for each tested clip

Frames = NDArray[np.int64]


def train_voter(
    train: Sequence[Dance],
    validation: Sequence[Dance],
    frames: int,
    schedule: Callable[[int], Schedule],
    chance: Chance,
    store: Store,
    device: torch.device,
) -> SyncNetwork:
    """A new M2S-Net at the epoch of the least validation loss, or the last where nothing validates.

    ``frames`` are a clip's, ``schedule`` is made from the number of training windows. Raises UserError
    where a dance is shorter than a clip with its margins.
    """
    whole = frames + 2 * MARGIN
    dances = on_device((*train, *validation), device)
    rows = torch.from_numpy(windows(train, whole)).to(device)
    checked = validating(validation, whole, len(train)).to(device)
    how = schedule(len(rows))
    with seeded(chance, "initial", device):
        network = SyncNetwork().to(device)

    def of(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        random = np.random.default_rng(int(torch.randint(2**62, ())))
        parts = [
            losses(network, dances, part.cpu().numpy(), frames, random)
            for part in torch.split(rows, how.batch)
        ]
        return {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}, None

    fit(network, of, rows, checked, how, chance, store)
    return network


def on_device(dances: Sequence[Dance], device: torch.device) -> list[Dance]:
    """The dances with their motion and music on a device."""
    return [
        dance._replace(motion=dance.motion.to(device), music=dance.music.to(device))
        for dance in dances
    ]


def validating(dances: Sequence[Dance], frames: int, first: int) -> Tensor:
    """Some windows (n, 2) of dances whose numbers begin at ``first``."""
    rows = torch.from_numpy(windows(dances, frames)) + torch.tensor([first, 0])
    return rows[:: max(1, -(-len(rows) // VALIDATION))]


def losses(
    network: SyncNetwork,
    dances: Sequence[Dance],
    rows: Windows,
    frames: int,
    random: np.random.Generator,
) -> dict[str, Tensor]:
    """Cross-entropies of clips' mean votes (V1): ``same``, and of the negatives together.

    Of the windows (n, 2) only the dance counts, of at least ``frames`` + 2 ``MARGIN``: the clips are
    drawn anew. Where all are of one piece, there are no easy negatives.
    """
    first, elsewhere = drawn(dances, rows[:, 0], frames, random)
    both = np.concatenate([first, elsewhere])
    motion = network.motion_encoder(cut_motion(dances, both + np.array([0, MARGIN]), frames))
    music = network.music_encoder(cut_music(dances, both, frames + 2 * MARGIN))
    same = music[:, MARGIN : MARGIN + frames]
    starts = MARGIN + part_of_a_beat(dances, both, random)
    shifted = torch.stack([codes[k : k + frames] for codes, k in zip(music, starts, strict=True)])
    others = [same.roll(len(first), 0), shifted]
    if len(set(rows[:, 0])) > 1:
        others.append(same[easy(both[:, 0], random)])
    wrong = [-torch.log(1 - _vote(network, other, motion)).mean() for other in others]
    return {
        "same": -torch.log(_vote(network, same, motion)).mean(),
        "other": torch.stack(wrong).mean(),
    }


def _vote(network: SyncNetwork, music: Tensor, motion: Tensor) -> Tensor:
    """(n,) mean votes, away from 0 and 1 so that their logarithms are finite."""
    return network.agree(music, motion).float().clamp(1e-4, 1 - 1e-4)


def drawn(
    dances: Sequence[Dance], pieces: NDArray[np.int64], frames: int, random: np.random.Generator
) -> tuple[Windows, Windows]:
    """Windows (n, 2) of the pieces with their margins, and windows of other moments of the same."""
    here, there = [], []
    for piece in pieces:
        dance = dances[piece]
        room = len(dance.beats) - frames - 2 * MARGIN
        start = int(random.integers(room + 1))
        far = hard(dance.beats[: room + 1], start, dance.rate_hz)
        here.append((piece, start))
        there.append((piece, int(far[random.integers(len(far))])))
    return np.array(here, np.int64), np.array(there, np.int64)


def part_of_a_beat(
    dances: Sequence[Dance], rows: Windows, random: np.random.Generator
) -> NDArray[np.int64]:
    """(n,): by how many frames each window's music is moved to be a super-hard negative."""
    chosen = []
    for piece, start in rows:
        off = super_hard(dances[piece].beats[start : start + 2 * MARGIN + 1], MARGIN) - MARGIN
        # beats so slow that a quarter of one is further away
        chosen.append(random.choice(off if len(off) else [-MARGIN, MARGIN]))
    return np.array(chosen, np.int64)


@torch.no_grad()
def right(
    agree: Callable[[Tensor, Tensor], Tensor],
    dances: Sequence[Dance],
    codes: Sequence[tuple[Tensor, Tensor]],
    clip: tuple[int, int, int],
    random: np.random.Generator,
) -> dict[str, float]:
    """How often a clip's own music agrees better with its motion than a negative of each kind.

    ``agree`` takes codes (n, f, d) of music and of motion → (n,). The dances of one split have codes
    of both, (f, d) each; the clip is the number of the dance, first frame, frames. By kind 0…1, NaN
    where the data have no such negative.
    """
    piece, start, frames = clip
    dance, motion = dances[piece], codes[piece][1][start : start + frames]
    starts = dance.beats[: len(dance.beats) - frames + 1]
    far, near = hard(starts, start, dance.rate_hz), super_hard(starts, start)
    foreign = [d for d, (music, _) in enumerate(codes) if d != piece and len(music) >= frames]
    places: dict[str, list[tuple[int, int]]] = {kind: [] for kind in NEGATIVES}
    for _ in range(DRAWS):
        if foreign:
            other = int(random.choice(foreign))
            first = int(random.integers(len(codes[other][0]) - frames + 1))
            places["easy"].append((other, first))
        if len(starts) > 1:
            places["hard"].append((piece, int(random.choice(far))))
        if len(near):
            places["super_hard"].append((piece, int(random.choice(near))))

    def votes(at: Sequence[tuple[int, int]]) -> Tensor:
        music = torch.stack([codes[d][0][k : k + frames] for d, k in at])
        return agree(music, motion.expand(len(at), -1, -1)).double()

    true = votes([(piece, start)])
    better = dict.fromkeys(NEGATIVES, float("nan"))
    for kind, at in places.items():
        if at:
            others = votes(at)
            won = (true > others).double() + 0.5 * (true == others).double()
            better[kind] = float(won.mean())
    return better


def hard(beats: NDArray[np.float64], start: int, rate_hz: float) -> Frames:
    """The other moments of the same piece that are wrong for the frame ``start``.

    ``beats`` (m,) have passed at each frame that may be chosen. In a short piece, moments as far
    away as its farther half; where none of them is off the beat, those on it too.
    """
    distance = np.abs(np.arange(len(beats)) - start)
    far = distance >= min(AWAY_S * rate_hz, distance.max() / 2)
    off = far & (np.abs((beats - beats[start]) % 1 - 0.5) <= 0.25)
    return np.flatnonzero(off if off.any() else far)


def super_hard(beats: NDArray[np.float64], start: int) -> Frames:
    """The frames near ``start`` that are part of a beat off; arguments as for :func:`hard`."""
    near = np.arange(max(0, start - MARGIN), min(len(beats), start + MARGIN + 1))
    passed = np.abs(beats[near] - beats[start])
    return np.asarray(near[(passed >= 0.25) & (passed <= 0.75)])


def easy(pieces: NDArray[np.int64], random: np.random.Generator) -> Frames:
    """For each row (n,) the number of a row of another piece."""
    rows = np.arange(len(pieces))
    return np.array([random.choice(rows[pieces != piece]) for piece in pieces], np.int64)
