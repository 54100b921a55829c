"""The groups of params.yaml that say how results are measured and shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from motionmusic.params.base import Group


class Evaluate(Group):
    """Intervals (95 %, percentile bootstrap over pieces)."""

    resamples: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]


class Leakage(Group):
    """Which distances of segments are near, and which are none (RMS per scaled coordinate)."""

    near: Annotated[float, Field(gt=0)]
    identical: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _agree(self) -> Leakage:
        if self.identical > self.near:
            raise ValueError("identical is larger than near")
        return self
