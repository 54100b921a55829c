"""The page of a task with all that it shows beside it, from results and from nothing else."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.files import read_json, write_bytes, write_text
from motionmusic.results.curves import curves_figure, last_values, svg
from motionmusic.results.leakage_picture import leakage_tables
from motionmusic.results.names import cell
from motionmusic.results.report import contents
from motionmusic.results.table import Table, read_tables
from motionmusic.results.tables import paper_names
from motionmusic.scoring.evaluation import BEST

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
        (folder / "clips").mkdir(exist_ok=True)
        listed = self.csv(source / "clips.csv")
        for file in listed["file"]:
            self.copied(source / str(file), folder / "clips")
        return contents.clips(listed)


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
    behind = contents.behind(
        pd.read_parquet(sources.use(data / "votes.parquet")),
        sources.json(data / "clip" / "motion.json"),
        found["n_seeds"],
    )
    context: dict[str, Any] = {
        "task": task,
        "full": full,
        "classes": found["classes"],
        "found": found,
        "glance": contents.glance(found),
        "tables": {name: sources.tables(metrics / "tables" / f"{name}.json") for name in names[:3]},
        "best": BEST,
        "models": {name: cell(name) for name in found["cells"]},
        "matrix": contents.shades(found["cells"][BEST]["confusion"]),
        "figure": sources.copied(plots / "tables" / f"{names[3]}.png", folder),
        "per_class": contents.classes_table(found),
        "rate": behind["rate"],
        "last_values": last_values(curves),
        "leakage": leakage_tables(sources.json(metrics / "leakage.json")),
        "leakage_picture": sources.copied(plots / "leakage.png", folder),
        "clips": sources.clips(data / ("clips" if full else "clip"), folder),
        "runs": contents.runs_table(sources.csv(metrics / "runs.csv")),
    }
    dances: list[dict[str, Any]] = []
    if full:
        context |= _more(task, found["facts"]["corpus"], folder, sources)
        dances = context["dances"]
    places = {(row[0], row[1]): row for row in behind["excerpts"]}
    for clip in context["clips"]:
        if (clip["piece"], clip["excerpt"]) in places:
            places[clip["piece"], clip["excerpt"]][4] = clip["id"]
    context["data"] = {"classes": found["classes"], "dances": dances} | behind
    context["sources"] = dict(sorted(sources.read.items()))
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("page.html.j2").render(**context)
    write_text(folder / "index.html", page)
    for name in ("style.css", "script.js"):
        write_bytes(folder / name, (_HERE / name).read_bytes())


def _more(task: str, corpus: str, folder: Path, sources: _Sources) -> dict[str, Any]:
    """What only the full page shows."""
    metrics, plots = workspace.metrics(task), workspace.plots(task)
    ratings = "table8" if corpus == "aist" else "table7"
    return {
        "look": sources.copied(workspace.plots(corpus, "look.png"), folder),
        "matching": sources.tables(metrics / "matching" / "matching.json"),
        "matching_picture": sources.copied(plots / "matching.png", folder),
        "dances": contents.recommended(sources.csv(workspace.data(task, "recommendations.csv"))),
        "dance": sources.tables(metrics / "dance" / "dance.json"),
        "dance_picture": sources.copied(plots / "dance.png", folder),
        "ratings": sources.tables(workspace.metrics("ratings", f"{ratings}.json")),
    }
