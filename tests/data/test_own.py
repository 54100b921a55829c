"""A user's own dance: what is read, resampled and refused."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from motionmusic.data.own import OwnDance, fitted, motion_segments, read_own
from motionmusic.errors import UserError

NAME = "gBR_sBM_cAll_d04_mBR0_ch01"
Floats = NDArray[np.float64]


def joints(frames: int = 40, count: int = 23) -> Floats:
    return np.random.default_rng(0).normal(size=(frames, count, 3))


def write_dance(folder: Path, values: Floats) -> Path:
    folder.mkdir(parents=True)
    content = {
        "length": len(values),
        "center": np.full((len(values), 3), 7.0).tolist(),
        "skeletons": values.tolist(),
    }
    (folder / "skeletons.json").write_text(json.dumps(content))
    return folder


def write_pickle(file: Path, content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(content, protocol=4))
    return file


def refused(path: Path, layout: str | None = None, rate: float | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        read_own(path, layout, rate)
    assert caught.value.remedy
    assert len(str(caught.value)) < 800
    return caught.value


# MusicToDance's layout


def test_a_folder_alone(tmp_path: Path) -> None:
    values = joints()
    folder = write_dance(tmp_path / "my dance", values)
    for path in (folder, folder / "skeletons.json"):
        dance = read_own(path)
        assert (dance.joints == values).all()
        assert dance.center is not None
        np.testing.assert_array_equal(dance.in_the_room(), values + 7)
        assert (dance.layout, dance.rate_hz, dance.name) == ("musictodance", 25, "my dance")
        assert (dance.music_file, dance.music_start_s) == (None, 0)
        assert dance.seconds == 40 / 25


def test_a_folder_with_music(tmp_path: Path) -> None:
    folder = write_dance(tmp_path / "DANCE_C_1", joints())
    (folder / "config.json").write_text('{"start_position": 50, "end_position": 99}')
    (folder / "audio.mp3").touch()
    dance = read_own(folder)
    assert (dance.music_file, dance.music_start_s) == (folder / "audio.mp3", 2.0)
    (folder / "audio.wav").touch()
    assert "audio.mp3 and audio.wav" in refused(folder).got


def test_a_file_of_another_name_has_nothing_beside_it(tmp_path: Path) -> None:
    folder = write_dance(tmp_path / "dances", joints())
    (folder / "skeletons.json").rename(folder / "first.json")
    (folder / "audio.mp3").touch()
    dance = read_own(folder / "first.json")
    assert (dance.name, dance.music_file) == ("first", None)


def test_a_folder_without_a_dance(tmp_path: Path) -> None:
    assert refused(tmp_path).file == tmp_path / "skeletons.json"


def test_another_rate_than_usual(tmp_path: Path) -> None:
    folder = write_dance(tmp_path / "DANCE_C_1", joints())
    assert read_own(folder, rate_hz=30).rate_hz == 30


# AIST++


def test_key_points(tmp_path: Path) -> None:
    values = joints(count=17)
    file = write_pickle(tmp_path / "keypoints3d" / f"{NAME}.pkl", {"keypoints3d_optim": values})
    dance = read_own(file)
    assert (dance.joints == values).all()
    assert (dance.in_the_room() == values).all()
    assert (dance.layout, dance.rate_hz, dance.center) == ("aist", 60, None)
    assert dance.music_file is None
    music = tmp_path / "music" / "mBR0.wav"
    music.parent.mkdir()
    music.touch()
    assert read_own(file).music_file == music


class Runs:
    """Pickles as a call of os.system."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("name", ["dance.pkl", "dance.npy", "dance.npz"])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "was_run"
    file = write_pickle(tmp_path / name, {"keypoints3d_optim": Runs(mark)})
    refused(file, None if name.endswith("pkl") else "aist", None if name.endswith("pkl") else 60)
    assert not mark.exists()
    pickle.loads(file.read_bytes())  # it would have run
    assert mark.exists()


def test_objects_in_an_array_are_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    content = np.array([Runs(mark)], dtype=object)
    np.save(tmp_path / "dance.npy", content, allow_pickle=True)
    np.savez(tmp_path / "dance.npz", content)
    for name in ("dance.npy", "dance.npz"):
        assert "whole array file" in refused(tmp_path / name, "aist", 60).expected
    assert not mark.exists()


# Arrays


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_arrays(tmp_path: Path, dtype: type) -> None:
    values: NDArray[Any] = (100 * joints()).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", values)
    np.savez_compressed(tmp_path / "c.npz", joints=values, other=np.zeros(3))
    for name in ("a.npy", "b.npz", "c.npz"):
        dance = read_own(tmp_path / name, "musictodance", 50.0)
        assert dance.joints.dtype == np.float64
        np.testing.assert_array_equal(dance.joints, values)
        assert (dance.layout, dance.rate_hz, dance.name) == ("musictodance", 50, name[0])


def test_layout_and_rate_are_required_of_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", joints())
    for layout, rate, where in (("aist", None, "--rate"), (None, 25.0, "--layout")):
        error = refused(tmp_path / "a.npy", layout, rate)
        assert error.where == where
        assert error.remedy == "give --layout and --rate"


def test_a_layout_that_is_none_or_not_the_files(tmp_path: Path) -> None:
    folder = write_dance(tmp_path / "DANCE_C_1", joints())
    assert "musictodance, aist" in refused(folder, "coco").expected
    assert refused(folder, "aist").where == "--layout"
    assert read_own(folder, "musictodance").layout == "musictodance"


@pytest.mark.parametrize("rate", [0.0, -25.0, float("nan"), float("inf")])
def test_rates_that_are_none(tmp_path: Path, rate: float) -> None:
    np.save(tmp_path / "a.npy", joints())
    assert refused(tmp_path / "a.npy", "musictodance", rate).where == "--rate"


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[:, :17],
        lambda a: a[0],
        lambda a: a[:0],
        lambda a: a[..., :2],
        lambda a: a.astype(complex),
        lambda a: a.astype(str),
        lambda a: a > 0,
    ],
)
def test_arrays_that_are_no_joints(tmp_path: Path, change: Callable[[Floats], Floats]) -> None:
    np.save(tmp_path / "a.npy", change(joints()))
    assert "23 joints of musictodance" in refused(tmp_path / "a.npy", "musictodance", 25).expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    values = joints()
    values[3, 5, 1] = values[9, 0, 0] = value
    np.save(tmp_path / "a.npy", values)
    error = refused(tmp_path / "a.npy", "musictodance", 25)
    assert error.where == "frame 3, joint 5"
    assert "(2 such values in all)" in error.got


def test_several_arrays_without_a_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=joints(), y=joints())
    assert refused(tmp_path / "a.npz", "musictodance", 25).got == "x, y"
    np.savez(tmp_path / "b.npz")
    assert refused(tmp_path / "b.npz", "musictodance", 25).got == "none"


def test_broken_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", joints())
    np.savez(tmp_path / "b.npz", joints())
    for name in ("a.npy", "b.npz"):
        whole = (tmp_path / name).read_bytes()
        for content in (b"", b"hello", whole[:-100], whole[: len(whole) // 2]):
            (tmp_path / name).write_bytes(content)
            assert refused(tmp_path / name, "musictodance", 25).file == tmp_path / name


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.npy", "aist", 60).got == "no such file or folder"
    for name in ("dance.bvh", "dance"):
        (tmp_path / name).write_text("HIERARCHY")
        assert refused(tmp_path / name).file == tmp_path / name


# Fitting a model


def dance_of(values: Floats, rate: float, center: Floats | None = None) -> OwnDance:
    return OwnDance(values, center, "musictodance", rate, "mine", None, 0.0)


def test_the_models_own_rate_changes_nothing() -> None:
    dance = dance_of(joints(), 25)
    assert fitted(dance, "musictodance", 25, 25).joints is dance.joints


@pytest.mark.parametrize(("old", "new"), [(60.0, 25.0), (25.0, 60.0), (30.0, 25.0), (50.0, 25.0)])
def test_a_steady_movement_stays_one(old: float, new: float) -> None:
    """Linear interpolation is exact on what is linear in time: position = 3 s."""
    seconds = 2.0
    old_times = np.arange(round(seconds * old) + 1) / old
    values = np.broadcast_to(3 * old_times[:, None, None], (len(old_times), 23, 3)).copy()
    center = np.stack([old_times, -old_times, 0 * old_times], axis=1)
    result = fitted(dance_of(values, old, center), "musictodance", new, 25)
    assert len(result.joints) == round(seconds * new) + 1
    assert result.rate_hz == new
    times = np.arange(len(result.joints)) / new
    np.testing.assert_allclose(result.joints[:, 4, 2], 3 * times, atol=1e-12)
    assert result.center is not None
    np.testing.assert_allclose(result.center[:, 1], -times, atol=1e-12)


def test_another_layout_than_the_models() -> None:
    with pytest.raises(UserError, match=r"aist, which the model .* got musictodance"):
        fitted(dance_of(joints(), 25), "aist", 60, 25)


def test_shorter_than_a_segment() -> None:
    assert len(fitted(dance_of(joints(25), 25), "musictodance", 25, 25).joints) == 25
    for frames, rate in ((24, 25.0), (2, 25.0), (1, 60.0), (40, 60.0)):
        with pytest.raises(UserError, match=rf"got {frames} frames at {rate:g} a second"):
            fitted(dance_of(joints(frames), rate), "musictodance", 25, 25)


def test_segments_are_cut_in_order() -> None:
    values = joints(60).astype(np.float32)
    segments = motion_segments(values, 25)
    assert segments.shape == (2, 3, 25, 23)
    for segment, axis, frame, joint in ((0, 0, 0, 0), (1, 2, 24, 22), (0, 1, 13, 4)):
        assert segments[segment, axis, frame, joint] == values[25 * segment + frame, joint, axis]
