"""The crate of a page: valid by RO-Crate 1.1, and every file on the way back to the data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from closure import ROOT

from motionmusic.report.crate import PUBLISHED, provenance, write_crate


def entry(cmd: str, deps: dict[str, str], outs: dict[str, str]) -> dict[str, Any]:
    listed = ([{"path": path, "md5": md5} for path, md5 in kind.items()] for kind in (deps, outs))
    return {"cmd": cmd} | dict(zip(("deps", "outs"), listed, strict=True))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A figure and a table of a task with one training of corpus C; {path: SHA-256}."""
    monkeypatch.chdir(tmp_path)
    run = "metrics/T/runs/motion-0.json"
    data, code = {"data/C": "c1"}, {"src/models": "a1"}
    tables = {"metrics/T/tables": "t1", "plots/T/f.png": "p1"}
    locks = {
        "pipeline/corpus/C/dvc.lock": {"raw": entry("get", {"stages/get.py": "a0"}, data)},
        "pipeline/task/T/dvc.lock": {
            "train@0": entry("train", data | code, {"data/T/cells/m": "d1", run: "r1"}),
            "tables": entry("make", {"data/T/cells": "d2", "src/results": "a2"}, tables),
            "other": entry("no", data, {"data/T/other": "o1"}),
        },
    }
    files = {run: '{"git": "abc123"}', "metrics/T/tables/t.json": "{}", "plots/T/f.png": "png"}
    for name, text in files.items() | {
        (k, yaml.safe_dump({"stages": v})) for k, v in locks.items()
    }:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    del files[run]
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def test_each_file_names_its_stage_and_the_commits_behind_it(made: dict[str, str]) -> None:
    rows = provenance(made | {"elsewhere.json": "e5"})
    assert [(row["path"], row["stage"], row["commits"]) for row in rows] == [
        ("elsewhere.json", "", ()),
        ("metrics/T/tables/t.json", "pipeline/task/T/dvc.yaml:tables", ("abc123",)),
        ("plots/T/f.png", "pipeline/task/T/dvc.yaml:tables", ("abc123",)),
    ]


def crate(folder: Path, files: dict[str, str]) -> dict[str, dict[str, Any]]:
    folder.mkdir()
    (folder / "index.html").write_text("<p>")
    (folder / "f.png").write_text("png")
    write_crate(folder, "T", files)
    whole = json.loads((folder / "ro-crate-metadata.json").read_text())
    assert whole["@context"] == "https://w3id.org/ro/crate/1.1/context"
    return {entity["@id"]: entity for entity in whole["@graph"]}


def test_the_crate_is_valid(made: dict[str, str], tmp_path: Path) -> None:
    """What the specification's "Root Data Entity" and "Data Entities" demand."""
    graph = crate(tmp_path / "page", made)
    descriptor = graph["ro-crate-metadata.json"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = graph[descriptor["about"]["@id"]]
    assert (root["@id"], root["@type"]) == ("./", "Dataset")
    assert root["datePublished"] == PUBLISHED
    assert {"name", "description"} <= root.keys()
    assert {"name", "description"} <= graph[root["license"]["@id"]].keys()
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == {"index.html", "f.png"} == {k for k, v in graph.items() if v["@type"] == "File"}

    def links(value: Any) -> list[str]:
        if isinstance(value, list):
            return [link for item in value for link in links(item)]
        return [value["@id"]] if isinstance(value, dict) else []

    for entity in graph.values():  # flat, and nothing is named that is not there
        found = {link for value in entity.values() for link in links(value)}
        assert found <= graph.keys() | {"https://w3id.org/ro/crate/1.1"}


def test_a_figure_leads_back_to_the_raw_data(made: dict[str, str], tmp_path: Path) -> None:
    graph = crate(tmp_path / "page", made)
    source = graph["f.png"]["isBasedOn"]
    output = graph[source["@id"]]["isPartOf"]
    assert graph[source["@id"]]["name"] == "plots/T/f.png"
    actions = {k: v for k, v in graph.items() if v["@type"] == "CreateAction"}
    assert "#pipeline/task/T/dvc.yaml:other" not in actions
    tables = actions["#pipeline/task/T/dvc.yaml:tables"]
    assert output in tables["result"]
    assert tables["description"] == "make (commit abc123)"
    assert tables["instrument"] == {"@id": "#src/results:a2"}
    train = actions["#pipeline/task/T/dvc.yaml:train@0"]
    assert train["object"] == actions["#pipeline/corpus/C/dvc.yaml:raw"]["result"]
    assert graph[train["object"]["@id"]]["identifier"] == "c1"
    assert len(graph["index.html"]["isBasedOn"]) == 2


def test_equal_results_give_equal_bytes(made: dict[str, str], tmp_path: Path) -> None:
    assert crate(tmp_path / "page", made) == crate(tmp_path / "other", made)


def test_the_day_is_the_versions() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert str(citation["date-released"]) == PUBLISHED
