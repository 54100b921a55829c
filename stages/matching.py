"""The tables and the picture of all methods that match music to dances."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.methods import METHODS
from motionmusic.params import Evaluate, Matching, group
from motionmusic.results.figures import save_picture
from motionmusic.results.music_tables import matching_figure, matching_tables
from motionmusic.results.names import task_name
from motionmusic.results.table import save_tables
from motionmusic.scoring import agreement, matches


def main(given: Sequence[str]) -> None:
    """matching.py TASK."""
    (task,) = workspace.arguments(given, "task")
    settings, evaluate = group(Matching, "matching"), group(Evaluate, "evaluate")
    about, seeds = workspace.about(task), group(list[int], "seeds")
    facts = matches.facts_of(about)
    scores = {
        method: [workspace.read_matches(task, f"{method}-{seed}") for seed in seeds]
        for method in METHODS
    }
    wholes = [
        agreement.read(workspace.data(task, "synchrony", f"{seed}", "whole.csv"), agreement.WHOLE)
        for seed in seeds
    ]
    how = evaluate.seed, evaluate.resamples
    rows = matches.rows_of(scores, wholes)
    found = matches.evaluate(rows, facts, settings.negatives, settings.own_track, *how)
    save_tables(workspace.metrics(task, "matching"), matching_tables(found, vars(about)))
    picture = matching_figure(found, f"Music for a dance ({task_name(task)})")
    save_picture(workspace.plots(task, "matching"), picture)


if __name__ == "__main__":
    errors.run(main)
