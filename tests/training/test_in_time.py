"""Our synchrony network: what it sees, which moments it is told are wrong, and that it learns."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from fake_matcher import about
from torch import Tensor

from motionmusic.features.skeletons import AIST, MUSICTODANCE
from motionmusic.models.synchrony import CODE, SynchronyNetwork, unit
from motionmusic.training import in_time
from motionmusic.training.dances import Dance, beats_at_frames
from motionmusic.training.in_time import CLIP_FRAMES, LAG, losses, votes, whole

pytestmark = pytest.mark.usefixtures("torch_alone")
WHOLE = CLIP_FRAMES + 2 * LAG


def network() -> SynchronyNetwork:
    torch.manual_seed(0)
    return SynchronyNetwork(MUSICTODANCE, 8)


def dance(name: str, bpm: float = 120, phase: float = 0.0, frames: int = 600) -> Dance:
    """Clicks on every beat, and feet that move on it, at 25 Hz."""
    beats_s = np.arange(phase, frames / 25, 60 / bpm)
    random = np.random.default_rng(len(name) + round(bpm))
    motion = torch.from_numpy(0.001 * random.standard_normal((frames, 23, 3))).float()
    music = torch.from_numpy(0.1 * random.random((frames, 8))).float()
    for beat in np.round(25 * beats_s).astype(int):
        motion[beat : beat + 3, 9:12, 1] += 0.1
        music[beat] += 1
    return Dance(name, motion, music, beats_at_frames(beats_s, frames, 25), 25.0)


@pytest.mark.parametrize("layout", [MUSICTODANCE, AIST])
def test_a_mirror_image_turned_any_way_has_equal_codes(layout: object) -> None:
    assert layout in (MUSICTODANCE, AIST)
    of = MUSICTODANCE if layout is MUSICTODANCE else AIST
    made = SynchronyNetwork(of, 8).eval()
    motion = torch.rand(1, 50, len(of.joints), 3).cumsum(1)
    image = motion.clone()
    for left, right in of.mirror_pairs:
        image[:, :, [left, right]] = motion[:, :, [right, left]]
    image[..., 0] *= -1
    turned = torch.stack([image[..., 2], image[..., 1], -image[..., 0]], 3)
    there = 3.0 * turned + 7.0  # another size, another place
    with torch.no_grad():
        codes = [made.motion_encoder(x) for x in (motion, there)]
    assert codes[0].shape == (1, 50, CODE)
    torch.testing.assert_close(codes[0], codes[1], rtol=1e-3, atol=1e-4)
    # up is not sideways
    fallen = torch.stack([motion[..., 1], motion[..., 0], motion[..., 2]], 3)
    with torch.no_grad():
        assert not torch.allclose(codes[0], made.motion_encoder(fallen), atol=1e-3)


def test_agreement_is_the_correlation_of_codes() -> None:
    made = network()
    a, b = torch.rand(2, 30, CODE), torch.rand(3, 30, CODE)
    found = made.all_pairs(a, b)
    assert found.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            x, y = (v - v.mean(0) for v in (a[i], b[j]))
            expected = float((x * y).sum() / (x.norm() * y.norm()))
            assert float(found[i, j]) == pytest.approx(expected, abs=1e-5)
            assert float(made.agree(b[j][None], a[i][None])) == pytest.approx(expected, abs=1e-5)
    assert float(made.agree(a[:1], 5 * a[:1] + 2)) == pytest.approx(1, abs=1e-5)
    assert float(made.agree(a[:1], torch.ones(1, 30, CODE))) == 0  # nothing moves


def test_lags_read_the_music_later() -> None:
    music = torch.rand(2, 80, CODE)
    motion = music[:, 7:57]
    found = network().at_lags(motion, music)
    assert found.shape == (2, 2, 31)
    assert found[[0, 1], [0, 1]].argmax(1).tolist() == [7, 7]
    expected = (unit(motion)[0] * unit(music)[1, 3:53]).sum()
    assert float(found[0, 1, 3]) == pytest.approx(float(expected), abs=1e-5)


class Told(SynchronyNetwork):
    """Agreements as given, (q, c, lags)."""

    def __init__(self, agreements: Tensor):
        super().__init__(MUSICTODANCE, 8)
        self.agreements = agreements
        torch.nn.init.zeros_(self.log_scale)

    def at_lags(self, motion: Tensor, music: Tensor) -> Tensor:
        return self.agreements


def test_what_is_whole_beats_off_or_of_the_same_dance_is_no_negative() -> None:
    dances = [dance("a"), dance("b", bpm=100)]  # a beat has 12.5 and 15 frames
    rows = np.array([[0, 0], [0, 0], [1, 0]])
    flat = losses(Told(torch.zeros(3, 3, 2 * LAG + 1)), dances, rows, np.random.default_rng(0))
    # among three clips, two of one dance: two have one rival, one has two
    assert flat["piece"].item() == pytest.approx((2 * math.log(2) + math.log(3)) / 3, abs=1e-5)
    off = [
        sum(0.25 <= abs(n) / beat % 1 <= 0.75 for n in range(-LAG, LAG + 1)) for beat in (12.5, 15)
    ]
    expected = (2 * math.log(1 + off[0]) + math.log(1 + off[1])) / 3
    assert flat["moment"].item() == pytest.approx(expected, abs=0.02)
    # agreements a whole beat off, and with the other clip of the dance, cost nothing
    beat = torch.zeros(3, 3, 2 * LAG + 1)
    beat[:2, :2, LAG + 25] = 50  # two beats of the first dance
    beat[0, 1, LAG] = beat[1, 0, LAG] = 50
    found = losses(Told(beat), dances, rows, np.random.default_rng(0))
    assert {k: v.item() for k, v in found.items()} == pytest.approx(
        {k: v.item() for k, v in flat.items()}, abs=0.02
    )
    # half a beat off costs
    half = torch.zeros(3, 3, 2 * LAG + 1)
    half[:, :, LAG + 7] = 50
    assert float(losses(Told(half), dances, rows, np.random.default_rng(0))["moment"]) > 40


def test_it_learns_where_motion_is_in_time() -> None:
    random, made = np.random.default_rng(0), network()
    dances = [dance(f"{bpm}", bpm, phase) for bpm in (100, 120, 138) for phase in (0.0, 0.2)]
    optimiser = torch.optim.Adam(made.parameters(), 0.003)
    rows = np.stack([np.arange(6), np.zeros(6, np.int64)], axis=1)
    for _ in range(30):
        loss = torch.stack([*losses(made, dances, rows, random).values()]).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    new = dance("new", 109, 0.1)
    with torch.no_grad():
        motion = made.eval().motion_encoder(new.motion[None, LAG:-LAG])
        found = made.at_lags(motion, made.music_encoder(new.music[None]))[0, 0]
    assert abs(int(found.argmax()) - LAG) <= 2 or abs(abs(int(found.argmax()) - LAG) - 13.8) <= 2.8


def test_whole_dances_find_their_music_whatever_its_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network().eval()

    class Same(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(2)[..., :CODE]

    made.motion_encoder = made.music_encoder = Same()  # type: ignore[assignment]
    random = torch.Generator().manual_seed(0)
    codes = {name: torch.rand(300, 2 * CODE, generator=random) for name in "abc"}
    moves = {"b": codes["b"].roll(5, 0)}  # read five frames earlier
    dances = {
        name: Dance(name, moves.get(name, music)[..., None], music, np.arange(300.0), 25.0)
        for name, music in codes.items()
    }
    ids = pd.DataFrame(
        {"fold": 3, "split": ["test", "test", "train"], "piece": list("abc"), "excerpt": 0}
    )
    found = whole(made, ids, dances)
    assert set(found["piece"]) == {"a", "b"}
    assert len(found) == 6
    assert (found["fold"] == 3).all()
    best = found.loc[found.groupby("piece")["score"].idxmax()]
    assert best["candidate"].tolist() == ["a", "b"]
    # what each is voted against is drawn by the seed
    monkeypatch.setattr(in_time, "right", lambda *given: {"easy": given[-1].random()})
    seeds = [about("synchrony").model_copy(update={"seed": seed}) for seed in (3, 3, 4)]
    drawn = [votes(made, ids, dances, of)["easy"] for of in seeds]
    assert drawn[0].equals(drawn[1])
    assert not set(drawn[0]) & set(drawn[2])


def test_a_dance_as_long_as_an_excerpt_is_long_enough() -> None:
    assert WHOLE <= 229
    assert in_time.BATCH > 1
