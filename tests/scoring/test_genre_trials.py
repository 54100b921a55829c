"""Who is new to the genre model where it is tried, and by what it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from motionmusic.files import Floats
from motionmusic.predictions import make_predictions
from motionmusic.scoring import genre_trials as trials
from motionmusic.scoring.genre_features import TURNS, Seen
from motionmusic.scoring.genre_model import STRENGTH, fit, softmax, temperature_of
from motionmusic.scoring.genre_trials import HeldOut, Known

NAMES = [f"p_{n}" for n in range(12)]
LABELS = {name: n % 3 for n, name in enumerate(NAMES)}
DANCERS = {name: f"d{n // 3}" for n, name in enumerate(NAMES)}
PIECES = pd.DataFrame({"piece": NAMES, "dancer": DANCERS.values(), "label": LABELS.values()})


@dataclass
class Model:
    """It is right of all dances but those that it learned from, ``poor`` ones, and what trembles."""

    learned: Sequence[str]
    poor: ClassVar[Sequence[str]] = ()
    lengths: ClassVar[set[int]] = set()  # in windows, of what it is asked about

    def logits(self, windows: Floats) -> Floats:
        number = int(windows[0, 0])
        right = NAMES[number] not in [*self.learned, *self.poor] and number == windows[0, 0]
        self.lengths.add(len(windows))
        return np.asarray(5 * np.eye(3)[(number + (not right)) % 3])

    def distance(self, windows: Floats) -> float:
        return float(windows[0, 0])


def known(number: int) -> Known:
    """A dance whose windows hold its number; every second one is damaged."""
    windows = np.full((8, 9), float(number))
    clean = np.full(8, number % 2 == 0)
    return Known(Seen(windows, 0.0), (windows,) * 3, windows + 0.5, clean)


DANCES = {name: known(n) for n, name in enumerate(NAMES)}


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """From which dances each model learned."""
    taken: list[list[str]] = []

    def trained(dances: Any, labels: Any, names: Sequence[str], genres: Any) -> Model:
        taken.append(list(names))
        return Model(names)

    monkeypatch.setattr(trials, "trained", trained)
    return taken


def test_who_is_asked_was_not_learned_from(learned: list[list[str]]) -> None:
    parts = [(NAMES[4:], NAMES[:4]), (NAMES[:4], NAMES[4:])]
    found = trials.held_out(DANCES, LABELS, parts, "abc")
    assert learned == [NAMES[4:], NAMES[:4]]
    assert found.names == NAMES
    assert found.logits.argmax(axis=1).tolist() == list(LABELS.values()) == found.labels.tolist()
    assert found.distances.tolist() == list(range(12))
    assert found.trembling[1].tolist() == [n + 0.5 for n in range(12)]


def predictions(right: Mapping[str, bool]) -> pd.DataFrame:
    """Of the dances that test and validate in the first two of four folds; right there or not."""
    parts = []
    for split, hit in right.items():
        dancers = {"test": ("d0", "d3"), "validation": ("d1", "d0")}[split]
        ids = PIECES[PIECES["dancer"].isin(dancers)][["piece", "label"]].reset_index(drop=True)
        ids = ids.assign(split=split, excerpt=0, segment=0)
        parts.append(make_predictions("t", ids, np.eye(3)[(ids["label"] + (not hit)) % 3]))
    return pd.concat(parts, ignore_index=True)


def test_accuracy_is_on_test_beside_the_best_on_validation(
    learned: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Model, "poor", NAMES[3:6])  # d1, who only validates
    monkeypatch.setattr(Model, "lengths", set())
    sides, folds = ("test", "validation", "train", "train"), []
    for fold in range(2):
        of = [sides[(n // 3 + fold) % 4] for n in range(12)]
        folds.append((fold, PIECES[["piece", "label"]].assign(split=of, segment=0)))
    baselines = {
        "nearest_centroid": predictions({"validation": True, "test": False}),
        "random_forest": predictions({"validation": False, "test": True}),
    }
    found = trials.accuracy(DANCES, PIECES, folds, baselines, "abc", 0, 100)
    for fold, names in enumerate(learned):
        assert names == [name for n, name in enumerate(NAMES) if (n // 3 + fold) % 4 > 1]
    assert Model.lengths == {6}  # of two seconds, every second: in seven seconds
    assert found["best"] == "nearest_centroid"
    assert found["ahead"]["value"] == 1  # of what is wrong on test
    assert found["models"]["model"]["accuracy"]["value"] == 1
    assert found["models"]["trembling"]["accuracy"]["value"] == 0
    assert found["models"]["model"]["n"] == 6
    assert found["models"]["random_forest"]["accuracy"]["value"] == 1


def held_out(seed: int) -> HeldOut:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(12, 3)) * np.repeat([0.5, 1, 2, 4], 3)[:, None]
    labels = np.array([random.choice(3, p=row) for row in softmax(logits)])
    return HeldOut(NAMES, labels, logits, np.arange(12.0), (logits, np.arange(12.0)))


def test_a_dancer_is_calibrated_on_all_others() -> None:
    new, stated = held_out(0), []
    for n in range(12):
        others = np.arange(12) // 3 != n // 3
        temperature = temperature_of(new.logits[others], new.labels[others])
        stated.append(softmax(new.logits[n] / temperature).max())
    found = trials.calibration(new, PIECES, 0)
    assert found["stated"] == pytest.approx(np.mean(stated))
    right = new.logits.argmax(axis=1) == new.labels
    assert found["right"] == np.mean(right)
    raw = softmax(new.logits).max(axis=1)
    assert found["error"] == pytest.approx(trials.calibration_error(np.array(stated), right))
    assert found["uncalibrated"] == pytest.approx(trials.calibration_error(raw, right))


def test_undamaged_dances_say_what_is_unlike() -> None:
    windows = np.random.default_rng(0).normal(size=(30, 9))
    model = fit(windows, np.arange(30) % 3, np.ones(30, bool), "abc")
    new = held_out(0)
    made = trials.calibrated(model, DANCES, new)
    assert made.distances.tolist() == list(range(0, 12, 2))
    assert made.temperature == temperature_of(new.logits, new.labels)


def test_windows_have_their_dances_label_and_clean_ones_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[tuple[Any, ...]] = []
    monkeypatch.setattr(trials, "fit", lambda *given: taken.append(given))
    short, clean = np.ones((3, 9)), np.array([True, False, True])
    dances = {"p_0": DANCES["p_0"], "p_1": Known(Seen(short, 0.0), (short,) * 3, short, clean)}
    trials.trained(dances, LABELS, ["p_1", "p_0"], "abc")
    ((windows, labels, known_to_be, _),) = taken
    assert labels.tolist() == windows[:, 0].tolist() == [1] * 12 + [0] * 32
    # the dance and its mirror image; what trembles never
    expected = [*[True, False, True] * 2, *[False] * 6, *[True] * 16, *[False] * 16]
    assert known_to_be.tolist() == expected


def test_the_other_corpus_is_asked_by_models_that_do_not_know_the_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Knows:
        def __init__(self, windows: Floats) -> None:
            self.numbers = set(windows[:, 0])

        def distance(self, windows: Floats) -> float:
            return float(windows[0, 0] not in self.numbers)

    monkeypatch.setattr(trials, "fit", lambda windows, *_: Knows(windows))
    others = {name: dance.seen for name, dance in DANCES.items()}
    found = trials._reverse({"q": known(99)}, others, 0, 50)
    assert (found["dances"], found["auroc"]["value"]) == (12, 0.5)  # all are as far


def test_ties_are_half_told_apart() -> None:
    random = np.random.default_rng(0)
    near, far = random.integers(0, 4, 20).astype(float), random.integers(1, 5, 15).astype(float)
    found = trials.separation(near, far, [f"d{n % 5}" for n in range(20)], 0, 100)
    truth = np.r_[np.zeros(20), np.ones(15)]
    assert found.value == pytest.approx(roc_auc_score(truth, np.r_[near, far]))
    # far dances do not stand for dancers: of one dancer there is no interval
    assert np.isnan(trials.separation(near, far, ["d0"] * 20, 0, 100).low)


def test_the_regression_is_that_of_scikit_learn_on_scaled_windows() -> None:
    """In raw units: so the scaling has to be put into weights and bias."""
    random = np.random.default_rng(0)
    labels = np.minimum(
        np.arange(90) % 5, 2
    )  # each type counts the same, however often it is there
    windows = random.normal(50, 7, (90, TURNS + 3)) + 9 * np.eye(3, TURNS + 3)[labels]
    made = fit(windows, labels, np.ones(90, bool), "abc")
    plain = make_pipeline(
        StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
    ).fit(windows, labels)
    shares = softmax(np.array([made.logits(window[None]) for window in windows]))
    np.testing.assert_allclose(shares, plain.predict_proba(windows), atol=1e-3)
