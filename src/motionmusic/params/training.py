"""The groups of params.yaml that say how networks and baselines are trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from motionmusic.params.base import Group


class Train(Group):
    """The schedule of one data set (spec/mclemcd.md 4; O3, O6)."""

    width: Annotated[int, Field(ge=4, le=512, multiple_of=4)]
    batch: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    schedule: Literal["constant", "one_cycle"]
    precision: Literal["fp32", "bf16", "auto"]
    recipe: Literal["paper", "quick"]
    epochs_alone: Annotated[int, Field(ge=1)]
    epochs_together: Annotated[int, Field(ge=1)]
    select: Literal["last", "last_hundred", "best_validation"]

    @model_validator(mode="after")
    def _agree(self) -> Train:
        if self.select == "last_hundred":
            if self.schedule != "constant":
                raise ValueError("select last_hundred needs schedule constant")
            if min(self.epochs_alone, self.epochs_together) <= 100:
                raise ValueError("select last_hundred needs more than 100 epochs in each phase")
        if self.recipe == "quick" and self.schedule == "constant":
            raise ValueError("recipe quick needs schedule one_cycle, its warm-up and cosine")
        return self


class Baseline(Group):
    """What no network should lose to."""

    trees: Annotated[int, Field(ge=1)]
    logistic_c: Annotated[float, Field(gt=0)]
