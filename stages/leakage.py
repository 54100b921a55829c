"""What test shares with train, in names and in motion; stops where a protocol's promise is broken."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.leakage import audit
from motionmusic.files import write_json
from motionmusic.params import Leakage, group
from motionmusic.results.figures import save_picture
from motionmusic.results.leakage_picture import leakage_picture


def main(given: Sequence[str]) -> None:
    """leakage.py TASK."""
    (task,) = workspace.arguments(given, "task")
    about, folds = workspace.about(task), workspace.folds(workspace.read_index(task))
    settings, folder = group(Leakage, "leakage"), workspace.data(task, "segments")
    joints, spans = workspace.read_segments(task, "joints"), workspace.read_task_units(task)
    found = audit(about, folds, spans, joints, settings, folder)
    picture = leakage_picture(found.distances, found.reference, settings.near, task, about.protocol)
    save_picture(workspace.plots(task, "leakage"), picture)
    write_json(workspace.metrics(task, "leakage.json"), found.report)


if __name__ == "__main__":
    errors.run(main)
