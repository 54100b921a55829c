"""dvc.yaml says exactly what every stage reads: its code, its parameters."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from closure import ROOT, closure
from dvc.repo import Repo

DATASET = "m2d_mini"
BENCHMARK = "audio_time"  # what the leaderboard's stages read is seen there
FEATURES = {"joints", "bones", "merge", "music", "segment"}
TRAIN = {"train_motion", "train_music", "train_longer", "cotrain", "cotrain_fc"}
TOGETHER = {"train_longer", "cotrain", "cotrain_fc"}
SHOWN = {"settings", "table"}
MATCH = {"match", "match_category", "match_synchrony"}
MATCHED = {"matching", "recommend", "render", "study_clips", "report"}
CONDUCT = {"conduct", "conducting", "conducting_clips"}

# a key of params.yaml → the stages that read it, so that a change of it makes them stale
READERS: dict[str, set[str]] = {
    "datasets.m2d_mini.source": {
        "download", "joints", "units", "leakage", "evaluate", "render",
        "study_clips", "keypoints", "report",
    },
    "datasets.m2d_mini.pieces": {"download"},
    "datasets.m2d_mini.layout": {
        "bones", "train_motion", *TOGETHER, *MATCH, "render", "study_clips", "report",
        "keypoints",
    },
    "datasets.m2d_mini.motion_rate_hz": {"joints", *MATCH, *MATCHED, "keypoints", *CONDUCT},
    "datasets.m2d_mini.labels": {
        "joints", "segment", "leakage", "train_motion", *TOGETHER, "baseline", "evaluate", "figure",
        "look", *MATCH, "recommend", "conduct", "conducting_clips",
    },
    "joints.m2d_mini.center": {"joints", *MATCH},
    "joints.m2d_mini.scale": {"joints", "train_motion", *TOGETHER, *MATCH},
    "bones.m2d_mini.paper": {"bones", "train_motion", *TOGETHER, *MATCH},
    **{
        f"music.m2d_mini.{key}": {"music", *MATCH}
        for key in ("feature", "sample_rate", "resampler", "scale", "pad_short", "short_sound")
    },
    **{
        f"segment.m2d_mini.{key}": {"segment", "leakage", "figure", *SHOWN}
        for key in ("excerpts_per_class", "excerpts_per_piece", "choose", "split_seed")
    },
    "segment.m2d_mini.excerpt_frames": {
        "segment", "leakage", "figure", *SHOWN, *MATCH, *MATCHED, *CONDUCT,
    },
    "segment.m2d_mini.segment_frames": {"segment", "leakage", "figure", *SHOWN, *MATCH},
    "segment.m2d_mini.protocol": {"segment", "leakage", "figure", *SHOWN, "matching", "conducting"},
    "segment.m2d_mini.folds": {"segment", "leakage", "evaluate", "figure", *SHOWN},
    **{
        f"train.m2d_mini.{key}": TRAIN | SHOWN
        for key in ("batch", "learning_rate", "schedule", "precision", "recipe", "epochs_alone")
    },
    "train.m2d_mini.width": TRAIN | SHOWN | {"match", "match_category"},
    "train.m2d_mini.epochs_together": TOGETHER | SHOWN,
    "train.m2d_mini.select": {"train_motion"} | TOGETHER | SHOWN,
    "leakage.near": {"leakage"},
    "leakage.identical": {"leakage"},
    "baseline.trees": {"baseline"},
    "baseline.logistic_c": {"baseline"},
    "entries": {"leaderboard"},
    "entry_seeds": {"leaderboard"},
    "evaluate.resamples": {"evaluate", "leaderboard", "pretraining", "matching", "ratings",
        "conducting",
    },
    "evaluate.seed": {"evaluate", "leaderboard", "pretraining", "matching", "ratings",
        "conducting",
    },
    "seeds": {"evaluate", "curves", "leaderboard", "settings", "matching", "recommend", "report",
        "conducting", "conducting_clips",
    },
    **{
        f"match.{key}": {"match"}
        for key in ("size", "epochs", "batch", "learning_rate", "weight_decay", "margin",
                    "temperature")
    },
    **{
        f"deconfounded.{key}": {"match"}
        for key in ("backdoor", "propensity", "teacher", "divergence", "margin", "hardest")
    },
    **{
        f"synchrony.m2d_mini.{key}": {"match_synchrony"}
        for key in ("channels", "blocks", "clip_frames", "epochs")
    },
    "synchrony.m2d_mini.batch": {"match_synchrony"},
    "synchrony.m2d_mini.learning_rate": {"match_synchrony", "pretraining"},
    "synchrony.m2d_mini.classify_epochs": {"pretraining"},
    **{
        f"conduct.m2d_mini.{key}": {"conduct"}
        for key in ("clip_s", "batch", "steps", "learning_rate", "precision", "generator_s",
                    "generator_batch", "generator_steps")
    },
    "matching.negatives": {"matching"},
    "matching.own_track": {"matching", "recommend"},
    "matching.top": {"recommend"},
    "ratings.outlier": {"ratings"},
}  # fmt: skip


@cache
def stages() -> dict[str, Any]:
    with Repo(str(ROOT)) as repo:
        return {stage.name: stage for stage in repo.index.stages}


def keys_read(stage: Any) -> set[str]:
    return {key for dep in stage.deps for key in getattr(dep, "params", [])}


@pytest.mark.parametrize("name", sorted(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]))
def test_code_dependencies_are_the_import_closure(name: str) -> None:
    definition = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][name]
    definition = definition.get("do", definition)
    script = re.search(r"stages/\w+\.py", str(definition["cmd"]))
    assert script is not None
    code = {dep for dep in definition["deps"] if dep.endswith(".py")}
    needed = closure(ROOT / script.group())
    if "src/motionmusic/scoring/entries" in definition["deps"]:  # imported by name, whole
        needed |= set().union(
            *map(closure, (ROOT / "src/motionmusic/scoring/entries").glob("*.py"))
        )
        needed = {path for path in needed if "/entries/" not in path}
    assert code == needed


def test_package_markers_have_no_code() -> None:
    """They are left out of the closure, so they must not do anything."""
    import ast

    for path in (ROOT / "src").rglob("__init__.py"):
        assert len(ast.parse(path.read_text()).body) == 1, f"{path}: more than a docstring"


@pytest.mark.parametrize("key", sorted(READERS))
def test_changed_key_makes_exactly_its_readers_stale(key: str) -> None:
    stale = {
        name.split("@")[0]
        for name, stage in stages().items()
        if ("@" not in name or name.split("@")[1].split("-")[0] in (DATASET, BENCHMARK))
        and any(key == read or key.startswith(f"{read}.") for read in keys_read(stage))
    }
    assert stale == READERS[key]


def test_every_key_is_read_by_a_stage() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    leaves = set()
    for group, value in params.items():
        if group in (
            "seeds",
            "entries",
            "entry_seeds",
            "leakage",
            "baseline",
            "evaluate",
            "match",
            "deconfounded",
            "matching",
            "ratings",
        ):
            leaves |= {group} if isinstance(value, list) else {f"{group}.{key}" for key in value}
        else:
            leaves |= {f"{group}.{DATASET}.{key}" for key in value[DATASET]}
    assert leaves == set(READERS)


def test_a_dataset_depends_on_no_other_dataset() -> None:
    for name, stage in stages().items():
        dataset = name.split("@")[1].split("-")[0] if "@" in name else None
        if dataset is None:
            continue
        for dep in stage.deps:
            match = re.search(r"/data/([^/]+)/", f"/{Path(str(dep.def_path)).as_posix()}")
            # choreonet is no data set: it says which movement unit is danced when
            assert match is None or match[1] in (dataset, "choreonet")


def test_table3_needs_three_two_and_nine_trainings() -> None:
    """Table 3 is 3 motion, 2 music and 9 collaborative trainings a seed (design, section 4)."""
    with Repo(str(ROOT)) as repo:
        graph = repo.index.graph
        (table3,) = (stage for stage in graph if stage.name == "table3")
        import networkx

        needed = [stage.name.split("@")[0] for stage in networkx.descendants(graph, table3)]
    counts = {name: needed.count(name) for name in ("train_motion", "train_music")}
    assert counts == {"train_motion": 3, "train_music": 2}
    assert needed.count("cotrain") + needed.count("cotrain_fc") == 9
    assert all("aist" not in name for name in needed)
