"""AIST++ retargeted: what a piece is, and the real files against figures measured on them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from closure import ROOT
from mirrored import mirrored
from retargeted import NAME, doubled, motion, turned, write

from motionmusic.data.aist_retargeted import (
    GROUPS,
    MOVING,
    PROXIMAL,
    choreography_of,
    find_pieces,
    held_shares,
    held_table,
    is_clean,
    read_dance,
    tempo_bpm,
)
from motionmusic.data.manifest import manifest
from motionmusic.data.own import read_piece
from motionmusic.data.vrm import BONES, Clip, read_clip
from motionmusic.errors import UserError


def test_names_tell_tempo_and_choreography() -> None:
    assert [tempo_bpm(track) for track in ("mBR0", "mHO5", "mJB5")] == [80, 135, 130]
    other = "gBR_sBM_cAll_d05_mBR5_ch02"
    assert choreography_of(NAME) == choreography_of(other) == "gBR_sBM_ch02"


def test_a_dance_has_its_facts_and_what_is_missing_is_an_error(tmp_path: Path) -> None:
    arm = turned((0, 0, 1), np.sin(np.arange(480) / 15))
    arm[120:] = arm[120]  # held from the third second on
    bones = {bone: turned((1, 0, 0), 0.01 * np.arange(480)) for bone in MOVING}
    file = write(
        tmp_path / "motion" / f"{NAME}.t2.json",
        doubled(motion(480, **bones | {"leftLowerArm": arm})),
    )
    assert find_pieces(tmp_path) == {NAME: file}
    with pytest.raises(UserError, match="the features of a track"):
        read_dance(NAME, tmp_path)
    (tmp_path / "music").mkdir()
    np.save(tmp_path / "music" / "mBR1.npy", np.zeros((9, 35), np.float32))
    dance = read_dance(NAME, tmp_path)
    assert (dance.code, dance.music_file.name, dance.skeletons.shape) == (
        "gBR", "mBR1.npy", (200, 17, 3),
    )  # fmt: skip
    assert dance.facts == {
        "dancer": "d04", "choreography": "gBR_sBM_ch02", "track": "mBR1", "music_bpm": 90.0,
        "doubled": True, "held": 0.75, "clean_13": 1.0, "clean_17": round(2 / 7, 4),
    }  # fmt: skip
    own = read_piece("aist_retargeted", tmp_path, NAME)
    assert (own.rate_hz, own.layout, own.music_file) == (25, "aist", None)
    np.testing.assert_array_equal(own.joints, dance.skeletons)
    with pytest.raises(UserError, match="dances named like"):
        find_pieces(tmp_path / "music")


def test_speeds_of_true_60_hz_street_jazz_are_the_measured_ones() -> None:
    """Mean speeds relative to the hips in cm/s: nose, shoulders, elbows, wrists, knees, ankles."""
    folder = mirrored("motionmind") / "coach/static/anim"
    speeds = []
    for file in sorted(folder.glob("gJS_*.t2.json")):
        if file.name.split("_")[3] != "d01":  # all true 60 Hz ones are d01's
            continue
        clip = read_clip(file)
        if not clip.doubled:
            steps = np.linalg.norm(np.diff(clip.joints, axis=0), axis=2).mean(axis=0) * 30
            speeds.append(
                [steps[0], *steps[5:11].reshape(3, 2).mean(1), *steps[13:].reshape(2, 2).mean(1)]
            )
    assert len(speeds) == 8
    assert np.mean(speeds, axis=0) == pytest.approx([9, 7, 13, 20, 5, 9], abs=0.6)


def test_what_there_is_by_genre_dancer_and_track() -> None:
    names = [Path(e.path).name.removesuffix(".t2.json") for e in manifest("motionmind").entries]
    fields = [name.split("_") for name in names]
    assert Counter(of[0] for of in fields) == {
        "gBR": 8, "gPO": 38, "gLO": 25, "gMH": 10, "gLH": 14, "gHO": 25, "gWA": 9, "gKR": 19,
        "gJS": 36, "gJB": 6,
    }  # fmt: skip
    assert len({of[3] for of in fields}) == 28
    assert len({of[4] for of in fields}) == 46
    assert Counter(of[1] for of in fields) == {"sBM": 181, "sFM": 9}
    tracks = {Path(entry.path).stem for entry in manifest("aist_features").entries}
    assert {of[4] for of in fields} < tracks
    assert len(tracks) == 60


def test_shares_of_held_bones_and_clean_seconds_of_all_clips() -> None:
    """The corpus's own table says it of all; here street jazz, the genre that is nearly whole."""
    table = ROOT / "metrics" / "aist_retargeted" / "held.json"
    if not table.exists():
        pytest.skip(f"no {table}")
    found = json.loads(table.read_text())
    assert found["all"]["doubled"]["clips"] == 153
    assert found["all"]["doubled"]["forearms"] == pytest.approx(0.47, abs=0.005)
    assert found["all"]["doubled"]["shanks"] == pytest.approx(0.20, abs=0.005)
    assert found["all"]["doubled"]["hips"] == pytest.approx(0.09, abs=0.005)
    assert found["gBR"]["doubled"]["any"] == pytest.approx(0.99, abs=0.005)
    assert found["all"]["true 60"]["clean_13"] == 257
    assert abs(found["all"]["doubled"]["clean_13"] - 761) <= 4


def test_held_shares_by_genre_and_kind_of_file() -> None:
    def clip_of(doubled: bool, **held: slice) -> Clip:
        flags = np.zeros((210, len(BONES)), bool)
        for bone, frames in held.items():
            flags[frames, BONES.index(bone)] = True
        return Clip(np.zeros((210, 17, 3)), flags, doubled)

    second = slice(30, 60)
    clips = {
        "gBR_a": clip_of(True, leftLowerArm=second, leftHand=slice(0, 210)),
        "gBR_b": clip_of(True, hips=slice(0, 60)),
        "gPO_c": clip_of(False),
    }
    found = held_table(clips)
    assert {genre: list(of) for genre, of in found.items()} == {
        "all": ["doubled", "true 60"], "gBR": ["doubled"], "gPO": ["true 60"],
    }  # fmt: skip
    of = found["gBR"]["doubled"]
    # two clips of seven seconds; a forearm for one, of one side of two, the hips for two
    assert (of["clips"], of["segments"], of["clean_13"], of["clean_17"]) == (2, 14, 12, 11)
    assert (of["forearms"], of["hips"], of["any"]) == pytest.approx((1 / 28, 2 / 14, 3 / 14))
    assert sum(of[name] for name in GROUPS) == pytest.approx(1 / 28 + 2 / 14)
    assert found["all"]["doubled"] == of
    assert found["gPO"]["true 60"]["clean_17"] == 7


def test_held_shares_are_of_whole_seconds() -> None:
    held = np.zeros((215, len(BONES)), bool)
    held[30:60, BONES.index("hips")] = True
    held[200:, BONES.index("neck")] = True
    shares = held_shares(Clip(np.zeros((215, 17, 3)), held, True))
    assert shares[:, BONES.index("hips")].tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert shares[6, BONES.index("neck")] == pytest.approx(1 / 3)
    assert set(PROXIMAL) < set(MOVING)
    assert [is_clean(row, PROXIMAL) for row in shares] == [True, False, *[True] * 4, False]
