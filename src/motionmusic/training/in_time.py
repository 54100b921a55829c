"""Our synchrony network, one fold: trained on some pieces, asked about others.

Where its music fits a movement best is learned from the music itself, at every frame of a second
before and after, and from the music of other dances. No class, no unit and no beat of the dance is
told; what is wrong by whole beats of the music is no negative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from motionmusic.models.matcher import About, network_of
from motionmusic.models.synchrony import SynchronyNetwork
from motionmusic.streams import stream
from motionmusic.training.checkpoint import Store
from motionmusic.training.contrastive import on_device, right, validating
from motionmusic.training.dances import (
    Dance,
    Windows,
    cut_motion,
    cut_music,
    sides,
    tested,
    windows,
)
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.phases import fit, seeded
from motionmusic.training.recipe import Recipe

CLIP_FRAMES, BATCH, LEARNING_RATE = 160, 16, 0.002
LAG = 25
"""Frames by which music is read earlier or later at most."""
_DECAY = Recipe(weight_decay=0.05)
_WHOLE = CLIP_FRAMES + 2 * LAG


def train_fold(
    ids: pd.DataFrame,
    dances: Mapping[str, Dance],
    about: About,
    epochs: int,
    store: Store,
    device: torch.device,
) -> SynchronyNetwork:
    """The network of one fold (fold, split, piece, excerpt), on the CPU and in eval mode.

    It is that of the epoch of the least validation loss. Raises UserError where a dance is shorter
    than a clip with its lags.
    """
    train, validation = ([dances[n] for n in sides(ids)[side]] for side in ("train", "validation"))
    here = on_device([*train, *validation], device)
    rows = torch.from_numpy(windows(train, _WHOLE)).to(device)
    checked = validating(validation, _WHOLE, len(train)).to(device)
    how = Schedule(min(BATCH, len(rows)), epochs, LEARNING_RATE, "one_cycle", "fp32", _DECAY)
    chance = Chance(about.seed, ("synchrony", int(ids["fold"].iloc[0])))
    with seeded(chance, "initial", device):
        network = cast(SynchronyNetwork, network_of(about)).to(device)

    def of(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        random = np.random.default_rng(int(torch.randint(2**62, ())))
        return losses(network, here, rows.cpu().numpy(), random), None

    fit(network, of, rows, checked, how, chance, store)
    return network.cpu()


def losses(
    network: SynchronyNetwork, dances: Sequence[Dance], rows: Windows, random: np.random.Generator
) -> dict[str, Tensor]:
    """Cross-entropies of the true music: ``moment``, among other moments, ``piece``, among others'.

    Of the windows (n, 2) only the dance counts: the clips are drawn anew. Moments up to a second
    away are wrong if they are a quarter to three quarters of a beat off, up to whole beats; music of
    another clip of the same dance is neither right nor wrong.
    """
    first = np.array(
        [(d, random.integers(len(dances[d].motion) - _WHOLE + 1)) for d, _ in rows], np.int64
    )
    motion = network.motion_encoder(cut_motion(dances, first + np.array([0, LAG]), CLIP_FRAMES))
    music = network.music_encoder(cut_music(dances, first, _WHOLE))
    found = network.log_scale.exp() * network.at_lags(motion, music)
    each = torch.arange(len(rows), device=found.device)
    own = found[each, each]
    wrong = np.stack([_off_beat(dances[d].beats[k : k + 2 * LAG + 1]) for d, k in first])
    wrong[:, LAG] = True  # the true one, which is among those that it is compared with
    moments = own.masked_fill(~torch.from_numpy(wrong).to(own.device), -math.inf)
    pieces = torch.from_numpy(first[:, 0]).to(own.device)
    same = (pieces[:, None] == pieces) & (each[:, None] != each)
    others = found[..., LAG].masked_fill(same, -math.inf)
    return {
        "moment": F.cross_entropy(moments, torch.full_like(each, LAG)),
        "piece": F.cross_entropy(others, each),
    }


def _off_beat(beats: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(2 LAG + 1,): which moments are part of a beat off the middle one."""
    return np.asarray(np.abs((beats - beats[LAG]) % 1 - 0.5) <= 0.25)


def votes(
    network: SynchronyNetwork, ids: pd.DataFrame, dances: Mapping[str, Dance], about: About
) -> pd.DataFrame:
    """How often the true music of each test excerpt wins: fold, piece, excerpt, easy, hard, super_hard."""
    names, fold = sides(ids)["test"], int(ids["fold"].iloc[0])
    test = [dances[name] for name in names]
    codes = [_codes(network, dance) for dance in test]
    random = stream(about.seed, "synchrony", "votes", fold)
    rows = []
    for piece, excerpt in tested(ids):
        clip = (names.index(piece), excerpt * about.excerpt_frames, about.excerpt_frames)
        better = right(network.agree, test, codes, clip, random)
        rows.append({"fold": fold, "piece": piece, "excerpt": excerpt} | better)
    return pd.DataFrame(rows)


@torch.no_grad()
def whole(
    network: SynchronyNetwork, ids: pd.DataFrame, dances: Mapping[str, Dance]
) -> pd.DataFrame:
    """How well whole test dances agree with the music of all: fold, piece, candidate, score.

    Over the frames that both have, at the best of all lags up to a second, for every music alike.
    """
    names, fold = sides(ids)["test"], int(ids["fold"].iloc[0])
    codes = {name: _codes(network, dance) for name, dance in dances.items()}
    rows = []
    for piece in names:
        for candidate in sorted(dances):
            music, motion = codes[candidate][0], codes[piece][1]
            frames = min(len(music), len(motion)) - 2 * LAG
            found = network.at_lags(
                motion[None, LAG : LAG + frames], music[None, : frames + 2 * LAG]
            )
            rows.append((fold, piece, candidate, float(found.max())))
    return pd.DataFrame(rows, columns=["fold", "piece", "candidate", "score"])


@torch.no_grad()
def _codes(network: SynchronyNetwork, dance: Dance) -> tuple[Tensor, Tensor]:
    """Of the dance's music and of its motion, (f, 16) each."""
    return network.music_encoder(dance.music[None])[0], network.motion_encoder(dance.motion[None])[
        0
    ]
