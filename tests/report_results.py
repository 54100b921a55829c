"""Small results of a made-up task, as the stages leave them, for the tests of tables and pages."""

from __future__ import annotations

import importlib
import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from params_file import set_params
from task_facts import ABOUT

from motionmusic.files import write_array, write_json, write_parquet, write_text
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.results.table import Cell, Column, table, write_tables
from motionmusic.scoring.evaluation import cell_files
from motionmusic.scoring.intervals import Interval

# names that a careless page would take for its own text
LABELS = {"C": "<b>Cha-cha</b>", "R": "Rumba & co", "T": "Tango", "W": 'Waltz "slow"'}
CLASSES = list(LABELS.values())
PIECES = ["C_1", "<i>C_2", "R_1", "R_2", "T_1", "T_2", "W_1", "W_2"]
WRONG = 3  # of the nine segments of an excerpt of the first class, which become the second
TASK, JOINTS = "synthetic", 23


def predictions() -> pd.DataFrame:
    """Two excerpts of nine segments a piece; of the first class, three of nine are wrong."""
    ids = pd.DataFrame(
        [("test", piece, e, s, i // 2) for i, piece in enumerate(PIECES) for e in (0, 1)
         for s in range(9)],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )  # fmt: skip
    said = np.where((ids["label"] == 0) & (ids["segment"] < WRONG), 1, ids["label"])
    return make_predictions(TASK, ids, np.eye(4)[said])


def in_files() -> pd.DataFrame:
    """The same with validation rows, as files of predictions have them."""
    return pd.concat([predictions(), predictions().assign(split="validation")])


def make_results(folder: Path) -> None:
    """Everything that the full page reads, in a workspace."""
    folder.mkdir(parents=True, exist_ok=True)
    set_params({"evaluate.resamples": 100}, folder)
    with chdir(folder):
        data = Path("data", TASK)
        frame = predictions()
        write_json(data / "segments" / "about.json", ABOUT | {"labels": LABELS})
        write_parquet(data / "segments" / "index.parquet", frame.assign(fold=0))
        write_text(data / "segments" / "units.csv", "piece,start,end,unit,capture\n")
        for kind, channels in (("joints", 3), ("bones", 3), ("merged", 6)):
            array = np.zeros((2, channels, 25, JOINTS), np.float32)
            write_array(data / "segments" / f"{kind}.npy", array)
        for (path,) in cell_files(data / "cells", [0]).values():
            write_predictions(path, in_files())
        for cell in ("motion-joints-0", "longer-joints-0", "cotrain-joints-fc-0"):
            history = pd.DataFrame(
                {"epoch": [1, 2], "accuracy": [0.25, 1], "motion_loss": [1, 0.1]}
            )
            write_text(data / "cells" / cell / "history.csv", history.to_csv(index=False))
            machine = {"device": "cpu", "threads": 1}
            record = {"git": "0123456789abcdef+", "machine": machine, "seconds": 1.5}
            write_json(Path("metrics", TASK, "runs", f"{cell}.json"), record)
        importlib.import_module("evaluate").main([TASK])
        importlib.import_module("tables").main([TASK])
        _others(data, Path("metrics", TASK), Path("plots", TASK))


def _others(data: Path, metrics: Path, plots: Path) -> None:
    for name in ("matching", "dance"):
        _picture(plots / f"{name}.png")
    distances = {"n": 144, "quantile_5": 0.1, "median": 0.2, "near": 0.05, "identical": 0}
    write_json(
        metrics / "leakage.json",
        {"protocol": "by_piece", "promised_apart": ["piece"], "near_below": 0.05,
         "identical_below": 1e-6, "tested": 144, "dropped_over_folds": 0,
         "tested_with_shared": {"piece": 0.0, "unit": 0.5}, "nearest_in_train": distances,
         "nearest_in_own_piece": distances,
         "one_nearest_neighbour": {"accuracy": 0.4, "chance": 0.25},
         "closest": [{"fold": 0, "test": "C_1/0/0", "train": "<i>C_2/0/0", "distance": 0.01}]},
    )  # fmt: skip
    for name in ("matching", "synchrony", "dance"):
        rows: list[list[Cell]] = [
            ["chance", Interval(0.25, 0.2, 0.3)], ["<b>", None], ["best", Interval(1, 1, 1)],
        ]  # fmt: skip
        head: list[Column | str] = ["", Column("hit@1", "percent")]
        one = table(f"Table of {name}", head, rows, note="Less is <i>not</i> better.")
        write_tables(metrics / name, name, [one])
    _dances(data / "clip")
    _clips(data / "clips")


def _dances(folder: Path) -> None:
    """Two excerpts of 2 s a piece, two beats of music a second; the last piece has no sound."""
    from motionmusic.render.body import drawn_body, drawn_dance
    from motionmusic.render.film import sound_file

    (folder / "dances").mkdir(parents=True)
    for number, _ in enumerate(PIECES):
        facts = drawn_dance(_walk(100), "musictodance", 25.0)
        facts |= {"motion_beats": [0.5, 1.5], "music_beats": [0.5 * beat for beat in range(8)]}
        write_json(folder / "dances" / f"{number}.json", facts)
        sound_file(folder / "dances" / f"{number}.m4a", _tone(32_000, 4))
    write_json(
        folder / "dances.json",
        drawn_body("musictodance") | {"excerpt_s": 2.0, "dances": [
            {"piece": piece, "category": CLASSES[n // 2], "file": f"{n}", "sound": n < 7}
            for n, piece in enumerate(PIECES)
        ]},
    )  # fmt: skip
    _picture(folder / "own_poses.png")
    (folder / "own_own.mp4").write_bytes(b"a video")
    write_text(folder / "clips.csv", "file,shows\nown_own.mp4,own\nown_poses.png,poses\n")


def _walk(frames: int) -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(size=(1, JOINTS, 3)) + np.linspace(0, 1, frames)[:, None, None]


def _tone(rate: int, seconds: float) -> Any:
    return 0.1 * np.sin(2 * np.pi * 220 * np.arange(rate * seconds) / rate).astype(np.float32)


def _picture(path: Path) -> None:
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    figure.savefig(path)


def _clips(folder: Path) -> None:
    """Two seconds of a dance with a tone, key poses, and two recommended tracks for T_1."""
    from motionmusic.render.film import poster, sound_file
    from motionmusic.render.page import Panel, video

    panel = Panel("its own music", "x", _tone(48_000, 2))
    video(folder / "Tango_made.mp4", _walk(50), "musictodance", 25.0, [panel])
    poster(folder / "Tango_made.mp4")
    _picture(folder / "Tango_poses.png")
    text = "file,category,piece,excerpt,shows\n"
    for file, shows in (("Tango_made.mp4", "dance"), ("Tango_poses.png", "poses")):
        text += f"{file},<b>Tango,T_1,0,{shows}\n"
    write_text(folder / "clips.csv", text)
    (folder / "tracks").mkdir()
    tracks = []
    for method in ("category", "contrastive"):
        sound_file(folder / "tracks" / f"{method}.m4a", _tone(32_000, 3))
        tracks.append(
            {"piece": "T_1", "excerpt": 0, "method": method, "rank": 1, "track": "R_<i>",
             "category": CLASSES[1], "bpm": None, "file": f"{method}.m4a", "from": 1.0,
             "beats": [1.0, 2.0]}
        )  # fmt: skip
    write_json(folder / "tracks.json", tracks)


def written(folder: Path, kind: str) -> dict[str, bytes]:
    """The page's files by their path in it, after the stage has run in the workspace."""
    with chdir(folder):
        importlib.import_module("report").main([TASK, kind])
    page = folder / "report" / TASK / kind
    return {
        str(path.relative_to(page)): path.read_bytes()
        for path in sorted(page.rglob("*"))
        if path.is_file()
    }


def data_of(html: str) -> dict[str, Any]:
    """The results that the page's script reads."""
    text = html.split('id="results">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(text)
    return found
