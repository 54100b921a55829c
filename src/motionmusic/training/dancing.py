"""Motion from music, one fold: M2S-Net, a judge of its own, M2S-GAN, and what they say and make."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from motionmusic.features.keypoints import FRAMES
from motionmusic.files import Float32
from motionmusic.models.conductor import conducted, encoded
from motionmusic.models.virtual_conductor import SyncNetwork
from motionmusic.streams import stream
from motionmusic.training.adversarial import nearest, train_generator
from motionmusic.training.checkpoint import Store
from motionmusic.training.contrastive import right, train_voter
from motionmusic.training.dances import Dance, sides, tested
from motionmusic.training.loop import Chance, Schedule

CLIP_S, BATCH, LEARNING_RATE = 4, 4, 0.003  # of M2S-Net; a step has two clips of each dance


class Fold(NamedTuple):
    """What a fold leaves: networks by name, and of each tested piece and excerpt

    ``motion``, (f, 13, 2), the generator's for the piece's music; ``votes``, how often the true pair
    wins, by network and judge; ``neighbours``, piece and first frame of the most similar music.
    """

    networks: dict[str, nn.Module]
    motion: dict[str, Float32]
    votes: pd.DataFrame
    neighbours: pd.DataFrame


def train_fold(
    ids: pd.DataFrame,
    dances: Mapping[str, Dance],
    clip: Callable[[int], tuple[int, int]],
    steps: tuple[int, int],
    seed: int,
    store: Callable[[str], Store],
    device: torch.device,
) -> Fold:
    """Train on some pieces of a fold (fold, split, piece, excerpt), test on others.

    ``clip`` gives an excerpt's first frame and frames at 30 Hz; ``steps`` are M2S-Net's and M2S-GAN's.
    """
    fold, names = int(ids["fold"].iloc[0]), sides(ids)
    train, validation, test = (
        [dances[name] for name in names[split]] for split in ("train", "validation", "test")
    )

    def chance(what: str) -> Chance:
        return Chance(seed, ("conduct", what, fold))

    def schedule(rows: int) -> Schedule:
        batch = min(BATCH, rows)
        epochs = math.ceil(steps[0] / (rows // batch))
        return Schedule(batch, epochs, LEARNING_RATE, "one_cycle", "fp32")

    def voter(what: str, train: Sequence[Dance], validation: Sequence[Dance]) -> SyncNetwork:
        return train_voter(
            train, validation, CLIP_S * FRAMES, schedule, chance(what),
            store(f"{what}{fold}"), device,
        )  # fmt: skip

    network = voter("synchrony", train, validation)
    # as the authors say, what judges has learned from the dances that are judged
    judge = voter("judge", test, [])
    generator = train_generator(
        train, validation, network, steps[1], chance("generator"), store(f"generator{fold}"), device
    )
    network, judge, generator = network.cpu(), judge.cpu(), generator.cpu()
    own, apart = codes_of(network, test), codes_of(judge, test)
    heard = [music for music, _ in codes_of(network, train)]
    random = stream(seed, "conduct", "votes", fold)
    votes, neighbours = [], []
    for piece, excerpt in tested(ids):
        number, (start, frames) = names["test"].index(piece), clip(excerpt)
        start = min(start, len(test[number].motion) - frames)  # rounded beyond the end
        key = {"fold": fold, "piece": piece, "excerpt": excerpt}
        place = (number, start, frames)
        better = right(network.agree, test, own, place, random)
        judged = right(judge.agree, test, apart, place, random)
        votes.append(key | better | {f"judge_{kind}": share for kind, share in judged.items()})
        other, first = nearest(own[number][0][start : start + frames], heard)
        neighbours.append(key | {"neighbour": train[other].name, "neighbour_start": first})
    networks = {"synchrony": network, "judge": judge, "generator": generator}
    motion = {
        dance.name: conducted(generator, dance.music.numpy(), seed, smooth=False) for dance in test
    }
    return Fold(networks, motion, pd.DataFrame(votes), pd.DataFrame(neighbours))


@torch.no_grad()
def codes_of(network: SyncNetwork, dances: Sequence[Dance]) -> list[tuple[Tensor, Tensor]]:
    """The codes of each dance's music and motion, (f, 64) each."""
    hear, see = network.music_encoder, network.motion_encoder
    return [(encoded(hear, d.music[None])[0], encoded(see, d.motion[None])[0]) for d in dances]
