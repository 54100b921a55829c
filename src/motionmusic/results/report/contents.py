"""What the page says beside the tables that exist already: from the JSON of the stages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from motionmusic.results.report.markdown import Table, table
from motionmusic.results.tables import NAMES, accuracy_text, points_text

NETWORKS = {
    "alone": "MCLEMCD, -Dropout without CL",
    "longer": "MCLEMCD without CL, as many epochs",
    **{row: f"{name} with CL" for row, name in NAMES.items()},
}
KEYS = {
    "piece": "piece (a whole dance)",
    "excerpt": "excerpt",
    "segment": "segment",
    "unit": "movement unit",
    "capture": "capture session",
}


@dataclass(frozen=True)
class Clips:
    """The clips of one excerpt: its name in addresses, what it shows, files and key poses."""

    name: str
    title: str
    piece: str
    excerpt: int
    videos: tuple[tuple[str, str], ...]
    """(method or own, file name)."""
    poses: str | None


def model_name(cell: str) -> str:
    """A cell of the evaluation in words, such as fc/fused."""
    row, kind = cell.split("/")
    return f"{NETWORKS.get(row, row.replace('_', ' '))}, {kind}"


def glance(segments: Mapping[str, Any], excerpts: Mapping[str, Any]) -> Table:
    """The few numbers to begin with, of Tables 3 and 5 (or 4 and 6)."""
    pairs = [
        {(cell["row"], cell["cl"], cell["input"]): cell for cell in found["cells"]}
        for found in (segments, excerpts)
    ]
    of_segment = pairs[0]
    baselines = [key for key in of_segment if not key[1]]
    best = max(baselines, key=lambda key: tuple(found[key]["mean"] for found in pairs))
    rows = [
        ("MCLEMCD-FC with CL, fused", ("fc", "yes", "fused")),
        ("MCLEMCD without CL, as many epochs, fused", ("plain", "longer", "fused")),
        (f"best baseline: {best[0].replace('_', ' ')}, {best[2]}", best),
    ]
    chance = segments["chance"]
    counts = segments["counts"]
    settings = segments["settings"]
    lines = [[label, *(accuracy_text(found[key]) for found in pairs)] for label, key in rows]
    lines.append(["chance: guessing evenly", *([f"{chance['uniform']:.1f}"] * 2)])
    lines += [
        [text, *(points_text(found[key]) for found in (segments, excerpts))]
        for text, key in (
            ("what CL adds, in points", "gain"),
            ("what CL adds at equal epochs, in points", "gain_equal_epochs"),
        )
    ]
    seeds = counts["n_seeds"]
    return table(
        f"**Accuracy on the test split, in percent.** {counts['n_segments']} segments,"
        f" {counts['n_excerpts']} excerpts (by vote of their segments), {counts['n_pieces']} pieces;"
        f" protocol {settings['protocol']}, {settings['folds']}"
        f" {'fold' if settings['folds'] == 1 else 'folds'};"
        f" {'one seed' if seeds == 1 else f'mean ± standard deviation over {seeds} seeds'}. In"
        " brackets the 95 % interval, bootstrap over pieces; differences are paired, and one whose"
        " interval holds zero shows no effect. CL: collaborative learning with the music.",
        ["", "per segment", "per excerpt"],
        lines,
    )


def classes_table(evaluation: Mapping[str, Any], cell: str) -> Table:
    """Recall, precision and F1 of every class, of the segments of one cell."""
    scores, seeds = evaluation["cells"][cell], evaluation["n_seeds"]
    rows = [
        [
            row["name"],
            *(_percent(row[part]) for part in ("recall", "precision", "f1")),
            f"{row['n']}",
        ]
        for row in scores["per_class"]
    ]
    macro = scores["macro_f1"]["mean"]
    return table(
        f"**Classes of {model_name(cell)}, in percent.** Of test segments,"
        f" {'one seed' if seeds == 1 else f'all {seeds} seeds together'};"
        f" macro F1 {100 * macro:.1f} %, chance {100 * evaluation['chance']['uniform']:.1f} %.",
        ["class", "recall", "precision", "F1", "segments"],
        rows,
    )


def leakage_tables(leakage: Mapping[str, Any]) -> list[Table]:
    """What test shares with train, by name and by motion, and the closest pairs."""
    promised = leakage["promised_apart"]
    tested = leakage["tested"]
    near, nearest = leakage["near_below"], leakage["one_nearest_neighbour"]
    shared = [
        [KEYS.get(key, key), "yes" if key in promised else "no", _percent(share)]
        for key, share in leakage["tested_with_shared"].items()
    ]
    distances = [
        [words, f"{of['n']}", _digits(of["quantile_5"]), _digits(of["median"]),
         _percent(of["near"]), f"{of['identical']}"]
        for words, of in (
            ("in train", leakage["nearest_in_train"]),
            ("in its own piece, whatever the split", leakage["nearest_in_own_piece"]),
        )
    ]  # fmt: skip
    closest = [
        [f"{row['fold']}", row["test"], row["train"], _digits(row["distance"])]
        for row in leakage["closest"]
    ]
    return [
        table(
            f"**What test shares with train, by name.** {tested} test segments over all folds,"
            f" protocol {leakage['protocol']};"
            f" {leakage['dropped_over_folds']} segments that touch two sides are dropped. A promise"
            " that is broken stops the pipeline.",
            ["key", "kept apart by the protocol", "test segments with a value that train has, %"],
            shared,
        ),
        table(
            "**The nearest other segment of a test segment, by motion.** Root mean square over"
            f" scaled coordinates; near: below {near:g}; identical: below"
            f" {leakage['identical_below']:g}. A model that only copies the class of the nearest"
            f" training segment is right in {_percent(nearest['accuracy'])} % (chance"
            f" {_percent(nearest['chance'])} %).",
            ["nearest", "n", "5 % quantile", "median", "near, %", "identical"],
            distances,
        ),
        table(
            "**The closest pairs of test and train.** Piece / excerpt / segment.",
            ["fold", "test", "train", "distance"],
            closest,
        ),
    ]


def synchrony_table(matching: Mapping[str, Any]) -> Table | None:
    """How often the synchrony network prefers the true music; none where it was not tested."""
    found = matching.get("synchrony")
    if not found:
        return None
    words = {
        "easy": "the music of another piece",
        "hard": "the same music, another moment",
        "super_hard": "the same music, a quarter to half a beat off",
    }
    return table(
        f"**Synchrony: how often the true music wins, in percent.** {found['excerpts']} test"
        f" excerpts of {found['pieces']} pieces; in brackets the 95 % interval, bootstrap over"
        " pieces. Chance 50 %.",
        ["against", "true music preferred"],
        [[text, _interval(found["right"][key])] for key, text in words.items()],
    )


def recommended(found: pd.DataFrame, places: Mapping[tuple[str, int], int]) -> list[dict[str, Any]]:
    """The recommendations of the first seed, dance by dance.

    Args:
        found: data/DATASET/recommendations.csv.
        places: (piece, excerpt) → the excerpt's row in the confusion matrices' list.

    Returns:
        One dict a test excerpt: piece, excerpt, category, bpm, place (None where not tested there),
        rows [[method, rank, track, category, bpm, start, score], …] as texts.
    """
    own = found[found["seed"] == found["seed"].min()]
    result = []
    for (piece, excerpt), rows in own.groupby(["piece", "excerpt"], sort=True):
        first = rows.iloc[0]
        result.append(
            {
                "piece": str(piece),
                "excerpt": int(str(excerpt)),
                "category": str(first["category"]),
                "bpm": _bpm(first["bpm"]),
                "place": places.get((str(piece), int(str(excerpt)))),
                "rows": [
                    [row.method, f"{row.rank}", row.track, row.track_category, _bpm(row.track_bpm),
                     f"{row.track_start_s:.1f}", f"{row.score:.3g}".replace("-", "−")]
                    for row in rows.itertuples()
                ],
            }
        )  # fmt: skip
    return result


def clips(files: Iterable[Path], found: pd.DataFrame) -> list[Clips]:
    """The clips by excerpt, from the file names that the stage render gives.

    Args:
        files: CLASS_PIECE_EXCERPT_METHOD.mp4 and CLASS_PIECE_EXCERPT_poses.png.
        found: data/DATASET/recommendations.csv.
    """
    groups: dict[str, dict[str, str]] = {}
    for file in sorted(files):
        match = re.fullmatch(r"(.+)_([a-z]+)\.(?:mp4|png)", file.name)
        if match:
            groups.setdefault(match[1], {})[match[2]] = file.name
    known = found[["piece", "excerpt", "category"]].drop_duplicates()
    titles = {
        f"{re.sub(r'[^A-Za-z0-9]+', '_', str(row.category))}_{row.piece}_{row.excerpt}": row
        for row in known.itertuples()
    }
    result = []
    for name, kinds in groups.items():
        row = titles.get(name)
        if row is None:
            continue  # of an earlier run of the recommendations
        videos = [(kind, file) for kind, file in kinds.items() if file.endswith(".mp4")]
        result.append(
            Clips(
                f"clip-{name}",
                f"{row.category}: {row.piece}, excerpt {row.excerpt}",
                str(row.piece),
                int(str(row.excerpt)),
                # the dance's own music first
                tuple(sorted(videos, key=lambda video: (video[0] != "own", video[0]))),
                kinds.get("poses"),
            )
        )
    return result


def runs_table(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a run: code, machine, seconds."""
    rows = []
    for name, run in runs.items():
        machine = run["machine"]
        more = ", ".join(
            f"{key.replace('_', ' ')} {value}"
            for key, value in machine.items()
            if key not in ("device", "threads", "torch", "python")
        )
        rows.append(
            [name, run["git"][:10] + ("+" if run["git"].endswith("+") else ""), f"{run['seconds']}",
             f"{machine.get('device', '–')}{f' ({more})' if more else ''}",
             *(f"{machine.get(key, '–')}" for key in ("threads", "torch", "python"))]
        )  # fmt: skip
    seconds = sum(run["seconds"] for run in runs.values())
    return table(
        f"**Runs.** {len(runs)} in {seconds:,.0f} seconds, one after the other; git: the commit, +"
        " where src or stages differed from it.",
        ["run", "git", "seconds", "device", "threads", "torch", "python"],
        rows,
    )


def shades(counts: Sequence[Sequence[int]]) -> list[list[tuple[int, float, int]]]:
    """A confusion matrix as (count, percent of its row, step of shade 0 to 10)."""
    result = []
    for row in counts:
        total = max(sum(row), 1)
        result.append([(count, 100 * count / total, round(10 * count / total)) for count in row])
    return result


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _bpm(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"


def _interval(number: Mapping[str, float]) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(
        *(100 * number[key] for key in ("value", "low", "high"))
    )
