"""The heads' scores and losses against sums that are worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motionmusic.models.heads import Mapped, Towers, label_loss, pair_loss
from motionmusic.models.mapping import mapping

pytestmark = pytest.mark.usefixtures("torch_alone")


def on_circle(*degrees: float) -> Tensor:
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


def units(n: int, size: int) -> Tensor:
    return F.normalize(torch.randn(n, size, dtype=torch.float64), dim=1)


def test_the_mapped_score_is_the_squared_distance_up_to_what_is_the_motions() -> None:
    head = Mapped(mapping(8)).eval()
    motion, music = torch.rand(5, 8), torch.randn(7, 8)
    with torch.no_grad():
        mapped = head.mapping(motion)
        scores = head.motion(motion) @ head.music(music).T
    distance = (mapped[:, None] - music[None]).square().sum(2)
    torch.testing.assert_close(scores, mapped.square().sum(1, keepdim=True) - distance)


def test_without_a_mapping_the_nearest_music_scores_highest() -> None:
    head = Mapped(nn.Identity())
    motion, music = torch.randn(6, 4), torch.randn(9, 4)
    scores = head.motion(motion) @ head.music(music).T
    assert torch.equal(scores.argmax(1), torch.cdist(motion, music).argmin(1))


def test_towers_end_on_the_sphere_and_have_their_own_weights() -> None:
    head = Towers(6, 3, 0.07).eval()
    z = torch.randn(5, 6)
    with torch.no_grad():
        motion, music = head.motion(z), head.music(z)
    for code in (motion, music):
        torch.testing.assert_close(code.norm(dim=1), torch.ones(5))
    assert not torch.allclose(motion, music)
    assert head.log_scale.item() == pytest.approx(math.log(1 / 0.07))


def test_label_loss_of_two_pairs_by_hand() -> None:
    """At 0 and 90 degrees, music at 0 and 60: d² = 2 − 2 cos."""
    motion, music = on_circle(0, 90), on_circle(0, 60)
    same = (0 + (2 - 2 * math.cos(math.radians(30)))) / 2
    far, near = math.sqrt(2), 1.0  # 90 and 60 degrees
    apart = (max(0, 1.2 - far) ** 2 + (1.2 - near) ** 2) / 2
    found = label_loss(motion, music, torch.tensor([0, 1]), 1.2)
    assert float(found) == pytest.approx(same + apart, abs=1e-9)


def test_both_kinds_of_pairs_weigh_the_same_however_often_they_occur() -> None:
    """Three of one class and one of another: 10 pairs of one class, 6 of two."""
    motion = music = on_circle(0, 0, 0, 60)
    labels = torch.tensor([0, 0, 0, 1])
    assert float(label_loss(motion, music, labels, 1.5)) == pytest.approx(0.25, abs=1e-9)


@pytest.mark.parametrize("margin", [1.0, 1.4])
def test_label_loss_is_zero_where_classes_are_points_a_margin_apart(margin: float) -> None:
    at = on_circle(0, 90, 0, 90)
    labels = torch.tensor([0, 1, 0, 1])
    assert float(label_loss(at, at, labels, margin)) == pytest.approx(0, abs=1e-9)
    assert float(label_loss(at, at, labels, 1.5)) > 0  # the margin is further than they are
    assert float(label_loss(at, at.flip(0), labels, margin)) > 1  # every pair is of the other class


def test_one_class_alone_has_nothing_to_be_apart_from() -> None:
    at = on_circle(0, 60)
    found = label_loss(at, at, torch.tensor([2, 2]), 1.0)
    assert float(found) == pytest.approx((0 + 1 + 1 + 0) / 4, abs=1e-9)


@pytest.mark.parametrize(("label", "towards"), [(0, 1), (1, -1)])
def test_label_loss_pulls_one_class_together_and_pushes_others_away(
    label: int, towards: int
) -> None:
    motion = on_circle(0).requires_grad_()
    # its own music lies where it lies, so that along the circle the music at 40 degrees pulls alone
    loss = label_loss(
        torch.cat([motion, on_circle(90)]), on_circle(0, 40), torch.tensor([0, label]), 1.5
    )
    (gradient,) = torch.autograd.grad(loss, motion)
    assert towards * float(-gradient[0, 1]) > 0.1


def test_label_loss_has_a_gradient_where_vectors_coincide() -> None:
    motion = on_circle(10, 10).requires_grad_()
    loss = label_loss(motion, motion, torch.tensor([0, 1]), 1.0)
    (gradient,) = torch.autograd.grad(loss, motion)
    assert gradient.isfinite().all()


def by_hand(motion: Tensor, music: Tensor, scale: float) -> float:
    """InfoNCE both ways, in NumPy."""
    logits = scale * motion.numpy() @ music.numpy().T
    rows = np.diag(logits) - np.log(np.exp(logits).sum(1))
    columns = np.diag(logits) - np.log(np.exp(logits).sum(0))
    return float(-(rows.mean() + columns.mean()) / 2)


def test_pair_loss_is_info_nce_both_ways() -> None:
    motion, music = units(6, 4), units(6, 4)
    found = pair_loss(motion, music, torch.arange(6), torch.tensor(math.log(1 / 0.07)))
    assert float(found) == pytest.approx(by_hand(motion, music, 1 / 0.07))


def test_pairs_of_one_track_are_no_negatives_of_each_other() -> None:
    """Hand-made sums without the masked pair, and its place makes no difference to the others."""
    motion, music = units(3, 4), units(3, 4)
    tracks = torch.tensor([7, 7, 2])
    zero = torch.tensor(0.0)
    score = (motion @ music.T).exp().numpy()
    allowed = [[0, 2], [1, 2], [0, 1, 2]]
    rows = [-math.log(score[i, i] / score[i, allowed[i]].sum()) for i in range(3)]
    columns = [-math.log(score[i, i] / score[allowed[i], i].sum()) for i in range(3)]
    expected = (np.mean(rows) + np.mean(columns)) / 2
    assert float(pair_loss(motion, music, tracks, zero)) == pytest.approx(expected)


def test_another_pair_of_the_same_track_pulls_at_nothing() -> None:
    """The music of pair 1 gets its gradient from itself and pair 2, none through motion 0."""
    motion, music = units(3, 4).requires_grad_(), units(3, 4)
    tracks = torch.tensor([7, 7, 2])
    (gradient,) = torch.autograd.grad(pair_loss(motion, music, tracks, torch.tensor(0.0)), motion)
    # motion 0 does not see music 1: turning that leaves its gradient as it was
    turned = music.clone()
    turned[1] = -turned[1]
    (again,) = torch.autograd.grad(pair_loss(motion, turned, tracks, torch.tensor(0.0)), motion)
    torch.testing.assert_close(gradient[0], again[0])
    assert not torch.allclose(gradient[1], again[1])


def test_a_batch_of_one_track_has_no_negatives() -> None:
    found = pair_loss(units(4, 3), units(4, 3), torch.zeros(4), torch.tensor(2.0))
    assert float(found) == pytest.approx(0, abs=1e-12)


def test_the_scale_is_at_most_100() -> None:
    motion, music = units(5, 3), units(5, 3)
    tracks = torch.arange(5)
    at_most = pair_loss(motion, music, tracks, torch.tensor(math.log(100.0)))
    above = pair_loss(motion, music, tracks, torch.tensor(9.0))
    assert float(above) == pytest.approx(float(at_most))
    below = pair_loss(motion, music, tracks, torch.tensor(math.log(99.0)))
    assert float(below) != pytest.approx(float(at_most), rel=1e-4)
