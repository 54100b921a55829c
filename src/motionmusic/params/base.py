"""What every group of params.yaml shares: unknown keys, wrong types and missing keys are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """One group of knobs. It has no default values: params.yaml is the only place that has any."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
