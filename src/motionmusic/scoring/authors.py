"""The authors' own predictions, scored again (docs/method.md): logits (.pkl), predictions (.txt).

Every file is about one of three test sets, told apart by their length. In a frame of predictions the
n-th excerpt is a piece of its own: the files do not name their dances.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.data.safe_pickle import read_pickle
from motionmusic.errors import UserError
from motionmusic.predictions import make_predictions
from motionmusic.scoring.accuracy import at_level, confusion, fuse, predicted, right_of
from motionmusic.scoring.paper import printed, printed_confusion, published_predictions

_REMEDY = "delete it and run `dvc repro` for the stage that downloads it"
_LINE = re.compile(r"(?:(\d+)|\[(\d+)\.\]),(\d+)")  # ensemble_1500.txt has "[0.],0"


class Excerpts(NamedTuple):
    """One of the authors' test sets: n consecutive excerpts of equally many segments.

    ``label_file`` has the true label of every segment, ``classes`` the dance types by label.
    """

    dataset: str
    label_file: str
    n: int
    segments: int
    classes: tuple[str, ...]


_M2D = ("Cha-cha", "Rumba", "Tango", "Waltz")
_AIST = ("Break", "Pop", "Lock", "Middle hip hop", "LA hip hop", "House", "Waack", "Krump",
         "Street jazz", "Ballet jazz")  # fmt: skip
TEST_SETS = (
    Excerpts("m2d", "M2D_true_label.pkl", 46, 9, _M2D),
    Excerpts("m2d", "true_label.pkl", 48, 9, _M2D),
    Excerpts("aist", "aist_true_label.pkl", 20, 17, _AIST),
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

    Raises UserError for no such file, no whole pickle, or anything else in it, which is never called.
    """
    expected = "a pickled list of float32 arrays of one length"
    content = read_pickle(path, expected, _REMEDY)
    if not isinstance(content, list) or not content:
        raise UserError(path, "", expected, f"{content!r:.60}", _REMEDY)
    rows: list[NDArray[np.float32]] = []
    for number, item in enumerate(content):
        row = item.ravel() if isinstance(item, np.ndarray) and item.dtype == np.float32 else None
        k = len(rows[0]) if rows else max(1, np.size(item))
        if row is None or row.shape != (k,) or item.shape not in ((k,), (1, k)):
            raise UserError(path, f"entry {number}", expected, f"{item!r:.60}", _REMEDY)
        if not np.isfinite(row).all():
            raise UserError(path, f"entry {number}", "finite numbers", f"{row.tolist()}", _REMEDY)
        rows.append(row)
    return np.stack(rows)


def read_lines(path: Path) -> NDArray[np.int64]:
    """Lines ``true,predicted`` as (n, 2). Raises UserError, naming the line, for anything else."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        got = "no such file" if isinstance(error, OSError) else str(error)
        raise UserError(path, "", "lines true,predicted", got, _REMEDY) from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise UserError(path, f"line {number}", "true,predicted", repr(line), _REMEDY)
        pairs.append((int(match[1] or match[2]), int(match[3])))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def read_predictions_of(folder: Path, name: str) -> tuple[pd.DataFrame, Excerpts, bool]:
    """A file of their result/ as a frame of predictions, its test set, and whether it has segments.

    Predictions of a .txt file become logits of 0 and 1; a file of votes alone has one row an excerpt.
    Raises UserError where it is missing or broken, fits no test set, or has other true labels.
    """
    path = folder / name
    text = path.suffix == ".txt"
    content = read_lines(path) if text else read_arrays(path)
    test = next((t for t in TEST_SETS if len(content) in (t.n * t.segments, t.n)), None)
    if test is None:
        sizes = ", ".join(f"{t.n * t.segments} or {t.n}" for t in TEST_SETS)
        raise UserError(path, "", f"{sizes} rows", f"{len(content)}", _REMEDY)
    step = test.segments if len(content) == test.n else 1
    labels, k = _labels(folder, test)[::step], len(test.classes)
    if text:
        wrong = (content[:, 0] != labels) | (content[:, 1] >= k)
        if wrong.any():
            line = int(np.argmax(wrong))
            expected = f"{labels[line]} as in {test.label_file}, and 0 … {k - 1}"
            got = ",".join(map(str, content[line]))
            raise UserError(path, f"line {line + 1}", expected, got, _REMEDY)
        content = np.eye(k, dtype=np.int64)[content[:, 1]]
    elif content.shape[1] != k:
        raise UserError(path, "", f"{k} logits a segment", f"{content.shape[1]}", _REMEDY)
    excerpt, segment = np.divmod(np.arange(len(labels)), test.segments // step)
    ids = pd.DataFrame(
        {
            "split": "test",
            "piece": [f"excerpt {number:02d}" for number in excerpt],
            "excerpt": 0,
            "segment": segment,
            "label": labels,
        }
    )
    return make_predictions(test.dataset, ids, content), test, step == 1


def _labels(folder: Path, test: Excerpts) -> NDArray[np.int64]:
    """The true label of every segment, (n · segments,), one and the same within an excerpt."""
    path = folder / test.label_file
    values, k = read_arrays(path), len(test.classes)
    if (
        values.shape != (test.n * test.segments, 1)
        or not np.isin(values, range(k)).all()
        or np.ptp(values.reshape(test.n, -1), axis=1).any()
    ):
        expected = f"{test.n} excerpts of {test.segments} segments with one label of 0 … {k - 1}"
        raise UserError(path, "", expected, f"others, shape {values.shape}", _REMEDY)
    return values[:, 0].astype(np.int64)


def _right(frame: pd.DataFrame, level: str) -> int:
    """How many segments or excerpts (``level``) are right."""
    return int(right_of(at_level(frame, level))["right"].sum())


def scores(folder: Path) -> pd.DataFrame:
    """Every file of predictions, sorted by name, one row each.

    Returns file, n_segments, segments_right (both empty for files of votes), n_excerpts, excerpts_right.
    Raises UserError where a file is broken, or there is none.
    """
    labels = {test.label_file for test in TEST_SETS}
    names = {path.name for path in folder.glob("*") if path.suffix in (".pkl", ".txt")} - labels
    if not names:
        raise UserError(folder, "", "the authors' files of predictions", "none", _REMEDY)
    rows = []
    for name in sorted(names):
        frame, test, segments = read_predictions_of(folder, name)
        rows.append(
            {
                "file": name,
                "n_segments": len(frame) if segments else None,
                "segments_right": _right(frame, "segment") if segments else None,
                "n_excerpts": test.n,
                "excerpts_right": _right(frame, "excerpt"),
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(("n_segments", "segments_right"), "Int64"))


def fusions(folder: Path) -> pd.DataFrame:
    """Late fusions of released logits beside the authors' own file of each.

    Returns joints, bones, ensemble (file names), n_segments, lines_agreeing (equal predictions),
    segments_right and n_excerpts, excerpts_right of our fusion, ensemble_… of their file.
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
                "segments_right": _right(ours, "segment"),
                "ensemble_segments_right": _right(theirs, "segment"),
                "n_excerpts": test.n,
                "excerpts_right": _right(ours, "excerpt"),
                "ensemble_excerpts_right": _right(theirs, "excerpt"),
            }
        )
    return pd.DataFrame(rows)


def confusions(folder: Path) -> pd.DataFrame:
    """Counts of segments by class, true and predicted.

    Returns file, actual, predicted (classes in the order of their labels), count, printed (what the
    paper's figure has; empty where it shows another result).
    """
    parts = []
    for name, figure in CONFUSIONS.items():
        frame, test, _ = read_predictions_of(folder, name)
        k = len(test.classes)
        part = pd.DataFrame(
            {
                "file": name,
                "actual": np.repeat(test.classes, k),
                "predicted": np.tile(test.classes, k),
                "count": confusion(frame["label"], predicted(frame), k).ravel(),
            }
        )
        # Figure 4 has the classes in this order
        printed_counts = None if figure is None else printed_confusion(figure)[0].ravel()
        parts.append(part.assign(printed=pd.Series(printed_counts, part.index, "Int64")))
    return pd.concat(parts, ignore_index=True)


def cells(found: pd.DataFrame) -> pd.DataFrame:
    """Every printed cell of Tables 3 to 6 beside the authors' files that should give it.

    ``found`` is from :func:`scores`. Returns table, row, cl, input, percent, count and n (as printed;
    count is empty where none gives the percentage), file, right, of (empty where there is no file),
    reproduces: whether both numbers are the printed ones. Votes stand beside excerpts alone.
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
