"""The groups of params.yaml that say how music is matched to a dance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from motionmusic.params.base import Group

Rate = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Match(Group):
    """The heads that are learned on the cotrained networks' codes (docs/matching.md).

    ``margin`` is of the label-driven loss (distances of unit vectors), ``temperature`` where the
    learned one of InfoNCE starts.
    """

    size: Annotated[int, Field(ge=2)]
    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0)]
    margin: Annotated[float, Field(gt=0, le=2)]
    temperature: Annotated[float, Field(gt=0, le=1)]


class Deconfounded(Group):
    """DecCM's parts; each can be left out (false or 0)."""

    backdoor: bool
    propensity: bool
    teacher: Annotated[float, Field(ge=0)]
    divergence: Annotated[float, Field(ge=0)]
    margin: Annotated[float, Field(gt=0)]
    hardest: Count


class Synchrony(Group):
    """The synchrony network, how it is trained, and for how long as a classifier afterwards."""

    channels: Annotated[int, Field(ge=4, multiple_of=4)]
    blocks: Count
    clip_frames: Annotated[int, Field(ge=25)]
    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    learning_rate: Rate
    classify_epochs: Count


class Matching(Group):
    """How matches are measured: DecCM's number of negatives, the cut of its recall."""

    negatives: Count
    own_track: bool
    top: Count
