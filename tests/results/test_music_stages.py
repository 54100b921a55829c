"""The stages matching, dance_table, leaderboard and overview: what they read, write and refuse."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from params_file import set_params
from report_results import TASK, in_files, make_results
from task_facts import ABOUT

from motionmusic.errors import UserError
from motionmusic.files import write_array, write_json, write_parquet, write_text
from motionmusic.methods import METHODS
from motionmusic.models import weights
from motionmusic.models.conductor_weights import load_sync_network, published_entries, read
from motionmusic.models.virtual_conductor import SyncNetwork
from motionmusic.predictions import write_predictions
from motionmusic.results.table import Table, read_tables
from motionmusic.scoring import agreement, made_files
from motionmusic.scoring.agreement import NEGATIVES
from motionmusic.scoring.generated import ERRORS
from motionmusic.scoring.intervals import Interval

DATA, METRICS = Path("data/synthetic"), Path("metrics/synthetic")
SEEDS, FOLDS, FRAMES = (0, 1), 2, 549
PIECES = [f"P_{number}" for number in range(8)]
TESTED = [
    {"fold": n % FOLDS, "piece": piece, "excerpt": excerpt}
    for n, piece in enumerate(PIECES) for excerpt in (1,)
]  # fmt: skip


@pytest.fixture
def danced(tmp_path: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight pieces, the second 9.1 s of each an excerpt, half of them tested in each of two folds."""
    monkeypatch.chdir(tmp_path)
    set_params({"seeds": list(SEEDS), "evaluate.resamples": 120})
    rng = np.random.default_rng(0)
    folder = tmp_path / DATA
    write_json(folder / "segments/about.json", ABOUT | {"excerpt_frames": 229})
    pieces = pd.DataFrame(
        {"piece": PIECES, "label": [n % 4 for n in range(8)], "music_file": PIECES}
    )
    write_text(folder / "pieces.csv", pieces.to_csv(index=False))
    tempo = pieces.assign(music_bpm=[100.0 + n for n in range(8)], motion_bpm=110.0)
    write_text(folder / "tempo.csv", tempo.to_csv(index=False))
    beats = [{"piece": piece, "kind": kind, "time_s": at} for piece in PIECES[1:]
             for kind, later in (("music", 0), ("motion_mint", 0.1), ("motion_bailando", 0.2))
             for at in np.arange(0, 20, 0.5) + later]  # fmt: skip
    write_parquet(folder / "beats.parquet", pd.DataFrame(beats))
    tested = pd.DataFrame(TESTED)
    names = [*NEGATIVES, *(f"judge_{name}" for name in NEGATIVES)]
    train = {f: [p for n, p in enumerate(PIECES) if n % FOLDS != f] for f in range(FOLDS)}
    for piece in PIECES:
        steps = 0.02 * rng.standard_normal((FRAMES, 13, 2))
        write_array(folder / "keypoints" / f"{piece}.npy", steps.cumsum(0).astype(np.float32))
    for seed in SEEDS:
        made = folder / "dance" / str(seed)
        for piece in PIECES:
            # the first one's music ends a frame before its motion
            motion = rng.random((FRAMES - (piece == "P_0"), 13, 2), np.float32)
            write_array(made / "motion" / f"{piece}.npy", motion)
        votes = tested.assign(**{name: 0.5 + 0.25 * seed for name in names})
        near = tested.assign(neighbour=[PIECES[1 - f] for f in tested["fold"]], neighbour_start=3)
        found = tested.assign(
            planted_s=1.0, beat_s=0.5, network_s=1.05 + 0.5 * seed, mint_s=0.5, bailando_s=np.nan
        )
        whole = tested.merge(
            pd.DataFrame({"candidate": PIECES, "number": range(len(PIECES))}), how="cross"
        )
        # every dance likes its own music best
        whole["score"] = (1.0 + seed) * (whole["piece"] == whole["candidate"])
        for path, frame in (
            (made / "votes.csv", votes), (made / "neighbours.csv", near),
            (folder / f"synchrony/{seed}/votes.csv", votes.iloc[:, :6]),
            (folder / f"synchrony/{seed}/offsets.csv", found.drop(columns="excerpt")),
            (folder / f"synchrony/{seed}/whole.csv", whole),
        ):  # fmt: skip
            write_text(path, frame.to_csv(index=False))
        for fold in range(FOLDS):
            weights.save(made / f"fold{fold}_judge.safetensors", published_entries(SyncNetwork()))
        write_json(made / "dance.json", {"folds": {f: {"train": train[f]} for f in train}})
        for method in METHODS:
            rows = [
                {**query, "candidate": other["piece"], "candidate_excerpt": 1,
                 "score": np.float32(rng.random())}
                for query in TESTED for other in TESTED
            ]  # fmt: skip
            frame = pd.DataFrame(rows).sort_values(["fold", "piece"], kind="stable")
            frame["score_of_joints"] = 0.0  # of the category, where all tie
            write_parquet(folder / "matches" / f"{method}-{seed}.parquet", frame)
    return tmp_path


def run_twice(stage: str, folder: Path, *pictures: Path) -> list[Table]:
    """The tables of a stage, which writes the same bytes again."""
    runs = []
    for _ in range(2):
        importlib.import_module(stage).main([TASK])
        files = [*sorted(folder.iterdir()), *pictures]
        runs.append([path.read_bytes() for path in files])
    assert runs[0] == runs[1]
    assert all(made.startswith(b"\x89PNG") for made in runs[0][len(runs[0]) - len(pictures) :])
    assert "nan" not in (folder / f"{folder.name}.md").read_text("utf-8")
    return read_tables(folder / f"{folder.name}.json")


def number(table: Table, row: str, column: int) -> dict[str, float]:
    (cells,) = [each.cells for each in table.rows if each.cells[0] == row]
    cell = cells[column]
    assert isinstance(cell, Interval)
    return cell.json()


def test_matching(danced: Path) -> None:
    first, _, _ = run_twice("matching", METRICS / "matching", Path("plots/synthetic/matching.png"))
    assert len(first.rows) == 6 + len(METHODS)
    own_track_first = number(first, "synchrony over the whole dance", 3)
    assert own_track_first == Interval(1, 1, 1).json()
    tied = number(first, "category, from joints alone", 4)
    assert tied == number(first, "chance (any track)", 4)
    assert "8 test excerpts of 8 pieces; protocol by_piece, 2 folds; 8 tracks" in first.caption
    assert "2 seeds" in first.caption
    assert number(first, "true category, then any track", 1) == Interval(1, 1, 1).json()
    # its own track is no hit, and of the seven others, which tie, one is of the category
    assert number(first, "synchrony over the whole dance", 1)["value"] == pytest.approx(1 / 7)
    assert "among 8 excerpts" in first.note


def test_synchrony_table(danced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resampled, told = [], agreement.agreement

    def asked(votes: Any, *how: int) -> Any:
        resampled.append(how)
        return told(votes, *how)

    monkeypatch.setattr(agreement, "agreement", asked)
    votes, planted, whole = run_twice("synchrony_table", METRICS / "synchrony")
    assert resampled == [(0, 120)] * 2
    assert number(votes, "from another piece (easy)", 1) == Interval(*[0.625] * 3).json()
    values = [cell.value for cell in planted.rows[0].cells[1:3] if isinstance(cell, Interval)]
    assert values == [0.5, 0]  # the second seed is a beat late
    values = [cell.value for cell in planted.rows[1].cells[1:4] if isinstance(cell, Interval)]
    assert values == [1, 1, 0]  # half a second is a beat
    assert number(whole, "synchrony over the whole dance", 1) == Interval(1, 1, 1).json()
    assert number(whole, "chance (any track)", 1)["value"] == 1 / 8
    assert "8 dances, 8 tracks; protocol by_piece, 2 folds; 2 seeds" in whole.caption


def test_matching_reads_each_seed_and_counts_in_seconds(
    danced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, given = importlib.import_module("matching"), []

    def rows_of(scores: Any, wholes: Any) -> Any:
        given.extend([scores, wholes])
        return given_rows(scores, wholes)

    def evaluate(rows: Any, facts: Any, *more: Any) -> Any:
        given.append(facts)
        return measured(rows, facts, *more)

    given_rows, measured = stage.matches.rows_of, stage.matches.evaluate
    monkeypatch.setattr(stage.matches, "rows_of", rows_of)
    monkeypatch.setattr(stage.matches, "evaluate", evaluate)
    stage.main([TASK])
    scores, wholes, facts = given
    assert [whole["score"].max() for whole in wholes] == [1, 2]
    for method in METHODS:
        for seed, frame in zip(SEEDS, scores[method], strict=True):
            path = DATA / f"matches/{method}-{seed}.parquet"
            pd.testing.assert_frame_equal(frame, pd.read_parquet(path))
    assert facts.excerpt_s == 229 / 25
    assert facts.pieces["music_file"].to_dict() == dict(zip(PIECES, PIECES, strict=True))


def test_dance_table(danced: Path) -> None:
    errors, differences, _, votes = run_twice(
        "dance_table", METRICS / "dance", Path("plots/synthetic/dance.png")
    )
    assert "8 test excerpts of 8 pieces, 9.1 s each; protocol by_piece" in errors.caption
    heard = made_files.dances(TASK, SEEDS[0]).music["P_1"]
    assert heard.tolist() == np.arange(0, 20, 0.5).tolist()
    # 18 s have no other moment
    assert "Real motion, another moment: 0 excerpts" in errors.note
    assert len(errors.columns) == 1 + len(ERRORS)
    assert len(differences.rows) == 5
    assert number(votes, "from another moment (hard)", 2)["value"] == 0.625
    assert number(errors, "mean pose", 1)["value"] == pytest.approx(still_error(danced), rel=1e-4)


def still_error(space: Path) -> float:
    """MPE of the mean pose, piece by piece and judge by judge."""
    folder, errors = space / DATA, []
    motions = {piece: np.load(folder / "keypoints" / f"{piece}.npy") for piece in PIECES}
    for n, piece in enumerate(PIECES):
        fold = n % FOLDS
        others = [motions[other] for m, other in enumerate(PIECES) if m % FOLDS != fold]
        still = np.broadcast_to(np.concatenate(others).mean(0), (274, 13, 2))
        start = 275 - (piece == "P_0")
        pair = np.stack([motions[piece][start : start + 274], still])
        for seed in SEEDS:
            path = folder / "dance" / str(seed) / f"fold{fold}_judge.safetensors"
            with torch.no_grad():
                codes = load_sync_network(read(path)).motion_encoder(torch.from_numpy(pair))
            errors.append(float((codes[0] - codes[1]).abs().mean()))
    return float(np.mean(errors))


def _removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _without(name: str, column: str) -> Callable[[Path], None]:
    def broken(folder: Path) -> None:
        frame = pd.read_csv(folder / name)
        write_text(folder / name, frame.drop(columns=column).to_csv(index=False))

    return broken


@pytest.mark.parametrize(
    ("stage", "broken", "named"),
    [
        ("synchrony_table", _removed("synchrony/1/offsets.csv"), "offsets.csv"),
        ("matching", _removed("synchrony/1/whole.csv"), "whole.csv"),
        ("matching", _removed("matches/infonce-1.parquet"), "infonce-1.parquet"),
        ("dance_table", _removed("dance/0/motion/P_3.npy"), "P_3.npy"),
        ("dance_table", _removed("keypoints/P_2.npy"), "P_2.npy"),
        ("dance_table", _removed("dance/1/fold1_judge.safetensors"), "fold1_judge"),
        ("dance_table", _removed("dance/0/dance.json"), "dance.json"),
        ("dance_table", _without("dance/0/votes.csv", "judge_hard"), "judge_hard"),
        ("dance_table",
         lambda folder: write_array(folder / "dance/1/motion/P_4.npy", np.zeros((273, 13, 2))), "P_4"),
        ("dance_table",
         lambda folder: write_array(folder / "keypoints/P_4.npy", np.zeros((FRAMES, 26))), "P_4.npy"),
        ("dance_table",
         lambda folder: write_text(folder / "dance/0/neighbours.csv",
                                   "fold,piece,excerpt,neighbour,neighbour_start\n"), "P_0"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    stage: str, broken: Callable[[Path], None], named: str, danced: Path
) -> None:
    broken(danced / DATA)
    with pytest.raises(UserError) as error:
        importlib.import_module(stage).main([TASK])
    assert named in str(error.value)
    assert not METRICS.exists()


def test_leaderboard_and_overview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_results(tmp_path)
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    for name in params["benchmark"]["entries"]:
        for seed in params["benchmark"]["seeds"]:
            write_predictions(DATA / "entries" / f"{name}-{seed}.parquet", in_files())
    importlib.import_module("leaderboard").main([TASK])
    (board,) = read_tables(METRICS / "leaderboard" / "leaderboard.json")
    assert len(board.rows) == 20 + 5 + 3
    importlib.import_module("overview").main([TASK])
    segments, _ = read_tables(Path("metrics/overview/overview.json"))
    assert [row.cells[0] for row in segments.rows] == ["synthetic: by_piece, 2 folds"]
    assert Path("plots/overview/overview.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match=r"evaluation\.json: expected a JSON file"):
        importlib.import_module("overview").main([TASK, "own"])
