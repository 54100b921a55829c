"""The report of a data set: report/DATASET/index.html with all that it shows beside it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data.own import read_piece
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS
from motionmusic.files import new_folder, read_json, write_bytes, write_text
from motionmusic.params import DATASET, AnyDataset, Segment, group
from motionmusic.results.paper import printed_confusion
from motionmusic.results.report import contents, curves, excerpts, page
from motionmusic.results.report.markdown import Table, Text, parse
from motionmusic.scoring.evaluation import cell_files, complete_cells, read_cells

SHOWN_HZ = 12.5  # of the motion behind a confusion cell
PICTURES = ("leakage", "look", "matching", "conducting")
BEST = "fc/fused"  # the cell of the paper's Figures 4 and 5


class Sources:
    """Reads results and remembers which, for the page's own provenance."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy
        self.read: dict[Path, str] = {}

    def use(self, path: Path) -> Path:
        """The path, whose hash is noted."""
        self.read[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return path

    def json(self, path: Path) -> Any:
        """Parsed, or None where there is no such file."""
        return read_json(self.use(path), self.remedy) if path.exists() else None

    def blocks(self, path: Path, beside: bool = False) -> list[Text | Table]:
        """Markdown's paragraphs and tables; empty where there is no such file."""
        if not path.exists():
            return []
        return parse(self.use(path).read_text("utf-8"), str(path), beside)


def main(given: Sequence[str]) -> None:
    """write_report.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    segment = group(Segment, "segment", dataset)
    seeds = group(list[int], "seeds")
    sources = Sources(f"run `dvc repro report@{dataset}`")
    aist = about.source == "aist"
    names = ("table2", "table4", "table6") if aist else ("table1", "table3", "table5")
    metrics, plots = workspace.metrics(dataset), workspace.plots(dataset)
    needed = [metrics / f"{name}.{ending}" for name in names for ending in ("json", "md")]
    needed.append(metrics / "evaluation.json")
    missing = [path.name for path in needed if not path.exists()]
    if missing:
        raise UserError(
            metrics, "", "the tables and the evaluation", f"no {', '.join(missing)}",
            f"run `dvc repro report@{dataset}`, which makes them first",
        )  # fmt: skip
    segments, by_vote = (sources.json(metrics / f"{name}.json") for name in names[1:])
    evaluation = sources.json(metrics / "evaluation.json")

    with new_folder(Path("report", dataset)) as folder:
        pictures = {}
        for name in PICTURES:
            if (plots / f"{name}.png").exists():
                shutil.copyfile(sources.use(plots / f"{name}.png"), folder / f"{name}.png")
                pictures[name] = f"{name}.png"
        found = _recommendations(dataset, sources)
        clips = _clips(dataset, found, folder, sources)
        conducted = _conducted(dataset, folder, sources)
        behind = _behind(dataset, about, segment, seeds, evaluation, sources)
        places = {(e[0], e[1]): i for i, e in enumerate(behind["excerpts"])} if behind else {}
        for group_of in clips:
            if (group_of.piece, group_of.excerpt) in places:
                place = places[group_of.piece, group_of.excerpt]
                behind["excerpts"][place][4] = group_of.name
        dances = [] if found is None else contents.recommended(found, places)
        leakage = sources.json(metrics / "leakage.json")
        matching = sources.json(metrics / "matching.json")
        histories = _histories(dataset, seeds, sources)
        runs = {path.stem: sources.json(path) for path in sorted((metrics / "runs").glob("*.json"))}
        context = {
            "dataset": dataset,
            "classes": evaluation["classes"],
            "title": f"Music from dances: {dataset}",
            "glance": contents.glance(segments, by_vote),
            "paper_shown": segments["paper_shown"],
            "settings": sources.blocks(metrics / f"{names[0]}.md"),
            "tables": [sources.blocks(metrics / f"{name}.md", beside=True) for name in names[1:]],
            "leaderboard": sources.blocks(metrics / "leaderboard.md"),
            "evaluation": evaluation,
            "best": BEST,
            "best_name": contents.model_name(BEST),
            "models": {cell: contents.model_name(cell) for cell in evaluation["cells"]},
            "matrix_of_best": contents.shades(evaluation["cells"][BEST]["confusion"]),
            "paper_matrix": _paper_matrix("figure5" if aist else "figure4", segments),
            "per_class": contents.classes_table(evaluation, BEST),
            "behind": behind,
            "curves": {
                quantity: panels
                for quantity in curves.QUANTITIES
                if (panels := curves.panels(histories, quantity))
            },
            "quantities": curves.QUANTITIES,
            "lines": curves.LINES,
            "drawing": curves,
            "leakage": contents.leakage_tables(leakage) if leakage else [],
            "matching": sources.blocks(metrics / "matching.md"),
            "synchrony": contents.synchrony_table(matching) if matching else None,
            "pretraining": [
                sources.blocks(metrics / f"pretraining-{seed}.md") for seed in seeds
            ],
            "dances": dances,
            "clips": clips,
            "conducting": sources.blocks(metrics / "conducting.md"),
            "conducted": conducted,
            "ratings": sources.blocks(
                workspace.metrics("ratings", "table8.md" if aist else "table7.md")
            ),
            "pictures": pictures,
            "runs": runs,
            "runs_table": contents.runs_table(runs) if runs else None,
            "data": {"classes": evaluation["classes"], **behind, "dances": dances},
        }  # fmt: skip
        context["sources"] = {str(path): sha for path, sha in sorted(sources.read.items())}
        write_text(folder / "index.html", page.render(context))
        for name, content in page.static_files().items():
            write_bytes(folder / name, content)


def _paper_matrix(figure: str, table: dict[str, Any]) -> dict[str, Any] | None:
    """The paper's confusion matrix where its values can be compared."""
    if not table["paper_shown"]:
        return None
    counts, names = printed_confusion(figure)
    right, total = int(counts.trace()), int(counts.sum())
    return {
        "figure": figure.replace("figure", "Figure "),
        "classes": names,
        "matrix": contents.shades(counts.tolist()),
        "right": right,
        "total": total,
    }


def _histories(dataset: str, seeds: Sequence[int], sources: Sources) -> dict[str, pd.DataFrame]:
    folder = workspace.plots(dataset, "history")
    return {
        path.stem: pd.read_csv(sources.use(path))
        for path in sorted(folder.glob("*.csv"))
        if path.stem.rsplit("-", 1)[1] in {str(seed) for seed in seeds}
    }


def _recommendations(dataset: str, sources: Sources) -> pd.DataFrame | None:
    path = workspace.data(dataset, "recommendations.csv")
    if not path.exists():
        return None
    return pd.read_csv(sources.use(path), dtype={"piece": str, "track_piece": str})


def _clips(
    dataset: str, found: pd.DataFrame | None, folder: Path, sources: Sources
) -> list[contents.Clips]:
    """The clips, copied."""
    files = sorted(workspace.data(dataset, "clips").glob("*"))
    groups = [] if found is None else contents.clips(files, found)
    shown = {name for clip in groups for _, name in clip.videos} | {c.poses for c in groups}
    (folder / "clips").mkdir()
    for file in files:
        if file.name in shown:
            shutil.copyfile(sources.use(file), folder / "clips" / file.name)
    return groups


def _conducted(dataset: str, folder: Path, sources: Sources) -> list[tuple[str, str]]:
    """The clips of motion from music, copied: (what it shows, file name)."""
    clips = workspace.data(dataset, "conducting_clips")
    if not clips.exists():
        return []
    rows = pd.read_csv(sources.use(clips / "clips.csv"), dtype={"piece": str}).to_dict("records")
    (folder / "conducting").mkdir()
    for row in rows:
        shutil.copyfile(sources.use(clips / row["file"]), folder / "conducting" / row["file"])
    return [
        (f"{row['category']}: {row['piece']}, excerpt {row['excerpt']}", row["file"])
        for row in rows
    ]


def _behind(
    dataset: str,
    about: AnyDataset,
    segment: Segment,
    seeds: Sequence[int],
    evaluation: dict[str, Any],
    sources: Sources,
) -> dict[str, Any]:
    """The excerpts behind every confusion matrix, and their motion; empty without predictions."""
    predictions = workspace.data(dataset, "predictions")
    if not predictions.exists():
        return {}
    files = cell_files(predictions, seeds)
    cells = complete_cells(read_cells(files))
    for path in sorted(path for of in files.values() for seed in of for path in seed):
        sources.use(path)
    tested = excerpts.tested(cells[BEST][0])
    found = excerpts.behind(cells, tested)
    excerpts.check(found, tested, evaluation)
    step = max(1, round(about.motion_rate_hz / SHOWN_HZ))
    motion = []
    rows = list(tested.itertuples())
    for piece, own in groupby(tqdm(rows, desc="report", mininterval=5), lambda row: str(row.piece)):
        room = read_piece(about.source, workspace.data(dataset, "raw"), piece).in_the_room()
        for row in own:
            start = int(str(row.excerpt)) * segment.excerpt_frames
            motion.append(excerpts.drawn_motion(room, start, segment.excerpt_frames, step))
    return {
        "excerpts": [
            [str(row.piece), int(str(row.excerpt)), int(str(row.label)), int(str(row.segments)), ""]
            for row in rows
        ],
        "behind": found,
        "seeds": len(seeds),
        "motion": motion,
        "parents": list(LAYOUTS[about.layout].parents),
        "rate": about.motion_rate_hz / step,
    }


if __name__ == "__main__":
    errors.run(main)
