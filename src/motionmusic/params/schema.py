"""The whole of params.yaml, checked at the start of every stage.

A stage depends only on the groups that it uses; this module is imported by name (params/reader.py)
so that a new knob of one stage makes no other stage stale.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from motionmusic.params.conducting import Conduct
from motionmusic.params.data import Bones, Dataset, Joints, Music, Segment
from motionmusic.params.matching import Deconfounded, Match, Matching, Synchrony
from motionmusic.params.ratings import Ratings
from motionmusic.params.results import Evaluate, Leakage
from motionmusic.params.training import Baseline, Train

Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]

HOP = 512
SYNC_TOLERANCE = 1e-3  # AIST++: 30,700 / 512 = 59.96 instead of 60 (O11)


class Schema(BaseModel):
    """Every group; the per-data-set groups are keyed by data set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seeds: Seeds
    datasets: dict[str, Dataset]
    joints: dict[str, Joints]
    bones: dict[str, Bones]
    music: dict[str, Music]
    segment: dict[str, Segment]
    train: dict[str, Train]
    leakage: Leakage
    baseline: Baseline
    entries: Annotated[
        list[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]], Field(min_length=1)
    ]
    entry_seeds: Seeds
    evaluate: Evaluate
    match: Match
    deconfounded: Deconfounded
    synchrony: dict[str, Synchrony]
    matching: Matching
    conduct: dict[str, Conduct]
    ratings: Ratings

    @model_validator(mode="after")
    def _agree(self) -> Schema:
        for group in ("joints", "bones", "music", "segment", "train", "synchrony", "conduct"):
            if set(getattr(self, group)) != set(self.datasets):
                raise ValueError(f"{group} must have exactly the data sets of datasets")
        for group in ("seeds", "entries", "entry_seeds"):
            if len(set(getattr(self, group))) != len(getattr(self, group)):
                raise ValueError(f"{group} must differ")
        for name, dataset in self.datasets.items():
            frames_per_second = self.music[name].sample_rate / HOP
            if abs(frames_per_second / dataset.motion_rate_hz - 1) > SYNC_TOLERANCE:
                raise ValueError(
                    f"music.{name}.sample_rate gives {frames_per_second:.3f} frames per second,"
                    f" datasets.{name}.motion_rate_hz is {dataset.motion_rate_hz}"
                )
            official = self.segment[name].protocol in ("official", "official_clean")
            if official != (dataset.source == "aist"):
                raise ValueError(
                    f"segment.{name}.protocol: AIST++ has official splits, and only it"
                )
            units = self.segment[name].protocol in ("by_unit", "by_capture")
            choreographed = dataset.source in ("musictodance", "musictodance_retimed") or (
                dataset.source == "folder" and dataset.choreography == "musictodance"
            )
            if units and not choreographed:
                raise ValueError(
                    f"segment.{name}.protocol: the units of movement are known of MusicToDance only"
                )
            if dataset.source == "aist" and self.joints[name].center != "none":
                raise ValueError(
                    f"joints.{name}.center: AIST++ has no centre to subtract, use none"
                )
        return self
