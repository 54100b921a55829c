"""stages/conducting_clips.py: which excerpts are shown, from which frames and seconds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import conducting_clips
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from closure import ROOT

from motionmusic.errors import UserError
from motionmusic.files import write_array

# 0.52 s at 25 frames a second: 15.6 frames of 30 Hz, of which 15 are whole
EXCERPT = 13
LENGTH = 15
LABELS = {"Z_1": 0, "B_2": 1, "B_10": 1, "C_1": 2, "A_1": 3}
RATE = 22_050
LOUD_S = 1.7


def test_first_by_category_number_then_piece_and_excerpt() -> None:
    tested = [("C_1", 0), ("A_1", 0), ("B_2", 0), ("B_10", 4), ("B_10", 2), ("Z_1", 1)]
    rows = pd.DataFrame(tested, columns=["piece", "excerpt"])
    labels = pd.Series(LABELS)
    found = conducting_clips.chosen(rows, labels)
    assert list(zip(found["piece"], found["excerpt"], strict=True)) == [
        ("Z_1", 1), ("B_10", 2), ("C_1", 0),
    ]  # fmt: skip
    assert conducting_clips.chosen(rows.iloc[::-1], labels)["piece"].tolist() == [
        "Z_1",
        "B_10",
        "C_1",
    ]
    # of two categories, two
    few = conducting_clips.chosen(rows[rows["piece"].isin(["A_1", "B_2"])], labels)
    assert few["piece"].tolist() == ["B_2", "A_1"]


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five pieces of two seconds whose nose counts frames; its sound is loud from LOUD_S on."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["datasets"]["synthetic"]["labels"] = {n: f"Dance {n}" for n in "ZBCA"}
    params["segment"]["synthetic"] |= {"excerpt_frames": EXCERPT, "segment_frames": EXCERPT}
    params["seeds"] = [7, 3]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
    data = tmp_path / "data" / "synthetic"
    pose = np.random.default_rng(0).uniform(0.3, 0.8, (13, 2))
    tone = np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    tone[: int(LOUD_S * RATE)] *= 0.01
    (data / "raw").mkdir(parents=True)
    rows = []
    for number, piece in enumerate(LABELS):
        motion = np.tile(pose, (60, 1, 1)).astype(np.float32)
        motion[:, 0, 0] = number + np.arange(60) / 100
        write_array(data / "keypoints" / f"{piece}.npy", motion)
        for seed in (3, 7):
            generated = motion + np.float32(10 * seed)
            write_array(data / "conducted" / f"{seed}" / "motion" / f"{piece}.npy", generated)
        soundfile.write(data / "raw" / f"{piece}.wav", 0.5 * tone, RATE)
        # the neighbour is always the last piece, from frame 20 on
        rows += [(0, piece, excerpt, "A_1", 20) for excerpt in (1, 2)]
    columns = ["fold", "piece", "excerpt", "neighbour", "neighbour_start"]
    neighbours = pd.DataFrame(rows, columns=columns)
    neighbours.to_csv(data / "conducted" / "3" / "neighbours.csv", index=False)
    pd.DataFrame(
        [{"piece": piece, "label": label, "music_file": f"{piece}.wav", "music_start_s": 1.0}
         for piece, label in LABELS.items()]
    ).to_csv(data / "pieces.csv", index=False)  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return data


def test_three_clips_with_their_frames_and_sound(space: Path) -> None:
    conducting_clips.main(["synthetic"])
    folder = space / "conducting_clips"
    names = ["Dance_Z_Z_1_1.mp4", "Dance_B_B_10_1.mp4", "Dance_C_C_1_1.mp4"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "clips.csv"])
    rows = pd.read_csv(folder / "clips.csv")
    assert rows["file"].tolist() == names
    assert rows["category"].tolist() == ["Dance Z", "Dance B", "Dance C"]
    assert set(rows["excerpt"]) == {1}
    for name in names:
        with av.open(folder / name) as file:
            (seen,), (heard,) = file.streams.video, file.streams.audio
            assert (seen.width, seen.height) == (1280, 720)
            assert seen.average_rate == Fraction(30)
            assert sum(1 for _ in file.decode(seen)) == LENGTH
            file.seek(0)
            sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(heard)])
        assert heard.rate == 48_000
        assert len(sound) >= LENGTH / 30 * 48_000
        # excerpt 1 is from frame 16 on (15.6 rounded), second 1.533 of the music
        loud = np.flatnonzero(np.abs(sound[: LENGTH * 1600]) > 0.25)
        assert loud[0] / 48_000 == pytest.approx(LOUD_S - 1 - 16 / 30, abs=0.005)
        assert loud[-1] == pytest.approx(LENGTH * 1600, abs=100)


def test_the_dance_the_generated_and_the_nearest_from_their_frames(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(conducting_clips, "side_by_side", lambda *given: shown.append(given))
    monkeypatch.setattr(conducting_clips, "film", lambda path, *_: path.touch())
    conducting_clips.main(["synthetic"])
    motions, title, foot = shown[1]
    assert list(motions) == [
        "the dance", "generated from its music", "real motion to similar music\n(A_1)",
    ]  # fmt: skip
    assert {len(motion) for motion in motions.values()} == {LENGTH}
    # B_10 is piece 2 of five, A_1 piece 4; the lowest seed is 3
    starts = [float(motion[0, 0, 0]) for motion in motions.values()]
    assert starts == pytest.approx([2.16, 32.16, 4.20])
    assert title == "Dance B: B_10, excerpt 1"
    for fact in ("synthetic", "B_10", "Dance B", "trained on other pieces", "from the front"):
        assert fact in foot


def test_a_motion_that_ends_early_ends_its_clip(space: Path) -> None:
    write_array(space / "conducted/3/motion/Z_1.npy", np.full((16 + 9, 13, 2), 0.5, np.float32))
    conducting_clips.main(["synthetic"])
    lengths = []
    for name in ("Dance_Z_Z_1_1.mp4", "Dance_C_C_1_1.mp4"):
        with av.open(space / "conducting_clips" / name) as file:
            lengths.append(sum(1 for _ in file.decode(video=0)))
    assert lengths == [9, LENGTH]


def test_without_neighbours_there_is_one_clear_error(space: Path) -> None:
    (space / "conducted" / "3" / "neighbours.csv").unlink()
    with pytest.raises(UserError, match=r"neighbours\.csv[^~]*dvc repro"):
        conducting_clips.main(["synthetic"])
    assert not (space / "conducting_clips").exists()
