"""For the full page: recommended music, dances on paper, motion from music; clips for a study."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.files import new_folder, write_json, write_text
from motionmusic.params import group
from motionmusic.render import clips


def main(given: Sequence[str]) -> None:
    """clips.py TASK."""
    (task,) = workspace.arguments(given, "task")
    about, seed = workspace.about(task), min(group(list[int], "seeds"))
    raw, real = (workspace.data(about.corpus, kind) for kind in ("raw", "keypoints"))
    dance = workspace.data(task, "dance", f"{seed}")
    found = workspace.read_recommendations(task)
    found = found[found["seed"] == seed]
    label_of = workspace.read_pieces(about.corpus).set_index("piece")["label"]
    names = list(about.labels.values())
    first = found.sort_values(["piece", "excerpt"]).groupby("category", sort=True).first()
    chosen = list(first[["piece", "excerpt"]].itertuples())
    made = workspace.read_neighbours(dance)
    made = made.assign(label=made["piece"].map(label_of)).sort_values(["label", "piece", "excerpt"])

    def one(category: str, piece: str, number: int) -> tuple[clips.Excerpt, pd.DataFrame]:
        rows = found[(found["piece"] == piece) & (found["excerpt"] == number)]
        return clips.Excerpt(about, raw, piece, number, category), rows

    with new_folder(workspace.data(task, "clips")) as folder:
        (folder / "study").mkdir()
        (folder / "tracks").mkdir()
        shown, tracks, rated = [], [], []
        for dance_ in tqdm(chosen, desc="recommended", mininterval=5):
            excerpt, rows = one(*dance_)
            shown.append(clips.poses(excerpt, folder))
            tracks += clips.recommended(excerpt, rows, folder / "tracks")
        for row in made.drop_duplicates("label").head(clips.MADE).to_dict("records"):
            excerpt, _ = one(names[row["label"]], row["piece"], row["excerpt"])
            neighbour = row["neighbour"], row["neighbour_start"]
            shown.append(clips.made_clip(excerpt, *neighbour, real, dance / "motion", folder))
        for each in tqdm(clips.study_dances(found, seed), desc="study", mininterval=5):
            rated += clips.study_clips(*one(*each), folder / "study")
        write_json(folder / "tracks.json", tracks)
        write_text(folder / "clips.csv", pd.DataFrame(shown).to_csv(index=False))
        for method, rows in pd.DataFrame(rated).groupby("method"):
            text = rows.drop(columns="method").to_csv(index=False)
            write_text(folder / "study" / f"{method}.csv", text)


if __name__ == "__main__":
    errors.run(main)
