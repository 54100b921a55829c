"""The matchers of one fold: the trained networks with a head on their codes, and what they score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from motionmusic.files import Float32
from motionmusic.models import deconfounded, heads, weights
from motionmusic.models.matcher import About, Category, Codes, Matcher, network_of
from motionmusic.params import Deconfounded, Match
from motionmusic.training.loop import Chance, Losses, Schedule
from motionmusic.training.phases import fit, seeded
from motionmusic.training.recipe import Recipe

ID = ["piece", "excerpt"]
FIXED = ("mapping", "unmapped")  # nothing more is trained


def category(about: About, joints: Path, bones: Path) -> Category:
    """The paper's classifier from the weights of two cotrained cells."""
    with torch.random.fork_rng([]):  # building draws weights
        network = cast(Category, network_of(about))
    for encoder, path in ((network.joints, joints), (network.bones, bones)):
        weights.load_into(encoder, weights.part(weights.load(path), "motion"), path)
    return network


def codes(
    about: About,
    cotrained: Path,
    ids: pd.DataFrame,
    segments: Mapping[str, Float32],
    tracks: pd.Series[str],
    settings: tuple[Match, Deconfounded],
    device: torch.device,
) -> Codes:
    """The encoders of a cotrained cell (fc) and a head, which learns where the method learns one.

    ``ids`` are one fold's rows (fold, split, piece, excerpt, label), ``segments`` their joints and
    music, (n, …) each, ``tracks`` their sound files.
    """
    chance = Chance(about.seed, ("match", about.method, int(ids["fold"].iloc[0])))
    with seeded(chance, "initial", device):
        network = cast(Codes, network_of(about)).to(device)
    parts: dict[str, nn.Module] = {"motion": network.motion_encoder, "music": network.music_encoder}
    if about.method == "mapping":
        parts["mapping"] = cast(heads.Mapped, network.head).mapping
    state = weights.load(cotrained)
    for name, module in parts.items():
        weights.load_into(module, weights.part(state, name), cotrained)
    network.eval()
    if about.method not in FIXED:
        joints, music = (
            torch.from_numpy(segments[name]).to(device) for name in ("joints", "music")
        )
        pairs = Pairs(
            ids,
            _blocks(lambda x: network.motion_encoder(x)[0], joints),
            _blocks(network.music_encoder.encode, music),
            torch.from_numpy(pd.factorize(tracks)[0].astype(np.int64)).to(device),
        )
        train_head(about, network.head, pairs, *settings, chance)
    return network.cpu()


@torch.no_grad()
def _blocks(encode: Callable[[Tensor], Tensor], segments: Tensor) -> Tensor:
    return torch.cat([encode(block) for block in torch.split(segments, 256)])


class Pairs:
    """The codes (n, d) of one fold's segments, pair by pair, on the device, and their tracks (n,)."""

    def __init__(self, ids: pd.DataFrame, motion: Tensor, music: Tensor, tracks: Tensor):
        self.motion, self.music, self.tracks = motion, music, tracks
        self.labels = self._here(ids["label"])
        self.train, self.validation = (
            self._here(np.flatnonzero(ids["split"] == split)) for split in ("train", "validation")
        )
        number = self._here(ids.groupby(["split", *ID], sort=False).ngroup())
        self.whole = [_means(z, number) for z in (motion, music)]

    def _here(self, values: pd.Series[int] | np.ndarray) -> Tensor:
        return torch.tensor(np.asarray(values, np.int64), device=self.motion.device)


def _means(z: Tensor, number: Tensor) -> Tensor:
    """Every segment's code replaced by the mean over its excerpt's segments of the same split."""
    total = z.new_zeros(int(number.max()) + 1, z.shape[1]).index_add_(0, number, z)
    return (total / torch.bincount(number)[:, None])[number]


def train_head(
    about: About, head: nn.Module, pairs: Pairs, how: Match, deccm: Deconfounded, chance: Chance
) -> None:
    """Train a head in place; the epoch of the least validation loss is kept."""
    batch = min(how.batch, len(pairs.train))
    recipe = Recipe(weight_decay=how.weight_decay)
    schedule = Schedule(batch, how.epochs, how.learning_rate, "one_cycle", "fp32", recipe)

    def learn(head: nn.Module, losses: Losses, chance: Chance) -> None:
        fit(head, losses, pairs.train, pairs.validation, schedule, chance)

    if isinstance(head, heads.Towers):
        if about.method == "infonce":
            nn.init.constant_(head.log_scale, -math.log(how.temperature))
        margin = how.margin if about.method == "contrastive" else None
        learn(head, tower_losses(head, pairs, margin), chance)
        return
    steps = how.epochs * (len(pairs.train) // batch)
    teacher = None
    if deccm.teacher > 0:
        whose = Chance(chance.seed, (*chance.cell, "teacher"))
        with seeded(whose, "initial", pairs.motion.device):
            made = cast(Codes, network_of(about)).head.to(pairs.motion.device)
        teacher = cast(deconfounded.Deconfounded, made)
        learn(teacher, deconfounded_losses(teacher, pairs, steps, deccm, None), whose)
    student = cast(deconfounded.Deconfounded, head)
    learn(student, deconfounded_losses(student, pairs, steps, deccm, teacher), chance)


def tower_losses(towers: heads.Towers, pairs: Pairs, margin: float | None) -> Losses:
    """The loss of contrastive towers: driven by labels with a margin, by true pairs without."""

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        a, b = towers.motion(pairs.motion[rows]), towers.music(pairs.music[rows])
        if margin is not None:
            return {"label": heads.label_loss(a, b, pairs.labels[rows], margin)}, None
        return {"pair": heads.pair_loss(a, b, pairs.tracks[rows], towers.log_scale)}, None

    return losses


def deconfounded_losses(
    head: deconfounded.Deconfounded,
    pairs: Pairs,
    steps: int,
    how: Deconfounded,
    teacher: deconfounded.Deconfounded | None,
) -> Losses:
    """DecCM's loss; the teacher (trained where none is given) sees the means of whole excerpts."""
    train, tracks = pairs.train, pairs.tracks
    head.prior.copy_(torch.bincount(pairs.labels[train], minlength=len(head.prior)) / len(train))
    often = torch.bincount(tracks[train], minlength=int(tracks.max()) + 1).clamp(min=1)
    weight = 1 / often[tracks] if how.propensity else torch.ones_like(pairs.motion[:, 0])
    weight = weight / weight[train].mean()
    seen = pairs.whole if teacher is None else [pairs.motion, pairs.music]
    taken = 0

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        nonlocal taken
        taken += head.training
        # the divergence comes in over the first half of the steps
        share = min(1.0, 2 * taken / steps) if head.training else 1.0
        whole = pairs.whole[0][rows], pairs.whole[1][rows]
        named = deconfounded.loss(
            head, seen[0][rows], seen[1][rows], tracks[rows], pairs.labels[rows], weight[rows],
            margin=how.margin, hardest=how.hardest, divergence=share * how.divergence,
            teacher=None if teacher is None else (teacher, *whole), pull=how.teacher,
        )  # fmt: skip
        return named, None

    return losses


def windows(ids: pd.DataFrame) -> pd.DataFrame:
    """One row an excerpt: piece, excerpt, label, rows in time order."""
    groups = ids.assign(row=ids.index).groupby(ID, sort=False)
    return groups.agg(label=("label", "first"), rows=("row", list)).reset_index()


def scored(
    matcher: Matcher,
    ids: pd.DataFrame,
    segments: Mapping[str, Float32],
    vote: Callable[[list[int]], int],
) -> pd.DataFrame:
    """A fold's test excerpts against all excerpts: score float32, higher is better, of each pair.

    The method category has ``score_of_joints`` besides, without the vote of the bones.

    ``ids`` are rows of the fold in the order of the segments (joints and music); ``vote`` makes an
    excerpt's class from its segments' classes in time order (category).
    """
    queries, gallery = windows(ids[ids["split"] == "test"]), windows(ids)
    joints, music = segments["joints"], segments["music"]
    if matcher.about.method == "category":
        scores = {
            name: _voted(matcher, [joints[rows] for rows in queries["rows"]], gallery, vote, limbs)
            for name, limbs in (("score", True), ("score_of_joints", False))
        }
    else:
        scores = {
            "score": matcher.scores(
                [matcher.motion_code(joints[rows]) for rows in queries["rows"]],
                [matcher.music_code(music[rows]) for rows in gallery["rows"]],
            )
        }
    left = queries[ID].loc[queries.index.repeat(len(gallery))].reset_index(drop=True)
    right = gallery[ID].rename(columns={"piece": "candidate", "excerpt": "candidate_excerpt"})
    frame = left.join(pd.concat([right] * len(queries), ignore_index=True))
    frame.insert(0, "fold", int(ids["fold"].iloc[0]))
    return frame.assign(**{name: of.ravel() for name, of in scores.items()})


def _voted(
    matcher: Matcher,
    queries: Sequence[Float32],
    gallery: pd.DataFrame,
    vote: Callable[[list[int]], int],
    limbs: bool,
) -> Float32:
    """1 where the excerpts' votes name the music's category, 0 elsewhere: (q, c)."""
    votes = [vote(matcher.logits(joints, limbs).argmax(1).tolist()) for joints in queries]
    same = gallery["label"].to_numpy()[None] == np.array(votes)[:, None]
    return np.asarray(same, np.float32)
