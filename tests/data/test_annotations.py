"""A task as pyskl reads it: written, loaded back, and every segment in its place."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from motionmusic.data.annotations import for_pyskl, pickled
from motionmusic.files import write_array, write_parquet

TASK = "synthetic"
# every segment trains, validates, tests and is dropped in one fold each
ROLES = ("train", "validation", "test", "dropped")


def index() -> pd.DataFrame:
    ids = pd.DataFrame(
        [(piece, e, s, label) for label, piece in enumerate(("C_1", "R_1")) for e in (0, 3)
         for s in range(2)],
        columns=["piece", "excerpt", "segment", "label"],
    )  # fmt: skip
    roles = [[ROLES[(row + fold) % 4] for row in range(8)] for fold in range(4)]
    return pd.concat([ids.assign(fold=f, split=role) for f, role in enumerate(roles)])


def test_written_and_loaded_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    joints = np.random.default_rng(0).normal(size=(8, 3, 25, 23)).astype(np.float32)
    folder = Path("data", TASK)
    write_array(folder / "segments" / "joints.npy", joints)
    write_parquet(folder / "segments" / "index.parquet", index())
    importlib.import_module("pyskl").main([TASK])
    content = (folder / "pyskl.pkl").read_bytes()
    found = pickle.loads(content)
    assert set(found) == {"split", "annotations"}
    samples = {one["frame_dir"]: one for one in found["annotations"]}
    assert len(samples) == 8
    assert list(found["split"]) == [
        f"fold{f}_{s}" for f in range(4) for s in ("train", "val", "test")
    ]
    # each split's samples, as pyskl's PoseDataset picks them, are the segments of the task's index
    pyskl_name = {"train": "train", "validation": "val", "test": "test"}
    for fold, rows in index().groupby("fold"):
        for split, ours in rows.reset_index(drop=True).groupby("split"):
            if split == "dropped":
                continue
            picked = [
                samples[name] for name in found["split"][f"fold{fold}_{pyskl_name[str(split)]}"]
            ]
            assert [one["label"] for one in picked] == ours["label"].tolist()
            for one, row in zip(picked, ours.index, strict=True):
                assert one["keypoint"].shape == (1, 25, 23, 3)
                assert one["keypoint"].dtype == np.float32
                assert one["total_frames"] == 25
                np.testing.assert_array_equal(one["keypoint"][0].transpose(2, 0, 1), joints[row])
    dropped = {name for names in found["split"].values() for name in names}
    assert dropped == set(samples)


def test_older_numpy_can_read_it_and_arrays_may_be_changed() -> None:
    folds = [(0, index()[:8])]
    joints = np.zeros((8, 3, 25, 23), np.float32)
    content = pickled(for_pyskl(folds, joints))
    assert b"numpy._core" not in content
    assert b"numpy.core" not in content
    pickle.loads(content)["annotations"][0]["keypoint"][:] = 1
    assert content == pickled(for_pyskl(folds, joints))
