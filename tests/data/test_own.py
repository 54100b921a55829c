"""A user's own dance: what is read, resampled and refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from motionmusic.data.dance_files import read_own
from motionmusic.data.own import OwnDance, fitted, motion_segments, read_piece
from motionmusic.errors import UserError

NAME = "gBR_sBM_cAll_d04_mBR0_ch01"
Floats = NDArray[np.float64]


def joints(frames: int = 40, count: int = 23) -> Floats:
    return np.random.default_rng(0).normal(size=(frames, count, 3))


def write_dance(folder: Path, values: Floats) -> Path:
    folder.mkdir(parents=True)
    center = np.full((len(values), 3), 7.0).tolist()
    content = {"length": len(values), "center": center, "skeletons": values.tolist()}
    (folder / "skeletons.json").write_text(json.dumps(content))
    return folder


def refused(path: Path, layout: str | None = None, rate: float | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        read_own(path, layout, rate)
    assert caught.value.remedy
    return caught.value


def test_a_folder_and_its_file(tmp_path: Path) -> None:
    values = joints()
    folder = write_dance(tmp_path / "DANCE_C_1", values)
    for path in (folder, folder / "skeletons.json"):
        dance = read_own(path)
        assert (dance.joints == values).all()
        np.testing.assert_array_equal(dance.in_the_room(), values + 7)
        assert (dance.layout, dance.rate_hz, dance.name) == ("musictodance", 25, "DANCE_C_1")
        assert (dance.music_file, dance.music_start_s, dance.seconds) == (None, 0, 40 / 25)
    assert read_own(folder, rate_hz=30).rate_hz == 30
    (folder / "config.json").write_text('{"start_position": 50, "end_position": 99}')
    (folder / "audio.mp3").touch()
    dance = read_piece("folder", tmp_path, "C_1")
    assert (dance.music_file, dance.music_start_s) == (folder / "audio.mp3", 2.0)
    (folder / "audio.wav").touch()
    assert "audio.mp3 and audio.wav" in refused(folder).got
    # a file of another name has nothing beside it
    (folder / "skeletons.json").rename(folder / "first.json")
    dance = read_own(folder / "first.json")
    assert (dance.name, dance.music_file) == ("first", None)
    assert refused(folder).got == "a folder without skeletons.json"


def test_key_points_of_aist(tmp_path: Path) -> None:
    values = joints(count=17)
    file = tmp_path / "keypoints3d" / f"{NAME}.pkl"
    file.parent.mkdir()
    file.write_bytes(pickle.dumps({"keypoints3d_optim": values}, protocol=4))
    dance = read_piece("aist", tmp_path, NAME)
    assert (dance.joints == values).all()
    assert (dance.in_the_room() == values).all()
    assert (dance.layout, dance.rate_hz, dance.center) == ("aist", 60, None)
    assert dance.music_file is None
    music = tmp_path / "music" / "mBR0.wav"
    music.parent.mkdir()
    music.touch()
    assert read_own(file).music_file == music


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_arrays(tmp_path: Path, dtype: type) -> None:
    values: NDArray[Any] = (100 * joints()).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", values)
    np.savez_compressed(tmp_path / "c.npz", joints=values, other=np.zeros(3))
    for name in ("a.npy", "b.npz", "c.npz"):
        dance = read_own(tmp_path / name, "musictodance", 50.0)
        assert dance.joints.dtype == np.float64
        scale = dance.joints[0, 0, 0] / values[0, 0, 0]  # to cm
        np.testing.assert_allclose(dance.joints, scale * values)
        assert (dance.layout, dance.rate_hz, dance.name) == ("musictodance", 50, name[0])


def test_options_that_are_missing_or_wrong(tmp_path: Path) -> None:
    array, folder = tmp_path / "a.npy", write_dance(tmp_path / "DANCE_C_1", joints())
    np.save(array, joints())
    assert refused(array, None, 25.0).where == "--layout"
    assert "coco17, smpl24" in refused(folder, "coco").expected
    assert refused(folder, "aist").where == "--layout"
    assert read_own(folder, "musictodance").layout == "musictodance"
    for rate in (None, 0.0, -25.0, float("nan"), float("inf")):
        assert refused(array, "musictodance", rate).where == "--rate"
    with pytest.raises(UserError, match=r"--up: expected one of y, -y, z"):
        read_own(array, "musictodance", 25.0, "up")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[:, :17], lambda a: a[0], lambda a: a[:0], lambda a: a[..., :2],
        lambda a: a.astype(complex), lambda a: a.astype(str), lambda a: a > 0,
    ],
)  # fmt: skip
def test_arrays_that_are_no_joints(tmp_path: Path, change: Callable[[Floats], Floats]) -> None:
    np.save(tmp_path / "a.npy", change(joints()))
    assert "23 joints of musictodance" in refused(tmp_path / "a.npy", "musictodance", 25).expected


def test_values_that_are_no_numbers_are_filled(tmp_path: Path) -> None:
    values = joints()
    values[3, 5, 1], values[9, 0, 0] = np.nan, -np.inf
    np.save(tmp_path / "a.npy", values)
    dance = read_own(tmp_path / "a.npy", "musictodance", 25)
    assert np.isfinite(dance.joints).all()
    (fault,) = [each for each in dance.faults if each.kind == "lost"]
    assert fault.spans == ((3, 3), (9, 9))
    assert fault.text.startswith("head left, left forearm: lost")
    scale = dance.joints[0, 0, 0] / values[0, 0, 0]
    np.testing.assert_allclose(dance.joints[3, 5], scale * (values[2, 5] + values[4, 5]) / 2)
    values[:21] = np.nan
    np.save(tmp_path / "a.npy", values)
    assert refused(tmp_path / "a.npy", "musictodance", 25).got == "21 of 40 frames without one"


def test_files_that_are_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=joints(), y=joints())
    assert refused(tmp_path / "a.npz", "musictodance", 25).got == "x, y"
    np.savez(tmp_path / "b.npz")
    assert refused(tmp_path / "b.npz", "musictodance", 25).got == "none"
    np.save(tmp_path / "a.npy", joints())
    np.savez(tmp_path / "b.npz", joints())
    pickled = pickle.dumps(joints().astype(object))  # objects would be run
    np.save(tmp_path / "objects.npy", joints().astype(object), allow_pickle=True)
    for name in ("a.npy", "b.npz"):
        whole = (tmp_path / name).read_bytes()
        for content in (b"", b"hello", whole[:-100], whole[: len(whole) // 2], pickled):
            (tmp_path / name).write_bytes(content)
            assert refused(tmp_path / name, "musictodance", 25).file == tmp_path / name
    assert "whole array file" in refused(tmp_path / "objects.npy", "musictodance", 25).expected
    assert refused(tmp_path / "nowhere.npy", "aist", 60).got == "no such file"


# Fitting a model


def dance_of(values: Floats, rate: float, center: Floats | None = None) -> OwnDance:
    return OwnDance(values, center, "musictodance", rate, "mine", None, 0.0)


@pytest.mark.parametrize(("old", "new"), [(60.0, 25.0), (25.0, 60.0), (30.0, 25.0), (50.0, 25.0)])
def test_a_steady_movement_stays_one(old: float, new: float) -> None:
    """Linear interpolation is exact on what is linear in time: position = 3 s."""
    old_times = np.arange(round(2.0 * old) + 1) / old
    values = np.broadcast_to(3 * old_times[:, None, None], (len(old_times), 23, 3)).copy()
    center = np.stack([old_times, -old_times, 0 * old_times], axis=1)
    result = fitted(dance_of(values, old, center), "musictodance", new, 25)
    assert len(result.joints) == round(2.0 * new) + 1
    assert result.rate_hz == new
    times = np.arange(len(result.joints)) / new
    np.testing.assert_allclose(result.joints[:, 4, 2], 3 * times, atol=1e-12)
    assert result.center is not None
    np.testing.assert_allclose(result.center[:, 1], -times, atol=1e-12)


def test_what_fits_a_model_and_what_does_not() -> None:
    dance = dance_of(joints(25), 25)
    assert fitted(dance, "musictodance", 25, 25).joints is dance.joints
    other = fitted(dance, "aist", 25, 25)
    assert other.joints.shape == (25, 17, 3)
    assert "guessed: nose" in other.notes[-1]
    for frames, rate in ((24, 25.0), (2, 25.0), (1, 60.0), (40, 60.0)):
        with pytest.raises(UserError, match=rf"got {frames} frames at {rate:g} a second"):
            fitted(dance_of(joints(frames), rate), "musictodance", 25, 25)
    values = joints(60).astype(np.float32)
    segments = motion_segments(values, 25)
    assert segments.shape == (2, 3, 25, 23)
    for segment, axis, frame, joint in ((0, 0, 0, 0), (1, 2, 24, 22), (0, 1, 13, 4)):
        assert segments[segment, axis, frame, joint] == values[25 * segment + frame, joint, axis]
