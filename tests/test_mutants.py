"""The list of planted faults fits the code that it is planted in."""

from __future__ import annotations

from collections import Counter

import pytest
from closure import ROOT
from mutants.run import Fault, faults, planted, runners

FAULTS = faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.file}: {fault.breaks}")
def test_a_fault_is_in_one_place_and_some_test_runs_it(fault: Fault) -> None:
    assert planted(fault) != (ROOT / fault.file).read_text("utf-8")
    assert runners(fault.file)


def test_there_are_enough_of_many_kinds() -> None:
    kinds = Counter(fault.kind for fault in FAULTS)
    assert len(FAULTS) >= 60
    assert len(kinds) >= 12
    assert len({(fault.file, fault.old, fault.new) for fault in FAULTS}) == len(FAULTS)
    wiring = (
        "stages/",
        "src/motionmusic/training/",
        "src/motionmusic/scoring/",
        "src/motionmusic/app/",
    )
    assert sum(fault.file.startswith(wiring) for fault in FAULTS) >= 40


def test_a_text_that_is_gone_is_an_error() -> None:
    fault = FAULTS[0]
    with pytest.raises(ValueError, match="0 times: nowhere"):
        planted(Fault(fault.kind, fault.file, "nowhere", "", ""))
