"""The overview: the right cells, differences as they were computed, one picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from motionmusic.params import Segment, Train
from motionmusic.results.overview import overview, overview_csv, overview_figure, overview_markdown

SEGMENT = Segment(
    excerpt_frames=229, segment_frames=25, excerpts_per_class=30, excerpts_per_piece="all",
    choose="first", protocol="by_unit", folds=5, split_seed=0,
)  # fmt: skip
TRAIN = Train(
    width=32, batch=36, learning_rate=0.003, schedule="one_cycle", precision="bf16", recipe="paper",
    epochs_alone=60, epochs_together=30, select="last",
)  # fmt: skip


def evaluation(shift: float) -> dict[str, Any]:
    def cell(mean: float) -> dict[str, dict[str, float]]:
        return {
            level: {"mean": mean + more, "low": mean + more - 0.1, "high": mean + more + 0.05}
            for level, more in (("segment", shift), ("excerpt", shift + 0.01))
        }

    gain = {"difference": 0.02, "low": -0.01, "high": 0.04}
    both = {"segment": gain, "excerpt": gain | {"difference": 0.03}}
    equal = {"segment": gain | {"difference": -0.005}, "excerpt": gain}
    return {
        "n_segments": 360, "n_excerpts": 40, "n_pieces": 21, "n_seeds": 1,
        "chance": {"uniform": 0.25, "largest_class": 0.3},
        "cells": {
            "alone/fused": cell(0.5), "longer/fused": cell(0.52), "fc/fused": cell(0.54),
            "alone/joints": cell(0.1), "trees/joints": cell(0.7), "majority/joints": cell(0.3),
        },
        "collaborative_gain": {"alone": {"fused": {"fc": both}}, "longer": {"fused": {"fc": equal}}},
    }  # fmt: skip


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    evaluations = {"first": evaluation(0.0), "second": evaluation(0.1)}
    return overview(
        evaluations,
        dict.fromkeys(evaluations, SEGMENT),
        dict.fromkeys(evaluations, TRAIN),
        ("majority", "trees"),
    )


def test_each_number_is_of_its_cell(rows: list[dict[str, Any]]) -> None:
    assert [row["dataset"] for row in rows] == ["first", "second"]
    assert {row["best_baseline"] for row in rows} == {"trees"}
    first = rows[0]["segment"]
    means = [first[name]["mean"] for name in ("alone", "longer", "fc", "baseline")]
    assert means == pytest.approx([0.5, 0.52, 0.54, 0.7])
    assert first["gain"]["difference"] == 0.02
    assert first["gain_equal_epochs"]["difference"] == -0.005
    assert rows[1]["excerpt"]["fc"]["mean"] == pytest.approx(0.65)


def test_csv_and_markdown(rows: list[dict[str, Any]]) -> None:
    frame = pd.read_csv(io.StringIO(overview_csv(rows)))
    assert frame[["dataset", "level"]].to_numpy().tolist() == [
        ["first", "segment"], ["first", "excerpt"], ["second", "segment"], ["second", "excerpt"],
    ]  # fmt: skip
    assert frame["fc_mean"].tolist() == pytest.approx([0.54, 0.55, 0.64, 0.65])
    text = " ".join(overview_markdown(rows).split())
    assert "| first: by_unit, 5 folds | 360 / 40 / 21" in text
    assert "54.0 [44.0, 59.0]" in text
    assert "70.0 [60.0, 75.0] trees" in text
    assert "+2.0 [−1.0, +4.0]" in text
    assert "−0.5 [−1.0, +4.0]" in text
    for fact in ("one seed", "width 32, 60 + 30 epochs", "bootstrap over pieces", "paired"):
        assert fact in text, fact


def test_the_picture_is_the_same_for_the_same_rows(rows: list[dict[str, Any]]) -> None:
    picture = overview_figure(rows)
    assert picture == overview_figure(rows)
    image = imread(io.BytesIO(picture), format="png")
    assert image.shape[0] > 300
    # nothing touches the edge
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert float(edge[:, :3].min()) > 0.95
