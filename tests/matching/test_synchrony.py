"""What clips are drawn, what each moment's code may see, and a planted synchrony that is found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from motionmusic.models import synchrony
from motionmusic.models.synchrony import (
    NEGATIVES,
    SIZE,
    Excerpts,
    SynchronyNetwork,
    at_shift,
    cut,
    draw_clips,
    probabilities,
)
from motionmusic.training.fitting import fit
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.phases import seeded

pytestmark = pytest.mark.usefixtures("torch_alone")
JOINTS, BANDS = 5, 8


def graph() -> Tensor:
    """A chain: each joint, its parent, its child."""
    steps = torch.diag(torch.ones(JOINTS - 1), 1)
    return torch.stack([torch.eye(JOINTS), steps, steps.T])


def network(channels: int = 8, blocks: int = 2) -> SynchronyNetwork:
    return SynchronyNetwork(graph(), BANDS, channels, blocks).eval()


def clocks(whole: int = 120, beat: float = 12.0) -> Excerpts:
    """Six excerpts of three pieces whose every number says excerpt and frame: 1000 m + t."""
    number = 1000.0 * torch.arange(6)[:, None] + torch.arange(whole)
    return Excerpts(
        number[:, None, :, None].expand(-1, 3, -1, JOINTS).clone(),
        number[:, None].expand(-1, BANDS, -1).clone(),
        torch.tensor([0, 0, 1, 1, 2, 2]),
        torch.full((6,), beat),
    )


def starts(part: Tensor) -> tuple[Tensor, Tensor]:
    """Excerpt and first frame of clips of music, which must be runs of frames."""
    first = part[:, :, :1]
    torch.testing.assert_close(
        part, first + torch.arange(part.shape[2]).expand(part.shape[0], part.shape[1], -1)
    )
    return (first[:, 0, 0] // 1000).long(), (first[:, 0, 0] % 1000).long()


@pytest.mark.parametrize(("frames", "beat"), [(40, 12.0), (40, 17.3), (60, 8.0), (100, 12.0)])
def test_clips_and_their_negatives_come_from_where_they_should(frames: int, beat: float) -> None:
    whole = 120
    data = clocks(whole, beat)
    rows = torch.arange(6).repeat(200)
    clips = draw_clips(data, rows, frames)
    excerpt, start = starts(clips.music)
    assert torch.equal(excerpt, rows)
    # motion and music of the same moments
    torch.testing.assert_close(clips.motion[:, 0, :, 0], clips.music[:, 0])
    assert clips.motion.shape == (1200, 3, frames, JOINTS)
    room = whole - frames
    assert int(start.min()) == 0
    assert int(start.max()) == room
    # hard: of the same excerpt, half a clip away or as far as there is room
    excerpt, hard = starts(clips.hard)
    assert torch.equal(excerpt, rows)
    away = (hard - start).abs()
    assert int(away.min()) >= min(frames // 2, room // 2)
    assert int(hard.min()) >= 0
    assert int(hard.max()) <= room
    # super-hard: a quarter to half a beat, in whole frames, to either side
    excerpt, late = starts(clips.super_hard)
    assert torch.equal(excerpt, rows)
    offset = (late - start).abs()
    assert float(offset.min()) >= 0.25 * beat - 0.5
    assert float(offset.max()) <= 0.5 * beat + 0.5
    assert 0.4 < float((late > start).float().mean()) < 0.6
    # easy: the music of another piece in the batch
    assert (data.pieces[rows] != data.pieces[rows][clips.other]).all()


def test_the_starts_are_spread_evenly() -> None:
    _, start = starts(draw_clips(clocks(50), torch.arange(6).repeat(500), 40).music)
    share = torch.bincount(start) / len(start)
    torch.testing.assert_close(share, torch.full((11,), 1 / 11), atol=0.025, rtol=0)


def test_a_batch_of_one_piece_has_no_easy_negative() -> None:
    with pytest.raises(ValueError, match="two pieces"):
        draw_clips(clocks(), torch.tensor([0, 1, 0]), 40)


def test_cut_is_slicing() -> None:
    data = torch.randn(4, 3, 20, JOINTS)
    rows, start = torch.tensor([2, 0, 2]), torch.tensor([0, 7, 12])
    expected = torch.stack([data[r, :, s : s + 8] for r, s in [(2, 0), (0, 7), (2, 12)]])
    assert torch.equal(cut(data, rows, start, 8), expected)


def test_every_pair_has_the_probability_that_it_has_alone() -> None:
    of, motion, music = network(), torch.randn(3, 9, SIZE), torch.randn(4, 9, SIZE)
    with torch.no_grad():
        every = of.all_pairs(motion, music)
        alone = [[of.together(a[None], b[None]) for b in music] for a in motion]
    assert every.shape == (3, 4)
    torch.testing.assert_close(every, torch.tensor(alone))
    assert ((every > 0) & (every < 1)).all()


@pytest.mark.parametrize("shift", [-3, 0, 1, 4])
def test_a_shift_is_slicing(shift: int) -> None:
    """At motion frame f stands the music of frame f − shift."""
    of, motion, music = network(), torch.randn(2, 10, SIZE), torch.randn(2, 10, SIZE)
    meets = [(f, f - shift) for f in range(10) if 0 <= f - shift < 10]
    a, b = (list(part) for part in zip(*meets, strict=True))
    with torch.no_grad():
        expected = of.together(motion[:, a], music[:, b])
        torch.testing.assert_close(at_shift(of, motion, music, shift), expected)


def test_p_is_the_mean_of_the_frames_probabilities() -> None:
    of, motion, music = network(), torch.randn(2, 10, SIZE), torch.randn(2, 10, SIZE)
    with torch.no_grad():
        halves = [of.together(motion[:, part], music[:, part]) for part in (slice(5), slice(5, 10))]
        torch.testing.assert_close(of.together(motion, music), (halves[0] + halves[1]) / 2)


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_code_has_a_row_a_frame_which_sees_its_neighbourhood_only(blocks: int) -> None:
    of, frames, at = network(blocks=blocks), 60, 30
    motion, music = torch.randn(1, 3, frames, JOINTS), torch.randn(1, BANDS, frames)
    other, else_ = motion.clone(), music.clone()
    other[:, :, at] += 1
    else_[:, :, at] += 1
    with torch.no_grad():
        code, sound = of.motion(motion), of.music(music)
        assert code.shape == sound.shape == (1, frames, SIZE)
        changed = (of.motion(other) != code).any(2)[0].nonzero()[:, 0]
        heard = (of.music(else_) != sound).any(2)[0].nonzero()[:, 0]
    # four frames to either side a block, and one more for the speed
    assert at - 4 * blocks <= int(changed.min()) <= at <= int(changed.max()) <= at + 4 * blocks + 1
    # three 3×3 convolutions and one of nine frames
    assert at - 7 <= int(heard.min()) <= at <= int(heard.max()) <= at + 7


def test_probabilities_are_of_the_clips_that_they_name() -> None:
    of = network()
    same, hard, super_hard = torch.randn(3, 3, BANDS, 20)
    motion, other = torch.randn(3, 3, 20, JOINTS), torch.tensor([2, 0, 1])
    clips = synchrony.Clips(motion, same, hard, super_hard, other)
    with torch.no_grad():
        found = probabilities(of, clips)
        codes = of.motion(clips.motion)
        parts = {
            "same": clips.music, "easy": clips.music[[2, 0, 1]], "hard": clips.hard,
            "super_hard": clips.super_hard,
        }  # fmt: skip
        for name, music in parts.items():
            torch.testing.assert_close(found[name], of.together(codes, of.music(music)))


def test_true_pairs_weigh_as_much_as_all_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    p = {"same": [0.5, 0.25], "easy": [0.5, 0.1], "hard": [0.2, 0.2], "super_hard": [0.4, 0.9]}
    tensors = {name: torch.tensor(values) for name, values in p.items()}
    monkeypatch.setattr(synchrony, "probabilities", lambda *_: tensors)
    named, right = synchrony.losses(network(), None)  # type: ignore[arg-type]
    for kind in NEGATIVES:
        torch.testing.assert_close(named[kind], -(1 - tensors[kind]).log().mean())
    torch.testing.assert_close(named["same"], -3 * tensors["same"].log().mean())
    assert int(right) == 1  # 0.5 > 1.1 / 3, but 0.25 < 1.2 / 3


def planted(excerpts: int = 36, whole: int = 150) -> Excerpts:
    """Bursts at random moments: one joint moves in them, and the music is as loud as it is fast."""
    speed = torch.zeros(excerpts, whole)
    speed[torch.rand(excerpts, whole) < 0.08] = 1.0
    kernel = torch.tensor([0.3, 0.7, 1.0, 0.7, 0.3])[None, None]
    speed = torch.conv1d(speed[:, None], kernel, padding=2)
    where = torch.cat([torch.zeros(excerpts, 1, 1), speed[:, :, 1:].cumsum(2) % 8], 2)
    motion = 0.05 * torch.randn(excerpts, 3, whole, JOINTS)
    motion[:, 1, :, 3] += where[:, 0]
    music = speed * torch.rand(1, BANDS, 1) + 0.1 * torch.randn(excerpts, BANDS, whole)
    return Excerpts(motion, music, torch.arange(excerpts) // 2, torch.full((excerpts,), 16.0))


def test_a_planted_synchrony_is_found() -> None:
    data = planted()
    chance = Chance(0, ("test",))
    with seeded(chance, "initial", torch.device("cpu")):
        of = SynchronyNetwork(graph(), BANDS, 8, 1)

    def step(rows: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        return synchrony.losses(of, draw_clips(data, rows, 50))

    plan = Schedule(12, 60, 0.01, "one_cycle", "fp32")
    fit(of, step, torch.arange(24), torch.arange(24, 30), plan, chance)
    with torch.no_grad():
        p = probabilities(of, draw_clips(data, torch.arange(30, 36).repeat(30), 50))
    for kind in NEGATIVES:
        assert float((p["same"] > p[kind]).float().mean()) > 0.8, kind
