from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from motionmusic.data.musictodance import find_pieces, read_dance
from motionmusic.data.synthetic import write_dances

Floats = NDArray[np.float64]
PIECES, SECONDS, SEGMENT = 6, 40, 25
# Head to shoulder is left out: a head turns.
BONES = (
    *((0, 1), (3, 12), (2, 3), (2, 12), (2, 7), (2, 16), (7, 16)),
    *((3, 4), (4, 5), (5, 6), (6, 22), (12, 13), (13, 21), (21, 14), (14, 15)),
    *((7, 8), (8, 9), (9, 10), (9, 11), (10, 11)),
    *((16, 17), (17, 18), (18, 19), (18, 20), (19, 20)),
)
ANKLES = (9, 18)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "raw"
    write_dances(folder, pieces_per_type=PIECES, seconds=SECONDS, seed=0)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_piece_obeys_the_layout(raw: Path) -> None:
    pieces = find_pieces(raw)
    assert sorted(pieces) == [f"{code}_{n}" for code in "CRTW" for n in range(1, PIECES + 1)]
    starts = set()
    for piece, folder in pieces.items():
        motion = json.loads((folder / "skeletons.json").read_text())
        config = json.loads((folder / "config.json").read_text())
        dance = read_dance(piece, folder)
        assert dance.center is not None
        assert list(motion) == ["length", "center", "skeletons"]
        assert dance.skeletons.shape == (SECONDS * 25, 23, 3)
        assert motion["length"] == config["end_position"] - config["start_position"] == 1000
        sound = soundfile.info(folder / "audio.flac")
        assert (sound.samplerate, sound.channels) == (12_800, 1)
        assert sound.duration == pytest.approx(config["end_position"] / 25 + 1, abs=0.01)
        # Centred, standing on the floor, of human size, and at home in one room.
        np.testing.assert_allclose(dance.skeletons.mean(axis=1), 0, atol=0.02)
        world = dance.skeletons + dance.center[:, None]
        assert 0 < world[..., 1].min() < 4
        assert 130 < np.median(np.ptp(world[..., 1], axis=1)) < 185
        assert np.ptp(dance.center, axis=0).max() < 800
        assert np.linalg.norm(np.diff(world, axis=0), axis=-1).max() < 45  # 11 m/s
        np.testing.assert_array_equal(np.round(dance.skeletons, 2), dance.skeletons)
        starts.add(config["start_position"])
    assert 0 in starts
    assert len(starts) > PIECES


def test_bones_keep_their_length_and_sides_are_mirrored(raw: Path) -> None:
    for piece, folder in find_pieces(raw).items():
        skeletons = read_dance(piece, folder).skeletons
        # as published, a reflection: who looks along z has the left hand at negative x
        ahead = (skeletons[:, 11] - skeletons[:, 10]) + (skeletons[:, 20] - skeletons[:, 19])
        up = np.cross(ahead, skeletons[:, 16] - skeletons[:, 7])[:, 1]
        assert (up > 0).mean() > 0.95, piece
        for first, second in BONES:
            length = np.linalg.norm(skeletons[:, first] - skeletons[:, second], axis=-1)
            assert length.std() < 0.05 * length.mean(), (piece, first, second)
            if length.mean() > 15:
                assert np.abs(length / length.mean() - 1).max() < 0.05, (piece, first, second)


def test_same_arguments_give_the_same_bytes_and_more_pieces_change_no_other(tmp_path: Path) -> None:
    for name, pieces, seed in (("one", 1, 3), ("again", 1, 3), ("two", 2, 3), ("other", 1, 4)):
        write_dances(tmp_path / name, pieces_per_type=pieces, seconds=10, seed=seed)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert contents(tmp_path / "again") == one
    assert len(one) == 12
    assert len(two) == 24
    assert {name: two[name] for name in one} == one
    # of all time: a change here changes every result on synthetic dances
    assert hashlib.sha256(one["DANCE_W_1/skeletons.json"]).hexdigest()[:16] == "3cca5281b2655cca"
    other = contents(tmp_path / "other")
    assert all(other[name] != one[name] for name in one if not name.endswith("config.json"))


def onsets(folder: Path) -> tuple[Floats, int]:
    """How much louder each hundredth of a second is than the one before, and the dance's start."""
    sound, rate = soundfile.read(folder / "audio.flac")
    hop = rate // 100
    power = (sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1)
    rising = np.clip(np.diff(np.log(power + 1e-4), prepend=0), 0, None)
    start = json.loads((folder / "config.json").read_text())["start_position"]
    return rising, start * 4


def landings(folder: Path) -> Floats:
    """Hundredths of a second of the dance at which an ankle has come down to where it stands."""
    motion = json.loads((folder / "skeletons.json").read_text())
    height = np.array(motion["skeletons"])[:, :, 1] + np.array(motion["center"])[:, None, 1]
    found: list[float] = []
    for ankle in ANKLES:
        y = height[:, ankle]
        falling = -np.diff(y)
        stops = (falling[:-2] > 0.35) & (falling[1:-1] < 0.35) & (np.abs(falling[2:]) < 0.35)
        found += (4.0 * (np.flatnonzero(stops) + 1)).tolist()
    return np.array(sorted(found))


def test_steps_fall_on_the_beats_that_sound(raw: Path) -> None:
    """The sound rises more where feet land than a quarter of a second (half a beat) later."""
    in_sync = []
    for folder in find_pieces(raw).values():
        rising, start = onsets(folder)
        steps = start + landings(folder).astype(int)
        assert len(steps) > 15
        lags = np.arange(-40, 41, 2)
        near = np.array([rising[np.clip(steps + lag, 0, len(rising) - 1)].mean() for lag in lags])
        on_beat = near[np.abs(lags) <= 8].max()
        half_beat_off = near[(np.abs(lags) >= 20) & (np.abs(lags) <= 34)].max()
        in_sync.append(on_beat > half_beat_off)
    assert np.mean(in_sync) > 0.75


def segments(raw: Path) -> tuple[Floats, list[str], list[int]]:
    """Seconds of motion as published (n, 25, 23, 3), the dance type and the piece of each."""
    pieces = [read_dance(piece, folder) for piece, folder in find_pieces(raw).items()]
    cut = [dance.skeletons.reshape(-1, SEGMENT, 23, 3) for dance in pieces]
    codes = [dance.code for dance, some in zip(pieces, cut, strict=True) for _ in some]
    return np.concatenate(cut), codes, [n for n, some in enumerate(cut) for _ in some]


def test_types_are_neither_trivial_nor_hopeless_to_tell(raw: Path) -> None:
    motion, codes, pieces = segments(raw)
    speed = np.linalg.norm(np.diff(motion, axis=1), axis=-1)
    acceleration = np.linalg.norm(np.diff(motion, 2, axis=1), axis=-1)
    place = [some.reshape(len(motion), -1) for some in (motion.mean(axis=1), motion.std(axis=1))]
    statistics = [*place, speed.mean(axis=1), speed.std(axis=1), acceleration.mean(axis=1)]
    folds = GroupKFold(6, shuffle=True, random_state=0)

    def accuracy(model: Any, features: Floats) -> float:
        found = cross_val_predict(model, features, codes, groups=pieces, cv=folds)
        return float(np.mean(found == np.array(codes)))

    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    centroid = accuracy(NearestCentroid(), speed.mean(axis=1))
    assert 0.40 < centroid < 0.75
    assert max(0.78, centroid + 0.1) < accuracy(linear, np.hstack(statistics)) < 0.98
