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
from matplotlib.figure import Figure
from numpy.typing import NDArray
from params_file import set_params
from typer.testing import CliRunner

from motionmusic.app.study import app
from motionmusic.data.own import OwnDance
from motionmusic.errors import UserError
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.files import write_array, write_json
from motionmusic.render import clips
from motionmusic.render.body import drawn_body, drawn_dance
from motionmusic.render.film import SMALL_HZ, SOUND_HZ
from motionmusic.workspace import About

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
    set_params({"seeds": [7, 3]})
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
        if rate == SOUND_HZ:
            assert duration_s == FRAMES / 25
            return f"{file.stem} {start_s:.2f}"
        return f"{file.stem} {start_s:.2f} for {duration_s:.2f}"

    def sound_file(path: Path, sound: str) -> None:
        path.write_bytes(b"sound")
        found[key(path)] = sound

    def video(path: Path, joints: Any, layout: str, rate: float, panels: Any, title: str) -> None:
        path.write_bytes(b"video")
        found[key(path)] = joints[:, 0, 0].tolist(), panels, title

    def film(path: Path, pictures: Any, sound: str, fps: int) -> None:
        assert fps == 30  # of keypoints, whatever the corpus has
        path.write_bytes(b"video")
        found[key(path)] = pictures, sound

    monkeypatch.setattr(clips, "read_audio", read_audio)
    monkeypatch.setattr(clips, "sound_file", sound_file)
    monkeypatch.setattr(clips, "music_beats", lambda sound, rate: (np.array([0.5, 1.0]), 120.0))
    monkeypatch.setattr(clips, "poster", lambda path: None)
    monkeypatch.setattr(clips, "video", video)
    monkeypatch.setattr(clips, "film", film)
    monkeypatch.setattr(clips, "side_by_side", lambda *given: given)
    monkeypatch.setattr(clips, "key_poses", lambda *_: Figure())
    return found


def test_a_dance_of_each_class_with_recommended_music(space: Path, shown: dict[str, Any]) -> None:
    stage.main(["some.task"])
    rows = pd.read_csv(TASK / "clips/clips.csv")
    watched = rows[rows["shows"] == "poses"]
    assert watched.groupby("category")["piece"].unique().str[0].to_dict() == {
        "A dance": "A_1", "Bolero": "B_10", "Cha-cha": "C_1", "Zouk": "Z_1",
    }  # fmt: skip
    assert set(watched["excerpt"]) == {1}
    tracks = json.loads((TASK / "clips/tracks.json").read_text())
    assert len(tracks) == 4 * 2 * 3
    assert all((TASK / "clips/tracks" / track["file"]).is_file() for track in tracks)
    # excerpt 1 begins at 0.52 s of 2.4; a track that is heard there from second 10 was at 9.48
    one = next(
        t for t in tracks if (t["piece"], t["method"], t["rank"]) == ("C_1", "contrastive", 1)
    )
    assert shown[one["file"]] == "track1 9.48 for 2.40"
    assert (one["from"], one["beats"], one["excerpt"], one["bpm"]) == (0, [0.5, 1.0], 1, 120)


def test_a_track_that_begins_later_than_the_dance(space: Path, shown: dict[str, Any]) -> None:
    found = pd.read_csv(TASK / "recommendations.csv").query("piece == 'C_1' and excerpt == 3")
    about = clips.Excerpt(About(**ABOUT), Path("raw"), "C_1", 3, "Cha-cha")  # type: ignore[arg-type]
    (row,) = clips.recommended(about, found.head(1).assign(track_start_s=1.0), Path())
    # excerpt 3 begins at 1.56 s, so the track at 0.56 s of the dance, and so do its beats
    assert shown[row["file"]] == "track1 0.00 for 1.84"
    assert (row["from"], row["beats"]) == (0.56, [1.06, 1.56])


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
    assert title == "Bolero: piece B_10, excerpt 1"
    assert "trained on other pieces" in foot
    assert len(shown["Zouk_Z_1_1_made.mp4"][0][0]["the dance\n"]) == 9


def test_clips_for_a_study_do_not_name_their_music(space: Path, shown: dict[str, Any]) -> None:
    stage.main(["some.task"])
    folder = TASK / "clips" / "study"
    assert {path.name for path in folder.glob("*.csv")} == {"category.csv", "contrastive.csv"}
    rows = pd.read_csv(folder / "contrastive.csv")
    # those that the lowest seed draws
    found = pd.read_csv(TASK / "recommendations.csv").query("seed == 3")
    drawn = {f"{piece}_{excerpt}" for _, piece, excerpt in clips.study_dances(found, 3)}
    assert set(rows["dance"]) == drawn != {f"{p}_{e}" for _, p, e in clips.study_dances(found, 0)}
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
    for piece in ("B_2", "Z_1"):
        soundfile.write(f"data/dances/raw/{piece}.wav", tone, 22_050)
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
    found = json.loads((folder / "dances.json").read_text())
    assert [(d["piece"], d["category"], d["file"]) for d in found["dances"]] == [
        ("Z_1", "Zouk", "0"), ("B_2", "Bolero", "1"),
    ]  # fmt: skip
    assert found["excerpt_s"] == 0.52
    dance = json.loads((folder / "dances/0.json").read_text())
    assert (dance["rate"], dance["seconds"]) == (12.5, 2.4)
    with av.open(folder / "dances/0.m4a") as file:
        (sound,) = file.streams.audio
        assert (sound.codec_context.name, sound.rate) == ("aac", SMALL_HZ)
        heard = np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], axis=1)
    # from second 1 of three, until the music ends
    assert heard.shape[1] / SMALL_HZ == pytest.approx(2, abs=0.05)


def test_a_dance_on_a_page_keeps_its_proportions() -> None:
    """Who stands upright, 1 from shoulders to ankles, the left hand out by 0.5."""
    at = {
        "left": (0.05, 1.2),
        "right": (0.05, 1.2),
        "shoulder": (0.2, 1.0),
        "hip": (0.1, 0.5),
        "knee": (0.1, 0.25),
        "ankle": (0.1, 0),
    }
    names = MUSICTODANCE.joints
    places = np.zeros((1, len(names), 3))
    for number, name in enumerate(names):
        across, height = at.get(name.split()[-1], (0, 0.7))
        places[0, number] = [-across if "right" in name else across, height, 0]
    places[0, names.index("left hand")] = [0.5, 0.7, 0]
    # as the corpus has it: centimetres, somewhere in the room, left-handed
    drawn = drawn_dance(np.tile(100 * places + 70, (5, 1, 1)), "musictodance", 25.0)
    points = np.frombuffer(base64.b64decode(drawn["points"]), "<i2").reshape(3, -1, 3) / 1000
    assert (drawn["rate"], drawn["seconds"]) == (12.5, 0.2)
    hand, foot = (points[0, names.index(name)] for name in ("left hand", "right ankle"))
    assert hand - foot == pytest.approx([0.6, 0.7, 0], abs=2e-3)
    assert foot[1] == 0
    head, nose = points[0, -2:]
    assert nose - head == pytest.approx([0, 0, 0.085], abs=2e-3)  # towards the viewer
    body = drawn_body("musictodance")
    assert points.shape[1] == len(names) + 5
    assert points[0, body["pelvis"]] - foot == pytest.approx([0.1, 0.5, 0], abs=2e-3)
    colours = {names[end]: colour for _, end, _, colour, _ in body["bones"] if end < len(names)}
    assert (colours["left knee"], colours["right toe"]) == ("left", "right")
