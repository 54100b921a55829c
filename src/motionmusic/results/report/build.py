"""The page of a task with all that it shows beside it, from results and from nothing else."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.files import read_json, write_bytes, write_text
from motionmusic.results.crate import provenance, write_crate
from motionmusic.results.curves import curves_figure, last_values, svg
from motionmusic.results.leakage_picture import leakage_tables
from motionmusic.results.names import cell, made_of, model
from motionmusic.results.table import Cell, Column, Table, read_tables, table
from motionmusic.results.tables import beaten, gained, paper_names, seen
from motionmusic.scoring.accuracy import LEVELS
from motionmusic.scoring.evaluation import BEST, best_baseline
from motionmusic.scoring.intervals import Interval
from motionmusic.terminal import shown

Found = Mapping[str, Any]
"""evaluation.json: scores and facts of a task."""
_HERE = Path(__file__).parent
_REMEDY = "run `dvc repro` for the stage that makes it"


class _Sources:
    """Reads results and remembers which, for the page's own provenance."""

    def __init__(self) -> None:
        self.read: dict[str, str] = {}

    def use(self, path: Path) -> Path:
        """The path, whose hash is noted. Raises UserError where there is no such file."""
        if not path.is_file():
            raise UserError(path, "", "a result that the page shows", "no such file", _REMEDY)
        self.read[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return path

    def json(self, path: Path) -> Any:
        return read_json(self.use(path), _REMEDY)

    def tables(self, path: Path) -> list[Table]:
        return read_tables(self.use(path))

    def csv(self, path: Path) -> pd.DataFrame:
        return pd.read_csv(self.use(path), dtype={"piece": str, "track_piece": str})

    def copied(self, path: Path, folder: Path) -> str:
        """Into the page's folder; its name there."""
        shutil.copyfile(self.use(path), folder / path.name)
        return path.name

    def clips(self, source: Path, folder: Path) -> list[dict[str, Any]]:
        """The clips that a folder lists in clips.csv, copied to FOLDER/clips."""
        (folder / "clips").mkdir()
        listed = self.csv(source / "clips.csv")
        for file in listed["file"]:
            self.copied(source / str(file), folder / "clips")
        return clips(listed)


def write_page(task: str, folder: Path, *, full: bool) -> None:
    """index.html and its files.

    Args:
        task: whose results.
        folder: an empty one.
        full: beside the classification also matching, motion from music, ratings.

    Raises:
        UserError: a result is missing or broken.
    """
    sources = _Sources()
    metrics, plots = workspace.metrics(task), workspace.plots(task)
    data = workspace.data(task)
    found = sources.json(metrics / "evaluation.json")
    names = paper_names(found["facts"]["source"])
    curves = sources.csv(plots / "curves.csv")
    write_bytes(folder / "curves.svg", svg(curves_figure(curves)))
    shown = sources.clips(data / ("clips" if full else "clip"), folder)
    excerpts = behind(
        pd.read_parquet(sources.use(data / "votes.parquet")),
        sources.json(data / "clip" / "motion.json"),
        found["n_seeds"],
        shown,
    )
    more = _more(task, found["facts"]["corpus"], folder, sources) if full else {"dances": []}
    context = more | {
        "task": task,
        "full": full,
        "classes": found["classes"],
        "found": found,
        "glance": glance(found),
        "tables": {name: sources.tables(metrics / "tables" / f"{name}.json") for name in names[:3]},
        "best": BEST,
        "models": {name: cell(name) for name in found["cells"]},
        "matrix": shades(found["cells"][BEST]["confusion"]),
        "figure": sources.copied(plots / "tables" / f"{names[3]}.png", folder),
        "per_class": _classes_table(found),
        "rate": excerpts["rate"],
        "last_values": last_values(curves),
        "leakage": leakage_tables(sources.json(metrics / "leakage.json")),
        "leakage_picture": sources.copied(plots / "leakage.png", folder),
        "clips": shown,
        "runs": _runs_table(sources.csv(metrics / "runs.csv")),
        "data": {"classes": found["classes"], "dances": more["dances"]} | excerpts,
        "sources": provenance(sources.read),
    }
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    page = environment.get_template("page.html.j2").render(**context)
    write_text(folder / "index.html", page)
    for name in ("style.css", "script.js"):
        write_bytes(folder / name, (_HERE / name).read_bytes())
    write_crate(folder, task, sources.read)


def _shown(value: Any) -> Any:
    """A text of the data as it may be shown; what a template made of it stays."""
    return shown(value, "\n\t") if type(value) is str else value


def _more(task: str, corpus: str, folder: Path, sources: _Sources) -> dict[str, Any]:
    """What only the full page shows."""
    metrics, plots = workspace.metrics(task), workspace.plots(task)
    ratings = "table8" if corpus == "aist" else "table7"
    return {
        "look": sources.copied(workspace.plots(corpus, "look.png"), folder),
        "matching": sources.tables(metrics / "matching" / "matching.json"),
        "synchrony": sources.tables(metrics / "synchrony" / "synchrony.json"),
        "matching_picture": sources.copied(plots / "matching.png", folder),
        "dances": _recommended(sources.csv(workspace.data(task, "recommendations.csv"))),
        "dance": sources.tables(metrics / "dance" / "dance.json"),
        "dance_picture": sources.copied(plots / "dance.png", folder),
        "ratings": sources.tables(workspace.metrics("ratings", f"{ratings}.json")),
    }


def glance(found: Found) -> Table:
    """The few numbers to begin with, per segment and per excerpt."""
    baseline = best_baseline(found)
    rows: list[list[Cell]] = [
        [text, *(Interval.read(found["cells"][name][level]) for level in LEVELS)]
        for text, name in (
            ("MCLEMCD-FC with CL, fused", BEST),
            ("without CL, as many epochs, fused", "longer/fused"),
            (f"best baseline on validation: {model(baseline)}, joints", f"{baseline}/joints"),
        )
    ]
    rows.append(["chance: guessing evenly", *[Interval(found["chance"]["uniform"])] * 2])
    for text, without in (("what CL adds", "alone"), ("what CL adds at equal epochs", "longer")):
        gains = found["gain"][without]["fused"]["fc"]
        rows.append(
            [text, *(f"{Interval.read(gains[level]).text('points')} points" for level in LEVELS)]
        )
    texts = (gained(found, "segment"), beaten(found, "segment"), made_of(found["facts"]))
    return table(
        "Accuracy on the test split, in percent",
        ["", Column("per segment", "percent"), Column("per excerpt", "percent")],
        rows,
        caption=" ".join(filter(None, (f"{seen(found)}.", *texts))),
        sortable=False,
    )


def _classes_table(found: Found) -> Table:
    """Recall, precision and F1 of every class, of the segments of the best cell."""
    scores = found["cells"][BEST]
    parts = ("recall", "precision", "f1")
    rows: list[list[Cell]] = [
        [row["name"], *(Interval.read({"value": row[part]}) for part in parts), f"{row['n']}"]
        for row in scores["per_class"]
    ]
    return table(
        f"Classes of {cell(BEST)}, in percent",
        ["class", *(Column(name, "percent") for name in ("recall", "precision", "F1")), "segments"],
        rows,
        caption=f"Macro F1 {100 * scores['macro_f1']['value']:.1f} %,"
        f" chance {100 * found['chance']['uniform']:.1f} %.",
    )


def shades(counts: Sequence[Sequence[int]]) -> list[list[tuple[int, float, int]]]:
    """A confusion matrix as (count, percent of its row, step of shade 0 to 10)."""
    result = []
    for row in counts:
        total = max(sum(row), 1)
        result.append([(count, 100 * count / total, round(10 * count / total)) for count in row])
    return result


def behind(
    votes: pd.DataFrame, motion: Mapping[str, Any], seeds: int, shown: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The excerpts behind every confusion matrix, for the page's script.

    Args:
        votes: votes.parquet: cell, piece, excerpt, label, predicted, segments (over seeds).
        motion: motion.json of the stage clip: parents, rate, motion {piece/excerpt: drawn}.
        seeds: of the runs.
        shown: :func:`clips`.

    Returns:
        excerpts [[piece, excerpt, label, segments of one seed, id of its clip]], behind {cell:
        [[excerpt, its row; predicted; segments]]}, seeds, motion, parents, rate.
    """
    by = ["piece", "excerpt", "label"]
    best = votes[votes["cell"] == BEST].groupby(by, as_index=False)["segments"].sum()
    clip_of = {(clip["piece"], clip["excerpt"]): clip["id"] for clip in shown}
    excerpts = [
        [row.piece, row.excerpt, row.label, row.segments // seeds,
         clip_of.get((row.piece, row.excerpt), "")]
        for row in best.itertuples()
    ]  # fmt: skip
    places = {(piece, excerpt): n for n, (piece, excerpt, *_) in enumerate(excerpts)}
    return {
        "excerpts": excerpts,
        "behind": {
            str(name): [
                [places[row.piece, row.excerpt], row.predicted, row.segments]
                for row in rows.itertuples()
            ]
            for name, rows in votes.groupby("cell", sort=False)
        },
        "seeds": seeds,
        "motion": [motion["motion"][f"{piece}/{excerpt}"] for piece, excerpt in places],
        "parents": motion["parents"],
        "rate": motion["rate"],
    }


def _recommended(found: pd.DataFrame) -> list[dict[str, Any]]:
    """recommendations.csv of the first seed, dance by dance, with its rows as texts."""
    own = found[found["seed"] == found["seed"].min()]
    return [
        {
            "piece": piece,
            "excerpt": excerpt,
            "category": rows["category"].iloc[0],
            "bpm": _bpm(rows["bpm"].iloc[0]),
            "rows": [
                [row.method, f"{row.rank}", row.track, row.track_category, _bpm(row.track_bpm),
                 f"{row.track_start_s:.1f}", f"{row.score:.3g}".replace("-", "−")]
                for row in rows.itertuples()
            ],
        }
        for (piece, excerpt), rows in own.groupby(["piece", "excerpt"], sort=True)
    ]  # fmt: skip


def _bpm(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"


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
        result.append(
            {
                "id": f"clip-{len(result)}",
                "title": f"{category}: {piece}, excerpt {excerpt}",
                "piece": piece,
                "excerpt": excerpt,
                # the dance's own music first
                "videos": sorted(videos, key=lambda pair: (pair[0] != "own", pair[0])),
                "poses": next((file for _, file in files if file.endswith(".png")), None),
            }
        )
    return result


def _runs_table(runs: pd.DataFrame) -> Table:
    """One row a run: code, machine, seconds."""
    return table(
        "Runs",
        list(runs.columns),
        runs.fillna("–").astype(str).to_numpy().tolist(),
        caption=f"{len(runs)} in {runs['seconds'].sum():,.0f} seconds, one after the other; git: the"
        " commit, + where src or stages differed from it.",
    )
