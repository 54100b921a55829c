"""Clips to watch: dances, what was generated from their music, and real motion to similar music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from clips import SAMPLE_RATE, clip_name, sound
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import new_folder, read_array, write_text
from motionmusic.models.generator import FRAMES
from motionmusic.params import DATASET, Segment, group
from motionmusic.render.clip import film
from motionmusic.render.conductor_clip import side_by_side
from motionmusic.scoring.rivals import IDS, clips_of

CATEGORIES = 3  # the first ones; all where there are fewer


def chosen(tested: pd.DataFrame, labels: pd.Series[int]) -> pd.DataFrame:
    """The first tested excerpt of the first categories, by category number, piece and excerpt.

    Args:
        tested: piece, excerpt and more, a row a tested excerpt.
        labels: piece → category number.

    Returns:
        The rows, with label.
    """
    rows = tested.assign(label=tested["piece"].map(labels))
    rows = rows.sort_values(["label", "piece", "excerpt"])
    return rows.drop_duplicates("label").head(CATEGORIES)


def main(given: Sequence[str]) -> None:
    """conducting_clips.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    data, segment = group(DATASET, "datasets", dataset), group(Segment, "segment", dataset)
    raw, real = (workspace.data(dataset, kind) for kind in ("raw", "keypoints"))
    conducted = workspace.data(dataset, "conducted", f"{min(group(list[int], 'seeds'))}")
    path = conducted / "neighbours.csv"
    if not path.exists():
        raise UserError(
            path, "", "what the stage conduct writes", "no such file", "run `dvc repro`"
        )
    neighbours = pd.read_csv(path, dtype={"piece": str, "neighbour": str})
    pieces = workspace.read_pieces(dataset).set_index("piece")
    categories = list(data.labels.values())
    tested, length = clips_of(neighbours, segment.excerpt_frames, data.motion_rate_hz)
    clips = []
    with new_folder(workspace.data(dataset, "conducting_clips")) as folder:
        rows = chosen(tested.merge(neighbours, on=IDS), pieces["label"]).to_dict("records")
        for row in tqdm(rows, desc="render", mininterval=5):
            piece, excerpt, neighbour = row["piece"], int(row["excerpt"]), row["neighbour"]
            first = int(row["start"])
            parts = {
                "the dance": (real / f"{piece}.npy", first),
                "generated from its music": (conducted / "motion" / f"{piece}.npy", first),
                f"real motion to similar music\n({neighbour})": (
                    real / f"{neighbour}.npy", int(row["neighbour_start"]),
                ),
            }  # fmt: skip
            motions = {
                name: read_array(file)[start : start + length]
                for name, (file, start) in parts.items()
            }
            # a piece whose sound ends before its last movement is generated as far as it sounds
            shown = min(map(len, motions.values()))
            motions = {name: motion[:shown] for name, motion in motions.items()}
            start_s = float(pieces["music_start_s"][piece]) + first / FRAMES
            heard = sound(raw / str(pieces["music_file"][piece]), start_s, shown / FRAMES)
            heard = np.pad(heard, (0, round(shown / FRAMES * SAMPLE_RATE) - len(heard)))[:, None]
            category = categories[row["label"]]
            file = f"{clip_name(category, piece, excerpt)}.mp4"
            foot = (
                f"data set {dataset}, piece {piece}, category {category};"
                " the generator was trained on other pieces\n"
                "blue: the dancer’s left; seen from the front, whichever way the dancer faces"
            )
            drawn = side_by_side(motions, f"{category}: {piece}, excerpt {excerpt}", foot)
            film(folder / file, drawn, heard, SAMPLE_RATE, FRAMES)
            clips.append(
                {"file": file, "category": category, "piece": piece, "excerpt": excerpt,
                 "neighbour": neighbour}
            )  # fmt: skip
        write_text(folder / "clips.csv", pd.DataFrame(clips).to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
