"""The group of params.yaml that says how ratings become Tables 7 and 8."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from motionmusic.params.base import Group


class Ratings(Group):
    """The outlier rule: a subject's Q3 so far from the mean of its major's others is left out."""

    outlier: Annotated[float, Field(gt=0, le=1)]
