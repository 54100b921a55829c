"""What the page says beside the tables that exist already: from evaluation, votes and clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from motionmusic.results.names import cell, made_of, model
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.results.tables import beaten, gained, seen
from motionmusic.scoring.accuracy import LEVELS
from motionmusic.scoring.evaluation import BEST, best_baseline
from motionmusic.scoring.intervals import Interval

Found = Mapping[str, Any]
"""evaluation.json: scores and facts of a task."""


def glance(found: Found) -> Table:
    """The few numbers to begin with, per segment and per excerpt."""
    baseline = best_baseline(found)
    rows: list[list[Cell]] = [
        [text, *(Interval.read(found["cells"][name][level]) for level in LEVELS)]
        for text, name in (
            ("MCLEMCD-FC with CL, fused", BEST),
            ("without CL, as many epochs, fused", "longer/fused"),
            (f"best baseline: {model(baseline)}, joints", f"{baseline}/joints"),
        )
    ]
    rows.append(["chance: guessing evenly", *[Interval(found["chance"]["uniform"])] * 2])
    for text, without in (("what CL adds", "alone"), ("what CL adds at equal epochs", "longer")):
        gains = found["gain"][without]["fused"]["fc"]
        rows.append(
            [text, *(f"{Interval.read(gains[level]).text('points')} points" for level in LEVELS)]
        )
    texts = (
        seen(found) + ".",
        gained(found, "segment"),
        beaten(found, "segment"),
        made_of(found["facts"]),
    )
    return table(
        "Accuracy on the test split, in percent",
        ["", Column("per segment", "percent"), Column("per excerpt", "percent")],
        rows,
        caption=" ".join(filter(None, texts)),
        sortable=False,
    )


def classes_table(found: Found) -> Table:
    """Recall, precision and F1 of every class, of the segments of the best cell."""
    scores = found["cells"][BEST]
    parts = ("recall", "precision", "f1")
    rows = [
        [row["name"], *(_number(row[part]) for part in parts), f"{row['n']}"]
        for row in scores["per_class"]
    ]
    return table(
        f"Classes of {cell(BEST)}, in percent",
        ["class", *(Column(name, "percent") for name in ("recall", "precision", "F1")), "segments"],
        rows,
        caption=f"Macro F1 {100 * scores['macro_f1']['value']:.1f} %,"
        f" chance {100 * found['chance']['uniform']:.1f} %.",
    )


def _number(share: float | None) -> Interval | None:
    return None if share is None else Interval(share)


def shades(counts: Sequence[Sequence[int]]) -> list[list[tuple[int, float, int]]]:
    """A confusion matrix as (count, percent of its row, step of shade 0 to 10)."""
    result = []
    for row in counts:
        total = max(sum(row), 1)
        result.append([(count, 100 * count / total, round(10 * count / total)) for count in row])
    return result


def behind(votes: pd.DataFrame, motion: Mapping[str, Any], seeds: int) -> dict[str, Any]:
    """The excerpts behind every confusion matrix, for the page's script.

    Args:
        votes: votes.parquet: cell, piece, excerpt, label, predicted, segments (over seeds).
        motion: motion.json of the stage clip: parents, rate, motion {piece/excerpt: drawn}.
        seeds: of the runs.

    Returns:
        excerpts [[piece, excerpt, label, segments of one seed, its clip]], behind {cell: [[excerpt,
        its row; predicted; segments]]}, seeds, motion, parents, rate.
    """
    best = votes[votes["cell"] == BEST].groupby(["piece", "excerpt", "label"])["segments"].sum()
    excerpts = [(str(piece), int(excerpt), int(label)) for piece, excerpt, label in best.index]
    places = {(piece, excerpt): n for n, (piece, excerpt, _) in enumerate(excerpts)}
    return {
        "excerpts": [
            [*key, segments // seeds, ""]
            for key, segments in zip(excerpts, best.tolist(), strict=True)
        ],
        "behind": {
            str(name): [
                [places[row["piece"], row["excerpt"]], int(row["predicted"]), int(row["segments"])]
                for row in rows.to_dict("records")
            ]
            for name, rows in votes.groupby("cell", sort=False)
        },
        "seeds": seeds,
        "motion": [motion["motion"][f"{piece}/{excerpt}"] for piece, excerpt in places],
        "parents": motion["parents"],
        "rate": motion["rate"],
    }


def recommended(found: pd.DataFrame) -> list[dict[str, Any]]:
    """The recommendations of the first seed, dance by dance.

    Args:
        found: data/TASK/recommendations.csv.

    Returns:
        One dict a test excerpt: piece, excerpt, category, bpm, rows [[method, rank, track, category,
        bpm, start, score], …] as texts.
    """
    own = found[found["seed"] == found["seed"].min()]
    return [
        {
            "piece": str(piece),
            "excerpt": int(str(excerpt)),
            "category": str(rows.iloc[0]["category"]),
            "bpm": _bpm(rows.iloc[0]["bpm"]),
            "rows": [
                [row.method, f"{row.rank}", row.track, row.track_category, _bpm(row.track_bpm),
                 f"{row.track_start_s:.1f}", f"{row.score:.3g}".replace("-", "−")]
                for row in rows.itertuples()
            ],
        }
        for (piece, excerpt), rows in own.groupby(["piece", "excerpt"], sort=True)
    ]  # fmt: skip


def clips(listed: pd.DataFrame) -> list[dict[str, Any]]:
    """Clips by what they show of which excerpt.

    Args:
        listed: clips.csv of the stages clip and clips: file, category, piece, excerpt, shows (own, a
            method's name, dance for motion from music; a picture of key poses is named .png).

    Returns:
        One dict an excerpt: id, title, piece, excerpt, videos [[what it shows, file]], poses.
    """
    result: list[dict[str, Any]] = []
    for (category, piece, excerpt), rows in listed.groupby(["category", "piece", "excerpt"]):
        files = list(zip(rows["shows"], rows["file"], strict=True))
        videos = [pair for pair in files if pair[1].endswith(".mp4")]
        pictures = [file for _, file in files if file.endswith(".png")]
        result.append(
            {
                "id": f"clip-{len(result)}",
                "title": f"{category}: {piece}, excerpt {excerpt}",
                "piece": str(piece),
                "excerpt": int(str(excerpt)),
                # the dance's own music first
                "videos": sorted(videos, key=lambda pair: (pair[0] != "own", pair[0])),
                "poses": pictures[0] if pictures else None,
            }
        )
    return result


def runs_table(runs: pd.DataFrame) -> Table:
    """One row a run: code, machine, seconds.

    Args:
        runs: runs.csv: run, git, seconds, and what the machine was.
    """
    return table(
        "Runs",
        list(runs.columns),
        runs.fillna("–").astype(str).to_numpy().tolist(),
        caption=f"{len(runs)} in {runs['seconds'].sum():,.0f} seconds, one after the other; git: the"
        " commit, + where src or stages differed from it.",
    )


def _bpm(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"
