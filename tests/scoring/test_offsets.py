"""Offsets of best fit: sign, edges, and the same votes as the network itself gives."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from motionmusic import workspace
from motionmusic.features.beats import Definition, beat_alignment
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.models.synchrony import CODE, SynchronyNetwork
from motionmusic.scoring import planted as planting
from motionmusic.scoring.agreement import FINDERS
from motionmusic.scoring.planted import (
    LARGEST_S,
    OFFSETS_S,
    agreement_curve,
    alignment_curve,
    best,
)

pytestmark = pytest.mark.usefixtures("torch_alone")

FRAMES = 150
DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")


def music(frames: int) -> Tensor:
    return torch.rand(frames, 8, generator=torch.Generator().manual_seed(1))


def motion(frames: int) -> Tensor:
    return torch.rand(frames, 4, 3, generator=torch.Generator().manual_seed(2))


class First(nn.Module):
    """The first number of every frame, in the code's first place."""

    def forward(self, x: Tensor) -> Tensor:
        return pad(x.flatten(2)[..., :1], (0, CODE - 1))


def comparing() -> SynchronyNetwork:
    """A network whose codes are the heard and the seen number."""
    network = SynchronyNetwork(MUSICTODANCE, 8)
    network.motion_encoder = network.music_encoder = First()  # type: ignore[assignment]
    return network.eval()


@pytest.mark.parametrize("later", [-50, -30, 0, 8, 50])
def test_music_that_is_to_be_read_later_has_an_offset_above_0(later: int) -> None:
    start, seen, heard = 80, motion(FRAMES), music(80 + FRAMES + 100)
    heard[start + later : start + later + FRAMES, 0] = seen[:, 0, 0]
    curve = agreement_curve(comparing(), heard, seen, start, 25)
    assert curve.shape == (101,)
    assert best(curve) == pytest.approx(later / 25)
    assert curve.max() == pytest.approx(1)
    assert np.sort(curve)[-2] < 0.5
    # at another rate offsets are still seconds
    assert best(agreement_curve(comparing(), heard, seen, start, 50)) == pytest.approx(later / 50)


def value_at(curve: NDArray[np.float64], offset_s: float) -> float:
    return float(curve[round(25 * offset_s) + 50])


def test_at_every_offset_only_frames_with_music_count() -> None:
    network, heard, seen = comparing(), music(100), motion(80)
    curve = agreement_curve(network, heard, seen, 10, 25)
    for offset in (-50, -40, -10, 0, 10, 49, 50):
        first, last = max(0, -10 - offset), min(80, 90 - offset)
        x, y = heard[first + 10 + offset : last + 10 + offset, 0], seen[first:last, 0, 0]
        assert curve[50 + offset] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-5), offset


@pytest.mark.parametrize(
    ("start", "known"),
    [(0, range(0, 51)), (-30, range(-20, 51)), (300, range(0)), (-250, range(0))],
)
def test_half_of_the_dance_needs_music(start: int, known: range) -> None:
    curve = agreement_curve(comparing(), music(200), motion(200)[:100], start, 25)
    expected = [n for n in range(-50, 51) if n in known or n + start in range(-50, 0)]
    assert (np.flatnonzero(~np.isnan(curve)) - 50).tolist() == sorted(set(expected))


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("later", [-37, 0, 17])
def test_beats_that_come_later_have_an_offset_above_0(definition: Definition, later: int) -> None:
    steps = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.1, 40))  # one offset only fits
    curve = alignment_curve(steps, steps + later / 25, steps[-1] + 1, definition)
    assert best(curve) == pytest.approx(later / 25)
    assert curve.max() == pytest.approx(1, abs=0.05)  # a first or last beat may be outside
    assert np.sort(curve)[-6] < 0.8


def test_music_beats_outside_the_dance_do_not_count() -> None:
    motion_s, music_s = np.array([0.5, 1.5, 2.5]), np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
    curve = alignment_curve(motion_s, music_s, 3.0, "bailando")
    # by a second, one that lay before the dance falls into it
    np.testing.assert_allclose([value_at(curve, s) for s in (-1, 0, 1)], 1)
    for definition in DEFINITIONS:
        curve = alignment_curve(motion_s, music_s[2:5], 3.0, definition)
        for offset_s, inside in ((-1.0, [1.5, 2.5]), (1.0, [0.5, 1.5])):
            expected = beat_alignment(motion_s, inside, definition)
            assert value_at(curve, offset_s) == pytest.approx(expected)
    assert np.isnan(alignment_curve([1.0], [], 3.0, "bailando")).all()
    assert np.isnan(best(alignment_curve([], [1.0], 3.0, "mint")))


def peaks(**heights: float) -> NDArray[np.float64]:
    curve = np.zeros(101)
    for name, height in heights.items():
        curve[50 + int(name[1:]) * (-1 if name[0] == "e" else 1)] = height
    return curve


def test_best() -> None:
    assert OFFSETS_S[[0, 50, 100]].tolist() == [-LARGEST_S, 0, LARGEST_S]
    assert best(peaks(l10=1, e30=0.9)) == pytest.approx(0.4)
    assert best(peaks(e30=1, l29=1)) == pytest.approx(29 / 25)  # of equal ones the nearer
    curve = peaks(l10=1)
    curve[:50] = np.nan
    assert best(curve) == pytest.approx(0.4)
    assert np.isnan(best(np.full(101, 0.7)))


def test_who_finds_where_the_music_belongs_finds_what_was_planted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_s = {f"P_{n}": 3.0 + n for n in range(6)}
    pieces = pd.DataFrame({"piece": list(true_s), "music_start_s": list(true_s.values())})
    pieces["music_file"] = [f"{name}.wav" for name in true_s]
    monkeypatch.setattr(workspace, "read_pieces", lambda corpus: pieces)
    monkeypatch.setattr(planting, "read_array", lambda file: np.zeros((25, 23, 3)))

    def curves(*given: Any) -> tuple[dict[str, Any], float]:
        sound, start_s = given[3:5]
        later_s = true_s[Path(sound).stem] - start_s
        return {finder: -abs(OFFSETS_S - later_s) for finder in FINDERS}, 0.5

    monkeypatch.setattr(planting, "curves", curves)
    ids = pd.DataFrame({"fold": 0, "split": "test", "piece": list(true_s)})
    task: Any = SimpleNamespace(corpus="made up")
    about: Any = SimpleNamespace(seed=0, motion_rate_hz=25.0, music=None)
    network: Any = None
    found = planting.planted(network, ids, task, about)
    assert found["planted_s"].nunique() > 3
    for finder in FINDERS:
        assert found[f"{finder}_s"].tolist() == pytest.approx(found["planted_s"].tolist())
    about.seed = 1
    other = planting.planted(network, ids, task, about)
    assert other["planted_s"].tolist() != found["planted_s"].tolist()
