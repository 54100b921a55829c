"""Match music to dances as the paper does: any track of the category that the excerpt's vote says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

import matching_stage
import numpy as np
import torch
from torch import nn

from motionmusic import errors, workspace
from motionmusic.models.matcher import Category, Matcher, network_of
from motionmusic.params import Train, group
from motionmusic.scoring.accuracy import vote
from motionmusic.training import weights


def main(given: Sequence[str]) -> None:
    """match_category.py DATASET SEED."""
    dataset, seed = workspace.arguments(given, "dataset", "seed")
    started = time.monotonic()
    sizes = {"width": group(Train, "train", dataset).width}
    about = matching_stage.about(dataset, "category", int(seed), sizes)
    joints = workspace.read_segments(dataset, "joints")
    inputs = [workspace.data(dataset, "segments", name) for name in ("joints.npy", "index.parquet")]
    networks: dict[int, nn.Module] = {}
    matches = []
    for fold, ids in workspace.folds(workspace.read_index(dataset)):
        with torch.random.fork_rng([]):
            network = cast(Category, network_of(about))
        for kind, encoder in (("joints", network.joints), ("bones", network.bones)):
            path = workspace.data(
                dataset, "models", f"cotrain-{kind}-fc-{seed}", f"fold{fold}.safetensors"
            )
            weights.load_into(encoder, weights.part(weights.load(path), "motion"), path)
            inputs.append(path)
        networks[fold] = network
        matcher = Matcher(about, network, "")
        queries, gallery = matching_stage.windows(ids, "test"), matching_stage.windows(ids)
        votes = [vote(matcher.logits(joints[rows]).argmax(1).tolist()) for rows in queries["rows"]]
        same = gallery["label"].to_numpy()[None] == np.array(votes)[:, None]
        matches.append(matching_stage.scored(fold, queries, gallery, same.astype(np.float32)))
    matching_stage.finish(about, networks, matches, sizes, inputs, started)


if __name__ == "__main__":
    errors.run(main)
