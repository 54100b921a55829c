"""What test shares with train, in names and in motion; stops where a protocol's promise is broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data.leakage import (
    NO_IDENTICAL,
    PAIRS,
    PROMISES,
    is_promised,
    keys_of_segments,
    leakage_figure,
    nearest,
    nearest_in_piece,
    shared,
    summary,
)
from motionmusic.errors import UserError
from motionmusic.features.segments import units_of_segments
from motionmusic.files import Float32, write_bytes, write_json
from motionmusic.params import DATASET, Leakage, Protocol, Segment, group


def shares(
    dataset: str, source: str, settings: Segment, folds: list[tuple[int, pd.DataFrame]]
) -> list[dict[str, Any]]:
    """Per fold what each two splits share by name. Raises UserError where it was promised not to."""
    spans = workspace.read_units(dataset)
    captures = dict(zip(spans["unit"], spans["capture"], strict=True))
    found = []
    for fold, ids in folds:
        units = units_of_segments(ids, spans, settings.excerpt_frames, settings.segment_frames)
        keys = keys_of_segments(ids.assign(units=units), source, captures)
        pairs = {}
        for left, right in PAIRS:
            both = shared(ids["split"].tolist(), keys, left, right)
            for key, values in both.items():
                if values["shared"] and is_promised(settings.protocol, key, (left, right)):
                    raise UserError(
                        workspace.data(dataset, "segments", "index.parquet"),
                        f"fold {fold}, {left} and {right}",
                        f"no {key} in both, as protocol {settings.protocol} promises",
                        f"{values['shared']}: {', '.join(values['examples'])}",
                        "delete data/DATASET/segments and run `dvc repro`; if the error stays, the"
                        " protocol has a fault: please report it",
                    )
            pairs[f"{left}_{right}"] = both
        counts = ids["split"].value_counts().to_dict()
        found.append({"fold": fold, "segments": counts, "shared": pairs})
    return found


def tested_with_shared(per_fold: list[dict[str, Any]]) -> dict[str, float]:
    """By key: the share of all test segments that have a value which train has too, over folds."""
    tested = np.array([fold["segments"].get("test", 0) for fold in per_fold])
    both = [fold["shared"]["train_test"] for fold in per_fold]
    return {
        key: float(tested @ [fold[key]["segments"] for fold in both] / max(tested.sum(), 1))
        for key in both[0]
    }


def neighbours(joints: Float32, folds: list[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    """Every test segment with its nearest training segment of the same fold and their distance."""
    reference = nearest_in_piece(joints, folds[0][1]["piece"].tolist())
    parts = []
    for fold, ids in folds:
        (train,), (test,) = (np.nonzero((ids["split"] == s).to_numpy()) for s in ("train", "test"))
        if not len(train) or not len(test):
            continue  # such as an AIST++ folder of a few sequences
        index, distance = nearest(joints[test], joints[train])
        names = ids["piece"] + "/" + ids["excerpt"].astype(str) + "/" + ids["segment"].astype(str)
        parts.append(
            pd.DataFrame(
                {
                    "fold": fold,
                    "test": names.to_numpy()[test],
                    "train": names.to_numpy()[train][index],
                    "distance": distance,
                    "own_piece": reference[test],
                    "right": ids["label"].to_numpy()[test] == ids["label"].to_numpy()[train][index],
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=["fold", "test", "train", "distance", "own_piece", "right"])
    return pd.concat(parts, ignore_index=True)


def refuse_identical(
    dataset: str, protocol: Protocol, pairs: pd.DataFrame, settings: Leakage
) -> None:
    """Raises UserError where test has a training segment under another name, and must not."""
    same = pairs[pairs["distance"].to_numpy(float) < settings.identical]
    if protocol in NO_IDENTICAL and len(same):
        first = [f"{row.test} is {row.train}" for row in same.head(5).itertuples()]
        raise UserError(
            workspace.data(dataset, "segments", "joints.npy"),
            f"fold {same['fold'].iloc[0]}",
            f"no test segment with the motion of a training segment (protocol {protocol})",
            f"{len(same)}: {', '.join(first)}",
            "one of the two dances is a copy: take it out of the data set",
        )


def main(given: Sequence[str]) -> None:
    """leakage.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    segment = group(Segment, "segment", dataset)
    settings = group(Leakage, "leakage")
    folds = workspace.folds(workspace.read_index(dataset))
    per_fold = shares(dataset, about.source, segment, folds)
    pairs = neighbours(workspace.read_segments(dataset, "joints"), folds)
    refuse_identical(dataset, segment.protocol, pairs, settings)

    distances, reference = (pairs[name].to_numpy(float) for name in ("distance", "own_piece"))
    closest = pairs.sort_values("distance", kind="stable").head(5)
    dropped = sum(int(fold["segments"].get("dropped", 0)) for fold in per_fold)
    report = {
        "dataset": dataset,
        "protocol": segment.protocol,
        "promised_apart": PROMISES[segment.protocol],
        "near_below": settings.near,
        "identical_below": settings.identical,
        "segments": len(folds[0][1]),
        "tested": len(pairs),
        "dropped_over_folds": dropped,
        "tested_with_shared": tested_with_shared(per_fold),
        "nearest_in_train": summary(distances, settings.near, settings.identical),
        "nearest_in_own_piece": summary(reference, settings.near, settings.identical),
        "one_nearest_neighbour": {
            "accuracy": pairs["right"].astype(float).mean(),
            "chance": 1 / len(about.labels),
        },
        "closest": closest[["fold", "test", "train", "distance"]].to_dict("records"),
        "folds": per_fold,
    }
    picture = leakage_figure(
        distances,
        reference,
        settings.near,
        f"{dataset}, protocol {segment.protocol}, n = {len(pairs):,}",
        f"{100 * (distances < settings.near).mean() if len(pairs) else 0:.1f} % of the test segments"
        f" have a training segment nearer than {settings.near:g};"
        f" {100 * (reference < settings.near).mean() if len(pairs) else 0:.1f} % have another segment"
        " of their own piece, whatever its split, that near. A curve further to the left is nearer.",
    )
    write_bytes(workspace.plots(dataset, "leakage.png"), picture)
    write_json(workspace.metrics(dataset, "leakage.json"), report)


if __name__ == "__main__":
    errors.run(main)
