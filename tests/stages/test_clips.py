"""stages/clip.py and stages/clips.py: which excerpts are shown, from which frames and seconds."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import av
import clip
import clips as stage
import numpy as np
import pandas as pd
import pytest
import soundfile
from closure import ROOT
from matplotlib.figure import Figure
from numpy.typing import NDArray
from typer.testing import CliRunner

from motionmusic.app.study import app
from motionmusic.data.own import OwnDance
from motionmusic.errors import UserError
from motionmusic.files import write_array, write_json
from motionmusic.render import clips
from motionmusic.render.page import Panel

FRAMES = 13  # of an excerpt, 0.52 s at 25 frames a second: 15.6 frames at 30, of which 15 are whole
MADE_FRAMES = 15
LABELS = {"Z_1": 0, "B_2": 1, "B_10": 1, "C_1": 2, "A_1": 3}
CATEGORIES = ["Zouk", "Bolero", "Cha-cha", "A dance"]
METHODS = ("category", "contrastive", "mapping")
ABOUT = {
    "task": "some.task", "corpus": "dances", "source": "synthetic", "layout": "musictodance",
    "motion_rate_hz": 25.0, "labels": dict(zip("ZBCA", CATEGORIES, strict=True)),
    "center": "once", "scale": "per_piece", "paper_bones": False, "music": {}, "protocol": "by_piece",
    "folds": 1, "excerpt_frames": FRAMES, "excerpts": None, "pieces": 5,
    "stand_ins": {"motion": 0, "sound": 0, "pieces": 0},
}  # fmt: skip
TASK = Path("data/some/task")


def pose() -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(0.3, 0.8, (23, 3))


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task whose dances count frames (x of joint 0) and whose music is named by piece."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(
        (ROOT / "params.yaml").read_text("utf-8").replace("seeds:\n- 0\n", "seeds:\n- 7\n- 3\n", 1)
    )
    write_json(TASK / "segments/about.json", ABOUT)
    dances = Path("data/dances")

    def read_piece(source: str, raw: Path, piece: str) -> OwnDance:
        joints = np.tile(pose(), (60, 1, 1))
        joints[:, 0, 0] = np.arange(60)
        return OwnDance(joints, None, "musictodance", 25.0, piece, raw / f"{piece}.wav", 1.0)

    monkeypatch.setattr(clips, "read_piece", read_piece)
    pieces = [{"piece": piece, "label": label} for piece, label in LABELS.items()]
    dances.mkdir()
    pd.DataFrame(pieces).to_csv(dances / "pieces.csv", index=False)
    rows = [
        {"method": method, "seed": seed, "piece": piece, "excerpt": excerpt,
         "category": CATEGORIES[label], "rank": rank, "track": f"track{rank}.wav",
         "track_piece": f"P_{rank}", "track_category": "Zouk", "track_bpm": 120.0,
         "track_start_s": 10.0 * rank}
        for method in METHODS for seed in (3, 7) for piece, label in LABELS.items()
        for excerpt in (1, 3) for rank in (1, 2, 3)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(TASK / "recommendations.csv", index=False)
    for number, piece in enumerate(LABELS):
        motion = np.tile(pose()[:13, :2], (60, 1, 1)).astype(np.float32)
        motion[:, 0, 0] = number + np.arange(60) / 100
        write_array(dances / "keypoints" / f"{piece}.npy", motion)
        for seed in (3, 7):
            made = TASK / "dance" / f"{seed}"
            write_array(made / "motion" / f"{piece}.npy", motion + np.float32(10 * seed))
    # the neighbour is always the last piece, from frame 20 on
    neighbours = [(0, piece, excerpt, "A_1", 20) for piece in LABELS for excerpt in (1, 2)]
    columns = ["fold", "piece", "excerpt", "neighbour", "neighbour_start"]
    pd.DataFrame(neighbours, columns=columns).to_csv(TASK / "dance/3/neighbours.csv", index=False)
    return tmp_path


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What every video shows, by file: nothing is drawn."""
    found: dict[str, Any] = {}

    def key(path: Path) -> str:
        return f"study/{path.name}" if path.parent.name == "study" else path.name

    def read_audio(file: Path, rate: int, *, start_s: float, duration_s: float) -> Any:
        assert duration_s == FRAMES / 25
        return f"{file.stem} {start_s:.2f}"

    def video(path: Path, joints: Any, layout: str, rate: float, panels: Any, title: str) -> None:
        path.write_bytes(b"video")
        found[key(path)] = joints[:, 0, 0].tolist(), panels, title

    def film(path: Path, pictures: Any, sound: str, fps: int) -> None:
        path.write_bytes(b"video")
        found[key(path)] = pictures, sound

    monkeypatch.setattr(clips, "read_audio", read_audio)
    monkeypatch.setattr(clips, "video", video)
    monkeypatch.setattr(clips, "film", film)
    monkeypatch.setattr(clips, "side_by_side", lambda *given: given)
    monkeypatch.setattr(clips, "key_poses", lambda *_, title: Figure())
    return found


def test_a_dance_of_each_class_with_its_own_and_recommended_music(
    space: Path, shown: dict[str, Any]
) -> None:
    stage.main(["some.task"])
    rows = pd.read_csv(TASK / "clips/clips.csv")
    watched = rows[rows["shows"] != "dance"]
    assert watched.groupby("category")["piece"].unique().str[0].to_dict() == {
        "A dance": "A_1", "Bolero": "B_10", "Cha-cha": "C_1", "Zouk": "Z_1",
    }  # fmt: skip
    assert set(watched["excerpt"]) == {1}
    assert watched.groupby("shows").size().to_dict() == dict.fromkeys(
        ("own", "poses", "category", "contrastive"), 4
    )
    assert all((TASK / "clips" / file).is_file() for file in rows["file"])
    # excerpt 1 begins at frame 13, its music 0.52 s after that of frame 0
    frames, (own,), title = shown["Bolero_B_10_1_own.mp4"]
    assert frames == list(range(13, 26))
    assert own == Panel("its own music", "B_10.wav, from 1.5 s", "B_10 1.52")  # type: ignore[arg-type]
    assert title == "B_10 · truth Bolero · predicted Zouk"
    frames, panels, title = shown["Bolero_B_10_1_contrastive.mp4"]
    assert frames == list(range(13, 26))
    assert panels[1] == Panel("2. P_2, Zouk", "120 bpm, from 20.0 s", "track2 20.00")  # type: ignore[arg-type]
    assert title.endswith("· contrastive")


def test_motion_from_music_beside_the_dance_and_its_neighbour(
    space: Path, shown: dict[str, Any]
) -> None:
    # the motion of Z_1 ends early
    short = np.full((16 + 9, 13, 2), 0.5, np.float32)
    write_array(TASK / "dance/3/motion/Z_1.npy", short)
    stage.main(["some.task"])
    rows = pd.read_csv(TASK / "clips/clips.csv").query("shows == 'dance'")
    # the first categories by number, of each the first piece and excerpt
    assert rows["category"].tolist() == CATEGORIES[:3]
    assert rows["file"].tolist()[1] == "Bolero_B_10_1_made.mp4"
    (motions, title, foot), sound = shown["Bolero_B_10_1_made.mp4"]
    assert [len(motion) for motion in motions.values()] == [MADE_FRAMES] * 3
    # from frame 16 (15.6 rounded) of piece 2 and of the lowest seed's, from 20 of the neighbour
    starts = [float(motion[0, 0, 0]) for motion in motions.values()]
    assert starts == pytest.approx([2.16, 32.16, 4.20])
    assert sound == "B_10 1.52"
    assert title == "Bolero: B_10, excerpt 1"
    assert "trained on other pieces" in foot
    assert len(shown["Zouk_Z_1_1_made.mp4"][0][0]["the dance"]) == 9


def test_clips_for_a_study_do_not_name_their_music(space: Path, shown: dict[str, Any]) -> None:
    stage.main(["some.task"])
    folder = TASK / "clips" / "study"
    assert {path.name for path in folder.glob("*.csv")} == {"category.csv", "contrastive.csv"}
    rows = pd.read_csv(folder / "contrastive.csv")
    assert rows["dance"].nunique() == 5  # all pieces, as no class has more than three
    for name, dance in rows.groupby("dance"):
        assert dance["music"].tolist() == ["own", "P_1", "P_2", "P_3"]
        piece, excerpt = str(name).rsplit("_", 1)
        first = int(excerpt) * FRAMES
        for rank, file in enumerate(dance["clip"]):
            frames, (panel,), title = shown[f"study/{file}"]
            assert frames == list(range(first, first + FRAMES))
            assert (panel.title, panel.detail, title) == ("", "", "")
            own = f"{piece} {1 + first / 25:.2f}"
            assert panel.sound == (f"track{rank} {10 * rank:.2f}" if rank else own)
    Path("kit").mkdir()
    for method in ("category", "contrastive"):
        made = ["make", str(folder / f"{method}.csv"), "--out", f"kit/{method}"]
        result = CliRunner().invoke(app, made)
        assert result.exit_code == 0, result.output
        assert "5 dances, 15 clips to rate" in result.output


def test_the_study_draws_by_name_only() -> None:
    rows = pd.DataFrame(
        [(f"W_{n}", "Waltz", e) for n in range(5) for e in (1, 3)]
        + [(f"T_{n}", "Tango", e) for n in range(2) for e in (1, 3)],
        columns=["piece", "category", "excerpt"],
    )
    found = clips.study_dances(rows, 0)
    assert Counter(category for category, *_ in found) == {"Waltz": 3, "Tango": 2}
    assert len({piece for _, piece, _ in found}) == 5
    assert clips.study_dances(rows.sample(frac=1, random_state=0), 0) == found
    waltz = clips.study_dances(rows[rows["category"] == "Waltz"], 0)
    assert waltz == [each for each in found if each[0] == "Waltz"]
    assert len({str(clips.study_dances(rows, seed)) for seed in range(9)}) > 1


@pytest.mark.parametrize("file", ["recommendations.csv", "dance/3/neighbours.csv"])
def test_without_what_an_earlier_stage_writes(
    space: Path, shown: dict[str, Any], file: str
) -> None:
    (TASK / file).unlink()
    with pytest.raises(UserError, match=Path(file).name):
        stage.main(["some.task"])
    assert not (TASK / "clips").exists()


def test_the_short_pages_clip_and_motion(space: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * 22_050) / 22_050)
    Path("data/dances/raw").mkdir()
    soundfile.write("data/dances/raw/Z_1.wav", tone, 22_050)
    rows = [("test", 0, "B_2", 1, 1), ("test", 0, "Z_1", 2, 0), ("train", 0, "A_1", 0, 3)]
    columns = ["split", "fold", "piece", "excerpt", "label"]
    pd.DataFrame(rows, columns=columns).to_parquet(TASK / "segments/index.parquet")
    clip.main(["some.task"])
    folder = TASK / "clip"
    table = pd.read_csv(folder / "clips.csv")
    assert table["file"].tolist() == ["Zouk_Z_1_2_own.mp4", "Zouk_Z_1_2_poses.png"]
    assert table["shows"].tolist() == ["own", "poses"]
    with av.open(folder / "Zouk_Z_1_2_own.mp4") as file:
        assert sum(1 for _ in file.decode(video=0)) == FRAMES
    found = json.loads((folder / "motion.json").read_text())
    assert found["motion"].keys() == {"B_2/1", "Z_1/2"}
    assert found["rate"] == 12.5
    assert len(found["parents"]) == 23
    assert len(base64.b64decode(found["motion"]["Z_1/2"])) == 7 * 23 * 2  # every second frame


def test_motion_keeps_its_proportions() -> None:
    joints = np.zeros((2, 2, 3))
    joints[1, 1] = [1, 2, 9]  # to the right and up; depth is not seen
    joints[..., 0] += np.arange(2)[:, None]  # a path to the right
    points = np.frombuffer(base64.b64decode(clips.drawn_motion(joints)), np.uint8).reshape(2, 2, 2)
    # each frame about its middle: 2 high and 1 wide, so the width is half of the height
    assert points[0].tolist() == [[128, 255], [128, 255]]
    assert points[1].tolist() == [[64, 255], [191, 0]]
    assert len(set(base64.b64decode(clips.drawn_motion(np.ones((5, 1, 3)))))) == 1
