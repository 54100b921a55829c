"""Small results of a made-up data set, as the stages leave them, for the tests of the report."""

from __future__ import annotations

import importlib
import json
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from closure import ROOT

from motionmusic.files import write_json, write_text
from motionmusic.params import Segment, Train
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.results import tables
from motionmusic.scoring.evaluation import cell_files

# names that a careless page would take for its own text
LABELS = {"C": "<b>Cha-cha</b>", "R": "Rumba & co", "T": "Tango", "W": 'Waltz "slow"'}
CLASSES = list(LABELS.values())
PIECES = ["C_1", "<i>C_2", "R_1", "R_2", "T_1", "T_2", "W_1", "W_2"]
WRONG = 3  # of the nine segments of an excerpt of the first class, which become the second
FRAMES = 2 * 229


def predictions(dataset: str) -> pd.DataFrame:
    """Two excerpts of nine segments a piece; of the first class, three of nine are wrong."""
    ids = pd.DataFrame(
        [("test", piece, e, s, i // 2) for i, piece in enumerate(PIECES) for e in (0, 1)
         for s in range(9)],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )  # fmt: skip
    said = np.where((ids["label"] == 0) & (ids["segment"] < WRONG), 1, ids["label"])
    return make_predictions(dataset, ids, np.eye(4)[said])


def make_results(folder: Path, dataset: str = "synthetic", optional: bool = True) -> None:
    """Everything that the report reads, in a workspace; the required parts only, if not optional."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["datasets"][dataset]["labels"] = LABELS
    params["evaluate"]["resamples"] = 100
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
    with chdir(folder):
        frame = predictions(dataset)
        for seeds in cell_files(Path("data", dataset, "predictions"), [0]).values():
            write_predictions(seeds[0][0], frame)
        rng = np.random.default_rng(0)
        for piece in PIECES:
            steps = rng.normal(size=(FRAMES, 23, 3)).cumsum(axis=0).round(2)
            write_json(
                Path("data", dataset, "raw", f"DANCE_{piece}", "skeletons.json"),
                {"length": FRAMES, "skeletons": steps, "center": np.zeros((FRAMES, 3))},
            )
        write_json(Path("metrics", "authors", "cells.json"), [])
        importlib.import_module("evaluate").main([dataset])
        importlib.import_module("table").main([dataset, "table3", "table5"])
        _settings(dataset, params)
        if optional:
            _optional(dataset)


def _settings(dataset: str, params: dict[str, Any]) -> None:
    shapes = {"joints": (144, 3, 25, 23), "bones": (144, 3, 25, 23), "merged": (144, 6, 25, 23)}
    table = tables.settings_table(
        "table1", dataset, Segment(**params["segment"][dataset]), Train(**params["train"][dataset]),
        [0], shapes, predictions(dataset).assign(fold=0),
    )  # fmt: skip
    write_json(Path("metrics", dataset, "table1.json"), table)
    write_text(Path("metrics", dataset, "table1.md"), tables.settings_markdown(table))


def _optional(dataset: str) -> None:
    metrics, plots, data = (Path(kind, dataset) for kind in ("metrics", "plots", "data"))
    for run, columns in {
        "motion-joints-0": ("motion_loss", "accuracy"),
        "longer-joints-0": ("motion_loss", "accuracy"),
        "cotrain-joints-fc-0": ("motion_loss", "pair_loss", "reconstruction_loss", "accuracy"),
        "music-plain-0": ("reconstruction_loss",),
    }.items():
        history = pd.DataFrame({"epoch": [1.0, 2.0, 3.0]}).assign(
            **{name: [0.25, 0.5, 1.0] for name in columns}
        )
        write_text(plots / "history" / f"{run}.csv", history.to_csv(index=False))
        write_json(
            metrics / "runs" / f"{run}.json",
            {"git": "0123456789abcdef+", "params": {"width": 8, "note": "<b>"},
             "inputs": {"data/x.npy": "f" * 64},
             "machine": {"device": "cpu", "threads": 1, "torch": "2", "python": "3"},
             "seconds": 1.5},
        )  # fmt: skip
    for name in ("leakage", "look", "matching", "conducting"):
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
    wins = {"value": 0.5, "low": 0.4, "high": 0.6}
    right = {"easy": wins, "hard": wins, "super_hard": wins}
    write_json(
        metrics / "matching.json", {"synchrony": {"excerpts": 16, "pieces": 8, "right": right}}
    )
    grid = tables.grid(["", "category hit@1"], [["chance", "25.0 [20.0, 30.0]"], ["<b>", "–"]])
    write_text(metrics / "matching.md", tables.document("**Music for a dance.** n = 16.", grid))
    grid = tables.grid(["", "sync error"], [["the dance", "0.50 [0.40, 0.60]"], ["<b>", "–"]])
    text = tables.document("**Motion from music.** n = 16.", grid, "Less is <i>not</i> better.")
    write_text(metrics / "conducting.md", text)
    ratings = tables.grid(
        ["category", "group", "Q1"], [["Waltz", "music", "1"], ["", "dance", "0"]]
    )
    write_text(
        Path("metrics", "ratings", "table7.md"), tables.document("**Table 7.** n = 2", ratings)
    )
    write_text(data / "recommendations.csv", _recommendations().to_csv(index=False))
    _clips(data / "clips")
    shutil.copytree(data / "clips", data / "conducting_clips")
    write_text(
        data / "conducting_clips" / "clips.csv",
        "file,category,piece,excerpt,neighbour\nTango_T_1_0_own.mp4,<b>Cha-cha</b>,<i>C_2,1,R_1\n",
    )


def _recommendations() -> pd.DataFrame:
    rows = [
        {"method": method, "seed": 0, "piece": piece, "excerpt": 0, "category": CLASSES[i // 2],
         "bpm": 120.0, "rank": rank, "track": f"{other}.ogg", "track_piece": other, "score": 1 / rank,
         "track_category": CLASSES[rank], "track_bpm": np.nan, "track_start_s": 1.0}
        for i, piece in enumerate(PIECES) for method in ("category", "contrastive")
        for rank, other in enumerate(("R_1", "T_<i>"), start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _picture(path: Path) -> None:
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    figure.savefig(path)


def _clips(folder: Path) -> None:
    """Two seconds of a dance with a tone, its key poses, and a clip that no recommendation names."""
    from motionmusic.render.clip import Panel, video

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(1, 23, 3)) + np.linspace(0, 1, 50)[:, None, None]
    tone = 0.1 * np.sin(2 * np.pi * 220 * np.arange(96_000) / 48_000).astype(np.float32)
    video(folder / "Tango_T_1_0_own.mp4", [Panel(joints, "musictodance", "x")], tone, 48_000, 25.0)
    (folder / "Tango_T_9_0_own.mp4").write_bytes(b"")
    _picture(folder / "Tango_T_1_0_poses.png")


def written(folder: Path, dataset: str = "synthetic") -> dict[str, bytes]:
    """The report's files by their path in it, after the stage has run in the workspace."""
    with chdir(folder):
        importlib.import_module("write_report").main([dataset])
    report = folder / "report" / dataset
    return {
        str(path.relative_to(report)): path.read_bytes()
        for path in sorted(report.rglob("*"))
        if path.is_file()
    }


def data_of(html: str) -> dict[str, Any]:
    """The results that the page's script reads."""
    text = html.split('id="results">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(text)
    return found
