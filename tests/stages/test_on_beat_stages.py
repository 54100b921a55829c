"""The stages from the published dances to those on the beat: what each reads and hands on.

Where something is learned or drawn, it only takes down what it is given.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from params_file import set_params

from motionmusic.data import musictodance
from motionmusic.data.choreonet import TIME_MAP, Choreography
from motionmusic.data.on_beat import Source, song_row
from motionmusic.features.keypoints import keypoints
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.files import read_json, write_array, write_json, write_parquet, write_text
from motionmusic.scoring.beat_phase import BALLROOM
from motionmusic.scoring.two_corpora import by_piece
from motionmusic.scoring.versions import EXACT, ON_BEAT, PUBLISHED, versions

CORPUS, DATA = "on_beat", Path("data/on_beat")
# eight beats, published as 4 s for C_1 and T_1, 3 s for C_2, whose halves are rounded down to
# frames; the songs are slower
CHOREOGRAPHIES = {
    piece: Choreography(piece, ("X-1-1", "X-2-1"), (4, 4), frames)
    for piece, frames in (("C_1", 100), ("C_2", 75), ("T_1", 100))
}
PUBLISHED_FRAMES = {"C_1": 100, "C_2": 74, "T_1": 100}
BPM = {"C_1": 100.0, "C_2": 110.0, "T_1": 90.0}
FIRST_S = {"C_1": 0.3, "C_2": 0.1, "T_1": 0.2}
LABELS = {"T": "Tango", "C": "Cha-cha"}  # not in the order of the names


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three published dances with clicks for music; the same as raw ones, longer and elsewhere."""
    monkeypatch.chdir(tmp_path)
    set_params({"corpora.on_beat.labels": LABELS, "evaluate.resamples": 100})
    random = np.random.default_rng(0)
    for n, piece in enumerate(CHOREOGRAPHIES):
        for kind, frames in (("published", PUBLISHED_FRAMES[piece]), ("raw", 120 + n)):
            folder = DATA / kind / f"DANCE_{piece}"
            content = {
                "length": frames, "center": (9 * random.normal(size=(frames, 3))).tolist(),
                "skeletons": (30 * random.normal(size=(frames, 23, 3))).tolist(),
            }  # fmt: skip
            write_json(folder / "skeletons.json", content)
            write_json(
                folder / "config.json", {"start_position": 5 * n, "end_position": 5 * n + frames}
            )
            sound = np.zeros(12_800 * 12)
            sound[:: round(12_800 * 60 / BPM[piece])] = 0.9
            soundfile.write(folder / "audio.wav", sound, 12_800)
    songs = pd.DataFrame(
        {
            "piece": list(BPM),
            "song_bpm": BPM.values(),
            "first_beat_s": FIRST_S.values(),
            "sound_s": 10.0,
        }
    )
    write_text(Path("metrics/on_beat/song_tempi.csv"), songs.to_csv(index=False))
    pieces = pd.DataFrame({"piece": list(BPM), "label": [1, 1, 0], "frames": 120})
    write_text(DATA / "pieces.csv", pieces.assign(motion_rate_hz=25.0).to_csv(index=False))
    return tmp_path


def source() -> Source:
    return Source(DATA / "published", CHOREOGRAPHIES, {}, {}, {("X-1-1", "X-2-1"): 0.4})


def taken(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, result: Any = None) -> list[Any]:
    """What a function of a module is given from now on; it only gives back ``result``."""
    calls: list[Any] = []

    def take(*values: Any, **named: Any) -> Any:
        calls.append((*values, *named.items()))
        return result

    monkeypatch.setattr(module, name, take)
    return calls


def test_three_versions_of_a_dance_with_one_music(published: Path) -> None:
    songs = pd.read_csv("metrics/on_beat/song_tempi.csv")
    found = versions(source(), songs)
    for version, pieces in found.items():
        for piece in pieces:
            of, name = CHOREOGRAPHIES[piece.piece], piece.piece
            # eight beats as they were meant to be, or as the song has them
            seconds = 8 * 60 / BPM[name] if version == ON_BEAT else of.music_frames / 25
            frames = int(np.ceil(25 * seconds - 1e-6))
            assert len(piece.joints) == (PUBLISHED_FRAMES[name] if version == PUBLISHED else frames)
            ends = [end for _, _, end in piece.units]
            assert ends == pytest.approx([seconds / 2, seconds], abs=0.05)
            # on the beat, frame 0 is on the song's first beat; else where it was published
            assert piece.first_frame_s == (FIRST_S[name] if version == ON_BEAT else 0)
            assert (piece.beat_hz * 60, piece.first_beat_s) == pytest.approx(
                (BPM[name], FIRST_S[name])
            )
            assert piece.label == name[0]
            other = next(p for p in found[PUBLISHED] if p.piece == name)
            np.testing.assert_array_equal(piece.onsets, other.onsets)
    room = musictodance.read_dance("C_2", DATA / "published/DANCE_C_2")
    (own,) = (piece for piece in found[PUBLISHED] if piece.piece == "C_2")
    assert room.center is not None
    np.testing.assert_allclose(own.joints, room.skeletons + room.center[:, None])
    assert list(versions(source(), songs, [EXACT])) == [EXACT]


def test_every_song_is_looked_for_near_its_types_tempo(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("songs")
    given: list[tuple[Any, ...]] = []

    def row(folder: Path, choreography: Choreography, expected: float) -> Any:
        given.append((folder, choreography.piece, expected))
        bpm = BPM[choreography.piece]
        return {"piece": choreography.piece, "song_bpm": bpm, "flags": ""}, np.full((4, 48), bpm)

    monkeypatch.setattr(stage, "song_row", row)
    monkeypatch.setattr(stage, "read_choreographies", lambda folder: CHOREOGRAPHIES)
    monkeypatch.setattr(stage, "ProcessPoolExecutor", lambda _: ThreadPoolExecutor(1))
    drawn = taken(monkeypatch, stage, "save_picture")
    stage.main([CORPUS])
    # as published, cha-cha has 120 and 160 beats a minute: their median; tango's one has 120
    expected = [("C_1", 140.0), ("C_2", 140.0), ("T_1", 120.0)]
    assert [one[1:] for one in given] == expected
    assert {folder for folder, *_ in given} == {DATA / "published"}
    written = pd.read_csv("metrics/on_beat/song_tempi.csv")
    assert written["piece"].tolist() == list(BPM)
    ((_, figure),) = drawn
    shown = {axis.get_title(): axis.images[0].get_array()[0, 0] for axis in figure.axes[:3]}
    assert shown == {f"{piece}  {bpm:.1f}": bpm for piece, bpm in BPM.items()}


def test_a_songs_row_is_of_its_own_sound(published: Path) -> None:
    """Clicks from the file's start on; C_2 is danced from 0.2 s on, and its halves are cut short."""
    for piece, expected in (("C_1", 95.0), ("C_2", 105.0)):
        row, folded = song_row(DATA / "published", CHOREOGRAPHIES[piece], expected)
        music_s, start_s = CHOREOGRAPHIES[piece].music_frames / 25, row["start_position"] / 25
        assert (row["piece"], row["beats"], row["music_file"]) == (piece, 8, "audio.wav")
        assert start_s == (0 if piece == "C_1" else 0.2)
        assert row["song_bpm"] == pytest.approx(BPM[piece], abs=0.3)
        beat_s = 60 / row["song_bpm"]
        away = (start_s + row["first_beat_s"]) / beat_s
        assert away == pytest.approx(round(away), abs=0.05)
        assert row["choreography_bpm"] == pytest.approx(60 * 8 / music_s)
        assert row["sound_s"] == pytest.approx(12 - start_s)
        assert row["on_beat_frames"] == int(np.ceil(25 * 8 * beat_s - 1e-6))
        assert row["seconds_off_at_end_by_tempo"] == pytest.approx(8 * beat_s - music_s)
        lost = music_s - PUBLISHED_FRAMES[piece] / 25
        assert row["seconds_lost_by_rounding"] == pytest.approx(lost)
        assert folded.shape[1] == 48
    long = replace(CHOREOGRAPHIES["C_2"], beats=(12, 12))  # longer than the sound from its beat on
    row, _ = song_row(DATA / "published", long, 105.0)
    assert abs(row["first_beat_s"]) > 0.1
    assert row["on_beat_frames"] == int(np.ceil(25 * (row["sound_s"] - row["first_beat_s"]) - 1e-6))


def test_clicks_are_on_each_songs_own_beats(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("clicks")
    calls = taken(monkeypatch, stage, "clicked", (np.zeros(2205, np.float32), 22_050))
    stage.main([CORPUS])
    assert len(calls) == 3
    for n, (piece, (file, *named)) in enumerate(zip(BPM, calls, strict=True)):
        assert file == DATA / f"published/DANCE_{piece}/audio.wav"
        about = dict(named)
        assert about["beat_hz"] == pytest.approx(BPM[piece] / 60)
        assert (about["first_beat_s"], about["start_s"]) == pytest.approx((FIRST_S[piece], n / 5))
        assert (DATA / f"clicks/{piece}.flac").exists()
    monkeypatch.setattr(stage, "SONGS", 2)  # spread over all
    stage.main([CORPUS])
    assert {file.stem for file in (DATA / "clicks").iterdir()} == {"C_1", "T_1"}


def test_dances_on_the_beat_are_made_of_the_published_ones(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("on_beat")
    read = taken(monkeypatch, stage, "read_source", "source")
    calls: list[Any] = []

    def write(*given: Any) -> None:
        calls.append(given)
        write_text(given[2] / TIME_MAP, "piece\n")

    monkeypatch.setattr(stage, "write_on_beat", write)
    stage.main([CORPUS])
    assert read == [(DATA / "published", Path("data/captures/raw"))]
    ((of, songs, raw),) = calls
    assert (of, raw, songs["song_bpm"].tolist()) == ("source", DATA / "raw", list(BPM.values()))
    assert (Path("metrics/on_beat") / TIME_MAP).read_text() == "piece\n"


def test_the_model_of_the_beat_learns_from_dances_that_are_on_it(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("in_time")
    read = taken(monkeypatch, stage, "read_source", source())

    class Model:
        def save(self, file: Path) -> None:
            file.write_bytes(b"weights")

    model = Model()
    learned = taken(monkeypatch, stage, "learn", model)
    asked: list[Any] = []

    def answers(*given: Any) -> dict[str, Any]:
        asked.append(given)
        return {"seconds": given[2]}

    monkeypatch.setattr(stage, "answers", answers)
    stage.main([CORPUS])
    assert read == [(DATA / "published", Path("data/captures/raw"))]
    ((pieces, splits, limits),) = learned
    assert limits == BALLROOM
    assert splits == by_piece([piece.piece for piece in pieces])
    assert [len(piece.joints) for piece in pieces] == [
        int(np.ceil(25 * 8 * 60 / bpm - 1e-6)) for bpm in BPM.values()
    ]
    assert [piece.first_frame_s for piece in pieces] == list(FIRST_S.values())
    assert [(of, given, seconds) for of, given, seconds, _ in asked] == [
        (model, pieces, seconds) for seconds in (None, 30.0, 20.0, 9.16)
    ]
    lengths = {"whole": None, "30_s": 30.0, "20_s": 20.0, "9_s": 9.16}
    expected = {"pieces": 3} | {name: {"seconds": seconds} for name, seconds in lengths.items()}
    assert read_json(Path("metrics/on_beat/in_time.json"), "") == expected
    assert (DATA / "in_time.npz").read_bytes() == b"weights"


def test_timing_measures_each_version(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = import_module("timing")
    read = taken(monkeypatch, stage, "read_source", source())
    monkeypatch.setattr(stage, "timing", lambda pieces, *_: [len(piece.joints) for piece in pieces])
    saved = taken(monkeypatch, stage, "save_tables")
    taken(monkeypatch, stage, "timing_tables", [])
    stage.main([CORPUS])
    assert read == [(DATA / "published", Path("data/captures/raw"))]
    assert saved[0][2]["versions"] == {
        "published": [100, 74, 100],
        "exact": [100, 75, 100],
        "on_beat": [120, 110, 134],
    }
    assert saved[0][2]["pieces"] == 3


def test_a_picture_of_each_type_has_its_name(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("look")
    write_parquet(DATA / "beats.parquet", pd.DataFrame({"piece": ["C_2"], "kind": "music"}))
    pieces = pd.read_csv(DATA / "pieces.csv")
    third = pieces[pieces["piece"] == "C_2"].assign(piece="C_3")
    write_text(DATA / "pieces.csv", pd.concat([third, pieces]).to_csv(index=False))
    for piece in ("C_2", "C_3", "T_1"):  # C_1 has no music; of the others the first by name
        write_array(DATA / f"music/{piece}.npy", np.zeros((9, 96), np.float32))
    calls = taken(monkeypatch, stage, "look_at", "look")
    drawn = taken(monkeypatch, stage, "data_picture")
    taken(monkeypatch, stage, "save_picture")
    stage.main([CORPUS])
    assert [(row["piece"], name) for _, row, name, _ in calls] == [
        ("T_1", "Tango"),
        ("C_2", "Cha-cha"),
    ]
    assert drawn[0][0] == ["look", "look"]


def test_the_damage_is_put_on_the_dances_themselves(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("damage")
    calls = taken(monkeypatch, stage, "cost", {"n": 1})
    tables = taken(monkeypatch, stage, "damage_table", "table")
    saved = taken(monkeypatch, stage, "save_tables")
    stage.main([CORPUS])
    ((dances, labels, parents, folds, every, *_),) = calls
    for piece, joints in dances.items():
        own = musictodance.read_dance(piece, DATA / f"raw/DANCE_{piece}")
        np.testing.assert_array_equal(joints, own.skeletons)
    assert labels == {"C_1": 1, "C_2": 1, "T_1": 0}
    assert parents == MUSICTODANCE.parents
    assert sorted(piece for _, tested in folds for piece in tested) == list(BPM)
    assert all(not {*learned} & {*tested} for learned, tested in folds)
    assert every == 4
    assert tables == [({"n": 1}, CORPUS, {0: "Tango", 1: "Cha-cha"})]
    assert saved[0] == (Path("metrics/on_beat/damage"), ["table"], {"n": 1})


def test_keypoints_are_of_the_body_in_the_room(published: Path) -> None:
    import_module("keypoints").main([CORPUS])
    for piece in BPM:
        own = musictodance.read_dance(piece, DATA / f"raw/DANCE_{piece}")
        assert own.center is not None
        seen = keypoints(own.skeletons + own.center[:, None], "musictodance", 25)
        np.testing.assert_array_equal(np.load(DATA / f"keypoints/{piece}.npy"), seen)
