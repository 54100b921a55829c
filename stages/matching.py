"""The table and the picture of all methods that match music to dances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matching_files
import numpy as np
import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import write_bytes, write_json, write_text
from motionmusic.models.methods import METHODS
from motionmusic.params import DATASET, Evaluate, Matching, Segment, group
from motionmusic.results import matching as results
from motionmusic.results.figures import png
from motionmusic.scoring import retrieval


def main(given: Sequence[str]) -> None:
    """matching.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings, evaluate = group(Matching, "matching"), group(Evaluate, "evaluate")
    segment = group(Segment, "segment", dataset)
    rate = group(DATASET, "datasets", dataset).motion_rate_hz
    seeds = group(list[int], "seeds")
    matches: dict[str, list[pd.DataFrame]] = {
        method: [matching_files.read_matches(dataset, f"{method}-{seed}") for seed in seeds]
        for method in METHODS
    }
    facts = results.Facts(
        workspace.read_pieces(dataset).set_index("piece"),
        matching_files.read_tempo(dataset).set_index("piece"),
        matching_files.read_beats(dataset),
        segment.excerpt_frames / rate,
    )
    found = results.evaluate(
        matches, facts, negatives=settings.negatives, own_track=settings.own_track,
        seed=evaluate.seed, resamples=evaluate.resamples,
    )  # fmt: skip
    found["synchrony"] = synchrony(dataset, seeds, evaluate)
    folder = workspace.metrics(dataset)
    write_json(folder / "matching.json", found)
    write_text(
        folder / "matching.csv", results.flat(found).to_csv(index=False, float_format="%.6g")
    )
    write_text(folder / "matching.md", results.markdown(found, dataset, segment.protocol))
    title = f"Music for a dance: {dataset}, {segment.protocol}"
    write_bytes(workspace.plots(dataset, "matching.png"), png(results.picture(found, title)))


def synchrony(dataset: str, seeds: Sequence[int], settings: Evaluate) -> dict[str, Any]:
    """How often the true music has the larger p than each kind of negative and at each shift."""
    frames = [matching_files.read_synchrony_tests(dataset, seed) for seed in seeds]
    mean = pd.concat(frames).groupby(["piece", "excerpt"], as_index=False).mean()
    ones = np.ones(len(mean))
    result = {}
    for name in mean.columns.drop(["piece", "excerpt", "fold"]):
        value, low, high = retrieval.interval(
            mean[name].to_numpy(), ones, mean["piece"], settings.seed, settings.resamples
        )
        result[str(name)] = {"value": value, "low": low, "high": high}
    return {"excerpts": len(mean), "pieces": int(mean["piece"].nunique()), "right": result}


if __name__ == "__main__":
    errors.run(main)
