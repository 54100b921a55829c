"""Movement units on the beats of their song, and the tables that they are put together by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bodies import write_c3d
from mirrored import mirrored
from numpy.typing import NDArray

from motionmusic.data.captures import (
    FEET,
    JOINT_MARKERS,
    UNIT_HZ,
    Cut,
    on_own_beats,
    read_capture,
    read_units,
)
from motionmusic.data.choreonet import (
    HOLD,
    START,
    TIME_MAP,
    Choreography,
    read_choreographies,
    units,
)
from motionmusic.data.choreonet import unit_frames as counts_of
from motionmusic.data.headings import (
    ESTIMATED,
    MEASURED,
    TABLE,
    _turns,
    angle_between,
    measure,
    read_headings,
    read_start,
    turn,
)
from motionmusic.data.manifest import manifest
from motionmusic.data.musictodance import read_dance
from motionmusic.data.on_beat import (
    CAPTURED,
    RETIMED,
    Source,
    compose,
    frames_of,
    parts,
    retime,
    time_map,
    write_on_beat,
)
from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.features.skeletons import MUSICTODANCE

CHOREOGRAPHY = Choreography("C_1", ("X-1-1", "X-2-1", HOLD), (4, 2, 3), 300)


def test_units_lie_on_beats() -> None:
    spans = [(each.start_s, each.end_s) for each in time_map(CHOREOGRAPHY, beat_hz=2)]
    assert spans == [(0, 2), (2, 3), (3, 4.5)]


@pytest.mark.parametrize(
    ("sound_s", "frames", "lengths"),
    [(60, 113, [50, 25, 38]), (2.5, 63, [50, 13]), (1.0, 25, [25])],
)
def test_a_dance_ends_at_its_last_beat_or_with_the_sound(
    sound_s: float, frames: int, lengths: list[int]
) -> None:
    placed = time_map(CHOREOGRAPHY, beat_hz=2)
    assert frames_of(placed, sound_s) == frames
    inside = parts(placed, frames)
    assert [len(part) for part in inside] == lengths
    assert all(part[0] >= 0 and part[-1] < 1 for part in inside)


def test_no_frame_is_lost_or_twice_at_a_tempo_that_no_frame_fits() -> None:
    placed = time_map(CHOREOGRAPHY, beat_hz=1.4501)
    total = frames_of(placed, 60)
    at_s = [
        each.start_s + part * (each.end_s - each.start_s)
        for each, part in zip(placed, parts(placed, total), strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(at_s), np.arange(total) / 25)


def clip(frames: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    ends = random.normal(0, 30, (2, 24, 3))
    part = np.linspace(0, 1, frames)[:, None, None]
    return np.asarray(ends[0] * (1 - part) + ends[1] * part)


def test_a_piece_is_put_together_from_its_units() -> None:
    clips = {"X-1-1": clip(80, 1), "X-2-1": clip(60, 2)}
    places = [np.linspace(0, 1, 50), np.linspace(0, 1, 40), np.linspace(0, 1, 20)]
    turns = {("X-1-1", "X-2-1"): 0.5}
    made = compose(["X-1-1", "X-2-1", HOLD], places, clips, turns)
    body = {name: of[:, :23] - of[:, 23:] for name, of in clips.items()}
    assert made.shape == (110, 24, 3)
    np.testing.assert_allclose(made[0, :23], body["X-1-1"][0])
    # the middle of the second unit lies beyond every blend
    middle = (body["X-2-1"][29] + body["X-2-1"][30]) / 2
    at = np.interp(0.5, places[1], np.arange(40))
    np.testing.assert_allclose(
        (made[50 + int(at), :23] + made[51 + int(at), :23]) / 2, middle @ turn(0.5)
    )
    np.testing.assert_allclose(made[95:, :23], np.repeat(made[95:96, :23], 15, axis=0))
    steps = np.linalg.norm(np.diff(made, axis=0), axis=2).max(axis=1)
    assert steps.max() < 12  # a cut without blending is a step of 60
    np.testing.assert_allclose(np.diff(made[47:54], n=2, axis=0), 0, atol=1e-9)  # the bridge


def test_headings_add_up() -> None:
    clips = {"X-1-1": clip(80, 1)}
    made = compose(["X-1-1"] * 3, [np.linspace(0, 1, 60)] * 3, clips, {("X-1-1", "X-1-1"): 0.4})
    first, third = made[20:40, :23], made[140:160, :23]
    assert angle_between(first, third) == pytest.approx(0.8)


def test_a_published_dance_of_the_same_lengths_stays_as_it_is() -> None:
    published = clip(50, 3)
    counts = [30, 20]
    same = [np.arange(n) / n for n in counts]
    np.testing.assert_allclose(retime(published, counts, same), published)
    slower = retime(published, counts, [np.arange(60) / 60, np.arange(40) / 40])
    np.testing.assert_allclose(slower[::2], published)


def test_the_joints_of_the_markers() -> None:
    named = dict(zip(MUSICTODANCE.joints, JOINT_MARKERS, strict=True))
    assert named["trunk"] == ("STRN", "T10")
    for left, right in MUSICTODANCE.mirror_pairs:
        sides = [JOINT_MARKERS[left], JOINT_MARKERS[right]]
        if (left, right) != (6, 14):  # other markers were averaged there
            assert [m.replace("L", "R", 1) for m in sides[0]] == list(sides[1])


def walk(beat_hz: float, frames: int) -> NDArray[np.float64]:
    """A body whose feet move twice a beat, on the beat."""
    capture = np.zeros((frames, 24, 3))
    swing = np.sin(2 * np.pi * beat_hz * np.arange(frames) / UNIT_HZ)
    capture[:, FEET, 0] = 20 * swing[:, None]
    return capture


def test_cuts_are_moved_onto_the_beat_of_their_capture() -> None:
    random = np.random.default_rng(0)
    starts = 3.0 + 4 * np.arange(16) * 20  # units of four beats at 120 a minute
    by_hand = starts + random.uniform(-4, 4, 16)
    cuts = [Cut(f"X-{i}-1", start, start + 80 + i % 7, 4) for i, start in enumerate(by_hand)]
    cuts.append(Cut("X-0-9", 5, 9, 0))
    moved = {cut.unit: cut for cut in on_own_beats(walk(2.0, 1400), cuts)}
    assert moved["X-0-9"] == cuts[-1]
    away = np.array([moved[f"X-{i}-1"].start for i in range(16)]) - starts
    assert np.ptp(away) <= 1  # whole frames
    assert abs(away.mean()) < 2
    assert all(moved[f"X-{i}-1"].end - moved[f"X-{i}-1"].start in (79, 80, 81) for i in range(16))


def test_cuts_that_agree_with_no_beat_stay_where_they_are() -> None:
    random = np.random.default_rng(1)
    starts = np.sort(random.uniform(0, 1200, 16))
    cuts = [Cut(f"X-{i}-1", start, start + 80, 4) for i, start in enumerate(starts)]
    assert on_own_beats(walk(2.0, 1400), cuts) == cuts
    assert on_own_beats(walk(2.0, 1400), cuts[:5]) == cuts[:5]


def test_units_are_cut_from_captures_as_musictodance_has_them(tmp_path: Path) -> None:
    """Markers in mm, z up, 80 a second → cm, y up, 40 a second; the second of two frames stays."""
    names = sorted({name for of in JOINT_MARKERS for name in of})
    names += [f"more {n}" for n in range(41 - len(names))]
    random, time = np.random.default_rng(0), np.arange(60.0)[:, None]
    markers = {name: random.normal(0, 500, 3) + time * (10, 20, 40) for name in names}
    (tmp_path / "data" / "raw_c3d").mkdir(parents=True)
    write_c3d(tmp_path / "data" / "raw_c3d" / "14.c3d", markers, 80)
    rows = ["c3d_file,movement_tag,fake_start_frame,fake_end_frame,beats", "14,X-1-1,3.7,9.2,1",
            "20,Y-1-1,0,5,1", "14,NIL,0,1,"]  # fmt: skip
    (tmp_path / "data" / "movement_interval.csv").write_text("\n".join(rows))
    found = read_units(tmp_path, tmp_path)
    assert {unit: clip.shape for unit, clip in found.items()} == {"X-1-1": (6, 24, 3)}
    for frame, clip in enumerate(found["X-1-1"], 3):
        at = {name: of[2 * frame + 1, [0, 2, 1]] / 10 for name, of in markers.items()}
        joints = [np.mean([at[name] for name in of], axis=0) for of in JOINT_MARKERS]
        np.testing.assert_allclose(clip[:23], joints, atol=1e-3)
        np.testing.assert_allclose(clip[23], np.mean(list(at.values()), axis=0), atol=1e-3)


def test_turns_from_unit_to_unit_are_measured_where_the_clip_is_danced() -> None:
    clips = {"X-1-1": clip(60, 1), "X-2-1": clip(60, 2)}
    body = {name: of[:, :23] - of[:, 23:] for name, of in clips.items()}
    names = ["X-1-1", "X-2-1", "X-1-1", "X-2-1"]
    danced = [
        body[name] @ turn(angle) for name, angle in zip(names, (0, 0.7, 0.4, 0.4), strict=True)
    ]
    danced[3] = danced[3] + random_steps(60)  # another unit than is said
    found: dict[Any, Any] = dict(_turns(names, [60] * 4, np.concatenate(danced), clips))
    assert found == {
        ("X-1-1", "X-2-1"): pytest.approx(0.7),
        ("X-2-1", "X-1-1"): pytest.approx(-0.3),
    }


def random_steps(frames: int) -> Floats:
    return np.random.default_rng(3).normal(0, 30, (frames, 23, 3))


@pytest.mark.parametrize("content", [b"", b"no c3d file", b"\x02\x50" + bytes(600)])
def test_a_broken_capture(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "14.c3d"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"14\.c3d"):
        read_capture(file)


def write_piece(folder: Path, piece: str, frames: int) -> None:
    where = folder / f"DANCE_{piece}"
    where.mkdir(parents=True)
    moves = clip(frames, 4)
    content = {
        "length": frames, "center": moves[:, 23].tolist(), "skeletons": moves[:, :23].tolist(),
    }  # fmt: skip
    (where / "skeletons.json").write_text(json.dumps(content))
    (where / "config.json").write_text(json.dumps({"start_position": 10, "end_position": 110}))
    (where / "audio.mp3").write_bytes(b"sound")


def source(published: Path, clips: dict[str, Floats]) -> Source:
    names = ("X-1-1", "X-2-1")
    two = {p: Choreography(p, names, (4, 4), 100) for p in ("C_1", "W_1")}
    two["W_1"] = Choreography("W_1", ("Y-1-1", "Y-2-1"), (4, 4), 100)
    pieces = {"X-1-1": "14", "X-2-1": "14", "Y-1-1": "20", "Y-2-1": "20"}
    return Source(published, two, pieces, clips, {("X-1-1", "X-2-1"): 0.1})


def test_the_folder_of_a_corpus_on_the_beat(tmp_path: Path) -> None:
    published, raw = tmp_path / "published", tmp_path / "raw"
    for piece in ("C_1", "W_1"):
        write_piece(published, piece, 100)
    (published / "origins.tsv").write_text(
        "piece\tmotion\tsound\nC_1\tpublished\tpublished\nW_1\tpublished\tre-encoded\n"
    )
    clips = {"X-1-1": clip(80, 1), "X-2-1": clip(60, 2)}
    songs = pd.DataFrame(
        {
            "piece": ["C_1", "W_1"], "song_bpm": [100.0, 150.0], "first_beat_s": [0.2, -0.1],
            "sound_s": 60.0,
        }
    )  # fmt: skip
    with pytest.raises(UserError, match="W_1"):
        write_on_beat(source(published, clips), songs[:1], raw)
    assert not raw.exists()
    write_on_beat(source(published, clips), songs, raw)
    dances = {p: read_dance(p, raw / f"DANCE_{p}") for p in ("C_1", "W_1")}
    # eight beats at 100 and at 150 a minute; positions are 25 a second
    assert [len(d.skeletons) for d in dances.values()] == [120, 80]
    assert [d.music_start_s for d in dances.values()] == pytest.approx([0.6, 0.3])
    assert (raw / "origins.tsv").read_text().splitlines()[1:] == [
        f"C_1\t{CAPTURED}\tpublished",
        f"W_1\t{RETIMED}\tre-encoded",
    ]
    table = pd.read_csv(raw / TIME_MAP)
    # published from position 10 of 25 a second on; four beats are 2.4 and 1.6 s
    assert table["song_start_s"].tolist() == pytest.approx([0.6, 3.0, 0.3, 1.9])
    assert table["published_start"].tolist() == [0, 50] * 2
    frames = pd.DataFrame({"piece": list(dances), "frames": [120, 80]})
    found = units(raw, frames)
    assert found.to_numpy().tolist() == [
        ["C_1", 0, 60, "X-1-1", "14"], ["C_1", 60, 120, "X-2-1", "14"],
        ["W_1", 0, 40, "Y-1-1", "20"], ["W_1", 40, 80, "Y-2-1", "20"],
    ]  # fmt: skip


def test_the_committed_tables() -> None:
    table = pd.read_csv(TABLE)
    assert set(table["origin"]) == {MEASURED, ESTIMATED}
    measured = table[table["origin"] == MEASURED]
    # the angle depends on nothing but the pair of units
    assert measured["spread"].max() < 0.02
    assert (table["angle"].abs() <= 2 * np.pi).all()
    assert not table.duplicated(["previous", "unit"]).any()
    assert read_start().shape == (57, 24, 3)


def test_composed_pieces_equal_the_published_ones(tmp_path: Path) -> None:
    """Section 6 of the sources' notes: joints 0.03 / 0.22 cm (median, 95 %), centre within 0.2."""
    choreonet, captures = mirrored("choreonet"), mirrored("captures")
    clips = read_units(choreonet, captures) | {START: read_start()}

    def publishers_turn(angle: float) -> Floats:
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, 0, 0], [0, 1, 0], [-s, 0, s + c]])

    choreography = read_choreographies(choreonet)["C_2"]
    for name in ("musictodance", "musictodance_retimed"):
        folder = mirrored(name) / "DANCE_C_2"
        dance = read_dance("C_2", folder)
        counts = counts_of(choreography, len(dance.skeletons))
        places = [np.linspace(0, 1, count) for count in counts]
        made = compose(choreography.movements, places, clips, read_headings(), publishers_turn)
        error = np.linalg.norm(made[:, :23] - dance.skeletons, axis=2)
        assert np.median(error) < 0.05
        assert np.quantile(error, 0.95) < 0.25
        assert dance.center is not None
        assert np.median(np.linalg.norm(made[:, 23] - dance.center, axis=1)) < 0.1
    (tmp_path / "DANCE_C_2").symlink_to(folder)
    again, start = measure(choreonet, captures, [tmp_path])
    assert start is None  # T_5 is not among them
    known, of = read_headings(), again[again["origin"] == MEASURED]
    assert len(of) >= 20
    for previous, unit, angle in of[["previous", "unit", "angle"]].itertuples(index=False):
        away = (angle - known[previous, unit] + np.pi) % (2 * np.pi) - np.pi
        assert abs(away) < 0.02


def test_the_manifest_of_captures_has_what_units_are_cut_from() -> None:
    table = mirrored("choreonet") / "data" / "movement_interval.csv"
    used = set(pd.read_csv(table, dtype=str, encoding_errors="replace")["c3d_file"])
    held = {Path(entry.path).stem for entry in manifest("captures").entries}
    assert used - held == {"20"}
    assert held <= used
