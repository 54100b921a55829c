"""What augmentation may do to a segment, and what it must leave: the label, bones, music's time."""

from __future__ import annotations

from dataclasses import replace
from math import pi
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from small_task import DATA, TASK
from torch import Tensor

from motionmusic.features.facing import mirror, turn
from motionmusic.features.motion import bones, merge, min_max
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.params import Scale
from motionmusic.training.augment import Augmentation, at_times, body, move, neighbours, times
from motionmusic.training.folds import read_folds
from motionmusic.training.recipe import PAPER, QUICK

LAYOUT_NAMES = get_args(LayoutName)
SCALES = get_args(Scale)


def joints(layout: LayoutName = "musictodance", n: int = 4) -> Tensor:
    return torch.rand(
        n, 3, 25, len(LAYOUTS[layout].joints), generator=torch.Generator().manual_seed(1)
    )


def limbs(segments: Tensor, layout: LayoutName, paper: bool) -> Tensor:
    made = [bones(one.permute(1, 2, 0).numpy(), layout, paper) for one in segments]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("layout", LAYOUT_NAMES)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("paper", [True, False])
def test_bones_move_as_the_bones_of_moved_joints(
    layout: LayoutName, scale: Scale, paper: bool
) -> None:
    if layout == "aist_proximal" and paper:
        pytest.skip("the paper's slots of these 13 joints lack the left ear, the right one's image")
    how = replace(QUICK, mirror=0.5, noise=0.1)
    source = joints(layout, n=16)
    arrays = {"joints": source, "bones": limbs(source, layout, paper)}
    arrays["merged"] = torch.cat([arrays["joints"], arrays["bones"]], 1)
    moved = {}
    for kind, array in arrays.items():
        torch.manual_seed(7)
        moved[kind] = move(array, body(kind, layout, scale, paper_bones=paper), how)
    expected = limbs(moved["joints"], layout, paper)
    torch.testing.assert_close(moved["bones"], expected, atol=1e-5, rtol=0)
    both = [
        merge(j.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy())
        for j, b in zip(moved["joints"], expected, strict=True)
    ]
    whole = torch.from_numpy(np.stack(both)).permute(0, 3, 1, 2)
    torch.testing.assert_close(moved["merged"], whole, atol=1e-5, rtol=0)


def test_a_mirror_image_is_that_of_features() -> None:
    of = body("joints", "musictodance", "per_piece", paper_bones=False)
    image = move(joints(), of, replace(PAPER, mirror=1.0))
    np.testing.assert_allclose(image.numpy(), mirror(joints().numpy()), atol=1e-6)


def test_a_mirror_image_of_scaled_coordinates_is_the_scaled_mirror_image() -> None:
    """Every coordinate has its own range (O9), and the mirrored dance has its own as well."""
    raw = joints(n=1).double().numpy()
    scaled = min_max(raw[0].transpose(1, 2, 0).reshape(25, -1)).reshape(25, 23, 3)
    image = mirror(raw)[0].transpose(1, 2, 0)
    expected = min_max(image.reshape(25, -1)).reshape(25, 23, 3)
    of = body("joints", "musictodance", "per_coordinate_piece", paper_bones=True)
    given = torch.from_numpy(scaled.transpose(2, 0, 1)[None].copy())
    got = move(given, of, replace(PAPER, mirror=1.0))
    np.testing.assert_allclose(got[0].numpy().transpose(1, 2, 0), expected, atol=1e-6)


def test_a_turn_is_about_the_vertical_and_whole_segments_turn_alike() -> None:
    of = body("joints", "musictodance", "per_piece", paper_bones=False)
    torch.manual_seed(3)
    turned = move(joints(), of, replace(PAPER, turn=pi)).numpy()
    torch.manual_seed(3)
    angles = (2 * torch.rand(2, 4)[0] - 1) * pi
    np.testing.assert_allclose(turned, turn(joints().numpy(), angles.numpy()), atol=1e-5)
    assert len(set(angles.round(decimals=3).tolist())) == 4
    # nothing turns where angles are lost
    of = body("joints", "musictodance", "per_coordinate_piece", paper_bones=True)
    assert torch.equal(move(joints(), of, replace(PAPER, turn=pi)), joints())


def test_noise_has_its_size() -> None:
    of = body("joints", "musictodance", "per_piece", paper_bones=False)
    torch.manual_seed(0)
    noise = move(joints(n=64), of, replace(PAPER, noise=0.02)) - joints(n=64)
    assert float(noise.std()) == pytest.approx(0.02, rel=0.02)
    assert abs(float(noise.mean())) < 2e-4


# rows 0-3 are one excerpt, 4-6 another; 2 and 6 do not train
TRAIN = torch.tensor([0, 1, 3, 4, 5])
EXCERPTS = np.array([0, 0, 0, 0, 1, 1, 1])


def test_time_goes_into_neighbours_of_the_excerpt_that_train_and_no_further() -> None:
    ends = neighbours(TRAIN, EXCERPTS, 25)
    assert ends[TRAIN].tolist() == [[0, 49], [0, 49], [75, 99], [100, 149], [100, 149]]
    torch.manual_seed(0)
    rows = TRAIN.repeat(2000)
    when = times(rows, ends, 25, replace(PAPER, shift=12.5, tempo=0.2))
    assert (when[:, 0] >= ends[rows][:, 0]).all()
    assert (when[:, -1] <= ends[rows][:, 1] + 1e-9).all()
    assert (when.diff(dim=1) > 0).all()
    middles = when.mean(1) - (25 * rows + 12)
    assert middles.abs().max() <= 12.5
    # a segment between two others that train uses its room
    pace = (when[:, -1] - when[:, 0]) / 24
    inside = rows == 4
    assert middles[inside].max() > 10
    assert pace[inside].min() < 0.85
    assert pace[inside].max() > 1.15


@pytest.mark.usefixtures("small")
def test_a_tasks_segments_reach_into_what_trains_of_their_own_excerpt() -> None:
    """Excerpts have two segments; in fold 1 the second ones do not train."""
    path = DATA / "segments/index.parquet"
    index = pd.read_parquet(path)
    index.loc[(index["fold"] == 1) & (index["segment"] == 1), "split"] = "test"
    index.to_parquet(path)
    of = body("bones", "musictodance", "per_piece", paper_bones=False)
    for fold in read_folds(TASK, "bones", QUICK, torch.device("cpu")):
        made, alone = fold.segments.augmentation, fold.number == 1
        assert made is not None
        assert made.body is not None
        for row in fold.segments.train.tolist():
            first = row if alone else row - row % 2
            assert made.ends[row].tolist() == [25 * first, 25 * (first + 2 - alone) - 1]
        assert torch.equal(made.body.slots, of.slots)
        assert torch.equal(made.body.mirror, of.mirror)


def test_without_shift_and_tempo_time_is_the_segments_own() -> None:
    when = times(TRAIN, neighbours(TRAIN, EXCERPTS, 25), 25, PAPER)
    own = 25 * TRAIN[:, None] + torch.arange(25)
    assert torch.equal(when, own.double())
    source = torch.rand(7, 3, 25, 2)
    assert torch.equal(at_times(source, when, 2), source[TRAIN])


def test_motion_and_music_are_taken_at_the_same_times() -> None:
    clock = torch.arange(7 * 25.0).reshape(7, 25)
    motion = clock[:, None, :, None].expand(7, 3, 25, 23)
    music = clock[:, None, None, :].expand(7, 1, 96, 25)
    recipe = replace(PAPER, shift=12.5, tempo=0.1)
    augmentation = Augmentation(recipe, None, neighbours(TRAIN, EXCERPTS, 25))
    moved, sound = augmentation(motion, music, TRAIN)
    assert (moved.shape, sound.shape) == ((5, 3, 25, 23), (5, 1, 96, 25))
    torch.testing.assert_close(moved[:, 0, :, 0], sound[:, 0, 0])
    assert not torch.equal(moved[:, 0, :, 0], clock[TRAIN])


def test_chance_is_torchs_and_no_other() -> None:
    of = body("joints", "musictodance", "per_piece", paper_bones=False)
    augmentation = Augmentation(QUICK, of, neighbours(TRAIN, EXCERPTS, 25))
    motion, music = joints(n=7), torch.rand(7, 1, 96, 25)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(augmentation(motion, music, TRAIN)[0])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
