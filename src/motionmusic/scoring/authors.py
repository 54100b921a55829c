"""The authors' own predictions, scored again (docs/method.md).

Their repository holds logits (.pkl) and fused or voted predictions (.txt) of many of the cells that
Tables 3 to 6 print.

Every file is about one of three test sets, told apart by their length. In a frame of predictions
the n-th excerpt is a piece of its own, because the files do not name their dances.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.data.safe_pickle import read_pickle
from motionmusic.errors import UserError
from motionmusic.predictions import make_predictions
from motionmusic.scoring.accuracy import at_level, confusion, fuse, predicted
from motionmusic.scoring.paper import printed, printed_confusion, published_predictions

_REMEDY = "delete it and run `dvc repro` for the stage that downloads it"
_LINE = re.compile(r"(?:(\d+)|\[(\d+)\.\]),(\d+)")  # ensemble_1500.txt has "[0.],0"


@dataclass(frozen=True)
class Excerpts:
    """One of the authors' test sets: consecutive excerpts of equally many segments.

    Attributes:
        dataset: m2d or aist.
        protocol: the split, as params.yaml calls it.
        label_file: the true label of every segment.
        n: number of excerpts.
        segments: of each excerpt.
        classes: the dance types in the order of their labels.
    """

    dataset: str
    protocol: str
    label_file: str
    n: int
    segments: int
    classes: tuple[str, ...]


_M2D = ("Cha-cha", "Rumba", "Tango", "Waltz")
_AIST = ("Break", "Pop", "Lock", "Middle hip hop", "LA hip hop", "House", "Waack", "Krump",
         "Street jazz", "Ballet jazz")  # fmt: skip
TEST_SETS = (
    Excerpts("m2d", "paper", "M2D_true_label.pkl", 46, 9, _M2D),
    Excerpts("m2d", "published", "true_label.pkl", 48, 9, _M2D),
    Excerpts("aist", "official", "aist_true_label.pkl", 20, 17, _AIST),
)

# (joints, bones, the file that should be their fusion). The bones of AIST++ have a variant in their
# name, its joints have none.
FUSIONS = (
    ("result_joint_1500.pkl", "result_bone_1500.pkl", "ensemble_1500.txt"),
    ("result_joint_3000.pkl", "result_bone_3000.pkl", "ensemble_3000.txt"),
    ("M2D_result_joint_dropout_1500.pkl", "M2D_result_bone_dropout_1500.pkl",
     "ensemble_dropout_1500.txt"),
    ("M2D_result_joint_dropout_3000.pkl", "M2D_result_bone_dropout_3000.pkl",
     "ensemble_dropout_3000.txt"),
    ("M2D_result_joint_fc_3000.pkl", "M2D_result_bone_fc_3000.pkl", "ensemble_fc_3000.txt"),
    ("aist_result_joint_500.pkl", "AIST_BONE_DROPOUT_500.pkl", "AIST_DROPOUT_ensemble_500.txt"),
    ("aist_result_joint_1000.pkl", "AIST_BONE_DROPOUT_1000.pkl", "AIST_DROPOUT_ensemble_1000.txt"),
)  # fmt: skip

# The counts of Figure 4, and those of a released picture whose axes are named as wrongly as
# Figure 5's (O21); Figure 5's own predictions are not released.
CONFUSIONS = {"ensemble_fc_3000.txt": "figure4", "aist_result_joint_1000.pkl": None}

_TABLES = {
    "table3": ("m2d", "segments"), "table4": ("aist", "segments"),
    "table5": ("m2d", "excerpts"), "table6": ("aist", "excerpts"),
}  # fmt: skip


def read_arrays(path: Path) -> NDArray[np.float32]:
    """A pickled list of equally long float32 arrays, one a segment, as one array (n, k).

    Raises:
        UserError: no such file, no whole pickle, or anything in it but such a list; what a pickle
            asks to be called is never called.
    """
    expected = "a pickled list of float32 arrays of one length"
    content = read_pickle(path, expected, _REMEDY)
    if not isinstance(content, list) or not content:
        got = "an empty list" if content == [] else type(content).__name__
        raise UserError(path, "", expected, got, _REMEDY)
    rows: list[NDArray[np.float32]] = []
    for number, item in enumerate(content):
        fits = isinstance(item, np.ndarray) and item.dtype == np.float32
        row = item.ravel() if fits and item.ndim in (1, 2) and item.size == item.shape[-1] else None
        if row is None or len(row) == 0 or len(row) != len(rows[0] if rows else row):
            got = type(item).__name__ if row is None else f"an array of {len(row)}"
            raise UserError(path, f"entry {number}", expected, got, _REMEDY)
        if not np.isfinite(row).all():
            raise UserError(path, f"entry {number}", "finite numbers", f"{row.tolist()}", _REMEDY)
        rows.append(row)
    return np.stack(rows)


def read_lines(path: Path) -> NDArray[np.int64]:
    """Lines ``true,predicted`` as (n, 2). Raises UserError, naming the line, for anything else."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(path, "", "lines true,predicted", "no such file", _REMEDY) from None
    except UnicodeDecodeError as error:
        raise UserError(path, "", "lines true,predicted", str(error), _REMEDY) from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise UserError(path, f"line {number}", "true,predicted", repr(line), _REMEDY)
        pairs.append((int(match[1] or match[2]), int(match[3])))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def read_predictions_of(folder: Path, name: str) -> tuple[pd.DataFrame, Excerpts, bool]:
    """One of the authors' files as a frame of predictions.

    Args:
        folder: their result/.
        name: of a .pkl file with logits or a .txt file with predictions, which become logits of 0
            and 1.

    Returns:
        (frame, test set, whether it has segments). A file of votes alone has one row an excerpt.

    Raises:
        UserError: the file is missing or broken, fits no test set, or has other true labels.
    """
    path = folder / name
    text = path.suffix == ".txt"
    content = read_lines(path) if text else read_arrays(path)
    test, segments = _test_set(path, len(content))
    labels = _labels(folder, test)
    labels = labels if segments else labels[:: test.segments]
    k = len(test.classes)
    if text:
        if not np.array_equal(content[:, 0], labels):
            line = int(np.flatnonzero(content[:, 0] != labels)[0])
            got, true = content[line, 0], f"true label {labels[line]} as in {test.label_file}"
            raise UserError(path, f"line {line + 1}", true, f"{got}", _REMEDY)
        if content.max() >= k:
            raise UserError(path, "", f"labels of 0 … {k - 1}", f"{content.max()}", _REMEDY)
        logits = np.eye(k, dtype=np.float32)[content[:, 1]]
    else:
        logits = content.astype(np.float32)
        if logits.shape[1] != k:
            raise UserError(path, "", f"{k} logits a segment", f"{logits.shape[1]}", _REMEDY)
    excerpt, segment = np.divmod(np.arange(len(labels)), test.segments if segments else 1)
    ids = pd.DataFrame(
        {
            "split": "test",
            "piece": [f"excerpt {number:02d}" for number in excerpt],
            "excerpt": 0,
            "segment": segment,
            "label": labels,
        }
    )
    return make_predictions(test.dataset, ids, logits), test, segments


def _test_set(path: Path, rows: int) -> tuple[Excerpts, bool]:
    """The test set of that many segments or excerpts, and whether they are segments."""
    for test in TEST_SETS:
        if rows in (test.n * test.segments, test.n):
            return test, rows != test.n
    sizes = ", ".join(f"{test.n * test.segments} or {test.n}" for test in TEST_SETS)
    raise UserError(path, "", f"{sizes} rows", f"{rows}", _REMEDY)


def _labels(folder: Path, test: Excerpts) -> NDArray[np.int64]:
    """The true label of every segment, (n · segments,), one and the same within an excerpt."""
    path = folder / test.label_file
    values = read_arrays(path)
    labels = values[:, 0].astype(np.int64)
    expected = f"{test.n} excerpts of {test.segments} labels of 0 … {len(test.classes) - 1}"
    known = values.shape == (test.n * test.segments, 1) and np.isin(
        values, range(len(test.classes))
    )
    if not np.all(known):
        raise UserError(path, "", expected, f"other values, shape {values.shape}", _REMEDY)
    blocks = labels.reshape(test.n, test.segments)
    if (blocks != blocks[:, :1]).any():
        raise UserError(path, "", expected, "two labels in one excerpt", _REMEDY)
    return labels


def right(frame: pd.DataFrame, level: str) -> int:
    """How many segments or excerpts (``level``) are right."""
    rows = at_level(frame, level)
    return int((rows["label"] == rows["predicted"]).sum())


def scores(folder: Path) -> pd.DataFrame:
    """Every file of predictions, sorted by name, one row each.

    Returns:
        file, n_segments, segments_right (both empty for files of votes), n_excerpts,
        excerpts_right.

    Raises:
        UserError: a file is broken, or there is none.
    """
    labels = {test.label_file for test in TEST_SETS}
    names = sorted(
        path.name
        for path in folder.glob("*")
        if path.suffix in (".pkl", ".txt") and path.name not in labels
    )
    if not names:
        raise UserError(folder, "", "the authors' files of predictions", "none", _REMEDY)
    return pd.DataFrame([_score(folder, name) for name in names]).astype(
        dict.fromkeys(("n_segments", "segments_right"), "Int64")
    )


def _score(folder: Path, name: str) -> dict[str, Any]:
    frame, test, segments = read_predictions_of(folder, name)
    return {
        "file": name,
        "n_segments": len(frame) if segments else None,
        "segments_right": right(frame, "segment") if segments else None,
        "n_excerpts": test.n,
        "excerpts_right": right(frame, "excerpt"),
    }


def fusions(folder: Path) -> pd.DataFrame:
    """Late fusions of released logits beside the authors' own file of each.

    Returns:
        joints, bones, ensemble (file names), n_segments, lines_agreeing (equal predictions),
        segments_right and n_excerpts, excerpts_right of our fusion, ensemble_segments_right and
        ensemble_excerpts_right of their file.
    """
    rows = []
    for joints, bones, ensemble in FUSIONS:
        frames = [read_predictions_of(folder, name)[0] for name in (joints, bones)]
        ours = fuse(frames, names=[folder / joints, folder / bones])
        theirs, test, _ = read_predictions_of(folder, ensemble)
        rows.append(
            {
                "joints": joints,
                "bones": bones,
                "ensemble": ensemble,
                "n_segments": len(ours),
                "lines_agreeing": int((predicted(ours) == predicted(theirs)).sum()),
                "segments_right": right(ours, "segment"),
                "ensemble_segments_right": right(theirs, "segment"),
                "n_excerpts": test.n,
                "excerpts_right": right(ours, "excerpt"),
                "ensemble_excerpts_right": right(theirs, "excerpt"),
            }
        )
    return pd.DataFrame(rows)


def confusions(folder: Path) -> pd.DataFrame:
    """Counts of segments by class, true and predicted.

    Returns:
        file, actual, predicted (classes in the order of their labels), count, printed (what the
        paper's figure has; empty where it shows another result).
    """
    rows = []
    for name, figure in CONFUSIONS.items():
        frame, test, _ = read_predictions_of(folder, name)
        counts = confusion(frame["label"], predicted(frame), len(test.classes))
        paper = {}
        if figure is not None:
            matrix, names = printed_confusion(figure)
            paper = {
                (actual, guess): int(matrix[i, j])
                for i, actual in enumerate(names)
                for j, guess in enumerate(names)
            }
        rows += [
            {
                "file": name,
                "actual": actual,
                "predicted": guess,
                "count": int(counts[i, j]),
                "printed": paper.get((actual, guess)),
            }
            for i, actual in enumerate(test.classes)
            for j, guess in enumerate(test.classes)
        ]
    return pd.DataFrame(rows).astype({"printed": "Int64"})


def cells(found: pd.DataFrame) -> pd.DataFrame:
    """Every printed cell of Tables 3 to 6 beside the authors' files that should give it.

    Args:
        found: from :func:`scores`.

    Returns:
        table, row, cl, input, percent and count and n (as printed; count is empty where none gives
        the percentage), file, right, of (empty where there is no file), reproduces: whether both
        numbers are the printed ones. Votes stand beside excerpts alone.
    """
    parts = []
    for table, (dataset, unit) in _TABLES.items():
        counts = found[["file", f"{unit}_right", f"n_{unit}"]].dropna()
        counts.columns = pd.Index(["file", "right", "of"])
        files = published_predictions(dataset)[["row", "cl", "input", "file"]].merge(counts)
        parts.append(printed(table).merge(files, how="left", on=["row", "cl", "input"]))
    rows = pd.concat(parts, ignore_index=True).drop(columns="source")
    rows = rows.astype(dict.fromkeys(("right", "of"), "Int64"))
    same = (rows["right"] == rows["count"]) & (rows["of"] == rows["n"])
    return rows.assign(reproduces=same.fillna(False).where(rows["file"].notna()))
