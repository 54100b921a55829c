"""Do the committed results belong to the committed code? Asked without the data: ``make verify``.

Every stage of a committed dvc.lock is asked whether `dvc repro` would run it: its command,
parameters and code and its results in git have to be those of the lock, and what it needs has to be
what the lock of another stage made; data that are not there are taken to be what the lock says.
Results of no lock stand in metrics/unchecked.csv with the commit that made them.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from motionmusic.errors import UserError, run

UNCHECKED = "metrics/unchecked.csv"
"""results (how their paths begin), command, commit, date, why: results that no lock tells of."""


def in_git(*patterns: str) -> list[str]:
    """Paths of the files in git. Raises UserError outside of a repository."""
    done = subprocess.run(
        ["git", "ls-files", *patterns], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(
            ".", "", "a git repository", done.stderr.strip(), "call `make verify` in a clone"
        )
    return done.stdout.splitlines()


def locked(stages: Iterable[Any]) -> list[Any]:
    """Those of DVC's stages that a committed lock knows."""
    read = YAML(typ="safe", pure=True).load
    locks = {Path(name).resolve(): read(Path(name))["stages"] for name in in_git("*dvc.lock")}
    return [
        stage
        for stage in stages
        if stage.name in locks.get(Path(stage.path).with_suffix(".lock"), ())
    ]


def changes(stage: Any, made: dict[str, Any], kept: Collection[str]) -> Iterator[str]:
    """What of a stage is not as its lock says.

    Args:
        stage: DVC's.
        made: what the locks say the outputs of all stages are, by absolute path.
        kept: absolute paths of files and folders that are in git.
    """
    if stage.changed_stage():
        yield "dvc.yaml"
    for part in (*stage.deps, *stage.outs):
        for name, state in part.status().items():
            if isinstance(state, dict):  # parameters
                yield from state
            elif state not in ("deleted", "not in cache") or part.fs_path in kept:
                yield name
            elif made.get(part.fs_path, part.hash_info) != part.hash_info:
                yield f"{name}, made anew since,"


def stale(stages: Collection[Any], kept: Collection[str]) -> list[str]:
    """One line for each stage that would run again."""
    made = {out.fs_path: out.hash_info for stage in stages for out in stage.outs}
    found = []
    for stage in stages:
        changed = list(changes(stage, made, kept))
        if changed:
            found.append(f"stale: `dvc repro {stage.addressing}`: {', '.join(changed)} changed")
    return found


def unchecked(results: Collection[str]) -> tuple[list[str], list[str]]:
    """(what is known of results that no lock tells of, what is wrong about them), in lines."""
    told, wrong, left = [], [], set(results)
    with Path(UNCHECKED).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            own = {name for name in results if name.startswith(row["results"])}
            left -= own
            if own:
                told.append(
                    f"not checked: {row['results']}: {row['why']}; `{row['command']}` at"
                    f" {row['commit']}, {row['date']}"
                )
            else:
                wrong.append(f"nothing unchecked begins with {row['results']}: remove its row")
    folders = sorted({str(Path(name).parent) for name in left})
    return told, wrong + [f"of unknown origin: files in {folder}" for folder in folders]


def main(given: Sequence[str]) -> None:
    """Print what is unchecked, stale or of unknown origin; status 1 where anything has to be done."""
    from dvc.repo import Repo

    if given:
        raise UserError(
            "command line", "make verify", "nothing behind it", " ".join(given), "leave it out"
        )
    kept = {Path(name).resolve() for name in in_git()}
    with Repo() as repo:
        stages = locked(repo.index.stages)
        outputs = {Path(out.fs_path) for stage in stages for out in stage.outs}
        found = stale(stages, {str(path) for file in kept for path in (file, *file.parents)})
    results = [
        name
        for name in in_git("metrics", "plots")
        if outputs.isdisjoint((path := Path(name).resolve(), *path.parents)) and name != UNCHECKED
    ]
    told, wrong = unchecked(results)
    print(*told, *found, *wrong, sep="\n")
    print(f"{len(stages) - len(found)} of {len(stages)} stages with a lock in git are up to date")
    if found or wrong:
        print(
            "what is stale has to run again: commit its results and dvc.lock; what is of unknown"
            f" origin needs its lock in git, or a row in {UNCHECKED}",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    run(main)
