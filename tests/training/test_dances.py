"""Windows, beats and clips of whole dances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from small_task import DATA, FRAMES, TASK

from motionmusic.errors import UserError
from motionmusic.features.keypoints import clip_of
from motionmusic.features.mel import RATE_HZ, SAMPLE_RATE
from motionmusic.training.dances import (
    Dance,
    beats_at_frames,
    continued,
    cut_motion,
    cut_music,
    read_joint_dances,
    read_keypoint_dances,
    windows,
)


def dance(frames: int) -> Dance:
    """Motion that counts its frames, mel that counts its own."""
    motion = torch.arange(frames).float()[:, None, None].expand(frames, 13, 2)
    mel = torch.arange(3 * frames).float()[:, None].expand(3 * frames, 128)
    return Dance("x", motion, mel, np.arange(frames) / 15, 30)


@pytest.mark.parametrize(
    ("times", "at", "beats"),
    [
        ([1.0, 1.5, 2.0, 2.5], [0, 15, 30, 119], [-2, -1, 0, 119 / 15 - 2]),  # beyond both ends
        ([0.5, 0.9, 1.6, 2.0], [15, 27, 48, 60], [0, 1, 2, 3]),  # uneven, but whole at each
        ([], [30], [2]),  # 120 a minute
        ([1.0], [30], [2]),
    ],
)
def test_beats_are_counted(times: list[float], at: list[int], beats: list[float]) -> None:
    found = beats_at_frames(np.array(times), 120, 30)
    np.testing.assert_allclose(found[at], beats, atol=1e-9)


def test_beats_go_on_at_both_ends() -> None:
    found = continued(np.array([1.0, 1.5, 2.0]), -0.2, 3.6)
    assert (found[0], found[-1]) == (-0.5, 4.0)
    np.testing.assert_allclose(np.diff(found), 0.5)


def test_windows_are_consecutive_and_whole() -> None:
    rows = windows([dance(25), dance(10), dance(20)], 10)
    assert rows.tolist() == [[0, 0], [0, 10], [1, 0], [2, 0], [2, 10]]
    assert windows([], 10).shape == (0, 2)
    with pytest.raises(UserError, match=r"0\.3 s, got x shorter"):
        windows([dance(25), dance(9)], 10)


def test_motion_and_mel_are_cut_at_the_same_moment() -> None:
    dances = [dance(30), dance(40)]
    rows = np.array([[1, 7], [0, 3]])
    motion, mel = cut_motion(dances, rows, 10), cut_music(dances, rows, 10)
    assert (motion.shape, mel.shape) == ((2, 10, 13, 2), (2, 30, 128))
    assert motion[0, :, 0, 0].tolist() == list(range(7, 17))
    assert torch.equal(mel[:, ::3, 0], 3 * motion[:, :, 0, 0])


def beats_of(name: str, frames: int, rate_hz: float) -> Any:
    """The music's, by the small task's table."""
    table = pd.read_parquet(DATA / "beats.parquet").query("kind == 'music' and piece == @name")
    return beats_at_frames(np.sort(table["time_s"]), frames, rate_hz)


@pytest.mark.usefixtures("small")
def test_motion_and_music_of_a_dance_begin_together() -> None:
    """Where one is longer, its end is left out."""
    motion, music = (np.load(DATA / f"{kind}/P_03.npy") for kind in ("joints", "music"))
    np.save(DATA / "music/P_03.npy", np.concatenate([music, music[:9]]))
    np.save(DATA / "joints/P_04.npy", np.concatenate([motion, motion[:9]]))
    found = read_joint_dances(TASK, ["P_04", "P_03"], 25)
    assert list(found) == ["P_04", "P_03"]
    for one, kind, expected in (("P_03", "music", music), ("P_04", "motion", motion)):
        np.testing.assert_array_equal(getattr(found[one], kind).numpy(), expected)
        np.testing.assert_array_equal(found[one].beats, beats_of(one, FRAMES, 25))
    assert {len(one.motion) for one in found.values()} == {FRAMES}
    assert {len(one.music) for one in found.values()} == {FRAMES}


def test_an_excerpt_of_229_frames_is_9_16_s() -> None:
    assert clip_of(0, 229, 25.0) == (0, 274)
    assert clip_of(3, 229, 25.0) == (round(3 * 9.16 * 30), 274)
    assert clip_of(1, 425, 60.0) == (212, 212)


@pytest.mark.usefixtures("small")
def test_a_click_is_heard_in_the_frame_where_it_sounds() -> None:
    pieces = pd.read_csv(DATA / "pieces.csv").set_index("piece")
    start_s = float(pieces["music_start_s"]["P_03"])  # of the music, in its file
    sound = np.random.default_rng(0).normal(scale=1e-3, size=SAMPLE_RATE * 6)
    sound[round((start_s + 1) * SAMPLE_RATE)] = 1  # one second into the dance
    soundfile.write(DATA / "raw" / pieces["music_file"]["P_03"], sound, SAMPLE_RATE)
    (found,) = read_keypoint_dances(TASK, ["P_03"]).values()
    loudest = int(found.music.sum(1).argmax())
    assert loudest == pytest.approx(1.0 * RATE_HZ, abs=2)
    np.testing.assert_array_equal(found.beats, beats_of("P_03", len(found.motion), 30))
