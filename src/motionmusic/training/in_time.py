"""Our synchrony network, one fold: trained on some pieces, asked about others."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from motionmusic.models.matcher import About, network_of
from motionmusic.models.synchrony import SynchronyNetwork
from motionmusic.streams import stream
from motionmusic.training.augment import body, move
from motionmusic.training.checkpoint import Store
from motionmusic.training.contrastive import right, train_voter
from motionmusic.training.dances import Dance, sides
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.recipe import QUICK

CLIP_FRAMES, BATCH, LEARNING_RATE = 100, 8, 0.003  # a step has two clips of each dance
DRAWS = 20  # negatives of each kind for each tested excerpt


def train_fold(
    ids: pd.DataFrame,
    dances: Mapping[str, Dance],
    about: About,
    epochs: int,
    store: Store,
    device: torch.device,
) -> SynchronyNetwork:
    """The network of one fold, on the CPU and in eval mode.

    Args:
        ids: rows of the fold: fold, split, piece, excerpt.
        dances: by piece.
        about: what the network is.
        epochs: of training.
        store: of checkpoints.
        device: where it trains.
    """
    image = body("joints", about.layout, about.joints.scale, paper_bones=False).to(device)

    def see(motion: Tensor) -> Tensor:
        """Turned, mirrored and jittered."""
        return move(motion.permute(0, 3, 1, 2), image, QUICK).permute(0, 2, 3, 1)

    def make() -> SynchronyNetwork:
        network = network_of(about)
        assert isinstance(network, SynchronyNetwork)
        return network

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
    with torch.no_grad():
        codes = [
            (
                network.music_encoder(dance.music[None])[0],
                network.motion_encoder(dance.motion[None])[0],
            )
            for dance in test
        ]
    random = stream(about.seed, "synchrony", "votes", fold)
    excerpts = ids.loc[ids["split"] == "test", ["piece", "excerpt"]].drop_duplicates()
    rows = []
    for piece, excerpt in excerpts.sort_values(["piece", "excerpt"]).itertuples(index=False):
        clip = (names.index(piece), excerpt * about.excerpt_frames, about.excerpt_frames)
        better = right(network, test, codes, clip, DRAWS, random)
        rows.append({"fold": fold, "piece": piece, "excerpt": excerpt} | better)
    return pd.DataFrame(rows)
