"""Votes and planted offsets: every number from its own column, intervals over pieces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from motionmusic.scoring.agreement import FINDERS, NEGATIVES, agreement, recovered
from motionmusic.scoring.intervals import mean_interval

PIECES = ["a", "a", "a", "b", "c", "d"]


def votes(seed: int) -> pd.DataFrame:
    """Shares of their own for every voter, kind of negative and clip; three clips of one piece."""
    rows = pd.DataFrame({"fold": 0, "piece": PIECES, "excerpt": [0, 1, 2, 0, 0, 0]})
    rng = np.random.default_rng(seed)
    for number, prefix in enumerate(("", "judge_")):
        for place, kind in enumerate(NEGATIVES):
            low = 0.4 * number + 0.12 * place
            rows[f"{prefix}{kind}"] = rng.uniform(low, low + 0.3, len(rows))
    return rows


def test_every_voter_and_negative_has_its_own_number() -> None:
    given = [votes(0), votes(1).sample(frac=1, random_state=0)]
    found = agreement(given, 0, 100)
    assert (found["clips"], found["pieces"]) == (6, 4)
    for voter, prefix in (("network", ""), ("judge", "judge_")):
        for kind in NEGATIVES:
            both = pd.concat(given).groupby(["piece", "excerpt"])[f"{prefix}{kind}"].mean()
            expected = mean_interval(both, pd.Series(PIECES, both.index), 0, 100)
            got = found[voter][kind]
            assert (got.value, got.low, got.high) == pytest.approx(
                (expected.value, expected.low, expected.high)
            )
            assert got.value == pytest.approx(both.mean())
    numbers = [found[voter][kind].value for voter in ("network", "judge") for kind in NEGATIVES]
    assert len(set(numbers)) == 6


def test_every_finder_has_its_own_share_of_offsets() -> None:
    planted = np.array([-1.0, 0.48, 1.2, 0.0])
    off = {"network": [0.1, -0.1, 0.05, 0.2], "mint": [0.5, -0.1, 9, -0.3],
           "bailando": [0, 0.08, np.nan, 0.11]}  # fmt: skip
    rows = pd.DataFrame({"fold": 0, "piece": list("abcd"), "planted_s": planted})
    rows["beat_s"] = [0.5, 0.6, 0.7, np.nan]
    for finder, away in off.items():
        rows[f"{finder}_s"] = planted + away
    found = recovered([rows, rows], 0, 100)
    assert (found["planted"], found["pieces"]) == (4, 4)
    assert [found[finder].value for finder in FINDERS] == [0.75, 0.25, 0.5]
    # half a second is a whole beat of the first piece; 9 s are 12.86 of the third, 0.1 s off
    assert [found[f"{finder}_up_to_beats"].value for finder in FINDERS] == [0.75, 0.75, 0.5]
    # a piece without beats has none to be off by
    assert found["chance_up_to_beats"] == pytest.approx((0.2 / 0.5 + 0.2 / 0.6 + 0.2 / 0.7) / 3)
