"""``motionmusic evaluate``: what it takes, measures, says and refuses."""

from __future__ import annotations

import csv
import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from bodies import room, write_bvh, write_folder
from commands import Result

from motionmusic.app.evaluate import Found, distances, summary
from motionmusic.data.points import LIMBS, joints_of, points_of, whole
from motionmusic.data.smpl import smpl_joints
from motionmusic.numba_cache import librosa
from motionmusic.scoring import dance_quality

NAMES = {name: name.title().replace(" ", "") for name in LIMBS}
Command = Callable[..., Result]


def clicks(file: Path, bpm: float, seconds: float = 8) -> Path:
    at = np.arange(0, seconds - 0.2, 60 / bpm)
    sound = librosa.clicks(times=at, sr=22_050, length=int(seconds * 22_050))
    soundfile.write(file, sound, 22_050)
    return file


def smpl(file: Path, seed: int, frames: int = 90) -> Path:
    """24 joints in metres of somebody who moves, at 30 a second."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / 30
    turns = 0.5 * rng.uniform(0, 1, (1, 24, 3)) * np.sin(rng.uniform(2, 6, (1, 24, 3)) * t)
    path = np.stack([40 * np.sin(t[:, 0, 0] + seed), 90 + 0 * t[:, 0, 0], 0 * t[:, 0, 0]], axis=1)
    joints = smpl_joints(turns, path) / 100
    np.savez(file, joints=joints, rate=30.0, layout="smpl24")
    return file


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four dances of 8 s, three with music, in four kinds of file; one that is broken."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "made"
    write_bvh(tmp_path / "a.bvh", points_of(room(8.0), "musictodance"), NAMES)
    folder.mkdir()
    shutil.move(tmp_path / "a.bvh", folder)
    clicks(folder / "a.wav", 100)
    np.savez(
        folder / "b.npz", rate=25.0, layout="coco17",
        joints=joints_of(whole(points_of(room(8.0), "musictodance")).points, "coco17"),
    )  # fmt: skip
    clicks(folder / "B.wav", 123)
    write_folder(folder / "DANCE_C_1", room(8.0), music_s=8.0)
    clicks(folder / "DANCE_C_1" / "audio.wav", 88)
    smpl(folder / "c.npz", 0)
    (folder / "d.npy").write_bytes(b"no array")
    (folder / "c.wav").touch()
    (folder / "notes.txt").touch()
    return folder


def test_a_table_of_all_that_can_be_read(command: Command, made: Path) -> None:
    status, out, err = command("evaluate", "made", columns=80)
    assert (status, "Traceback" in err) == (0, False)
    assert out.startswith("4 dances of made, 25, 30 frames a second, 3 pieces of music\n")
    assert max(map(len, out.splitlines()[:7])) <= 80
    assert "Feet: 2 without a score, its file has no feet" in out
    # of a dance whose music cannot be read all else is measured
    assert "2 not read:\n  c.wav: c.wav: expected a sound file" in " ".join(out.split(" made/"))
    assert "Neither dance nor music of one: 1 .txt" in out
    assert "1 dance has no music that can be read" in out
    assert "σ 3 frames of the dance" in out


def test_numbers_as_json_and_csv(command: Command, made: Path) -> None:
    status, out, err = command("evaluate", made, "--json", "--csv", "out.csv")
    assert (status, err.endswith("Written to out.csv\n")) == (0, True)
    found = json.loads(out)
    rows: dict[str, Any] = {row["dance"]: row for row in found["dances"]}
    assert list(rows) == ["DANCE_C_1", "a.bvh", "b.npz", "c.npz"]
    assert [row["music"] for row in rows.values()] == [
        "DANCE_C_1/audio.wav", "a.wav", "B.wav", None,
    ]  # fmt: skip
    of = found["beat_alignment"]["mint"]
    three = [rows[name]["mint"] for name in ("DANCE_C_1", "a.bvh", "b.npz")]
    assert of["n"] == 3
    assert of["value"] == pytest.approx(np.mean(three), abs=1e-5)
    assert of["low"] <= of["value"] <= of["high"]
    chance = [rows[name]["mint_chance"] for name in ("DANCE_C_1", "a.bvh", "b.npz")]
    assert of["above"]["value"] == pytest.approx(np.mean(three) - np.mean(chance), abs=1e-5)
    assert found["foot_contact"]["n"] == 2
    assert rows["DANCE_C_1"]["foot_contact"] > 0
    # the same body in another file, whose feet are guessed
    assert rows["a.bvh"]["foot_contact"] is None
    with Path("out.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["dance"] for line in lines] == list(rows)
    assert float(lines[1]["bailando"]) == pytest.approx(rows["a.bvh"]["bailando"], abs=1e-5)
    before = Path("out.csv").read_bytes()
    assert command("evaluate", made, "--csv", "out.csv").status == 2
    assert command("evaluate", made, "--csv", "out.csv", "--force", "-q")[:2] == (0, "")
    assert Path("out.csv").read_bytes() == before


def test_above_chance_is_the_difference_of_the_means_beside_it(tmp_path: Path) -> None:
    """The second dance has no value, the third nothing by chance."""
    definitions = [name for name, *_ in dance_quality.measures()]
    rows = [
        {"rate_hz": 25.0, "song": "x", "no_foot_contact": "", **dict.fromkeys(definitions, true),
         **{f"{name}_chance": chance for name in definitions}}
        for true, chance in ((0.5, 0.2), (np.nan, 0.9), (0.9, np.nan), (0.3, 0.1))
    ]  # fmt: skip
    for of in summary(tmp_path, Found(rows[1:3], [], {}), {})["beat_alignment"].values():
        assert (of["n"], of["shuffled"]["n"], of["above"]["n"]) == (1, 0, 0)
    for of in summary(tmp_path, Found(rows, [], {}), {})["beat_alignment"].values():
        assert (of["n"], of["shuffled"]["n"], of["above"]["n"]) == (2, 2, 2)
        assert (of["value"], of["shuffled"]["value"]) == (pytest.approx(0.4), pytest.approx(0.15))
        assert of["above"]["value"] == pytest.approx(0.25)


def test_a_list_says_what_belongs_together(command: Command, made: Path) -> None:
    config = made / "DANCE_C_1" / "config.json"
    config.write_text('{"start_position": 5, "end_position": 205}')
    own = "DANCE_C_1,DANCE_C_1/audio.wav"
    Path("list.csv").write_text(f"dance,music\na.bvh,B.wav\nc.npz,\n{own}\n")
    found = json.loads(command("evaluate", made, "--list", "list.csv", "--json").out)
    assert [(row["dance"], row["music"]) for row in found["dances"]] == [
        ("a.bvh", "B.wav"), ("c.npz", None), tuple(own.split(",")),
    ]  # fmt: skip
    # its own music begins where config.json says, also where a list names it
    same = json.loads(command("evaluate", made, "--json").out)["dances"][0]
    assert found["dances"][2]["mint"] == same["mint"]
    Path("list.csv").write_text("dance,music\na.bvh,B.wav\n")
    found = json.loads(command("evaluate", made, "--list", "list.csv", "--json").out)
    # with one song only there is no chance to compare with
    of = found["beat_alignment"]["mint"]
    assert (of["n"], of["shuffled"]["n"], of["above"]["n"]) == (1, 0, 0)
    assert of["value"] == found["dances"][0]["mint"]
    said = command("evaluate", made, "--list", "list.csv").out
    assert "Shuffled needs a second piece of music" in said


def test_music_is_known_by_its_sound_and_by_names_in_either_unicode_form(
    command: Command, made: Path
) -> None:
    composed, apart = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
    (made / "a.bvh").rename(made / f"{composed}.bvh")
    (made / "a.wav").rename(made / f"{apart}.WAV")
    shutil.copy(made / "B.wav", made / "DANCE_C_1" / "audio.wav")
    found = json.loads(command("evaluate", made, "--json").out)
    music = {row["dance"]: row["music"] for row in found["dances"]}
    assert music[f"{composed}.bvh"] == f"{apart}.WAV"
    assert (found["songs"], found["without_music"]) == (2, 1)
    shutil.copy(made / f"{composed}.bvh", made / f"{apart}.bvh")
    clicks(made / f"{composed}.wav", 100)
    found = json.loads(command("evaluate", made, "--json").out)
    music = {row["dance"]: row["music"] for row in found["dances"]}
    assert music[f"{composed}.bvh"] == f"{composed}.wav"
    assert music[f"{apart}.bvh"] == f"{apart}.WAV"


def reference(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        smpl(folder / f"{number}.npz", number, 40)
    return folder


def test_distances_of_a_hundred(command: Command, tmp_path: Path) -> None:
    folder = reference(tmp_path / "real", 100)
    found = json.loads(command("evaluate", folder, "--reference", folder, "--json").out)[
        "distances"
    ]
    assert (found["n"], found["n_reference"]) == (100, 100)
    for name in ("kinetic", "geometric"):
        assert found[name]["distance"] == pytest.approx(0, abs=1e-6)
        assert found[name]["halves"] > 1


def test_halves_are_the_references_whatever_is_compared_with_it() -> None:
    random = np.random.default_rng(0)
    made, other, real = (
        Found([], list(zip(*random.normal(size=(2, 100, 9)), strict=True)), {}) for _ in range(3)
    )
    first, second = distances(made, real), distances(other, real)
    for name in ("kinetic", "geometric"):
        assert first[name]["halves"] == second[name]["halves"]
        assert first[name]["distance"] != second[name]["distance"]


def test_distances_of_fewer_are_refused(
    command: Command, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dance_quality, "LEAST", 5)
    real = reference(made.parent / "real", 3)
    status, out, err = command("evaluate", made, "--reference", real)
    assert (status, out) == (2, "")
    assert f"5 dances or more on either side of a distance, got 5 in {made} and 3 in {real}" in err
    status, out, err = command("evaluate", made, "--reference", made)
    assert status == 0
    assert "5 dances with the 24 joints of SMPL are needed on either side, here are 1 and 1" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere"], "no such folder"),
        (["empty"], "none among 1 files and folders"),
        (["made", "--csv", "out.txt"], "a name ending in .csv"),
        (["made", "--csv", "made/linked.csv"], "a file that this command reads"),
        (["made", "--list", "again.csv"], "line 3: expected another dance or music, got one again"),
        (["made", "--list", "made/notes.txt"], "the columns dance, music, each once"),
        (["made", "--list", "bad.csv"], "line 2: expected a file in made, got x.bvh, not there"),
        (["broken"], "got 1 that cannot, the first d.npy"),
        (["twice"], "one sound file a.mp3"),
    ],
)
def test_mistakes(command: Command, made: Path, arguments: list[str], text: str) -> None:
    for name in ("empty", "broken", "twice"):
        Path(name).mkdir()
    Path("empty", "song.mp3").touch()
    shutil.copy(made / "d.npy", "broken")
    for name in ("a.bvh", "a.wav", "a.mp3"):
        Path("twice", name).touch()
    Path("made", "linked.csv").hardlink_to(Path("made", "a.bvh"))
    Path("again.csv").write_text("dance,music\na.bvh,a.wav\na.bvh,a.wav\n")
    Path("bad.csv").write_text("dance,music\nx.bvh,a.wav\n")
    status, out, err = command("evaluate", *arguments, "--force")
    assert (status, out) == (2, "")
    assert text in err
    assert "what to do" in err
