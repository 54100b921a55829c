"""Planted leaks are found: in names, in motion under other names, in the stage."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from motionmusic.data.leakage import (
    draw_leakage,
    is_promised,
    keys_of,
    keys_of_segments,
    leakage_figure,
    nearest,
    nearest_in_piece,
    shared,
    summary,
)
from motionmusic.features.segments import every_segment

ROOT = Path(__file__).parents[1]
JOINTS = 23


def segments(*rows: tuple[str, int, int, str, str]) -> pd.DataFrame:
    """Rows piece, excerpt, segment, split, units (a letter each)."""
    columns = ["piece", "excerpt", "segment", "split", "units"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(units=frame["units"].map(frozenset))


def test_shared_names_are_counted() -> None:
    rows = segments(
        ("p", 0, 0, "train", "ab"), ("p", 1, 0, "test", "b"), ("q", 0, 0, "test", "cd"),
        ("q", 0, 1, "test", "d"), ("r", 0, 0, "validation", "d"), ("s", 0, 0, "dropped", "c"),
    )  # fmt: skip
    captures = {"a": "one", "b": "one", "c": "two", "d": "unknown"}
    keys = keys_of_segments(rows, "folder", captures)
    found = shared(rows["split"].tolist(), keys, "train", "test")
    assert list(found) == ["piece", "excerpt", "segment", "unit", "capture"]
    assert found["piece"] == {
        "shared": 1, "of": 2, "share": 1 / 2, "segments": 1 / 3, "examples": ["p"],
    }  # fmt: skip
    assert found["excerpt"]["shared"] == found["segment"]["shared"] == 0
    assert (found["unit"]["examples"], found["unit"]["of"]) == (["b"], 3)
    assert (found["capture"]["examples"], found["capture"]["of"]) == (["one"], 2)
    # unknown is no session that two could share
    other = shared(rows["split"].tolist(), keys, "validation", "test")
    assert other["unit"]["examples"] == ["d"]
    assert other["capture"]["shared"] == 0


def test_names_of_aist() -> None:
    name = "gBR_sBM_cAll_d04_mBR0_ch01"
    assert keys_of(name, "aist") == {"piece": name, "dancer": "d04", "music": "mBR0"}
    assert keys_of("C_1", "folder") == {"piece": "C_1"}
    rows = segments((name, 0, 0, "test", ""), (name.replace("01", "02"), 0, 0, "train", ""))
    keys = keys_of_segments(rows, "aist", {})
    assert "unit" not in keys
    found = shared(rows["split"].tolist(), keys, "train", "test")
    assert [key for key, some in found.items() if some["shared"]] == ["dancer", "music"]


def test_what_protocols_promise() -> None:
    train_test, validation_test = ("train", "test"), ("validation", "test")
    assert is_promised("by_piece", "piece", train_test)
    assert not is_promised("by_unit", "piece", train_test)
    assert not is_promised("paper", "piece", train_test)
    assert is_promised("by_capture", "capture", train_test)
    assert is_promised("by_capture", "capture", validation_test)
    assert not is_promised("by_capture", "capture", ("train", "validation"))
    assert is_promised("official", "music", train_test)
    assert not is_promised("official", "music", validation_test)
    assert not is_promised("official_clean", "dancer", train_test)


def moves(n: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(0, 1, (n, 3, 25, 4)).astype(np.float32)


def test_nearest_finds_copies_under_other_names() -> None:
    train, test = moves(9), moves(4, 1)
    test[0] = train[7]  # the same
    test[1] = train[3] + np.float32(0.01)  # noisy by 0.01 in every coordinate
    test[2, :, :-1], test[2, :, -1] = train[5, :, 1:], train[5, :, -1]  # a frame earlier
    index, distance = nearest(test, train)
    assert index[:2].tolist() == [7, 3]
    assert distance[0] == 0
    assert distance[1] == pytest.approx(0.01, rel=1e-4)
    # by hand, as a slow loop
    for row in range(4):
        rms = [np.sqrt(np.mean((test[row] - other).astype(float) ** 2)) for other in train]
        assert distance[row] == pytest.approx(min(rms), rel=1e-4, abs=1e-9)
    assert summary(distance, 0.05, 1e-6) == {
        "n": 4, "quantile_5": np.quantile(distance, 0.05), "median": np.median(distance),
        "near": 0.5, "identical": 1,
    }  # fmt: skip


def test_smooth_motion_a_frame_later_is_near() -> None:
    time = np.arange(60)[:, None] / 25
    path = 0.5 + 0.4 * np.sin(time + np.arange(12)).reshape(60, 3, 4)
    cut = [path[first : first + 25].transpose(1, 0, 2).astype(np.float32) for first in (0, 1, 30)]
    _, distance = nearest(np.stack(cut[1:]), np.stack(cut[:1]))
    assert 1e-6 < distance[0] < 0.05 < distance[1]


def test_reference_is_another_segment_of_the_same_piece() -> None:
    motion = moves(6)
    motion[2] = motion[0] + np.float32(0.02)
    motion[4] = motion[3]  # of another piece
    got = nearest_in_piece(motion, ["a", "a", "a", "a", "b", "c"])
    assert got[[0, 2]] == pytest.approx([0.02, 0.02], rel=1e-3)
    assert got[3] > 0.1
    assert np.isnan(got[4:]).all()
    motion[1] = motion[0]
    assert nearest_in_piece(motion, ["a"] * 6)[:2].tolist() == [0, 0]
    assert summary(got, 0.05, 1e-6)["n"] == 4


def test_no_distances() -> None:
    got = summary(np.array([]), 0.05, 1e-6)
    assert (got["n"], got["identical"]) == (0, 0)
    assert leakage_figure(np.array([]), np.array([]), 0.05, "Nothing", "to show")


def test_picture_is_whole() -> None:
    values = np.linspace(0.02, 0.3, 50)
    given = (values, 1.2 * values, 0.05, "A title " * 12, "A caption with words. " * 12)
    assert leakage_figure(*given) == leakage_figure(*given)
    figure = draw_leakage(*given)
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert 0 <= box.x0 < box.x1 <= width
    assert 0 <= box.y0 < box.y1 <= height


# The stage

PIECES = [("C_1", 0), ("C_2", 0), ("C_3", 0), ("R_1", 1), ("R_2", 1), ("R_3", 1)]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """Segments of six pieces in three folds by piece; every piece dances its own unit."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["datasets"]["folder"]["labels"] = {"C": "Cha-cha", "R": "Rumba"}
    params["segment"]["folder"] |= {"excerpt_frames": 50, "protocol": "by_piece", "folds": 3}
    params["leakage"] = {"near": 0.05, "identical": 0.000001}
    data = tmp_path / "data" / "folder"
    (data / "segments").mkdir(parents=True)
    spans = [(piece, 0, 50, f"unit of {piece}", "a session") for piece, _ in PIECES]
    table = pd.DataFrame(spans, columns=["piece", "start", "end", "unit", "capture"])
    table.to_csv(data / "units.csv", index=False)
    excerpts = pd.DataFrame([{"piece": p, "excerpt": 0, "label": label} for p, label in PIECES])
    parts = []
    for fold in range(3):
        splits = [("test", "validation", "train")[(k - fold) % 3] for _ in "CR" for k in range(3)]
        parts.append(every_segment(excerpts.assign(split=splits), 2).assign(fold=fold))
    index = pd.concat(parts, ignore_index=True)
    index.to_parquet(data / "segments" / "index.parquet", index=False)
    rng = np.random.default_rng(0)
    motion = rng.uniform(-1, 1, (12, 3, 25, JOINTS)).astype(np.float32)
    np.save(data / "segments" / "joints.npy", motion)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def set_protocol(space: Path, protocol: str, folds: int) -> None:
    params = yaml.safe_load((space / "params.yaml").read_text())
    params["datasets"]["folder"]["choreography"] = "musictodance"
    params["segment"]["folder"] |= {"protocol": protocol, "folds": folds}
    (space / "params.yaml").write_text(yaml.safe_dump(params))


def edit_index(space: Path, rows: Any, **values: Any) -> None:
    file = space / "data" / "folder" / "segments" / "index.parquet"
    index = pd.read_parquet(file)
    for column, value in values.items():
        index.loc[rows, column] = value
    index.to_parquet(file, index=False)


def edit_joints(space: Path, to: int, source: int, noise: float = 0.0) -> None:
    file = space / "data" / "folder" / "segments" / "joints.npy"
    motion = np.load(file)
    motion[to] = motion[source] + np.float32(noise)
    np.save(file, motion)


def run(space: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "stages" / "leakage.py"), "folder"],
        cwd=space, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stderr


def report(space: Path) -> dict[str, Any]:
    status, said = run(space)
    assert (status, said) == (0, "")
    assert (space / "plots" / "folder" / "leakage.png").read_bytes()[1:4] == b"PNG"
    content: dict[str, Any] = json.loads(
        (space / "metrics" / "folder" / "leakage.json").read_text()
    )
    return content


def refused(space: Path, *needed: str) -> None:
    status, said = run(space)
    assert status == 2, said
    assert said.startswith("error: ")
    for text in needed:
        assert text in said, said
    assert not (space / "metrics").exists()
    assert not (space / "plots").exists()


def test_stage_on_a_clean_split(space: Path) -> None:
    got = report(space)
    assert (got["segments"], got["tested"], got["dropped_over_folds"]) == (12, 12, 0)
    assert got["nearest_in_train"]["near"] == got["nearest_in_train"]["identical"] == 0
    assert got["one_nearest_neighbour"]["chance"] == 0.5
    assert got["tested_with_shared"] == {
        "piece": 0, "excerpt": 0, "segment": 0, "unit": 0, "capture": 1,
    }  # fmt: skip
    assert [fold["segments"] for fold in got["folds"]] == [
        {"test": 4, "validation": 4, "train": 4}
    ] * 3


def test_stage_reports_what_is_not_promised(space: Path) -> None:
    """A noisy copy of a segment is near; by_piece says nothing of units."""
    edit_joints(space, 0, 10, noise=0.01)  # C_1/0/0 and R_3/0/0, which trains when C_1 is tested
    file = space / "data" / "folder" / "units.csv"
    file.write_text(file.read_text().replace("unit of R_3", "unit of C_1"))
    got = report(space)
    first = got["closest"][0]
    assert (first["fold"], first["test"], first["train"]) == (0, "C_1/0/0", "R_3/0/0")
    assert first["distance"] == pytest.approx(0.01, rel=1e-3)
    assert got["nearest_in_train"]["near"] > 0
    assert got["folds"][0]["shared"]["train_test"]["unit"]["examples"] == ["unit of C_1"]


def test_stage_refuses_a_shared_piece(space: Path) -> None:
    index = pd.read_parquet(space / "data" / "folder" / "segments" / "index.parquet")
    rows = (index["fold"] == 1) & (index["piece"] == "R_2") & (index["segment"] == 1)
    edit_index(space, rows, split="train")
    refused(space, "fold 1, train and test", "no piece in both", "1: R_2")


def test_stage_refuses_a_segment_on_two_sides(space: Path) -> None:
    set_protocol(space, "by_unit", 3)
    file = space / "data" / "folder" / "units.csv"
    file.write_text("piece,start,end,unit,capture\n")
    edit_index(space, [0], piece="R_3")  # the first row of fold 0, tested, is R_3's now
    refused(space, "fold 0, train and test", "no segment in both", "R_3/0/0")


def test_stage_refuses_a_shared_unit(space: Path) -> None:
    file = space / "data" / "folder" / "units.csv"
    file.write_text(file.read_text().replace("unit of R_3", "unit of C_1"))
    set_protocol(space, "by_unit", 3)
    refused(space, "no unit in both, as protocol by_unit promises", "1: unit of C_1")


def test_stage_refuses_a_shared_session(space: Path) -> None:
    set_protocol(space, "by_capture", 2)
    refused(space, "fold 0, train and test", "no capture in both", "1: a session")


def test_stage_refuses_a_shared_excerpt(space: Path) -> None:
    params = yaml.safe_load((space / "params.yaml").read_text())
    params["segment"]["folder"] |= {"protocol": "paper", "folds": 1}
    (space / "params.yaml").write_text(yaml.safe_dump(params))
    index = pd.read_parquet(space / "data" / "folder" / "segments" / "index.parquet")
    index = index[index["fold"] == 0]
    index.loc[0, "split"] = "train"
    index.to_parquet(space / "data" / "folder" / "segments" / "index.parquet", index=False)
    refused(space, "no excerpt in both, as protocol paper promises", "C_1/0")


@pytest.mark.parametrize(("protocol", "fails"), [("by_piece", True), ("paper", False)])
def test_identical_motion_under_another_name(space: Path, protocol: str, fails: bool) -> None:
    edit_joints(space, 0, 10)
    if fails:
        refused(space, "fold 0", "no test segment with the motion", "C_1/0/0 is R_3/0/0")
        return
    params = yaml.safe_load((space / "params.yaml").read_text())
    params["segment"]["folder"] |= {"protocol": protocol, "folds": 1}
    (space / "params.yaml").write_text(yaml.safe_dump(params))
    assert report(space)["nearest_in_train"]["identical"] == 1


def test_stage_keeps_earlier_results_when_it_refuses(space: Path) -> None:
    report(space)
    before = (space / "metrics" / "folder" / "leakage.json").read_bytes()
    edit_joints(space, 0, 10)
    assert run(space)[0] == 2
    assert (space / "metrics" / "folder" / "leakage.json").read_bytes() == before


def test_stage_without_a_test_split(space: Path) -> None:
    """A few sequences of AIST++ may have none."""
    edit_index(space, slice(None), split="train")
    shutil.rmtree(space / "metrics", ignore_errors=True)
    got = report(space)
    assert got["tested"] == 0
    assert got["one_nearest_neighbour"]["accuracy"] is None
