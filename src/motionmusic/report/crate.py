"""Where everything on a page comes from: stages, inputs' hashes and commits, also as an RO-Crate.

DVC's locks tell which command made a file from what, back to the raw data. An RO-Crate
(https://w3id.org/ro/crate/1.1) says it in JSON-LD, for archives and other programs.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from motionmusic.files import read_json, write_json

PUBLISHED = "2026-11-28"
"""The day of this version (CITATION.cff): a crate has to have one, and outputs know no time."""
CODE = ("src/", "stages/")
AUTHOR = {"@id": "#contributors", "@type": "Organization", "name": "motionmusic contributors"}
TERMS = {
    "@id": "https://spdx.org/licenses/MIT",
    "@type": "CreativeWork",
    "name": "MIT License, and the terms of the data",
    "description": "Tables, texts and code are under the MIT License. Motion and music in clips stay"
    " under the terms of their owners (docs/data.md, Terms), some of which state no licence.",
}


@dataclass(frozen=True)
class Made:
    """What DVC's locks say of one stage.

    Attributes:
        stage: its address, as `dvc repro` takes it.
        inputs, outputs: MD5 by path (of a folder: of its list, ``….dir``).
        commits: git's, of the trainings among it and all that came before.
    """

    stage: str
    command: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    commits: tuple[str, ...] = ()


def lineage(files: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Made]]:
    """Which stages made files, and all that those needed.

    Args:
        files: SHA-256 by path, from the folder of params.yaml.

    Returns:
        (the stage of each file that the locks know, the stages by their address).
    """
    stages: dict[str, Made] = {}
    maker: dict[str, str] = {}
    for lock in (Path("dvc.lock"), *sorted(Path("pipeline").rglob("dvc.lock"))):
        known = YAML(typ="safe").load(lock)["stages"] if lock.is_file() else {}
        for name, entry in known.items():
            stage = f"{lock.with_suffix('.yaml')}:{name}" if lock.parent.name else name
            inputs, outputs = (
                {part["path"]: part.get("md5", "") for part in entry.get(kind, [])}
                for kind in ("deps", "outs")
            )
            stages[stage] = Made(stage, entry["cmd"], inputs, outputs)
            maker |= dict.fromkeys(outputs, stage)

    def of(path: str) -> str:
        parts = [path, *map(str, Path(path).parents)]
        return next((maker[part] for part in parts if part in maker), "")

    found: dict[str, Made] = {}

    def add(stage: str) -> tuple[str, ...]:
        if stage not in found:
            made = stages[stage]
            needed = {of(path) for path in made.inputs} | {  # a folder of several stages' outputs
                maker[out]
                for out in maker
                for path in made.inputs
                if Path(path) in Path(out).parents
            }
            commits = {commit for need in sorted(needed - {"", stage}) for commit in add(need)}
            for path in made.outputs:
                if "/runs/" in path and Path(path).is_file():
                    commits.add(str(read_json(Path(path), "run `dvc repro`")["git"]))
            found[stage] = replace(made, commits=tuple(sorted(commits)))
        return found[stage].commits

    made_by = {path: of(path) for path in files}
    for stage in {*made_by.values()} - {""}:
        add(stage)
    return {path: stage for path, stage in made_by.items() if stage}, found


def one(links: Iterable[Any]) -> Any:
    """A list, or what is alone in it: RO-Crate wants no lists of one."""
    found = list(links)
    return found[0] if len(found) == 1 else found


def provenance(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """One dict a file, for the page: path, sha256, stage (empty where no lock knows it), commits."""
    made_by, stages = lineage(files)
    found = ((path, made_by.get(path, "")) for path in sorted(files))
    return [
        {"path": path, "sha256": files[path], "stage": stage,
         "commits": stages[stage].commits if stage else ()}
        for path, stage in found
    ]  # fmt: skip


def write_crate(folder: Path, task: str, files: Mapping[str, str]) -> None:
    """ro-crate-metadata.json beside index.html, which was made from ``files`` (SHA-256 by path)."""
    made_by, stages = lineage(files)
    graph: dict[str, dict[str, Any]] = {}

    def thing(path: str, digest: str) -> dict[str, str]:
        code = path.startswith(CODE)
        name = f"#{path}:{digest}"
        graph[name] = {
            "@id": name, "@type": "SoftwareSourceCode" if code else "CreativeWork", "name": path,
            "identifier": digest,
        }  # fmt: skip
        return {"@id": name}

    sources: dict[str, dict[str, str]] = {}
    for path, digest in files.items():
        sources[path] = thing(path, f"sha256:{digest}")
        if path in made_by:
            outputs = stages[made_by[path]].outputs
            (own,) = (out for out in outputs if Path(out) in (Path(path), *Path(path).parents))
            graph[sources[path]["@id"]]["isPartOf"] = thing(own, outputs[own])
    for stage, made in sorted(stages.items()):
        given = {path: thing(path, digest) for path, digest in made.inputs.items()}
        graph[f"#{stage}"] = {
            "@id": f"#{stage}", "@type": "CreateAction", "name": stage,
            "description": " ".join([made.command, *(f"(commit {one})" for one in made.commits)]),
            "instrument": one(given[path] for path in given if path.startswith(CODE)),
            "object": one(given[path] for path in given if not path.startswith(CODE)),
            "result": one(thing(path, digest) for path, digest in made.outputs.items()),
        }  # fmt: skip
    parts = []
    for part in sorted(part for part in folder.rglob("*") if part.is_file()):
        name = part.relative_to(folder).as_posix()
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        parts.append({"@id": name})
        graph[name] = {
            "@id": name, "@type": "File", "name": name, "encodingFormat": kind,
            "contentSize": str(part.stat().st_size), "identifier": f"sha256:{digest}",
            "isBasedOn": one(
                source for file, source in sources.items()
                if name == "index.html" or files[file] == digest
            ),
        }  # fmt: skip
    root = {
        "@id": "./", "@type": "Dataset", "name": f"motionmusic: results of {task}",
        "description": "Tables, figures and clips of one task, with the stages that made them, the"
        " hashes of what those were given, and the commits of the code.",
        "datePublished": PUBLISHED, "author": {"@id": AUTHOR["@id"]},
        "license": {"@id": TERMS["@id"]}, "hasPart": parts,
        "mentions": [{"@id": f"#{stage}"} for stage in sorted(stages)],
    }  # fmt: skip
    about = {
        "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }  # fmt: skip
    write_json(
        folder / "ro-crate-metadata.json",
        {
            "@context": "https://w3id.org/ro/crate/1.1/context",
            "@graph": [about, root, TERMS, AUTHOR, *graph.values()],
        },
    )
