"""DecCM's parts one by one, each against its definition, and all of them on data with a known answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from motionmusic.models import deconfounded
from motionmusic.models.deconfounded import Deconfounded, Latent
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.phases import fit

pytestmark = pytest.mark.usefixtures("torch_alone")


def latent(n: int = 5, size: int = 7) -> Latent:
    return Latent(torch.randn(n, size), torch.randn(n, size))


def normal(of: Latent) -> Normal:
    return Normal(of.mean.detach(), (of.log_variance.detach() / 2).exp())


def network(*, backdoor: bool = True, size_in: int = 6, size: int = 4) -> Deconfounded:
    return Deconfounded(size_in, size, 3, backdoor=backdoor).eval()


def exact(self: Latent) -> Tensor:
    """In place of a draw: the mean, so that a loss can be worked out."""
    return self.mean


def losses(
    of: Deconfounded,
    motion: Tensor,
    music: Tensor,
    *,
    tracks: Tensor | None = None,
    weights: Tensor | None = None,
    hardest: int = 99,
    margin: float = 0.2,
    teacher: tuple[Deconfounded, Tensor, Tensor] | None = None,
    pull: float = 0.0,
) -> dict[str, Tensor]:
    n = len(motion)
    with torch.no_grad():
        return deconfounded.loss(
            of, motion, music, torch.arange(n) if tracks is None else tracks, torch.arange(n) % 3,
            torch.ones(n) if weights is None else weights, margin=margin, hardest=hardest,
            divergence=0.5, teacher=teacher, pull=pull,
        )  # fmt: skip


def test_the_divergence_is_that_of_torch() -> None:
    a, b = latent(), latent()
    expected = kl_divergence(normal(a), normal(b)).sum(1)
    torch.testing.assert_close(a.divergence(b), expected)
    torch.testing.assert_close(a.divergence(a), torch.zeros(5))


def test_draws_have_the_latents_mean_and_spread() -> None:
    one = latent(1, 3)
    many = Latent(*(part.expand(100_000, -1) for part in one)).draw()
    deviation = (one.log_variance[0] / 2).exp()
    torch.testing.assert_close(many.mean(0), one.mean[0], atol=0.03, rtol=0)
    torch.testing.assert_close(many.std(0), deviation, atol=0, rtol=0.02)


def test_without_a_back_door_the_prior_changes_nothing() -> None:
    of, music = network(backdoor=False), torch.randn(4, 6)
    assert not [name for name in of.state_dict() if "genres" in name or "adjusted" in name]
    torch.testing.assert_close(of.music(music), of.latent("music", music).mean)
    before = of.music(music)
    of.prior.copy_(torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(of.music(music), before)


def test_the_back_door_adds_the_genres_mean_to_every_track_alike() -> None:
    of, music = network(), torch.randn(4, 6)
    prior = torch.tensor([0.2, 0.5, 0.3])
    of.prior.copy_(prior)
    assert of.genres is not None
    assert of.adjusted is not None
    e, both = of.genres.weight, of.adjusted
    mean = sum(share * e[genre] for genre, share in enumerate(prior))
    assert isinstance(mean, Tensor)
    z = of.latent("music", music).mean
    z = torch.stack([both(torch.cat([mean, row])) for row in z])
    torch.testing.assert_close(of.music(music), z / z.norm(dim=1, keepdim=True))
    before = of.music(music).detach()
    with torch.no_grad():
        # genres that stand for one another: other embeddings, the same mean, the same codes
        e[0] += 3.0
        e[1] -= 3.0 * 0.2 / 0.5
        torch.testing.assert_close(of.music(music), before, atol=1e-5, rtol=1e-4)
        e[2] += 3.0
        assert not torch.allclose(of.music(music), before, atol=1e-3)
        # the motion's codes know nothing of genres
        motion = of.motion(music)
        e[2] += 3.0
        torch.testing.assert_close(of.motion(music), motion)


def test_in_training_the_genres_weigh_as_the_batch_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = network()
    seen = []
    adjust = of.adjust

    def spy(music: Tensor, prior: Tensor) -> Tensor:
        seen.append(prior)
        return adjust(music, prior)

    monkeypatch.setattr(of, "adjust", spy)
    losses(of, torch.randn(4, 6), torch.randn(4, 6))  # labels 0 1 2 0
    torch.testing.assert_close(seen[0], torch.tensor([0.5, 0.25, 0.25]))


def hinge(
    of: Deconfounded, motion: Tensor, music: Tensor, tracks: Tensor, hardest: int
) -> list[float]:
    """The matching loss of every pair, both ways, one pair of loops at a time."""
    a, b = of.motion(motion), of.latent("music", music).mean
    scores = (a @ b.T).tolist()
    n = len(scores)
    found = []
    for i in range(n):
        total = 0.0
        for wrong in (scores[i], [scores[j][i] for j in range(n)]):
            behind = [
                max(0.0, 0.2 - scores[i][i] + wrong[j]) if tracks[i] != tracks[j] else 0.0
                for j in range(n)
            ]
            total += sum(sorted(behind)[-hardest:]) / min(hardest, n)
        found.append(total)
    return found


@pytest.mark.parametrize("hardest", [1, 3, 99])
def test_the_hinge_is_of_the_hardest_negatives_and_never_of_the_same_track(
    monkeypatch: pytest.MonkeyPatch, hardest: int
) -> None:
    monkeypatch.setattr(Latent, "draw", exact)
    of, motion, music = network(backdoor=False), torch.randn(8, 6), torch.randn(8, 6)
    tracks = torch.tensor([0, 0, 0, 1, 1, 2, 3, 4])
    with torch.no_grad():
        by_pair = hinge(of, motion, music, tracks, hardest)
    found = losses(of, motion, music, tracks=tracks, hardest=hardest)["matching"]
    assert float(found) == pytest.approx(sum(by_pair) / 8, rel=1e-5)
    weights = torch.tensor([3.0, 0, 0, 0, 0, 0, 0, 5])
    found = losses(of, motion, music, tracks=tracks, hardest=hardest, weights=weights)["matching"]
    assert float(found) == pytest.approx((3 * by_pair[0] + 5 * by_pair[7]) / 8, rel=1e-5)


def test_each_latent_is_decoded_to_the_other_modality(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets are in units of the batch norm's spread; propensities weigh the pairs."""
    monkeypatch.setattr(Latent, "draw", exact)
    of, motion, music = network(backdoor=False), torch.randn(5, 6), torch.randn(5, 6)
    norm = of.encoders["music"][0]  # type: ignore[index]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.fill_(1.5)
    norm.running_var.fill_(4.0)
    weights = torch.tensor([1.0, 2, 0, 0.5, 1.5])
    with torch.no_grad():
        to_music = of.decoders["music"](of.motion(motion)) - (music - 1.5) / 2
        to_motion = of.decoders["motion"](of.latent("music", music).mean) - motion
        expected = ((to_music.square() + to_motion.square()).mean(1) * weights).mean()
    found = losses(of, motion, music, weights=weights)["reconstruction"]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_divergence_is_to_the_standard_normal() -> None:
    of, motion, music = network(), torch.randn(5, 6), torch.randn(5, 6)
    unit = Normal(torch.zeros(5, 4), torch.ones(5, 4))
    expected = sum(
        kl_divergence(normal(of.latent(name, z)), unit).sum(1).mean()
        for name, z in (("motion", motion), ("music", music))
    )
    found = losses(of, motion, music)["divergence"]
    assert float(found) == pytest.approx(0.5 * float(expected), rel=1e-5)


def test_the_teacher_pulls_the_student_to_what_it_sees() -> None:
    of, motion, music = network(), torch.randn(5, 6), torch.randn(5, 6)
    alike = losses(of, motion, music, teacher=(of, motion, music), pull=2.0)
    assert float(alike["teacher"]) == pytest.approx(0, abs=1e-6)
    other, seen = network(), torch.randn(5, 6)
    apart = losses(of, motion, music, teacher=(other, seen, music), pull=2.0)
    expected = sum(
        kl_divergence(normal(of.latent(name, z)), normal(other.latent(name, its))).sum(1).mean()
        for name, z, its in (("motion", motion, seen), ("music", music, music))
    )
    assert float(apart["teacher"]) == pytest.approx(2 * float(expected), rel=1e-5)
    assert "teacher" not in losses(of, motion, music, teacher=(other, seen, music), pull=0.0)


def test_the_teacher_is_frozen() -> None:
    of, other, z = network(), network(), torch.randn(5, 6)
    found = deconfounded.loss(
        of, z, z, torch.arange(5), torch.zeros(5, dtype=torch.int64), torch.ones(5), margin=0.1,
        hardest=2, divergence=0.1, teacher=(other, z, z), pull=1.0,
    )  # fmt: skip
    torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in other.parameters())
    assert of.encoders["motion"][2].weight.grad is not None  # type: ignore[index]


def test_it_finds_music_that_is_the_turned_motion() -> None:
    """Recall at 10 among 100 unseen pairs; chance is 0.1."""
    turn = torch.linalg.qr(torch.randn(16, 16))[0]
    motion = torch.randn(500, 16)
    music = motion @ turn + 0.1 * torch.randn(500, 16)
    of = Deconfounded(16, 16, 3, backdoor=True)
    tracks, labels = torch.arange(500), torch.arange(500) % 3

    def step(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        return deconfounded.loss(
            of, motion[rows], music[rows], tracks[rows], labels[rows], torch.ones(len(rows)),
            margin=0.2, hardest=10, divergence=0.001,
        ), None  # fmt: skip

    def recall() -> float:
        with torch.no_grad():
            scores = of.eval().motion(motion[400:]) @ of.music(music[400:]).T
        rank = (scores > scores.diagonal()[:, None]).sum(1)
        return float((rank < 10).float().mean())

    before = recall()
    plan = Schedule(50, 40, 0.01, "one_cycle", "fp32")
    fit(of, step, torch.arange(360), torch.arange(360, 400), plan, Chance(0, ("test",)))
    assert before < 0.3
    assert recall() > 0.8
