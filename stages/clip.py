"""The tested dances for the short page: to watch and to hear; one as a video and on paper."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import new_folder, write_json, write_text
from motionmusic.render.clips import Excerpt, own_clip, poses, watched


def main(given: Sequence[str]) -> None:
    """clip.py TASK."""
    (task,) = workspace.arguments(given, "task")
    about, index = workspace.about(task), workspace.read_index(task)
    raw, names = workspace.data(about.corpus, "raw"), list(about.labels.values())
    tested = index[index["split"] == "test"].sort_values(["label", "piece", "excerpt"])
    first = tested.iloc[0]
    excerpt = Excerpt(
        about, raw, str(first["piece"]), int(first["excerpt"]), names[int(first["label"])]
    )
    with new_folder(workspace.data(task, "clip")) as folder:
        rows = [own_clip(excerpt, folder), poses(excerpt, folder)]
        write_text(folder / "clips.csv", pd.DataFrame(rows).to_csv(index=False))
        (folder / "dances").mkdir()
        dances = watched(about, raw, tested.drop_duplicates("piece"), names, folder / "dances")
        write_json(folder / "dances.json", dances)


if __name__ == "__main__":
    errors.run(main)
