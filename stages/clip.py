"""One test dance with its own music, and the motion of all of them, for the short page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import new_folder, write_json, write_text
from motionmusic.render.clips import Excerpt, dancer, own_clip


def main(given: Sequence[str]) -> None:
    """clip.py TASK."""
    (task,) = workspace.arguments(given, "task")
    about, index = workspace.about(task), workspace.read_index(task)
    raw = workspace.data(about.corpus, "raw")
    tested = index[index["split"] == "test"].drop_duplicates(["piece", "excerpt"])
    tested = tested.sort_values(["label", "piece", "excerpt"])
    first = tested.iloc[0]
    category = list(about.labels.values())[int(first["label"])]
    excerpt = Excerpt(about, raw, str(first["piece"]), int(first["excerpt"]), category)
    with new_folder(workspace.data(task, "clip")) as folder:
        rows = own_clip(excerpt, folder)
        write_text(folder / "clips.csv", pd.DataFrame(rows).to_csv(index=False))
        write_json(folder / "motion.json", dancer(about, raw, tested))


if __name__ == "__main__":
    errors.run(main)
