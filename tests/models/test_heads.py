"""The heads' scores and losses against sums that are worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motionmusic.models.heads import Mapped, Towers, label_loss, mapping, pair_loss

pytestmark = pytest.mark.usefixtures("torch_alone")
LINEAR = {
    0: (256, 512), 1: (512, 512), 4: (512, 1024), 5: (1024, 1024), 6: (1024, 2048),
    7: (2048, 2048), 8: (2048, 4096), 9: (4096, 4096), 10: (4096, 2048), 11: (2048, 2048),
    12: (2048, 1024), 13: (1024, 512), 15: (512, 256),
}  # fmt: skip
NORM = {2: 512, 14: 512, 16: 256}


def on_circle(*degrees: float) -> Tensor:
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angle.cos(), angle.sin()], 1)


def units(n: int, size: int) -> Tensor:
    return F.normalize(torch.randn(n, size, dtype=torch.float64), dim=1)


def test_every_module_of_the_mapping_is_at_its_place() -> None:
    with torch.device("meta"):
        network = mapping()
    assert len(network) == 18
    for place, module in enumerate(network):
        if isinstance(module, nn.Linear):
            assert (module.in_features, module.out_features) == LINEAR[place]
            assert module.bias is None
        elif isinstance(module, nn.BatchNorm1d):
            assert module.num_features == NORM[place]
        else:
            assert place in (3, 17)
            assert isinstance(module, nn.ReLU)
    assert sum(parameter.numel() for parameter in network.parameters()) == 48_761_344
    assert len(network.state_dict()) == 28


def test_the_mapped_score_is_the_squared_distance_up_to_what_is_the_motions() -> None:
    head = Mapped(mapping(8)).eval()
    motion, music = torch.rand(5, 8), torch.randn(7, 8)
    with torch.no_grad():
        mapped = head.mapping(motion)
        scores = head.motion(motion) @ head.music(music).T
    distance = (mapped[:, None] - music[None]).square().sum(2)
    torch.testing.assert_close(scores, mapped.square().sum(1, keepdim=True) - distance)


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


@pytest.mark.parametrize(
    ("degrees", "labels", "margin", "expected"),
    [
        ((0, 0, 0, 60), (0, 0, 0, 1), 1.5, 0.25),  # both kinds weigh the same: 10 pairs and 6
        ((0, 90, 0, 90), (0, 1, 0, 1), 1.0, 0),  # classes are points a margin apart
        ((0, 90, 0, 90), (0, 1, 0, 1), 1.4, 0),
        ((0, 60), (2, 2), 1.0, (0 + 1 + 1 + 0) / 4),  # one class has nothing to be apart from
    ],
)
def test_label_loss_at_points(
    degrees: tuple[float, ...], labels: tuple[int, ...], margin: float, expected: float
) -> None:
    at = on_circle(*degrees)
    found = label_loss(at, at, torch.tensor(labels), margin)
    assert float(found) == pytest.approx(expected, abs=1e-9)


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


@pytest.mark.parametrize("tracks", [(0, 1, 2, 3), (7, 7, 2, 1), (0, 0, 0, 0)])
def test_pair_loss_is_info_nce_both_ways_without_pairs_of_one_track(
    tracks: tuple[int, ...],
) -> None:
    motion, music = units(4, 4), units(4, 4)
    score = (motion @ music.T / 0.07).exp().numpy()
    allowed = [[j for j in range(4) if j == i or tracks[i] != tracks[j]] for i in range(4)]
    rows = [-math.log(score[i, i] / score[i, allowed[i]].sum()) for i in range(4)]
    columns = [-math.log(score[i, i] / score[allowed[i], i].sum()) for i in range(4)]
    found = pair_loss(motion, music, torch.tensor(tracks), torch.tensor(1 / 0.07).double().log())
    assert float(found) == pytest.approx((np.mean(rows) + np.mean(columns)) / 2, abs=1e-5)


def test_the_scale_is_at_most_100() -> None:
    motion, music, tracks = units(5, 3), units(5, 3), torch.arange(5)
    at_most, above, below = (
        float(pair_loss(motion, music, tracks, torch.tensor(scale)))
        for scale in (math.log(100.0), 9.0, math.log(99.0))
    )
    assert above == pytest.approx(at_most)
    assert below != pytest.approx(at_most, rel=1e-4)
