"""What the synchrony network tells apart, the offsets that it finds, whose music it finds."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import Evaluate, Matching, group
from motionmusic.results.music_tables import synchrony_tables
from motionmusic.results.table import save_tables
from motionmusic.scoring import agreement, matches


def main(given: Sequence[str]) -> None:
    """synchrony_table.py TASK."""
    (task,) = workspace.arguments(given, "task")
    about, seeds = workspace.about(task), group(list[int], "seeds")
    evaluate, negatives = group(Evaluate, "evaluate"), group(Matching, "matching").negatives
    how = evaluate.seed, evaluate.resamples
    votes, offsets, wholes = (
        [agreement.read(workspace.data(task, "synchrony", f"{s}", name), columns) for s in seeds]
        for name, columns in agreement.FILES.items()
    )
    facts = matches.facts_of(about)
    found = matches.evaluate(matches.of_whole_dances(wholes), facts, negatives, True, *how)
    tables = synchrony_tables(
        agreement.agreement(votes, *how), agreement.recovered(offsets, *how), found, vars(about)
    )
    save_tables(workspace.metrics(task, "synchrony"), tables)


if __name__ == "__main__":
    errors.run(main)
