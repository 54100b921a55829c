"""The authors' predictions: what may be in their files, and every count of them."""

from __future__ import annotations

import contextlib
import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from closure import ROOT
from mirrored import mirrored
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.scoring import authors
from motionmusic.scoring.accuracy import at_level
from motionmusic.scoring.paper import printed_confusion, published_predictions


@pytest.fixture
def result() -> Path:
    """The authors' result/."""
    return mirrored("musicmotion") / "result"


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """The counts that the repository keeps."""
    types = dict.fromkeys(("n_segments", "segments_right"), "Int64")
    return pd.read_csv(ROOT / "metrics" / "authors" / "scores.csv", dtype=types)


def test_the_committed_counts_are_those_of_the_files(result: Path, scores: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(authors.scores(result), scores, check_dtype=False)


def test_scores(scores: pd.DataFrame) -> None:
    """Every count of 8.1 to 8.3 is in paper_files.csv, but those of no printed cell."""
    assert list(scores) == ["file", "n_segments", "segments_right", "n_excerpts", "excerpts_right"]
    assert len(scores) == 47
    assert list(scores["file"]) == sorted(scores["file"])
    votes = scores["file"].str.contains("_ALL_|_after_")
    assert (scores["n_segments"].isna() == votes).all()
    assert (scores["segments_right"].isna() == votes).all()
    known = pd.concat([published_predictions(dataset) for dataset in ("m2d", "aist")])
    counts = known[list(scores)].drop_duplicates().sort_values("file", ignore_index=True)
    shown = scores["file"].isin(known["file"])
    scored = scores[shown].reset_index(drop=True)
    pd.testing.assert_frame_equal(counts, scored, check_dtype=False)
    # FC without collaborative learning, another alpha
    others = scores[~shown].set_index("file")
    assert others["excerpts_right"].to_dict() == {
        "AIST_DATA_FC_ALL_500.txt": 13, "M2D_DATA_FC_ALL_1500.txt": 42, "aist_ensemble_500_0.5.txt": 14,
    }  # fmt: skip
    assert others.loc["aist_ensemble_500_0.5.txt", "segments_right"] == 187


def test_fusions() -> None:
    fused = pd.read_csv(ROOT / "metrics" / "authors" / "fused.csv").set_index("ensemble")
    expected = {
        "ensemble_1500.txt": (432, 329, 37), "ensemble_3000.txt": (432, 395, 47),
        "ensemble_dropout_1500.txt": (414, 394, 45), "ensemble_dropout_3000.txt": (414, 399, 46),
        "ensemble_fc_3000.txt": (414, 406, 46),
    }  # fmt: skip
    for name, (lines, segments, excerpts) in expected.items():
        row = fused.loc[name]
        assert row["lines_agreeing"] == row["n_segments"] == lines
        assert row["segments_right"] == row["ensemble_segments_right"] == segments
        assert row["excerpts_right"] == row["ensemble_excerpts_right"] == excerpts
    # on AIST++ other runs were fused than those released: 94 and 114 lines differ
    for name, agreeing in {"500": 340 - 94, "1000": 340 - 114}.items():
        assert fused.loc[f"AIST_DROPOUT_ensemble_{name}.txt", "lines_agreeing"] == agreeing


def test_confusions_and_fusions_are_those_of_the_files(result: Path) -> None:
    for name, found in (
        ("confusion", authors.confusions(result)),
        ("fused", authors.fusions(result)),
    ):
        kept = pd.read_csv(ROOT / "metrics" / "authors" / f"{name}.csv")
        pd.testing.assert_frame_equal(found, kept, check_dtype=False)


def test_confusions() -> None:
    counts = pd.read_csv(ROOT / "metrics" / "authors" / "confusion.csv")
    figure4 = counts[counts["file"] == "ensemble_fc_3000.txt"]
    matrix, names = printed_confusion("figure4")
    assert figure4["count"].to_list() == matrix.ravel().tolist()
    assert figure4["printed"].to_list() == matrix.ravel().tolist()
    assert list(dict.fromkeys(figure4["actual"])) == names
    assert matrix.tolist() == [[88, 2, 0, 0], [0, 99, 0, 0], [0, 0, 108, 0], [5, 0, 1, 111]]
    aist = counts[counts["file"] == "aist_result_joint_1000.pkl"]
    assert aist["count"].sum() == 340
    assert aist.loc[aist["actual"] == aist["predicted"], "count"].sum() == 219
    assert aist["printed"].isna().all()


# 8.1 to 8.3, the columns "printed": table → cells with a file that gives them, of cells with a file

REPRODUCED = {"table3": (12, 18), "table4": (9, 14), "table5": (9, 18), "table6": (9, 14)}


def test_cells(scores: pd.DataFrame) -> None:
    cells = authors.cells(scores)
    places = ["table", "row", "cl", "input"]
    assert len(cells.drop_duplicates(places)) == 80
    for table, (yes, with_file) in REPRODUCED.items():
        own = cells[(cells["table"] == table) & cells["file"].notna()]
        best = own.groupby(places)["reproduces"].any()
        assert (best.sum(), len(best)) == (yes, with_file)
    by_place = {key: rows.to_dict("records") for key, rows in cells.groupby(places)}
    contradiction = by_place["table6", "dropout", "no", "bones"]
    assert [row["reproduces"] for row in contradiction] == [False, True]
    assert pd.isna(by_place["table3", "plain", "yes", "fused"][0]["count"])
    (one,) = by_place["table3", "fc", "yes", "fused"]
    assert (one["file"], one["right"], one["of"]) == ("ensemble_fc_3000.txt", 406, 414)


def test_a_cell_of_another_test_set_is_not_reproduced(scores: pd.DataFrame) -> None:
    """As many right of more segments or excerpts is another accuracy."""
    assert authors.cells(scores)["reproduces"].any()
    more = scores.assign(**{n: scores[n] + 1 for n in scores.columns if n.startswith("n_")})
    assert not authors.cells(more)["reproduces"].fillna(False).any()


# The true label of each test excerpt, in the order of the authors' files
LABELS = {
    "M2D_true_label.pkl": "0213303030013221322203220123131311032221003131",
    "true_label.pkl": "000000000000111111111111222222222222333333333333",
    "aist_true_label.pkl": "44770022996688335511",
}


def test_the_labels_are_those_of_the_files(result: Path) -> None:
    for (file, labels), segments in zip(LABELS.items(), (9, 9, 17), strict=True):
        found = authors.read_arrays(result / file)[:, 0]
        assert found.tolist() == [int(label) for label in labels for _ in range(segments)]


def test_their_votes_are_ours(result: Path) -> None:
    """Excerpt by excerpt, ties included, but for the two files that contradict their logits."""
    agreeing = {}
    files = pd.concat([published_predictions(dataset) for dataset in ("m2d", "aist")])
    for _, own in files.groupby(["n_excerpts", "row", "cl", "input"]):
        names = own["file"].tolist()
        if len(names) == 2:
            ours, theirs = (
                at_level(authors.read_predictions_of(result, name)[0], "excerpt") for name in names
            )
            agreeing[names[1]] = int((ours["predicted"] == theirs["predicted"]).sum())
    assert agreeing.pop("AIST_BONE_DROPOUT_ALL_500.txt") == 3
    assert agreeing.pop("AIST_BONE_DROPOUT_ALL_1000.txt") == 6
    assert len(agreeing) == 13
    for name, excerpts in agreeing.items():
        assert excerpts == (46 if name.startswith("M2D") else 20), name


def test_the_stage(
    result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: pd.DataFrame
) -> None:
    stage = importlib.import_module("authors")  # stages/authors.py
    (tmp_path / "data" / "musicmotion" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "musicmotion" / "raw" / "result").symlink_to(result)
    monkeypatch.chdir(tmp_path)
    stage.main([])
    folder = tmp_path / "metrics" / "authors"
    names = {"scores.csv", "fused.csv", "confusion.csv", "cells.csv"}
    assert {path.name for path in folder.iterdir()} == names
    text = (folder / "scores.csv").read_text()
    assert text == scores.to_csv(index=False)
    assert "AIST_BONE_DROPOUT_ALL_500.txt,,,20,11\n" in text
    assert "ensemble_fc_3000.txt,414,406,46,46\n" in text
    with pytest.raises(UserError, match="command line"):
        stage.main(["m2d"])


def test_the_stage_finds_the_printed_cells_of_all_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: pd.DataFrame
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("scores", "fusions", "confusions"):
        monkeypatch.setattr(authors, name, lambda _: scores)
    importlib.import_module("authors").main([])
    expected = authors.cells(scores).to_csv(index=False)
    assert Path("metrics/authors/cells.csv").read_text() == expected


# What may be in a pickle (tests/data/test_safe_pickle.py has the calls that it must not make)


def write(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=3))
    return path


def some_rows(n: int = 3, k: int = 4) -> list[NDArray[np.float32]]:
    values = np.random.default_rng(0).standard_normal((n, 1, k)).astype(np.float32)
    return list(values)


def test_arrays_come_back_or_are_refused(tmp_path: Path) -> None:
    rows = some_rows()
    path = write(tmp_path / "a.pkl", rows)
    whole = path.read_bytes()
    assert np.array_equal(authors.read_arrays(path), np.concatenate(rows))
    path.write_bytes(whole.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert np.array_equal(authors.read_arrays(path), np.concatenate(rows))
    assert np.array_equal(
        authors.read_arrays(write(path, [r[0] for r in rows])), np.stack(rows)[:, 0]
    )
    rng = np.random.default_rng(0)
    for _ in range(300):  # damaged at random: read, or refused, and nothing else
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        with contextlib.suppress(UserError):
            assert authors.read_arrays(path).dtype == np.float32


ZEROS = pickle.dumps([np.zeros((1, 4), np.float32)], protocol=3)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"(Vtouch ran\niposix\nsystem\n.", "posix.system (it was not run)"),  # INST
        (b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93.", "numpy.os.system (it was not run)"),
        (b"\x80\x03]X\x01\x00\x00\x00aQa.", "persistent"),  # BINPERSID
        # an array of float32 whose content is a list, as an array of objects has it
        (ZEROS.replace(b"C\x10" + bytes(16), b"]"), "an array that is not of numbers"),
        (ZEROS.replace(b"K\x01K\x04\x86", b"K\x01J\xff\xff\xff\x7f\x86"), "shape (1,2147483647)"),
        (ZEROS[:-1], "a pickled list"),
        ({"a": 1}, "got {'a': 1}"),
        ([], "got []"),
        ([*some_rows(), 3], "entry 3"),
        ([*some_rows(), np.zeros((1, 5), np.float32)], "entry 3"),
        ([np.zeros((2, 4), np.float32)], "entry 0"),
        ([np.zeros((1, 4), ">f4")], "entry 0"),
        ([np.zeros((1, 4))], "entry 0"),
        ([np.zeros((1, 0), np.float32)], "entry 0"),
        ([np.float32(3)], "entry 0"),
        ([np.full((1, 4), np.nan, np.float32)], "finite numbers"),
    ],
)
def test_what_is_no_list_of_arrays(tmp_path: Path, content: Any, text: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=3))
    with pytest.raises(UserError) as caught:
        authors.read_arrays(path)
    assert str(path) in str(caught.value)
    assert text in str(caught.value)


# Lines


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("[0.],3\n2,1\n")
    assert authors.read_lines(path).tolist() == [[0, 3], [2, 1]]
    for line in ("1", "1,2,3", "-1,2", "a,b", "[1,2", "", "1.0,2", "[0.5],1"):
        path.write_text(f"0,0\n{line}\n0,0\n")
        with pytest.raises(UserError, match="line 2"):
            authors.read_lines(path)
    path.write_bytes(b"\xff\xfe,0\n")
    with pytest.raises(UserError, match="utf-8"):
        authors.read_lines(path)
    with pytest.raises(UserError, match="no such file"):
        authors.read_lines(tmp_path / "none.txt")


# Files that do not belong together


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The true labels of a made-up aist test set."""
    labels = np.repeat(np.arange(20) % 10, 17).astype(np.float32)
    write(tmp_path / "aist_true_label.pkl", [labels[i : i + 1] for i in range(340)])
    return tmp_path


def test_files_that_do_not_belong_together(made: Path) -> None:
    def wrong(text: str) -> None:
        with pytest.raises(UserError) as caught:
            authors.scores(made)
        assert text in str(caught.value)

    wrong("the authors' files of predictions, got none")
    for lines, text in (
        (["0,0"] * 7, "414 or 46, 432 or 48, 340 or 20 rows, got 7"),
        (["0,0"] * 20, "line 2: expected 1 as in aist_true_label.pkl, and 0 … 9, got 0,0"),
        ([f"{n % 10},10" for n in range(20)], "line 1: expected 0 as in"),
    ):
        (made / "a.txt").write_text("\n".join(lines))
        wrong(text)
    (made / "a.txt").unlink()
    write(made / "a.pkl", some_rows(340, 4))
    wrong("10 logits a segment, got 4")
    write(made / "a.pkl", some_rows(414, 4))
    wrong("M2D_true_label.pkl: expected a pickled list of float32 arrays")
    write(made / "a.pkl", some_rows(340, 10))
    labels = np.repeat(np.arange(20) % 10, 17).astype(np.float32)
    third = np.arange(340) == 3
    for values in (
        np.where(third, 5, labels),
        np.where(third, 0.5, labels),
        labels + 1,
        labels[:339],
    ):
        write(made / "aist_true_label.pkl", [np.array([value], np.float32) for value in values])
        wrong("20 excerpts of 17 segments with one label of 0 … 9")
