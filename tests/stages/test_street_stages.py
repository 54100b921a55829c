"""The stages on AIST++ retargeted and on_beat: whose dances, splits and files each hands on.

Nothing is learned here: what learns only takes down what it is given.
"""

from __future__ import annotations

import json
from contextlib import chdir
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from params_file import set_params
from retargeted import motion, true_60, turned, write
from task_facts import ABOUT

from motionmusic.data.aist_retargeted import choreography_of, tempo_bpm
from motionmusic.data.own import OwnDance
from motionmusic.data.vrm import BONES
from motionmusic.files import Floats, write_array, write_json, write_parquet, write_text
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.results.ladder_table import PROTOCOLS
from motionmusic.scoring import genre_trials, own_track_dances, two_corpora
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.beat_phase import BALLROOM as BALLROOM_LIMITS
from motionmusic.scoring.beat_phase import STREET as STREET_LIMITS
from motionmusic.scoring.beat_phase import BeatPhase, Limits
from motionmusic.scoring.dance_tempo import DanceTempo, TempoModel, given
from motionmusic.scoring.genre_model import REFUSED
from motionmusic.scoring.genre_trials import HeldOut

STREET, DATA = "aist_retargeted", Path("data/aist_retargeted")
SPLIT = "by_dancer_and_choreography"
# label order is not the order of the names: break first, then pop and house
LABELS = {"gBR": "Break", "gPO": "Pop", "gHO": "House"}
NAMES = [
    "gBR_sBM_cAll_d01_mBR1_ch01", "gBR_sBM_cAll_d02_mBR3_ch02", "gHO_sBM_cAll_d03_mHO5_ch01",
    "gHO_sBM_cAll_d04_mHO2_ch02", "gPO_sBM_cAll_d05_mPO0_ch01", "gPO_sBM_cAll_d06_mPO4_ch02",
]  # fmt: skip
BALLROOM = {"C_1": 124.0, "C_2": 116.0, "W_1": 87.0}
FIELDS = {name: name.split("_") for name in NAMES}


def taken(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, result: Any = None) -> list[Any]:
    """What a function of a module is given from now on; it only gives back ``result``."""
    calls: list[Any] = []

    def take(*values: Any, **_: Any) -> Any:
        calls.append(values)
        return result

    monkeypatch.setattr(module, name, take)
    return calls


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six street dances of 10 s, no two alike, three ballroom dances, splits of the street dances."""
    space = tmp_path_factory.mktemp("street")
    with chdir(space):
        write_dances()
    return space


@pytest.fixture
def street(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Their workspace, the current folder; no test writes what another reads."""
    monkeypatch.chdir(made)
    return made


def write_dances() -> None:
    set_params({"seeds": [0, 2], "evaluate.resamples": 100})
    table = pd.DataFrame({"piece": NAMES, "dancer": [of[3] for of in FIELDS.values()]})
    table["label"] = [list(LABELS).index(of[0]) for of in FIELDS.values()]
    table["track"] = [of[4] for of in FIELDS.values()]
    table["music_bpm"] = table["track"].map(tempo_bpm)
    table["choreography"] = [choreography_of(name) for name in NAMES]
    write_text(DATA / "pieces.csv", table.to_csv(index=False))
    for n, name in enumerate(NAMES):
        swing = np.sin((0.05 + 0.02 * n) * np.arange(600))
        bones = {
            "leftUpperArm": turned((0, 0, 1), swing),
            "rightUpperLeg": turned((1, 0, 0), swing),
            "head": turned((1, 0, 0), 0.001 * np.minimum(np.arange(600), 60 * n)),
        }
        write(DATA / f"raw/motion/{name}.t2.json", true_60(motion(600, **bones)))
        write_array(DATA / f"raw/music/{FIELDS[name][4]}.npy", np.zeros((9, 35), np.float32))
    random = np.random.default_rng(0)
    for protocol in PROTOCOLS:
        write_json(DATA / protocol / "segments/about.json", ABOUT | {"labels": LABELS})
        order = random.permutation(6)
        rows = [
            {"fold": fold, "piece": name, "excerpt": 0, "segment": segment,
             "label": list(LABELS).index(FIELDS[name][0]),
             "split": ("test", "validation", "train")[(order[k] + fold) % 3]}
            for fold in range(3) for k, name in enumerate(NAMES) for segment in range(7)
        ]  # fmt: skip
        write_parquet(DATA / protocol / "segments/index.parquet", pd.DataFrame(rows))
        joints = random.normal(size=(42, 3, 25, 17)).astype(np.float32)
        write_array(DATA / protocol / "segments/joints.npy", joints)
        files = [f"cells/baseline-0/{name}" for name in BASELINES]
        for file in [*files, "entries/mine-0", "entries/mine-2"]:
            ids = pd.DataFrame(rows[:42]).query("split != 'train'").reset_index(drop=True)
            made = make_predictions(
                "t", ids.drop(columns="fold"), random.normal(size=(len(ids), 3))
            )
            write_predictions(DATA / protocol / f"{file}.parquet", made)
    for n, piece in enumerate(BALLROOM):
        frames = 300 + 10 * n
        content = {
            "length": frames,
            "center": random.normal(0, 90, (frames, 3)).tolist(),
            "skeletons": random.normal(0, 30, (frames, 23, 3)).tolist(),
        }
        write_json(Path(f"data/on_beat/raw/DANCE_{piece}/skeletons.json"), content)
        where = {"start_position": 0, "end_position": frames}
        write_json(Path(f"data/on_beat/raw/DANCE_{piece}/config.json"), where)
    songs = pd.DataFrame({"piece": list(BALLROOM), "song_bpm": list(BALLROOM.values())})
    write_text(Path("metrics/on_beat/song_tempi.csv"), songs.to_csv(index=False))


def index_of(protocol: str) -> dict[int, pd.DataFrame]:
    whole = pd.read_parquet(DATA / protocol / "segments/index.parquet")
    return {fold: whole[whole["fold"] == fold].reset_index(drop=True) for fold in range(3)}


def test_the_ladder_has_each_splits_own(street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = import_module("ladder")
    calls = taken(monkeypatch, stage, "climb", {})
    for name, result in (("ladder_tables", []), ("save_tables", None), ("ladder_picture", None),
                         ("save_picture", None)):  # fmt: skip
        taken(monkeypatch, stage, name, result)
    stage.main([STREET, "mine"])
    assert len(calls) == len(PROTOCOLS)
    for protocol, (task, pieces, held, *_) in zip(PROTOCOLS, calls, strict=True):
        folder = DATA / protocol
        for fold, rows in task.folds:
            pd.testing.assert_frame_equal(rows, index_of(protocol)[fold])
        np.testing.assert_array_equal(task.joints, np.load(folder / "segments/joints.npy"))
        assert list(task.baselines) == list(BASELINES)
        for name, frame in task.baselines.items():
            own = pd.read_parquet(folder / f"cells/baseline-0/{name}.parquet")
            pd.testing.assert_frame_equal(frame, own)
        (frames,) = task.entries.values()
        for seed, frame in zip((0, 2), frames, strict=True):
            own = pd.read_parquet(folder / f"entries/mine-{seed}.parquet")
            pd.testing.assert_frame_equal(frame, own)
        assert pieces["piece"].tolist() == NAMES == list(held)
        for n, shares in enumerate(held.values()):  # the head of each rests from second n on
            assert shares[:, BONES.index("head")].tolist() == [0] * n + [1] * (7 - n)


def test_the_genre_model_is_tried_on_what_it_does_not_know(
    street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, asked = import_module("genre_model"), {}

    class Model:
        def __init__(self, temperature: float) -> None:
            self.temperature = temperature

        def save(self, file: Path) -> None:
            file.write_bytes(f"weights at {self.temperature}".encode())

    for name, result in (("held_out", "new"), ("trained", Model(1.0)), ("calibrated", Model(1.5)),
                         ("accuracy", {}), ("calibration", {}), ("unlike", {})):  # fmt: skip
        asked[name] = taken(monkeypatch, stage.trials, name, result)
    monkeypatch.setattr(stage.trials, "known", lambda clip, name: f"known {name}")
    monkeypatch.setattr(stage, "seen", lambda dance: f"seen {dance.name}")
    saved = taken(monkeypatch, stage, "save_tables")
    taken(monkeypatch, stage, "genre_tables", [])
    taken(monkeypatch, stage, "card", "card")
    stage.main([STREET, "on_beat"])
    ((dances, labels, parts, genres),) = asked["held_out"]
    assert dances == {name: f"known {name}" for name in NAMES}
    assert genres == list(LABELS.values())
    assert [list(LABELS)[labels[name]] for name in NAMES] == [FIELDS[name][0] for name in NAMES]
    parts = list(parts)
    assert sorted(name for _, test in parts for name in test) == NAMES
    for learned, test in parts:
        for one in learned:
            assert not {FIELDS[one][3]} & {FIELDS[other][3] for other in test}
            assert choreography_of(one) not in map(choreography_of, test)
    assert asked["trained"] == [(dances, labels, NAMES, genres)]
    ((plain, _, new),) = asked["calibrated"]
    assert plain.temperature == 1.0
    ((_, pieces, folds, baselines, *_),) = asked["accuracy"]
    assert (new, pieces["piece"].tolist()) == ("new", NAMES)
    for fold, rows in folds:
        pd.testing.assert_frame_equal(rows, index_of(SPLIT)[fold])
    for name, frame in baselines.items():
        own = pd.read_parquet(DATA / SPLIT / f"cells/baseline-0/{name}.parquet")
        pd.testing.assert_frame_equal(frame, own)
    ((model, _, _, _, others, *_),) = asked["unlike"]
    assert others == {piece: f"seen DANCE_{piece}" for piece in BALLROOM}
    assert (DATA / "genre_model.npz").read_bytes() == b"weights at 1.5"
    assert saved[0][2]["temperature"] == model.temperature == 1.5


def test_two_corpora_are_tested_on_what_is_new(
    street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("two_corpora")
    calls = taken(monkeypatch, two_corpora, "both_ways", {})
    taken(monkeypatch, stage, "two_corpora_table", None)
    taken(monkeypatch, stage, "save_tables")
    stage.main([])
    ((retargeted, splits, on_beat, folds, *_),) = calls
    for name, dance in retargeted.items():
        assert (dance.name, dance.unit) == (name, FIELDS[name][3])
        assert dance.beat_hz * 60 == pytest.approx(tempo_bpm(FIELDS[name][4]))
        assert dance.joints.shape == (250, 13, 3)
    for name, dance in on_beat.items():
        assert (dance.name, dance.unit) == (name, name)
        assert dance.beat_hz * 60 == pytest.approx(BALLROOM[name])
    assert list(on_beat) == list(BALLROOM)
    for (learned, tested), rows in zip(splits, index_of(SPLIT).values(), strict=True):
        side = dict(zip(rows["piece"], rows["split"], strict=True))
        assert tested == [name for name in NAMES if side[name] == "test"]
        assert learned == [name for name in NAMES if side[name] != "test"]
    assert sorted(name for _, tested in folds for name in tested) == sorted(BALLROOM)
    assert all(set(learned) == set(BALLROOM) - set(tested) for learned, tested in folds)


def test_the_tempo_is_tried_with_both_corpora(
    street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, model = import_module("dance_tempo"), TempoModel(np.arange(26.0))
    calls = taken(monkeypatch, stage, "measured", ({}, model))
    taken(monkeypatch, stage, "dance_tempo_table", None)
    saved = taken(monkeypatch, stage, "save_tables")
    stage.main([])
    ((retargeted, on_beat, *_),) = calls
    assert (list(retargeted), list(on_beat)) == (NAMES, list(BALLROOM))
    ((_, _, found),) = saved
    assert found == {"sha256": sha256((DATA / "dance_tempo.npz").read_bytes()).hexdigest()}
    again = TempoModel.read(DATA / "dance_tempo.npz")
    np.testing.assert_array_equal(again.weights, model.weights)


def test_the_model_of_the_beat_learns_from_street_dances_and_is_asked_about_new_ones(
    street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = import_module("street_time")
    model = BeatPhase(np.zeros((1, 1150, 4)), (tuple(NAMES),), STREET_LIMITS)
    learned = taken(monkeypatch, stage, "learn", model)
    asked = taken(monkeypatch, stage, "answers", {"n": 6})

    class Knows:
        """Of ballroom it knows what begins as C_2 does."""

        def likeness(self, dance: OwnDance) -> float:
            return REFUSED if dance.name.endswith("C_2") else REFUSED / 2

    read = taken(monkeypatch, stage.GenreModel, "read", Knows())
    monkeypatch.setattr(stage, "seen", lambda dance: dance)
    stage.main([])
    assert read == [(DATA / "genre_model.npz",)]
    ((pieces, splits, limits),) = learned
    assert [piece.piece for piece in pieces] == NAMES
    assert (splits, limits) == (two_corpora.street_splits(), STREET_LIMITS)
    assert [60 * piece.beat_hz for piece in pieces] == [tempo_bpm(FIELDS[of][4]) for of in NAMES]
    assert {
        (piece.joints.shape[1:], piece.first_frame_s, piece.first_beat_s) for piece in pieces
    } == {((23, 3), 0.0, 0.0)}
    assert [round(len(piece.joints) / 25) for piece in pieces] == [10] * 6
    for n, piece in enumerate(pieces):  # each swings as often as its file says, in 10 s
        swings = abs(np.fft.rfft(piece.joints - piece.joints.mean(axis=0), axis=0)).sum(axis=(1, 2))
        turns = 600 * (0.05 + 0.02 * n) / (2 * np.pi)
        assert swings.argmax() == pytest.approx(turns, abs=0.8)
    # dancers with even numbers chose the limits
    ballroom = asked[1]
    assert [[piece.piece for piece in of[1]] for of in asked] == [NAMES[::2], ["C_2"]]
    assert {(of[0] is model, of[2], of[3]) for of in asked} == {(True, None, 0)}
    assert 60 * ballroom[1][0].beat_hz == pytest.approx(BALLROOM["C_2"])
    written = json.loads(Path("metrics/aist_retargeted/street_time.json").read_text())
    file = (DATA / "in_time.npz").read_bytes()
    assert written == {
        "sha256": sha256(file).hexdigest(),
        "new_dancers": {"n": 6},
        "ballroom": {"n": 6, "dances": 3},
    }
    assert BeatPhase.read(DATA / "in_time.npz").unseen == model.unseen


def test_the_order_is_tried_with_the_models_of_the_stages(
    street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, saved = import_module("own_track"), []
    monkeypatch.setattr(stage.BeatPhase, "read", lambda file: f"phase of {file}")
    tempo = taken(monkeypatch, stage.TempoModel, "read", "tempo")
    of_street = taken(monkeypatch, stage, "of_street_dances", "street")
    of_on_beat = taken(monkeypatch, stage, "of_on_beat", "on_beat")
    measured = taken(monkeypatch, stage, "own_tracks", {"found": 1})
    taken(monkeypatch, stage, "own_track_tables", ["table"])
    monkeypatch.setattr(stage, "save_tables", lambda *given: saved.append(given))
    stage.main([])
    assert tempo == [(DATA / "dance_tempo.npz",)]
    phase, ballroom = (f"phase of data/{of}/in_time.npz" for of in ("aist_retargeted", "on_beat"))
    assert (of_street, of_on_beat) == ([(phase,)], [(phase, ballroom, "tempo")])
    assert measured[0][:2] == ("street", "on_beat")
    assert saved == [(Path("metrics/on_beat/own_track"), ["table"], {"found": 1})]


class Phase(BeatPhase):
    """A model of the beat that takes down what it was asked about."""

    asked: list[tuple[Any, str | None]]

    def __init__(self, limits: Limits = STREET_LIMITS) -> None:
        super().__init__(np.ones((1, 1150, 4)), ((),), limits)
        object.__setattr__(self, "asked", [])

    def predict(self, joints: Any, piece: str | None = None) -> Any:
        self.asked.append((joints, piece))
        return super().predict(joints, piece)


class Learned:
    """A model that only knows whom it learned from, and whom it was asked about by whom."""

    asked: ClassVar[list[tuple[frozenset[str], Any]]] = []

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def __add__(self, other: Learned) -> Learned:
        return Learned(self.names | other.names)

    def __call__(self, seen: Any) -> DanceTempo:
        Learned.asked.append((self.names, seen))
        return given(60.0 + len(Learned.asked))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[frozenset[str], Any]]:
    """Whom each tempo model of own_track_dances learned from, and the dance that it was asked about."""
    monkeypatch.setattr(Learned, "asked", [])
    monkeypatch.setattr(own_track_dances, "evidence", lambda joints: joints[0, 0, 0])
    monkeypatch.setattr(
        own_track_dances, "learned", lambda seen, of: Learned(frozenset(one.name for one in of))
    )
    return Learned.asked


def test_street_dances_are_asked_by_models_that_do_not_know_the_dancer(
    street: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = np.eye(3)[[1, 0, 2, 1, 0, 2]] * 4
    backwards = HeldOut(NAMES[::-1], np.array([2, 2, 1, 1, 0, 0]), shares, np.zeros(6), ())  # type: ignore[arg-type]
    monkeypatch.setattr(genre_trials, "known", lambda clip, name: name)
    parts = taken(monkeypatch, genre_trials, "held_out", backwards)
    phase = Phase()
    of = own_track_dances.of_street_dances(phase)
    assert [piece for _, piece in phase.asked] == NAMES
    dances = two_corpora.street_dances()
    assert [seen for _, seen in asked] == [dance.joints[0, 0, 0] for dance in dances.values()]
    for name, (names, _) in zip(NAMES, asked, strict=True):
        assert FIELDS[name][3] not in {FIELDS[other][3] for other in names}
        odd = {int(FIELDS[other][3][1:]) % 2 for other in names}
        assert odd == {1 - int(FIELDS[name][3][1:]) % 2}
    assert of.bpm[of.own].tolist() == [tempo_bpm(FIELDS[name][4]) for name in NAMES]
    assert of.kinds[np.arange(6), of.own].all()
    assert (of.kinds.sum(axis=1) == 6).all()  # tracks of a genre
    assert of.units.tolist() == [FIELDS[name][3] for name in NAMES]
    # the genre that a dance is likeliest of has the highest score among its tracks
    likeliest = of.parts["genre"].argmax(axis=1) // 6
    assert likeliest.tolist() == shares.argmax(axis=1)[::-1].tolist()
    for place, scores in enumerate(of.parts["tempo"]):  # 61 bpm for the first one, and so on
        told = 61.0 + place
        near = np.any([abs(of.bpm / (told * k) - 1) < 0.03 for k in (1, 2, 0.5)], axis=0)
        assert near.any() == (scores.max() > -0.5)
        assert not near.any() or near[scores.argmax()]
    ((_, _, splits, _),) = parts
    assert splits == two_corpora.street_splits()


def clicks(bpm: float, seconds: float) -> Floats:
    sound = np.zeros(round(12_800 * seconds))
    for at in np.arange(0, seconds, 60 / bpm):
        sound[round(12_800 * at) : round(12_800 * at) + 60] = 0.9
    return sound


def test_ballroom_is_asked_by_the_programs_models_and_by_one_of_other_pieces(
    street: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pd.DataFrame({"piece": list(BALLROOM), "label": [0, 0, 1]})
    rows["music_file"], rows["music_start_s"] = [f"{piece}.wav" for piece in BALLROOM], 0.5
    write_text(Path("data/on_beat/pieces.csv"), rows.to_csv(index=False))
    units = pd.DataFrame(
        [
            (piece, 50 * k, 50 * k + 50, f"{piece}-{k}-1", "14")
            for piece in BALLROOM
            for k in (1, 2)
        ],
        columns=["piece", "start", "end", "unit", "capture"],
    )
    write_text(Path("data/on_beat/units.csv"), units.to_csv(index=False))
    monkeypatch.setattr(
        own_track_dances, "read_audio",
        lambda file, *_, **__: clicks(BALLROOM[file.stem], 15).astype(np.float32),
    )  # fmt: skip
    figures = taken(monkeypatch, own_track_dances, "by_new_figures", [np.eye(300, 4)] * 3)

    phase, ballroom = Phase(), Phase(BALLROOM_LIMITS)
    monkeypatch.setattr(
        own_track_dances, "fits",
        lambda predicted, bpm, limits: np.full((3, 3), limits.clear if limits else 0.0),
    )  # fmt: skip
    by_piece, by_figure = own_track_dances.of_on_beat(
        phase,
        ballroom,
        Learned(frozenset(["street"])),  # type: ignore[arg-type]
    )
    timed = two_corpora.on_beat_dances()[1]
    of = {dance.joints[0, 0, 0]: name for name, dance in timed.items()}
    assert [(set(names), of[seen]) for names, seen in asked] == [
        ({"street"}, name) for name in BALLROOM
    ]
    for model in (phase, ballroom):
        assert [piece for _, piece in model.asked] == list(BALLROOM)
    assert (set(by_piece.parts), set(by_figure.parts)) == (
        {"tempo", "timing", "ballroom"}, {"ballroom"},
    )  # fmt: skip
    assert (by_piece.parts["timing"] == STREET_LIMITS.clear).all()
    assert (by_piece.parts["ballroom"] == BALLROOM_LIMITS.clear).all()
    assert (by_figure.parts["ballroom"] == 0).all()  # every dance counts
    assert by_piece.bpm == pytest.approx(list(BALLROOM.values()), rel=0.005)
    for found in (by_piece, by_figure):
        assert found.own.tolist() == [0, 1, 2]
        assert found.kinds.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    for piece in figures[0][0]:
        assert [unit for unit, *_ in piece.units] == [f"{piece.piece}-{k}-1" for k in (1, 2)]
        assert [(start, end) for _, start, end in piece.units] == [(2, 4), (4, 6)]
        assert piece.beat_hz * 60 == pytest.approx(BALLROOM[piece.piece])
