"""The groups of params.yaml that say how results are measured and shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from motionmusic.params.base import Group


class Evaluate(Group):
    """Intervals (95 %, percentile bootstrap over pieces)."""

    resamples: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]
