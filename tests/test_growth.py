"""What the costs of stages and tracks are measured with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import growth
import pytest
from closure import ROOT


def test_the_exponent_is_that_of_the_two_largest_counts() -> None:
    of = {str(n): {"s": 7 + 0.5 * n**2, "mib": 3.0 * n} for n in (10, 1_000, 100_000)}
    assert growth.exponent(of, "s") == pytest.approx(2, abs=1e-4)
    assert growth.exponent(of, "mib") == pytest.approx(1)


def test_a_process_is_charged_its_own_work() -> None:
    def work() -> None:
        while time.process_time() < 0.5:
            pass

    found = growth.cost(work)
    assert found is not None
    assert 0.4 < found["s"] < 5
    assert growth.cost(lambda: 1 / 0) is None


def test_tracks_are_indexed_without_being_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "FILE", tmp_path / "growth.json")
    growth.tracks([3])
    found = json.loads((tmp_path / "growth.json").read_bytes())["tracks"]
    assert {"index, first", "index, again", "same recordings", "search"} == set(found)


def test_what_is_committed_has_its_rows() -> None:
    found = json.loads((ROOT / "benchmarks/results/growth.json").read_bytes())
    rows = {row[0]: row for row in growth.rows_of(found)}
    assert {"segment", "leakage", "search"} <= set(rows)
    low, high = rows["leakage"][2].split(" → ")
    assert 0 < float(low) < float(high)
