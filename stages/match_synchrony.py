"""Match music to dances by synchrony: trained without labels, tested on every kind of negative."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import cast

import matching_files
import matching_stage
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import write_text
from motionmusic.models import synchrony
from motionmusic.models.matcher import Matcher, network_of
from motionmusic.models.synchrony import NEGATIVES, Excerpts, SynchronyNetwork
from motionmusic.params import DATASET, Synchrony, group
from motionmusic.training.augment import Body, body, move
from motionmusic.training.checkpoint import Store, code_digest, content_key, remove
from motionmusic.training.device import describe, keep_memory, pick_device
from motionmusic.training.fitting import fit
from motionmusic.training.guard import die_with_parent, hold
from motionmusic.training.loop import Chance, Losses, Schedule
from motionmusic.training.phases import seeded
from motionmusic.training.provenance import sha256_of
from motionmusic.training.recipe import QUICK

DRAWS = 20  # clips of each test excerpt
VALIDATION_DRAWS = 2  # clips of each validation excerpt, the same after every epoch
SHIFTS = range(-25, 26)  # frames: a second to each side


def excerpts(
    dataset: str, ids: pd.DataFrame, device: torch.device
) -> tuple[pd.DataFrame, Excerpts]:
    """The whole excerpts of one fold: their windows, with the split of each, and their arrays.

    An excerpt of which a split has a part only (by unit, by session) is left out.

    Raises:
        UserError: a split has not two pieces left, and an easy negative is of another piece.
    """
    whole = matching_stage.windows(ids)
    most = whole["rows"].map(len).max()
    split = whole["rows"].map(lambda rows: ids["split"].iloc[rows].unique())
    kept = (whole["rows"].map(len) == most) & (split.map(len) == 1)
    whole = whole[kept].reset_index(drop=True).assign(split=split[kept].map(lambda s: s[0]).values)
    pieces = {
        name: whole["piece"][whole["split"] == name].nunique()
        for name in ("train", "validation", "test")
    }
    if min(pieces.values()) < 2:
        raise UserError(
            "params.yaml", f"segment.{dataset}.protocol",
            "a split with whole excerpts of two pieces in train, validation and test",
            f"{pieces} pieces in fold {ids['fold'].iloc[0]}",
            "match by synchrony on a data set that is split by piece, and has enough of them",
        )  # fmt: skip
    rows = np.stack(whole["rows"].to_list())
    joints = workspace.read_segments(dataset, "joints")[rows]  # (m, segments, 3, 25, v)
    music = workspace.read_segments(dataset, "music")[rows][:, :, 0]  # (m, segments, bands, 25)
    m, count, axes, frames, v = joints.shape
    tempo = matching_files.read_tempo(dataset)
    beat = 60 / whole["piece"].map(dict(zip(tempo["piece"], tempo["music_bpm"], strict=True)))
    rate = group(DATASET, "datasets", dataset).motion_rate_hz
    arrays = Excerpts(
        torch.from_numpy(joints.transpose(0, 2, 1, 3, 4).reshape(m, axes, count * frames, v)),
        torch.from_numpy(music.transpose(0, 2, 1, 3).reshape(m, -1, count * frames)),
        torch.from_numpy(pd.factorize(whole["piece"])[0].astype(np.int64)),
        torch.from_numpy((beat * rate).fillna(0.5 * rate).to_numpy(np.float32, copy=True)),
    )
    return whole, Excerpts(*(array.to(device) for array in arrays))


def tested(
    network: SynchronyNetwork, data: Excerpts, rows: Tensor, frames: int, chance: Chance
) -> dict[str, list[float]]:
    """Of each excerpt, how often the true pair has the larger p than a negative of each kind.

    Also, at every shift of the music, how often the true pair beats the shifted one.
    """
    with torch.no_grad(), seeded(chance, "test", rows.device):
        draws = [
            synchrony.probabilities(network, synchrony.draw_clips(data, rows, frames))
            for _ in range(DRAWS)
        ]
        better = {
            kind: torch.stack([_better(p["same"], p[kind]) for p in draws]).mean(0).tolist()
            for kind in NEGATIVES
        }
        motion, music = network.motion(data.motion[rows]), network.music(data.music[rows])
        same = network.together(motion, music)
        for shift in SHIFTS:
            moved = synchrony.at_shift(network, motion, music, shift)
            better[f"shift_{shift}"] = _better(same, moved).tolist() if shift else [0.5] * len(rows)
    return better


def _better(true: Tensor, other: Tensor) -> Tensor:
    return (true > other).float() + 0.5 * (true == other).float()


def main(given: Sequence[str]) -> None:
    """match_synchrony.py DATASET SEED."""
    dataset, seed = workspace.arguments(given, "dataset", "seed")
    if "DVC_STAGE" in os.environ:
        die_with_parent()
    keep_memory()
    kept = workspace.data(dataset, "checkpoints", f"synchrony-{seed}")
    lock = hold(kept / "lock", f"synchrony-{seed}")
    settings, device, started = (
        group(Synchrony, "synchrony", dataset),
        pick_device(),
        time.monotonic(),
    )
    sizes = {"channels": settings.channels, "blocks": settings.blocks}
    about = matching_stage.about(dataset, "synchrony", int(seed), sizes)
    inputs = [
        workspace.data(dataset, "segments", name)
        for name in ("joints.npy", "music.npy", "index.parquet")
    ]
    inputs.append(workspace.data(dataset, "tempo.csv"))
    used = settings.model_dump(exclude={"classify_epochs"})
    key = content_key(
        {
            "params": used,
            "inputs": sha256_of(inputs),
            "code": code_digest(),
            "machine": describe(device),
            "about": about.model_dump(exclude={"git"}),
        }
    )
    image = body("joints", about.layout, about.joints.scale, paper_bones=False).to(device)
    networks: dict[int, nn.Module] = {}
    matches, results = [], []
    for fold, ids in workspace.folds(workspace.read_index(dataset)):
        whole, data = excerpts(dataset, ids, device)
        rows = {
            split: torch.from_numpy(np.flatnonzero((whole["split"] == split).to_numpy())).to(device)
            for split in ("train", "validation", "test")
        }
        if settings.clip_frames >= data.motion.shape[2]:
            raise UserError(
                "params.yaml", "synchrony.clip_frames", "clips that are shorter than excerpts",
                f"{settings.clip_frames} of {data.motion.shape[2]} frames",
                "set shorter clips, or longer excerpts",
            )  # fmt: skip
        chance = Chance(int(seed), ("match", "synchrony", fold))
        with seeded(chance, "initial", device):
            network = cast(SynchronyNetwork, network_of(about)).to(device)
        schedule = Schedule(
            min(settings.batch, len(rows["train"])), settings.epochs, settings.learning_rate,
            "one_cycle", "fp32", QUICK,
        )  # fmt: skip
        losses = _losses(network, data, settings.clip_frames, image)
        fit(network, losses, rows["train"], rows["validation"], schedule, chance,
            Store(kept / key, f"fold{fold}"))  # fmt: skip
        queries = whole.iloc[rows["test"].cpu().numpy()].reset_index(drop=True)
        better = tested(network, data, rows["test"], settings.clip_frames, chance)
        results.append(queries[matching_stage.ID].assign(fold=fold, **better))
        matcher = Matcher(about, network.cpu(), "")
        joints, music = (workspace.read_segments(dataset, kind) for kind in ("joints", "music"))
        queries = matching_stage.windows(ids, "test")
        gallery = matching_stage.windows(ids)
        scores = matcher.scores(
            [matcher.motion_code(joints[rows]) for rows in queries["rows"]],
            [matcher.music_code(music[rows]) for rows in gallery["rows"]],
        )
        matches.append(matching_stage.scored(fold, queries, gallery, scores))
        networks[fold] = network
    matching_stage.finish(about, networks, matches, used, inputs, started)
    write_text(
        workspace.data(dataset, "matches", f"synchrony_tests-{seed}.csv"),
        pd.concat(results, ignore_index=True).to_csv(index=False, float_format="%.6g"),
    )
    remove(kept)
    lock.close()


def _losses(network: SynchronyNetwork, data: Excerpts, frames: int, image: Body) -> Losses:
    """Training excerpts are turned, mirrored and jittered; others are seen several times as they are."""

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        if not network.training:
            return synchrony.losses(
                network, synchrony.draw_clips(data, rows.repeat(VALIDATION_DRAWS), frames)
            )
        clips = synchrony.draw_clips(data, rows, frames)
        return synchrony.losses(network, clips._replace(motion=move(clips.motion, image, QUICK)))

    return losses


if __name__ == "__main__":
    errors.run(main)
