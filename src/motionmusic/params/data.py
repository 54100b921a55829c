"""The groups of params.yaml that say what the data are: datasets, joints, bones, music, segment."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, model_validator

from motionmusic.data.skeletons import LayoutName
from motionmusic.params.base import Group

Center = Literal["twice", "once", "none"]
Scale = Literal["per_coordinate_piece", "per_piece"]
Feature = Literal["logmel", "mfcc"]
Resampler = Literal["kaiser_fast", "kaiser_best", "soxr_hq"]
Choose = Literal["first", "even"]
Protocol = Literal[
    "paper", "published", "by_piece", "by_unit", "by_capture", "official", "official_clean"
]
Pieces = Annotated[list[str], Field(min_length=1)] | Literal["all"]


class _Dataset(Group):
    layout: LayoutName
    motion_rate_hz: Annotated[float, Field(gt=0)]
    labels: Annotated[dict[str, str], Field(min_length=2)]


class MusicToDance(_Dataset):
    """The published data set, one of its two time bases."""

    source: Literal["musictodance", "musictodance_retimed"]
    pieces: Pieces


class Aist(_Dataset):
    """AIST++ annotations and AIST dance music."""

    source: Literal["aist"]
    accept_terms: bool
    folder: str | None


class OwnFolder(_Dataset):
    """The user's own dances."""

    source: Literal["folder"]
    folder: str
    pieces: Pieces
    choreography: Literal["none", "musictodance"]


class Synthetic(_Dataset):
    """Dances made on the spot."""

    source: Literal["synthetic"]
    pieces_per_type: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(ge=10)]
    seed: Annotated[int, Field(ge=0)]


AnyDataset: TypeAlias = MusicToDance | Aist | OwnFolder | Synthetic
Dataset = Annotated[AnyDataset, Field(discriminator="source")]
DATASET: TypeAdapter[AnyDataset] = TypeAdapter(Dataset)


class Joints(Group):
    """How skeletons become joints (O9, O27, O29)."""

    center: Center
    scale: Scale


class Bones(Group):
    """How joints become bones (O8)."""

    paper: bool


class Music(Group):
    """How sound becomes features (O2, O10, O11, O28)."""

    feature: Feature
    sample_rate: Annotated[int, Field(ge=8000, le=96000)]
    resampler: Resampler
    scale: Scale
    pad_short: bool
    short_sound: Literal["error", "cut"]


class Segment(Group):
    """Excerpts, segments and the split (O1, O12, O20)."""

    excerpt_frames: Annotated[int, Field(ge=1)]
    segment_frames: Annotated[int, Field(ge=2)]
    excerpts_per_class: Annotated[int, Field(ge=1)] | Literal["all"]
    excerpts_per_piece: Literal["first", "all"]
    choose: Choose
    protocol: Protocol
    folds: Annotated[int, Field(ge=1)]
    split_seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _agree(self) -> Segment:
        if self.segment_frames > self.excerpt_frames:
            raise ValueError("segment_frames is larger than excerpt_frames")
        if self.protocol in ("by_piece", "by_unit") and self.folds < 3:
            raise ValueError(
                f"protocol {self.protocol} needs folds of at least 3 (test, validation, train)"
            )
        if self.protocol == "by_capture" and self.folds != 2:
            raise ValueError(
                "protocol by_capture trains on one session and tests on the others, and the reverse:"
                " folds must be 2"
            )
        if self.protocol in ("paper", "published", "official", "official_clean") and self.folds > 1:
            raise ValueError(f"protocol {self.protocol} has one split: folds must be 1")
        return self
