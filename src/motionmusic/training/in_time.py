"""Our synchrony network, one fold: trained on some pieces, asked about others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pandas as pd
import torch
from torch import Tensor

from motionmusic.models.matcher import About, network_of
from motionmusic.models.synchrony import SynchronyNetwork
from motionmusic.streams import stream
from motionmusic.training.augment import body, move
from motionmusic.training.checkpoint import Store
from motionmusic.training.contrastive import right, train_voter
from motionmusic.training.dances import Dance, sides, tested
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.recipe import QUICK

CLIP_FRAMES, BATCH, LEARNING_RATE = 100, 8, 0.003  # a step has two clips of each dance


def train_fold(
    ids: pd.DataFrame,
    dances: Mapping[str, Dance],
    about: About,
    epochs: int,
    store: Store,
    device: torch.device,
) -> SynchronyNetwork:
    """The network of one fold (fold, split, piece, excerpt), on the CPU and in eval mode."""
    image = body("joints", about.layout, about.joints.scale, paper_bones=False).to(device)

    def see(motion: Tensor) -> Tensor:
        """Turned, mirrored and jittered."""
        return move(motion.permute(0, 3, 1, 2), image, QUICK).permute(0, 2, 3, 1)

    def make() -> SynchronyNetwork:
        return cast(SynchronyNetwork, network_of(about))

    def schedule(rows: int) -> Schedule:
        return Schedule(min(BATCH, rows), epochs, LEARNING_RATE, "one_cycle", "fp32", QUICK)

    train, validation = ([dances[n] for n in sides(ids)[side]] for side in ("train", "validation"))
    chance = Chance(about.seed, ("synchrony", int(ids["fold"].iloc[0])))
    network = train_voter(
        make, train, validation, CLIP_FRAMES, schedule, chance, store, device, see
    )
    return network.cpu()


def votes(
    network: SynchronyNetwork, ids: pd.DataFrame, dances: Mapping[str, Dance], about: About
) -> pd.DataFrame:
    """How often the true music of each test excerpt wins: fold, piece, excerpt, easy, hard, super_hard."""
    names, fold = sides(ids)["test"], int(ids["fold"].iloc[0])
    test = [dances[name] for name in names]
    hear, see = network.music_encoder, network.motion_encoder
    with torch.no_grad():
        codes = [(hear(dance.music[None])[0], see(dance.motion[None])[0]) for dance in test]
    random = stream(about.seed, "synchrony", "votes", fold)
    rows = []
    for piece, excerpt in tested(ids):
        clip = (names.index(piece), excerpt * about.excerpt_frames, about.excerpt_frames)
        better = right(network, test, codes, clip, random)
        rows.append({"fold": fold, "piece": piece, "excerpt": excerpt} | better)
    return pd.DataFrame(rows)
