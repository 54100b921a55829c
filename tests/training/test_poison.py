"""What must not decide a training decides no byte of it.

Every stage that trains or chooses runs twice. The second time everything of the pieces that a fold
must not learn from is noise, labels included, and the other fold starts from other weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_task
import torch
from params_file import set_params
from small_task import CLASSES, DATA, FOLDS, ORDER, TASK, digests, pieces_of, row_of, split_of

from motionmusic.models import weights
from motionmusic.models.matcher import load
from motionmusic.training import adversarial, dancing, in_time

LAST = ("train",)
CHOSEN = ("train", "validation")  # where validation chooses an epoch


@dataclass(frozen=True)
class Case:
    """A stage, the files of a fold that it trains, and the sides that may decide them."""

    call: str
    weights: tuple[str, ...]
    sides: tuple[str, ...]
    predictions: str = ""
    starts: tuple[str, ...] = ()  # weights of earlier stages, by fold
    select: str = "last"


def heads(method: str, *starts: str) -> Case:
    """The stage match, with one method."""
    weights = f"matchers/{method}-0/fold{{}}.safetensors"
    call, starts = f"match {TASK} {method} 0", starts or ("cotrain-joints-fc-0/fold{}",)
    return Case(call, (weights,), CHOSEN, f"matches/{method}-0.parquet", starts)


def cell(call: str, name: str, *starts: str, chosen: bool = False) -> Case:
    """A stage that trains a cell of motion."""
    weights, predictions = f"cells/{name}/fold{{}}.safetensors", f"cells/{name}/predictions.parquet"
    sides, select = (CHOSEN, "best_validation") if chosen else (LAST, "last")
    return Case(call.replace("TASK", TASK), (weights,), sides, predictions, starts, select)


CASES = {
    "train_motion": cell("train_motion TASK joints 0", "motion-joints-0"),
    "train_motion, chosen": cell("train_motion TASK bones 0", "motion-bones-0", chosen=True),
    "train_music": Case(
        f"train_music {TASK} 0",
        tuple(f"cells/music-0/fold{{}}.{kind}.safetensors"
              for kind in ("plain", "dropout", "plain.last", "dropout.last")),
        LAST,
    ),
    "train_longer": cell("train_longer TASK merged 0", "longer-merged-0", "motion-merged-0/fold{}.last"),
    "cotrain": cell(
        "cotrain TASK joints fc 0", "cotrain-joints-fc-0", "motion-joints-0/fold{}.last",
        "music-0/fold{}.plain.last",
    ),
    "cotrain, chosen": cell(
        "cotrain TASK bones dropout 1", "cotrain-bones-dropout-1", "motion-bones-1/fold{}.last",
        "music-1/fold{}.dropout.last", chosen=True,
    ),
    "match category": heads("category", "cotrain-joints-fc-0/fold{}", "cotrain-bones-fc-0/fold{}"),
    **{f"match {method}": heads(method) for method in
       ("mapping", "unmapped", "contrastive", "infonce", "deconfounded")},
    "synchrony": Case(f"synchrony {TASK} 0", ("synchrony/0/fold{}.safetensors",), CHOSEN),
    "dance": Case(
        f"dance {TASK} 0",
        tuple(f"dance/0/fold{{}}_{name}.safetensors" for name in ("synchrony", "generator")), CHOSEN,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small task."""
    space = tmp_path_factory.mktemp("clean")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(space)
        small_task.write_task(space)
    return space


@pytest.fixture
def workspace(
    clean: Path, tmp_path: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of it, the current folder, in which short clips are enough.

    There are no weights but those to start from, so that no others can be taken.
    """
    space = tmp_path / "space"
    shutil.copytree(clean, space)
    monkeypatch.chdir(space)
    monkeypatch.setattr(in_time, "CLIP_FRAMES", 50)
    monkeypatch.setattr(in_time, "_WHOLE", 50 + 2 * in_time.LAG)
    monkeypatch.setattr(dancing, "CLIP_S", 2)
    monkeypatch.setattr(adversarial, "CLIP_S", 3)
    monkeypatch.setattr(adversarial, "CRITIC_STEPS", 1)
    # planted offsets train nothing, and listening takes minutes
    monkeypatch.setattr(import_module("synchrony"), "planted", lambda *_: pd.DataFrame())
    return space


def run(case: Case, *versions: int) -> dict[str, str]:
    """Digests of what the stage has written, from these versions of each fold's weights."""
    for start in case.starts:
        for fold, version in enumerate(versions):
            small_task.write_weights(start.format(fold), version)
    stage, *given = case.call.split()
    if stage == "dance":  # large networks
        small_task.keep_few()
    import_module(stage).main(given)
    return digests(DATA)


@pytest.fixture(scope="module")
def first() -> dict[str, tuple[dict[str, str], Path]]:
    """By call: what it wrote of clean data, and where it lies."""
    return {}


@pytest.fixture
def once(
    workspace: Path,
    first: dict[str, tuple[dict[str, str], Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Case], tuple[dict[str, str], Path]]:
    """Run a stage on clean data, once for all tests; its digests and the data folder."""

    def of(case: Case) -> tuple[dict[str, str], Path]:
        if case.call not in first:
            found, kept = run(case, 0, 0), tmp_path_factory.mktemp("once")
            shutil.copytree(DATA, kept / "data")
            first[case.call] = found, kept / "data"
        return first[case.call]

    return of


Once = Callable[[Case], tuple[dict[str, str], Path]]


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_learned_from_decides_no_weight(name: str, once: Once) -> None:
    """And of the other sides' predictions, those of poisoned rows are others, the rest the same."""
    case, fold = CASES[name], 1  # the last: who takes the first or the one before is found out
    set_params({f"train.{TASK}.select": case.select})
    clean, before = once(case)
    splits = {"train", "validation", "test"} - set(case.sides)
    # one piece of each side stays as it is
    poisoned = [piece for split in sorted(splits) for piece in pieces_of(fold, split)[1:]]
    small_task.poison(poisoned)
    again = run(case, 1, 0)
    for file in case.weights:
        assert again[file.format(fold)] == clean[file.format(fold)], file
        assert again[file.format(0)] != clean[file.format(0)], file
    if case.predictions:
        changed = rows_that_changed(before / case.predictions, DATA / case.predictions, fold)
        touched = changed[["piece", "candidate"]].isin(poisoned).any(axis=1)
        assert not changed.loc[~touched, "changed"].any()
        # whether the paper's classifier says yes changes here and there
        assert getattr(
            changed.loc[touched, "changed"], "any" if name == "match category" else "all"
        )()


def rows_that_changed(before: Path, after: Path, fold: int) -> pd.DataFrame:
    """piece, candidate (piece again where there is none) and changed, of a fold's predictions."""
    one, two = (pd.read_parquet(path) for path in (before, after))
    if "fold" not in one:  # a piece is on different sides of different folds
        split = [split_of(piece, fold) for piece in one["piece"]]
        one, two = (
            table.assign(fold=np.where(table["split"] == split, fold, -1), candidate=table["piece"])
            for table in (one, two)
        )
    values = one.columns[one.columns.str.startswith(("logit_", "score"))]
    ids = one.columns.difference([*values, "label"])
    pd.testing.assert_frame_equal(one[ids], two[ids])
    one["changed"] = (one[values] != two[values]).any(axis=1)
    return one[one["fold"] == fold]


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("train_mo", "cot"))])
def test_predictions_are_those_of_the_folds_own_network_row_by_row(name: str, once: Once) -> None:
    case = CASES[name]
    set_params({f"train.{TASK}.select": case.select})
    _, folder = once(case)
    kind = case.call.split()[2]
    motion = torch.from_numpy(np.load(folder / f"segments/{kind}.npy"))
    table = pd.read_parquet(folder / case.predictions)
    for fold in range(FOLDS):
        path = folder / case.weights[0].format(fold)
        state = weights.load(path)
        network = small_task.encoder(kind).eval()
        weights.load_into(network, weights.part(state, "motion") or state, path)
        for row, logits in small_task.logits_by_row(table, fold).items():
            expected = network(motion[[row]])[1][0].numpy()
            np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("match ")])
def test_scores_are_those_of_the_folds_own_matcher_pair_by_pair(name: str, once: Once) -> None:
    """On the encoders that it was to stand on, and of the segments that each pair names."""
    case, method = CASES[name], name.split()[1]
    _, folder = once(case)
    joints, music = (np.load(folder / f"segments/{kind}.npy") for kind in ("joints", "music"))
    table = pd.read_parquet(folder / case.predictions)
    rows = {(piece, e): [row_of(piece, e, s) for s in (0, 1)] for piece in ORDER for e in (0, 1)}
    for fold in range(FOLDS):
        of = load(folder / f"matchers/{method}-0", fold)
        starts = [weights.load(folder / f"cells/{s.format(fold)}.safetensors") for s in case.starts]
        if method == "category":
            encoders = {"motion": of.network.joints, "": of.network.bones}
        else:
            encoders = {"motion": of.network.motion_encoder, "music": of.network.music_encoder}
        for number, (part, module) in enumerate(encoders.items()):
            state = weights.part(starts[min(number, len(starts) - 1)], part or "motion")
            own = module.state_dict()
            assert all(torch.equal(own[key], state[key]) for key in own), part
        mine = table[table["fold"] == fold]
        keys = ["piece", "excerpt", "candidate", "candidate_excerpt"]
        asked = [(p, e) for p in pieces_of(fold, "test") for e in (0, 1)]
        assert set(zip(mine["piece"], mine["excerpt"], strict=True)) == set(asked)
        assert len(mine) == len(asked) * len(rows) == len(mine.drop_duplicates(keys))
        for piece, excerpt, candidate, other, score in mine[[*keys, "score"]].to_numpy()[::23]:
            dance, sound = joints[rows[piece, excerpt]], music[rows[candidate, other]]
            if method == "category":
                votes = of.logits(dance).argmax(1).tolist()
                assert score == (max(votes, key=votes.count) == int(candidate[2:]) % CLASSES)
            else:
                expected = of.scores([of.motion_code(dance)], [of.music_code(sound)])[0, 0]
                assert score == pytest.approx(float(expected), rel=1e-3, abs=1e-4)
