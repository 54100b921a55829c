"""Citation, terms, dependencies and the workflow of CI say what is."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    return found


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow()["jobs"][job]["steps"]
    return found


def runs(job: str) -> str:
    return "\n".join(step.get("run", "") for step in steps(job))


def test_the_workflow_runs_what_the_makefile_has() -> None:
    jobs = workflow()["jobs"]
    named = set(re.findall(r"\bmake ([a-z]+)", "\n".join(runs(job) for job in jobs)))
    assert named == {"lint", "test", "verify", "demo"}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert named <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert re.search(r"^demo:.*\n\t.*schedule demo$", makefile, re.MULTILINE)
    assert "dvc metrics diff --md" in runs("demo")


def test_only_the_job_that_runs_nothing_of_ours_may_write() -> None:
    found = workflow()
    assert found["permissions"] == {"contents": "read"}
    jobs = found["jobs"]
    assert {job for job in jobs if "permissions" in jobs[job]} == {"comment"}
    assert jobs["comment"]["permissions"] == {"pull-requests": "write"}
    assert not any("checkout" in step.get("uses", "") for step in steps("comment"))
    for job in jobs:
        for step in steps(job):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    # what an event brings is data in the environment, never text of a script
    assert "${{" not in "".join(runs(job) for job in jobs)


def test_the_command_needs_no_more_than_is_installed_with_it() -> None:
    wanted = {re.split(r"[<>=\[]", line)[0] for line in PROJECT["dependencies"]}
    owners = {**packages_distributions(), "pydantic_core": ["pydantic"]}
    imported = {}  # by what they are installed with
    for path in (ROOT / "src").rglob("*.py"):
        if not path.name.startswith(("schedule", "pose_worker", "verify")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names:
                    known = {owner.lower().replace("_", "-") for owner in owners.get(name, [name])}
                    imported[min(known & wanted or known)] = path.name
    del imported["motionmusic"]
    assert {name: file for name, file in imported.items() if name not in wanted} == {}
    assert wanted <= imported.keys()


def test_citation() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["license"] == PROJECT["license"] == "MIT"
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == PROJECT["name"]
    assert str(citation["version"]) == PROJECT["version"]
    (paper,) = citation["references"]
    assert paper["title"] in (ROOT / "README.md").read_text("utf-8")
    assert (paper["journal"], paper["volume"], paper["year"]) == ("Multimedia Systems", 30, 2024)
    assert paper["doi"].startswith("10.1007/s00530-")  # the journal's


def test_every_source_of_data_has_its_terms() -> None:
    data = (ROOT / "docs" / "data.md").read_text("utf-8")
    terms = data.split("\n## Terms\n")[1].split("\n## ")[0]
    for source in ("MusicToDance", "ChoreoNet", "musicmotion", "AIST++", "AIST Dance Video Database",
                   "your own dances", "synthetic"):  # fmt: skip
        assert source in terms, source
