"""What goes right or wrong together: the units that the bootstrap of a task resamples.

By piece, and by the protocols of the paper, whole pieces. By figure, figures: all takes of one. By
body, the pieces of each body, body by body, so that an interval says nothing of other bodies. Of
AIST++ retargeted, dancers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from motionmusic.data.choreonet import figure_of
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.scoring.accuracy import resampled_over

_KEY = ["piece", "excerpt", "segment"]


def resampled(
    protocol: str, index: pd.DataFrame, spans: pd.DataFrame, excerpt_frames: int
) -> pd.DataFrame:
    """Of every tested segment the fold that tests it, and the unit of the bootstrap that it is in.

    Args:
        protocol: of the task.
        index: fold, split, piece, excerpt, segment; a segment is tested in one fold at most.
        spans: piece, start, end, unit; read by by_figure, whose unit is the figure danced in the
            middle of the segment.
        excerpt_frames: of an excerpt.

    Returns piece, excerpt, segment, fold, stratum, group; units are drawn stratum by stratum.
    """
    rows = index.loc[index["split"] == "test", [*_KEY, "fold"]].reset_index(drop=True)
    if protocol == "by_figure":
        return rows.assign(stratum=0, group=_figures(rows, spans, excerpt_frames))
    if resampled_over(protocol) == "dancers":  # the fourth part of a piece's name
        return rows.assign(stratum=0, group=rows["piece"].str.split("_").str[3])
    stratum = rows["fold"] if protocol == "by_body" else 0
    return rows.assign(stratum=stratum, group=rows["piece"])


def _figures(rows: pd.DataFrame, spans: pd.DataFrame, excerpt_frames: int) -> list[str]:
    of_piece = {piece: some.sort_values("start") for piece, some in spans.groupby("piece")}
    middles = rows["excerpt"] * excerpt_frames + (rows["segment"] + 0.5) * SEGMENT_FRAMES
    found = []
    for piece, middle in zip(rows["piece"], middles, strict=True):
        some = of_piece[piece]
        place = int(np.searchsorted(some["start"], middle, side="right")) - 1
        found.append(figure_of(some["unit"].iloc[place]))
    return found
