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

from motionmusic.data.dance import Dance
from motionmusic.data.musictodance import find_pieces, read_dance
from motionmusic.data.synthetic import write_dances
from motionmusic.data.synthetic_dance import TYPES, beat_clock
from motionmusic.features.beats import motion_beats

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


@pytest.fixture(scope="module")
def dances(raw: Path) -> list[Dance]:
    return [read_dance(piece, folder) for piece, folder in find_pieces(raw).items()]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_piece_obeys_the_layout(raw: Path, dances: list[Dance]) -> None:
    names = [f"{code}_{n}" for code in "CRTW" for n in range(1, PIECES + 1)]
    assert sorted(dance.piece for dance in dances) == names
    motion = json.loads((raw / "DANCE_C_1/skeletons.json").read_text())
    assert list(motion) == ["length", "center", "skeletons"]
    for dance in dances:
        assert dance.center is not None
        assert dance.music_end_s is not None
        assert dance.skeletons.shape == (SECONDS * 25, 23, 3)
        assert dance.music_end_s - dance.music_start_s == SECONDS
        sound = soundfile.info(dance.music_file)
        assert (sound.samplerate, sound.channels) == (12_800, 1)
        assert sound.duration == pytest.approx(dance.music_end_s + 1, abs=0.01)
        # Centred, standing on the floor, of human size, and at home in one room.
        np.testing.assert_allclose(dance.skeletons.mean(axis=1), 0, atol=0.02)
        world = dance.skeletons + dance.center[:, None]
        assert 0 < world[..., 1].min() < 4
        assert 130 < np.median(np.ptp(world[..., 1], axis=1)) < 185
        assert np.ptp(dance.center, axis=0).max() < 800
        assert np.linalg.norm(np.diff(world, axis=0), axis=-1).max() < 45  # 11 m/s
        np.testing.assert_array_equal(np.round(dance.skeletons, 2), dance.skeletons)
    starts = {dance.music_start_s for dance in dances}
    assert 0 in starts
    assert len(starts) > PIECES


def test_bones_keep_their_length_and_sides_are_mirrored(dances: list[Dance]) -> None:
    for dance in dances:
        joints = dance.skeletons
        # as published, a reflection: who looks along z has the left hand at negative x
        ahead = (joints[:, 11] - joints[:, 10]) + (joints[:, 20] - joints[:, 19])
        up = np.cross(ahead, joints[:, 16] - joints[:, 7])[:, 1]
        assert (up > 0).mean() > 0.95, dance.piece
        for first, second in BONES:
            length = np.linalg.norm(joints[:, first] - joints[:, second], axis=-1)
            assert length.std() < 0.05 * length.mean(), (dance.piece, first, second)
            if length.mean() > 15:
                assert np.abs(length / length.mean() - 1).max() < 0.05, (dance.piece, first, second)


def test_same_arguments_give_the_same_bytes_and_more_pieces_change_no_other(tmp_path: Path) -> None:
    for name, pieces, seed in (("one", 1, 3), ("again", 1, 3), ("two", 2, 3), ("other", 1, 4)):
        write_dances(tmp_path / name, pieces_per_type=pieces, seconds=10, seed=seed)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert contents(tmp_path / "again") == one
    assert len(one) == 12
    assert len(two) == 24
    assert {name: two[name] for name in one} == one
    # of all time: a change here changes every result on synthetic dances
    assert hashlib.sha256(one["DANCE_W_1/skeletons.json"]).hexdigest()[:16] == "368e4d4979de3451"
    other = contents(tmp_path / "other")
    assert all(other[name] != one[name] for name in one if not name.endswith("config.json"))


def rising_sound(dance: Dance) -> Floats:
    """How much louder each hundredth of a second is than the one before."""
    sound, rate = soundfile.read(dance.music_file)
    hop = rate // 100
    power = (sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1)
    rising: Floats = np.clip(np.diff(np.log(power + 1e-4), prepend=0), 0, None)
    return rising


def landings(dance: Dance) -> NDArray[np.int64]:
    """Hundredths of a second of the sound at which an ankle has come down to where it stands."""
    assert dance.center is not None
    height = dance.skeletons[:, :, 1] + dance.center[:, None, 1]
    found: list[int] = []
    for ankle in ANKLES:
        falling = -np.diff(height[:, ankle])
        stops = (falling[:-2] > 0.35) & (falling[1:-1] < 0.35) & (np.abs(falling[2:]) < 0.35)
        found += (4 * (np.flatnonzero(stops) + 1)).tolist()
    return round(100 * dance.music_start_s) + np.array(sorted(found))


def test_steps_fall_on_the_beats_that_sound(dances: list[Dance]) -> None:
    """The sound rises more where feet land than a quarter of a second (half a beat) later."""
    in_sync = []
    for dance in dances:
        rising, steps = rising_sound(dance), landings(dance)
        assert len(steps) > 15
        lags = np.arange(-40, 41, 2)
        near = np.array([rising[np.clip(steps + lag, 0, len(rising) - 1)].mean() for lag in lags])
        on_beat = near[np.abs(lags) <= 8].max()
        half_beat_off = near[(np.abs(lags) >= 20) & (np.abs(lags) <= 34)].max()
        in_sync.append(on_beat > half_beat_off)
    assert np.mean(in_sync) > 0.75


def test_bodies_rest_on_the_beats_and_not_between_them(dances: list[Dance]) -> None:
    """Whenever a body is slowest for a moment, the beat is near: +1 always on it, −1 between beats."""
    found: dict[str, list[float]] = {}
    for dance in dances:
        assert dance.center is not None
        number = int(dance.piece.split("_")[1])
        random, _ = np.random.SeedSequence([0, ord(dance.code), number]).spawn(2)
        clock = beat_clock(TYPES[dance.code], SECONDS, np.random.default_rng(random))
        world = dance.skeletons + dance.center[:, None]
        beats = clock.beat_at(dance.music_start_s + motion_beats(world, 25, "mint"))
        found.setdefault(dance.code, []).append(float(np.cos(2 * np.pi * beats).mean()))
    assert {code: np.mean(of) > 0.4 for code, of in found.items()} == dict.fromkeys("CRTW", True)


def test_types_are_neither_trivial_nor_hopeless_to_tell(dances: list[Dance]) -> None:
    """Of seconds of motion as published (n, 25, 23, 3)."""
    motion = np.concatenate([dance.skeletons.reshape(-1, SEGMENT, 23, 3) for dance in dances])
    codes = [dance.code for dance in dances for _ in range(SECONDS)]
    pieces = [dance.piece for dance in dances for _ in range(SECONDS)]
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
