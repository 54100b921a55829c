"""Match music to dances by the cotrained networks' codes, as they are or through a trained head."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import matching_stage
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from motionmusic import errors, workspace
from motionmusic.models import deconfounded, heads
from motionmusic.models.matcher import About, Codes, Matcher, network_of
from motionmusic.models.methods import Method
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.params import Deconfounded, Match, Train, group
from motionmusic.training import weights
from motionmusic.training.device import keep_memory, pick_device
from motionmusic.training.fitting import fit
from motionmusic.training.loop import Chance, Losses, Schedule
from motionmusic.training.phases import seeded
from motionmusic.training.recipe import Recipe

FIXED = ("mapping", "unmapped")  # nothing more is trained


def losses_of(
    head: nn.Module, ids: pd.DataFrame, motion: Tensor, music: Tensor, tracks: Tensor, method: str
) -> Losses:
    """The loss of one of the contrastive heads on codes (n, d) of motion and music."""
    settings = group(Match, "match")
    labels = torch.from_numpy(ids["label"].to_numpy(np.int64, copy=True)).to(motion.device)
    towers = cast(heads.Towers, head)

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        a, b = towers.motion(motion[rows]), towers.music(music[rows])
        if method == "contrastive":
            return {"label": heads.label_loss(a, b, labels[rows], settings.margin)}, None
        return {"pair": heads.pair_loss(a, b, tracks[rows], towers.log_scale)}, None

    return losses


def deconfounded_losses(
    head: deconfounded.Deconfounded,
    ids: pd.DataFrame,
    motion: Tensor,
    music: Tensor,
    tracks: Tensor,
    steps: int,
    teacher: deconfounded.Deconfounded | None,
) -> Losses:
    """DecCM's loss; the teacher (trained where none is given) sees the means of whole excerpts."""
    settings = group(Deconfounded, "deconfounded")
    labels = torch.from_numpy(ids["label"].to_numpy(np.int64, copy=True)).to(motion.device)
    train = torch.from_numpy((ids["split"] == "train").to_numpy(copy=True)).to(motion.device)
    head.prior.copy_(torch.bincount(labels[train], minlength=len(head.prior)) / train.sum())
    often = torch.bincount(tracks[train], minlength=int(tracks.max()) + 1).clamp(min=1)
    weight = 1 / often[tracks] if settings.propensity else torch.ones(len(ids), device=train.device)
    weight = weight / weight[train].mean()
    whole = [_means(ids, z) for z in (motion, music)]
    taken = 0

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        nonlocal taken
        taken += head.training
        # the divergence comes in over the first half of the steps
        share = min(1.0, 2 * taken / steps) if head.training else 1.0
        seen = (motion, music) if teacher is not None else whole
        named = deconfounded.loss(
            head, seen[0][rows], seen[1][rows], tracks[rows], labels[rows], weight[rows],
            margin=settings.margin, hardest=settings.hardest,
            divergence=share * settings.divergence,
            teacher=None if teacher is None else (teacher, whole[0][rows], whole[1][rows]),
            pull=settings.teacher,
        )  # fmt: skip
        return named, None

    return losses


def _means(ids: pd.DataFrame, z: Tensor) -> Tensor:
    """Every segment's code replaced by the mean over its excerpt's segments of the same split."""
    number = ids.groupby(["split", "piece", "excerpt"], sort=False).ngroup().to_numpy(np.int64)
    index = torch.from_numpy(number.copy()).to(z.device)
    total = z.new_zeros(int(index.max()) + 1, z.shape[1]).index_add_(0, index, z)
    return (total / torch.bincount(index)[:, None])[index]


def train_head(
    about: About,
    network: Codes,
    ids: pd.DataFrame,
    motion: Tensor,
    music: Tensor,
    tracks: Tensor,
    chance: Chance,
) -> None:
    """Train the matcher's head on codes of motion and music, (n, d) each."""
    settings = group(Match, "match")
    rows = {
        split: torch.from_numpy(np.flatnonzero((ids["split"] == split).to_numpy())).to(
            motion.device
        )
        for split in ("train", "validation")
    }
    batch = min(settings.batch, len(rows["train"]))
    schedule = Schedule(
        batch, settings.epochs, settings.learning_rate, "one_cycle", "fp32",
        Recipe(weight_decay=settings.weight_decay),
    )  # fmt: skip
    head = network.head
    if about.method == "infonce":
        scale = cast(heads.Towers, head).log_scale
        nn.init.constant_(scale, -math.log(settings.temperature))
    if about.method != "deconfounded":
        losses = losses_of(head, ids, motion, music, tracks, about.method)
        fit(head, losses, rows["train"], rows["validation"], schedule, chance)
        return
    student = cast(deconfounded.Deconfounded, head)
    steps = settings.epochs * (len(rows["train"]) // batch)
    teacher: deconfounded.Deconfounded | None = None
    if group(Deconfounded, "deconfounded").teacher > 0:
        whose = Chance(chance.seed, (*chance.cell, "teacher"))
        with seeded(whose, "initial", motion.device):
            made = cast(Codes, network_of(about)).head.to(motion.device)
        teacher = cast(deconfounded.Deconfounded, made)
        losses = deconfounded_losses(teacher, ids, motion, music, tracks, steps, None)
        fit(teacher, losses, rows["train"], rows["validation"], schedule, whose)
    losses = deconfounded_losses(student, ids, motion, music, tracks, steps, teacher)
    fit(student, losses, rows["train"], rows["validation"], schedule, chance)


@torch.no_grad()
def codes(encode: Callable[[Tensor], Tensor], segments: Tensor) -> Tensor:
    """(n, …) → (n, d), block by block."""
    return torch.cat([encode(block) for block in torch.split(segments, 256)])


def _embedding(encoder: MotionEncoder, joints: Tensor) -> Tensor:
    z: Tensor = encoder(joints)[0]
    return z


def main(given: Sequence[str]) -> None:
    """match.py DATASET METHOD SEED."""
    dataset, name, seed = workspace.arguments(given, "dataset", "method", "seed")
    started = time.monotonic()
    keep_memory()
    method, device = cast(Method, name), pick_device()
    sizes = {"width": group(Train, "train", dataset).width}
    if method not in FIXED:
        sizes["size"] = group(Match, "match").size
    if method == "deconfounded":
        sizes["backdoor"] = int(group(Deconfounded, "deconfounded").backdoor)
    about = matching_stage.about(dataset, method, int(seed), sizes)
    segments = {
        kind: torch.from_numpy(workspace.read_segments(dataset, kind)).to(device)
        for kind in ("joints", "music")
    }
    inputs = [
        workspace.data(dataset, "segments", file)
        for file in ("joints.npy", "music.npy", "index.parquet")
    ]
    used = {} if method in FIXED else group(Match, "match").model_dump()
    if method == "deconfounded":
        used |= group(Deconfounded, "deconfounded").model_dump()
    networks: dict[int, nn.Module] = {}
    matches = []
    for fold, ids in workspace.folds(workspace.read_index(dataset)):
        path = workspace.data(
            dataset, "models", f"cotrain-joints-fc-{seed}", f"fold{fold}.safetensors"
        )
        cotrained = weights.load(path)
        inputs.append(path)
        chance = Chance(int(seed), ("match", method, fold))
        with seeded(chance, "initial", device):
            network = cast(Codes, network_of(about)).to(device)
        encoders = {"motion": network.motion_encoder, "music": network.music_encoder}
        if method == "mapping":
            encoders["mapping"] = cast(heads.Mapped, network.head).mapping
        for part, module in encoders.items():
            weights.load_into(module, weights.part(cotrained, part), path)
        network.eval()
        z_motion = codes(partial(_embedding, network.motion_encoder), segments["joints"])
        z_music = codes(network.music_encoder.encode, segments["music"])
        if method not in FIXED:
            every = matching_stage.tracks(dataset, ids)
            number = torch.from_numpy(pd.factorize(every)[0].astype(np.int64)).to(device)
            train_head(about, network, ids, z_motion, z_music, number, chance)
        head = network.head
        a = codes(head.motion, z_motion).cpu().numpy()  # type: ignore[arg-type]
        b = codes(head.music, z_music).cpu().numpy()  # type: ignore[arg-type]
        queries, gallery = matching_stage.windows(ids, "test"), matching_stage.windows(ids)
        scores = Matcher(about, network, "").scores(
            [a[rows].mean(0) for rows in queries["rows"]],
            [b[rows].mean(0) for rows in gallery["rows"]],
        )
        matches.append(matching_stage.scored(fold, queries, gallery, scores))
        networks[fold] = network.cpu()
    matching_stage.finish(about, networks, matches, used, inputs, started)


if __name__ == "__main__":
    errors.run(main)
