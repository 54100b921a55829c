"""Layouts of joints: one body through each of them and back, and what is put where none was."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from bodies import room

from motionmusic.data.faults import mirrored, up_of
from motionmusic.data.points import (
    JOINT_NAMES,
    LIMBS,
    FileLayout,
    body_size,
    joints_of,
    missing_in,
    points_of,
    whole,
)

LAYOUTS: tuple[FileLayout, ...] = ("musictodance", "coco17", "smpl24", "mediapipe33")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_body_goes_through_every_layout_and_back(layout: FileLayout) -> None:
    before = whole(points_of(room(), "musictodance"))
    there = joints_of(before.points, layout)
    assert there.shape == (len(room()), len(JOINT_NAMES[layout]), 3)
    after = whole(points_of(there, layout))
    for name in LIMBS:
        np.testing.assert_allclose(after.points[name], before.points[name], atol=1e-9)
    assert not mirrored(after.points)
    assert up_of(after.points) == (1, 1)
    back = joints_of(after.points, "musictodance")
    away = np.linalg.norm(back - room(), axis=2)
    names = JOINT_NAMES["musictodance"]
    between, guessed = missing_in(after, "musictodance")
    known = [n for n, name in enumerate(names) if name not in (*between, *guessed)]
    assert known
    assert away[:, known].max() < 1e-9
    # what is put or guessed is near where it was: half a hand, a foot's length
    assert away.mean() < 8
    assert away.max() < 30


def test_musictodance_is_left_handed_and_the_others_are_not() -> None:
    points = points_of(room(), "musictodance")
    np.testing.assert_array_equal(points["left hip"], room()[:, 7] * (1, 1, -1))
    assert (
        joints_of(whole(points).points, "smpl24")[3, 1].tolist() == points["left hip"][3].tolist()
    )
    image = {name: place * (-1, 1, 1) for name, place in points.items()}
    assert mirrored(image)


def test_missing_joints_are_named() -> None:
    coco = joints_of(whole(points_of(room(), "musictodance")).points, "coco17")
    body = whole(points_of(coco, "coco17"))
    between, guessed = missing_in(body, "musictodance")
    assert between == ["head left", "head right", "trunk", "left forearm", "right wrist",
                       "right forearm"]  # fmt: skip
    assert guessed == ["left wrist", "left heel", "left toe", "right hand", "right heel",
                       "right toe", "left hand"]  # fmt: skip
    assert missing_in(body, "coco17") == ([], [])
    assert missing_in(body, "aist") == ([], [])


def test_a_guessed_foot_points_where_the_dancer_looks() -> None:
    points = points_of(room(), "musictodance")
    for name in ("toe", "heel"):
        del points[f"left {name}"]
    body = whole(points)
    foot = body.points["left toe"] - body.points["left ankle"]
    true = points_of(room(), "musictodance")["left toe"] - points["left ankle"]
    cosine = (foot * true).sum(axis=1) / np.linalg.norm(foot, axis=1) / np.linalg.norm(true, axis=1)
    assert np.median(cosine) > 0.8
    assert (body.points["left heel"][:, 1] < points["left ankle"][:, 1]).mean() > 0.9
    # MusicToDance has no face, which looks there too
    face = body.points["nose"] - (body.points["left ear"] + body.points["right ear"]) / 2
    assert np.median((face * true).sum(axis=1)) > 0


def test_the_size_of_a_body_is_from_shoulders_to_ankles() -> None:
    still = np.zeros((3, 17, 3))
    for name, height in (("shoulder", 140), ("hip", 95), ("knee", 50), ("ankle", 10)):
        for side in ("left", "right"):
            still[:, JOINT_NAMES["coco17"].index(f"{side} {name}"), 1] = height
    assert body_size(points_of(still, "coco17")) == 130


def test_the_picture_of_the_joints_is_what_the_program_draws() -> None:
    from motionmusic.results.joints_picture import joints_picture, standing

    body = points_of(standing()[None] * (1, 1, -1), "musictodance")
    assert up_of(body) == (1, 1)
    committed = plt.imread(Path(__file__).parents[2] / "docs" / "joints.png")
    figure = joints_picture()
    front, left = figure.axes
    names = JOINT_NAMES["musictodance"]
    numbers = [[int(text.get_text()) for text in axis.texts] for axis in (front, left)]
    assert numbers == [
        list(range(23)),
        [number for number, name in enumerate(names) if "right" not in name.split()],
    ]
    across = {
        number: text.get_position()[0] for number, text in zip(numbers[1], left.texts, strict=True)
    }
    assert (
        across[names.index("left toe")] < across[names.index("left heel")]
    )  # it looks to the left
    figure.savefig(drawn := io.BytesIO(), format="png")
    drawn.seek(0)
    again = plt.imread(drawn)
    assert again.shape == committed.shape
    assert np.abs(again - committed).mean() < 0.01
