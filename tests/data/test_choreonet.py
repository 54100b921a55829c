"""Movement units from ChoreoNet's tables."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mirrored import mirrored

from motionmusic.data.choreonet import (
    UNKNOWN,
    Choreography,
    read_captures,
    read_choreographies,
    unit_spans,
    units,
)
from motionmusic.errors import UserError

CAPTURES = {"X-1-1": "14", "X-2-1": "14", "X-3-1": "ll"}


def entry(name: str = "DANCE_C_1", **changes: Any) -> dict[str, Any]:
    whole = {"name": name, "dance_type": "C", "dance_id": 1, "start_pos": 10, "end_pos": 110}
    return whole | {"movements": ["X-1-1", "HOLD", "X-2-1"], "durations": [4, 2, 3]} | changes


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "choreography"
    folder.mkdir(parents=True)
    for code in "CRTW":
        (folder / f"{code}.json").write_text(json.dumps([entry(f"DANCE_{code}_1")]))
    rows = ["14,X-1-1,4", "14,X-2-1,4", "ll,X-3-1,4", "14,X-0-0,4", "17,X-0-0,4"]
    table = "\n".join(["c3d_file,movement_tag,beats", *rows])
    (tmp_path / "data" / "movement_interval.csv").write_text(table)
    return tmp_path


def write(raw: Path, *entries: dict[str, Any]) -> None:
    (raw / "data" / "choreography" / "C.json").write_text(json.dumps(entries))


def spans_of(
    movements: str, beats: tuple[int, ...], frames: int, music_frames: int = 1000
) -> list[tuple[int, int, str, str]]:
    choreography = Choreography("C_1", tuple(movements.split()), beats, music_frames)
    spans = unit_spans(choreography, frames, CAPTURES)
    assert {span.piece for span in spans} == {"C_1"}
    return [(span.start, span.end, span.unit, span.capture) for span in spans]


def test_tables_are_read(raw: Path) -> None:
    found = read_choreographies(raw)
    assert list(found) == ["C_1", "R_1", "T_1", "W_1"]
    assert found["C_1"] == Choreography("C_1", ("X-1-1", "HOLD", "X-2-1"), (4, 2, 3), 100)
    # one name for two recordings: nobody knows which of them a piece has
    assert read_captures(raw) == CAPTURES | {"X-0-0": UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "where", "expected"),
    [
        ({"durations": [4, 2]}, "0", "as many durations as movements"),
        ({"end_pos": 10}, "0", "an end_pos after start_pos"),
        ({"movements": ["HOLD", "X-1-1", "X-2-1"]}, "0", "a movement before the first HOLD"),
        ({"durations": [4, 0, 3]}, "0, durations, 1", "greater than or equal to 1"),
        ({"name": "C_1"}, "0, name", "match pattern"),
    ],
)
def test_malformed_choreography(
    raw: Path, changes: dict[str, Any], where: str, expected: str
) -> None:
    write(raw, entry(**changes))
    with pytest.raises(UserError) as caught:
        read_choreographies(raw)
    assert caught.value.file == raw / "data" / "choreography" / "C.json"
    assert caught.value.where == where
    assert expected in caught.value.expected


def test_choreography_missing_cut_or_twice(raw: Path) -> None:
    write(raw, entry(), entry())
    with pytest.raises(UserError, match="C_1: expected each piece once"):
        read_choreographies(raw)
    file = raw / "data" / "choreography" / "C.json"
    file.write_text("[{")
    with pytest.raises(UserError, match="Invalid JSON"):
        read_choreographies(raw)
    file.unlink()
    with pytest.raises(UserError, match="no such file"):
        read_choreographies(raw)


def test_captures_missing_or_malformed(raw: Path) -> None:
    file = raw / "data" / "movement_interval.csv"
    for text, where in (
        ("c3d_file,movement_tag\n14,X-1-1\n15,\n", "line 3"),
        ("capture,unit\n14,X-1-1\n", "line 2"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=f"{where}: expected movement_tag and c3d_file"):
            read_captures(raw)
    file.unlink()
    with pytest.raises(UserError, match="no such file"):
        read_captures(raw)


def test_units_in_each_time_base() -> None:
    movements, beats = "X-1-1 X-2-1 X-3-1", (4, 3, 2)
    # 12.5 a beat: 50, 37, 25
    assert spans_of(movements, beats, 112) == [
        (0, 50, "X-1-1", "14"), (50, 87, "X-2-1", "14"), (87, 112, "X-3-1", "ll"),
    ]  # fmt: skip
    # HOLD belongs to the unit before
    assert spans_of("X-1-1 HOLD HOLD X-2-1 HOLD", (2, 2, 2, 2, 4), 150) == [
        (0, 75, "X-1-1", "14"), (75, 150, "X-2-1", "14"),
    ]  # fmt: skip
    # 12.5 / 3 a beat: 16, 12, 8
    assert [end for _, end, _, _ in spans_of(movements, beats, 36)] == [16, 28, 36]
    # 100 / 9 a beat: 44, 33, 22
    assert [end for _, end, _, _ in spans_of(movements, beats, 99, 100)] == [44, 77, 99]


def test_start_takes_what_the_others_leave() -> None:
    movements, beats = "START X-1-1", (8, 4)
    assert spans_of(movements, beats, 150)[0] == (0, 100, "START", UNKNOWN)
    # 10 a beat in the music: 80 + 40, but only 90 frames
    assert spans_of(movements, beats, 90, 120) == [
        (0, 50, "START", UNKNOWN), (50, 90, "X-1-1", "14"),
    ]  # fmt: skip
    for frames in (40, 121):  # nothing left for START, more than its own
        with pytest.raises(UserError, match=r"C_1: .* time bases \(150, 49, 120\)"):
            spans_of(movements, beats, frames, 120)


def test_units_of_a_corpus(raw: Path) -> None:
    pieces = pd.DataFrame({"piece": ["R_1", "C_1"], "frames": [99, 112]})
    assert units(raw, pieces).empty  # no RAW/choreonet
    shutil.copytree(raw, raw / "choreonet")
    found = units(raw, pieces)
    assert found.to_numpy().tolist() == [
        ["R_1", 0, 66, "X-1-1", "14"], ["R_1", 66, 99, "X-2-1", "14"],
        ["C_1", 0, 75, "X-1-1", "14"], ["C_1", 75, 112, "X-2-1", "14"],
    ]  # fmt: skip


def test_published_units_and_sessions() -> None:
    published = mirrored("choreonet")
    choreographies, captures = read_choreographies(published), read_captures(published)
    units: dict[str, set[str]] = {code: set() for code in "CRTW"}
    for piece, choreography in choreographies.items():
        if piece != "C_5":  # only its music was published
            units[piece[0]] |= set(choreography.movements) - {"HOLD", "START"}
    assert [len(units[code]) for code in "CRTW"] == [40, 41, 43, 32]
    sessions = {code: {captures[unit] for unit in units[code]} for code in "CRTW"}
    assert all(UNKNOWN not in found for found in sessions.values())
    assert sessions["T"] == {"14", "17"}
    assert sessions["W"] == {"20", "mm_hez_02_1", "mm_hez_03_1"}
    assert {"15", "16"} == {min(sessions["C"]), min(sessions["R"])}
