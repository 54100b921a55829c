"""The stage of conducting's tables on a small data set: what it writes, and what it cannot do without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import conducting
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from motionmusic.results.dance import ERRORS, FINDERS, NEGATIVES, REFERENCES, ROWS

from motionmusic.errors import UserError
from motionmusic.files import write_array, write_json, write_text
from motionmusic.models import weights
from motionmusic.models.conductor_weights import load_sync_network, published_entries, read
from motionmusic.models.m2s_net import SyncNetwork

DATA = Path("data/synthetic")
SEEDS, FOLDS, FRAMES = (0, 1), 2, 549
PIECES = [f"P_{number}" for number in range(8)]


@pytest.fixture
def conducted(space: Path, torch_alone: None) -> Path:
    """Eight pieces, the second 9.1 s of each an excerpt, half of them tested in each of two folds."""
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    params["seeds"] = list(SEEDS)
    params["evaluate"]["resamples"] = 100
    (space / "params.yaml").write_text(yaml.safe_dump(params))
    rng = np.random.default_rng(0)
    folder = space / DATA
    split = [["test" if n % 2 == fold else "train" for n in range(8)] for fold in range(FOLDS)]
    index = [
        {"split": split[fold][n], "fold": fold, "piece": piece, "excerpt": 1, "segment": segment,
         "label": n % 4}
        for fold in range(FOLDS) for n, piece in enumerate(PIECES) for segment in range(9)
    ]  # fmt: skip
    pd.DataFrame(index).to_parquet(folder / "segments/index.parquet")
    pieces = pd.DataFrame(
        {"piece": PIECES, "label": [n % 4 for n in range(8)], "music_file": PIECES}
    )
    write_text(folder / "pieces.csv", pieces.to_csv(index=False))
    beats = [{"piece": piece, "kind": kind, "time_s": at} for piece in PIECES[1:]
             for kind in ("music", "motion_mint") for at in np.arange(0, 10, 0.5)]  # fmt: skip
    pd.DataFrame(beats).to_parquet(folder / "beats.parquet")
    for piece in PIECES:
        steps = 0.02 * rng.standard_normal((FRAMES, 13, 2))
        write_array(folder / "keypoints" / f"{piece}.npy", steps.cumsum(0).astype(np.float32))
    tested = pd.DataFrame(
        [{"fold": fold, "piece": piece, "excerpt": 1} for fold in range(FOLDS)
         for n, piece in enumerate(PIECES) if split[fold][n] == "test"]
    )  # fmt: skip
    names = [*NEGATIVES, *(f"judge_{name}" for name in NEGATIVES)]
    for seed in SEEDS:
        made = folder / "conducted" / str(seed)
        for piece in PIECES:
            # the first one's music ends a frame before its motion
            frames = FRAMES - (piece == "P_0")
            motion = rng.random((frames, 13, 2), np.float32)
            write_array(made / "motion" / f"{piece}.npy", motion)
        votes = tested.assign(**{name: 0.5 + 0.25 * seed for name in names})
        write_text(made / "votes.csv", votes.to_csv(index=False))
        near = tested.assign(neighbour=[PIECES[1 - f] for f in tested["fold"]], neighbour_start=3)
        write_text(made / "neighbours.csv", near.to_csv(index=False))
        found = tested.drop(columns="excerpt").assign(
            planted_s=1.0, network_s=1.05, mint_s=0.5, bailando_s=np.nan
        )
        write_text(made / "offsets.csv", found.to_csv(index=False))
        judges = folder / "conductors" / str(seed)
        for fold in range(FOLDS):
            entries = published_entries(SyncNetwork())
            weights.save(judges / f"fold{fold}_judge.safetensors", entries, {})
        sides = {
            str(fold): {
                side: [piece for n, piece in enumerate(PIECES) if split[fold][n] == side]
                for side in ("train", "test")
            }
            for fold in range(FOLDS)
        }
        write_json(judges / "conductor.json", {"folds": sides})
    return space


def test_the_stage_writes_its_tables_and_its_picture(conducted: Path) -> None:
    conducting.main(["synthetic"])
    metrics = conducted / "metrics/synthetic"
    found = json.loads((metrics / "conducting.json").read_text("utf-8"))
    counted = {key: found[key] for key in ("clips", "pieces", "folds", "frames", "seeds")}
    assert counted == {"clips": 8, "pieces": 8, "folds": 2, "frames": 274, "seeds": 2}
    assert set(found["rows"]) == set(ROWS)
    assert set(found["differences"]) == set(REFERENCES)
    # a fold's tested pieces are of two classes, two each; 18 s have no other moment
    assert found["counted"] == dict.fromkeys(ROWS, 8) | {"moment": 0}
    for name in ERRORS:
        assert found["rows"]["itself"][name] == {"value": 0, "low": 0, "high": 0}
        assert found["rows"]["moment"][name]["value"] is None
    assert found["synchrony"]["network"]["easy"]["value"] == 0.625
    assert [found["offsets"][way]["value"] for way in FINDERS] == [1, 0, 0]
    assert found["rows"]["mean_pose"]["mpe"]["value"] == pytest.approx(
        still_error(conducted), rel=1e-4
    )

    table = pd.read_csv(metrics / "conducting.csv").set_index(["system", "measure"])
    value = found["rows"]["another"]["sce_coded"]["value"]
    assert table.loc[("another", "sce_coded"), "value"] == pytest.approx(value)
    text = (metrics / "conducting.md").read_text("utf-8")
    assert "synthetic, by_piece" in text
    assert "Means of 2 seeds." in text
    assert "nan" not in text
    picture = conducted / "plots/synthetic/conducting.png"
    assert picture.read_bytes().startswith(b"\x89PNG")

    files = (*(metrics / f"conducting.{kind}" for kind in ("json", "csv", "md")), picture)
    before = [path.read_bytes() for path in files]
    conducting.main(["synthetic"])
    assert [path.read_bytes() for path in files] == before


def still_error(space: Path) -> float:
    """MPE of the mean pose, piece by piece and judge by judge."""
    folder, errors = space / DATA, []
    motions = {piece: np.load(folder / "keypoints" / f"{piece}.npy") for piece in PIECES}
    for n, piece in enumerate(PIECES):
        fold = n % 2
        others = [motions[other] for m, other in enumerate(PIECES) if m % 2 != fold]
        still = np.broadcast_to(np.concatenate(others).mean(0), (274, 13, 2))
        start = 275 - (piece == "P_0")
        pair = np.stack([motions[piece][start : start + 274], still])
        for seed in SEEDS:
            path = folder / "conductors" / str(seed) / f"fold{fold}_judge.safetensors"
            with torch.no_grad():
                codes = load_sync_network(read(path)).motion_encoder(torch.from_numpy(pair))
            errors.append(float((codes[0] - codes[1]).abs().mean()))
    return float(np.mean(errors))


def _removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _short(folder: Path) -> None:
    write_array(folder / "conducted/1/motion/P_4.npy", np.zeros((273, 13, 2), np.float32))


def _flat(folder: Path) -> None:
    write_array(folder / "keypoints/P_4.npy", np.zeros((FRAMES, 26), np.float32))


def _no_judge(folder: Path) -> None:
    path = folder / "conducted/0/votes.csv"
    write_text(path, pd.read_csv(path).drop(columns="judge_hard").to_csv(index=False))


def _no_neighbour(folder: Path) -> None:
    path = folder / "conducted/0/neighbours.csv"
    write_text(path, pd.read_csv(path)[1:].to_csv(index=False))


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (_removed("conducted/1/offsets.csv"), "offsets.csv"),
        (_removed("conducted/0/motion/P_3.npy"), "P_3.npy"),
        (_removed("keypoints/P_2.npy"), "P_2.npy"),
        (_removed("conductors/1/fold1_judge.safetensors"), "fold1_judge.safetensors"),
        (_removed("conductors/0/conductor.json"), "conductor.json"),
        (_short, "P_4"),
        (_flat, "P_4.npy"),
        (_no_judge, "judge_hard"),
        (_no_neighbour, "P_0"),
    ],
)
def test_what_is_missing_is_named(
    conducted: Path, broken: Callable[[Path], None], named: str
) -> None:
    broken(conducted / DATA)
    with pytest.raises(UserError) as error:
        conducting.main(["synthetic"])
    assert named in str(error.value)
    assert not (conducted / "metrics/synthetic/conducting.json").exists()


def test_the_protocol_is_by_piece_where_a_piece_would_be_on_two_sides() -> None:
    class Segment:
        protocol = "paper"

    index = pd.DataFrame({"fold": 0, "piece": ["a", "a", "b"], "split": ["train", "test", "test"]})
    assert conducting.protocol_of(index, Segment()) == "by_piece"  # type: ignore[arg-type]
    assert conducting.protocol_of(index[1:], Segment()) == "paper"  # type: ignore[arg-type]
