"""The page of a task with all that it shows beside it, from results and from nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.files import read_json, write_bytes, write_text
from motionmusic.report.crate import provenance, write_crate
from motionmusic.results.curves import curves_figure, svg
from motionmusic.results.leakage_picture import leakage_tables
from motionmusic.results.names import MATCHERS, cell, made_of, model
from motionmusic.results.table import Cell, Column, Table, read_tables, table
from motionmusic.results.tables import gained, paper_names, seen
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
        self.origins: dict[str, str] = {}  # a table's title or a picture's file → the file read

    def use(self, path: Path) -> Path:
        """The path, whose hash is noted. Raises UserError where there is no such file."""
        if not path.is_file():
            raise UserError(path, "", "a result that the page shows", "no such file", _REMEDY)
        self.read[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return path

    def json(self, path: Path) -> Any:
        return read_json(self.use(path), _REMEDY)

    def tables(self, path: Path) -> list[Table]:
        return self.made(read_tables(self.use(path)), path)

    def made(self, tables: list[Table], path: Path) -> list[Table]:
        """The tables, noted as made of a file."""
        self.origins |= {table.title: str(path) for table in tables}
        return tables

    def csv(self, path: Path) -> pd.DataFrame:
        return pd.read_csv(self.use(path), dtype={"piece": str})

    def copied(self, path: Path, folder: Path) -> str:
        """Into the page's folder; its name there."""
        shutil.copyfile(self.use(path), folder / path.name)
        self.origins[path.name] = str(path)
        return path.name


def write_page(task: str, folder: Path, *, full: bool) -> None:
    """index.html and its files.

    Args:
        task: whose results.
        folder: an empty one.
        full: beside the classification also matching and motion from music.

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
    settings, *accuracies = (
        sources.tables(metrics / "tables" / f"{name}.json") for name in names[:3]
    )
    watched, clip = _dances(data / "clip", folder, sources)
    more: dict[str, Any] = {"stills": [clip], "methods": {}}
    if full:
        more = _more(task, folder, sources, watched["dances"])
    votes = pd.read_parquet(sources.use(data / "votes.parquet"))
    context = more | {
        "task": task,
        "full": full,
        "classes": found["classes"],
        "found": found,
        "short": in_short(found),
        "made_of": made_of(found["facts"]),
        "private": found["facts"]["source"] != "synthetic",
        "accuracies": accuracies,
        "settings": settings,
        "best": BEST,
        "models": {name: cell(name) for name in found["cells"]},
        "matrix": shades(found["cells"][BEST]["confusion"]),
        "per_class": sources.made([_classes_table(found)], metrics / "evaluation.json")[0],
        "video": sources.copied(data / "clip" / clip.replace("_poses.png", "_own.mp4"), folder),
        "leakage": sources.made(
            leakage_tables(sources.json(metrics / "leakage.json")), metrics / "leakage.json"
        ),
        "runs": sources.made(
            [_runs_table(sources.csv(metrics / "runs.csv"))], metrics / "runs.csv"
        )[0],
        "data": {"classes": found["classes"], "body": watched, "methods": more["methods"]}
        | behind(votes, [dance["piece"] for dance in watched["dances"]], found["n_seeds"]),
        "sources": provenance(sources.read),
        "origins": {
            name: f"file-{sorted(sources.read).index(path) + 1}"
            for name, path in (sources.origins | {"curves.svg": str(plots / "curves.csv")}).items()
        },
    }
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    page = environment.get_template("page.html.j2").render(**context)
    write_text(folder / "index.html", page)
    for name in ("style.css", "viewer.js", "script.js"):
        write_bytes(folder / name, (_HERE / name).read_bytes())
    write_crate(folder, task, sources.read)


def _shown(value: Any) -> Any:
    """A text of the data as it may be shown; what a template made of it stays."""
    return shown(value, "\n\t") if type(value) is str else value


def _dances(made: Path, folder: Path, sources: _Sources) -> tuple[dict[str, Any], str]:
    """FOLDER/dances with N.js and N.m4a of each; what the viewer is told of them; the still."""
    (folder / "dances").mkdir()
    watched = sources.json(made / "dances.json")
    for dance in watched["dances"]:
        name = dance["file"]
        facts = json.dumps(sources.json(made / "dances" / f"{name}.json"))
        # a script, as a page that is opened from a disk may not fetch
        write_text(folder / "dances" / f"{name}.js", f"viewer.take({name}, {facts});\n")
        if dance["sound"]:
            sources.copied(made / "dances" / f"{name}.m4a", folder / "dances")
        dance["tracks"] = []
    listed = sources.csv(made / "clips.csv").set_index("shows")["file"]
    return watched, sources.copied(made / str(listed["poses"]), folder)


def _more(
    task: str, folder: Path, sources: _Sources, dances: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What only the full page shows; the recommended tracks are added to their dances."""
    metrics, plots, clips = (
        workspace.metrics(task),
        workspace.plots(task),
        workspace.data(task, "clips"),
    )
    of = {dance["piece"]: dance for dance in dances}
    (folder / "tracks").mkdir()
    tracks = sources.json(clips / "tracks.json")
    for track in tracks:
        sources.copied(clips / "tracks" / track["file"], folder / "tracks")
        of[track["piece"]]["tracks"].append(track)
    listed = sources.csv(clips / "clips.csv")
    stills = listed.loc[listed["shows"] == "poses", "file"]
    made = listed[listed["shows"] == "dance"].to_dict("records")
    for clip in made:
        for suffix in (".mp4", ".jpg"):
            sources.copied((clips / clip["file"]).with_suffix(suffix), folder)
    return {
        "stills": [sources.copied(clips / file, folder) for file in stills],
        "methods": {track["method"]: MATCHERS[track["method"]] for track in tracks},
        "made": made,
        "matching": sources.tables(metrics / "matching" / "matching.json"),
        "synchrony": sources.tables(metrics / "synchrony" / "synchrony.json"),
        "matching_picture": sources.copied(plots / "matching.png", folder),
        "dance": sources.tables(metrics / "dance" / "dance.json"),
        "dance_picture": sources.copied(plots / "dance.png", folder),
    }


def in_short(found: Found) -> tuple[str, str, str]:
    """Three sentences: how often the paper's network is right, what CL adds, what was counted."""

    def share(name: str, level: str) -> str:
        return Interval.read(found["cells"][name][level]).text("percent").replace(" [", " % [", 1)

    baseline = best_baseline(found)
    return (
        f"{model('fc').replace(' CL', ' collaborative learning (CL)')}, joints and bones fused, tells the"
        f" dance type of {share(BEST, 'segment')} of the test segments ({SEGMENT_FRAMES} frames each) and"
        f" {share(BEST, 'excerpt')} of the excerpts; the best simple baseline, {model(baseline)} on"
        f" joints, of {share(f'{baseline}/joints', 'segment')} of the segments.",
        gained(found, "segment"),
        f"Counted: {seen(found)}.",
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


def behind(votes: pd.DataFrame, pieces: Sequence[str], seeds: int) -> dict[str, Any]:
    """The excerpts behind every confusion matrix, for the page's script.

    Args:
        votes: votes.parquet: cell, piece, excerpt, label, predicted, segments (over seeds).
        pieces: of the dances that can be watched, in their order.
        seeds: of the runs.

    Returns:
        excerpts [[the dance's place, excerpt, label, segments of one seed]], behind {cell:
        [[excerpt, its row; predicted; segments]]}, seeds.
    """
    by = ["piece", "excerpt", "label"]
    best = votes[votes["cell"] == BEST].groupby(by, as_index=False)["segments"].sum()
    places = {(row.piece, row.excerpt): n for n, row in enumerate(best.itertuples())}
    return {
        "excerpts": [
            [pieces.index(str(row.piece)), row.excerpt, row.label, row.segments // seeds]
            for row in best.itertuples()
        ],
        "behind": {
            str(name): [
                [places[row.piece, row.excerpt], row.predicted, row.segments]
                for row in rows.itertuples()
            ]
            for name, rows in votes.groupby("cell", sort=False)
        },
        "seeds": seeds,
    }


def _runs_table(runs: pd.DataFrame) -> Table:
    """One row a run: code, machine, seconds."""
    return table(
        "Runs",
        list(runs.columns),
        runs.fillna("–").astype(str).to_numpy().tolist(),
        caption=f"{len(runs)} in {runs['seconds'].sum():,.0f} seconds, one after the other; git: the"
        " commit, + where src or stages differed from it.",
    )
