"""The group of params.yaml that says how dances are learned from music."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from motionmusic.params.base import Group


class Conduct(Group):
    """How M2S-Net and M2S-GAN are trained on dances (docs/conducting.md).

    ``clip_s`` and ``batch`` are of M2S-Net (two clips of each of ``batch`` dances make a step),
    ``generator_s`` and ``generator_batch`` of M2S-GAN, whose optimiser is the authors'.
    """

    clip_s: Annotated[int, Field(ge=2)]
    batch: Annotated[int, Field(ge=2)]
    steps: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    precision: Literal["fp32", "bf16"]
    generator_s: Annotated[int, Field(ge=3)]
    generator_batch: Annotated[int, Field(ge=2)]
    generator_steps: Annotated[int, Field(ge=1)]
