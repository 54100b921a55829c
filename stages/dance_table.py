"""The tables and the picture of what was made for music."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.params import Evaluate, group
from motionmusic.results.figures import save_picture
from motionmusic.results.music_tables import dance_figure, dance_tables
from motionmusic.results.names import task_name
from motionmusic.results.table import save_tables
from motionmusic.scoring import agreement, generated, made_files


def main(given: Sequence[str]) -> None:
    """dance_table.py TASK."""
    (task,) = workspace.arguments(given, "task")
    evaluate, about = group(Evaluate, "evaluate"), workspace.about(task)
    seeds = group(list[int], "seeds")
    how = evaluate.seed, evaluate.resamples
    votes = [
        agreement.read(workspace.data(task, "dance", f"{seed}", "votes.csv"), agreement.JUDGED)
        for seed in seeds
    ]
    made = [made_files.made_by(task, seed) for seed in seeds]
    clips, frames = made_files.clips(votes[0], about, made)
    try:
        found = generated.evaluate(clips, frames, made_files.dances(task, seeds[0]), made, *how)
    except ValueError as error:
        expected = "motions that cover the test excerpts"
        where = workspace.data(task, "dance")
        raise UserError(where, "", expected, str(error), workspace.REMEDY) from None
    told = agreement.agreement(votes, *how)
    save_tables(workspace.metrics(task, "dance"), dance_tables(found, told, vars(about)))
    picture = dance_figure(found, told, f"Motion from music ({task_name(task)})")
    save_picture(workspace.plots(task, "dance"), picture)


if __name__ == "__main__":
    errors.run(main)
