"""Clips for a study, one dance with one music each, and a list of them for every method."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from clips import METHODS, SAMPLE_RATE, clip_name, read_recommendations, sound
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data.own import read_piece
from motionmusic.files import new_folder, write_text
from motionmusic.params import DATASET, Segment, group
from motionmusic.render.clip import Panel, video
from motionmusic.streams import stream

DANCES = 3  # of a category, the paper's on MusicToDance; fewer where there are fewer pieces


def drawn(found: pd.DataFrame, seed: int) -> list[tuple[str, str, int]]:
    """(category, piece, excerpt) of the dances to rate, of different pieces, drawn by name.

    Args:
        found: rows with category, piece and excerpt.
        seed: of the recommendations.
    """
    chosen = []
    for category, of_category in found.groupby("category", sort=True):
        random = stream(seed, "study_clips", str(category))
        excerpts = of_category.groupby("piece", sort=True)["excerpt"].unique()
        for piece in sorted(random.permutation(excerpts.index.to_numpy(str))[:DANCES].tolist()):
            chosen.append((str(category), piece, int(random.choice(sorted(excerpts[piece])))))
    return chosen


def main(given: Sequence[str]) -> None:
    """study_clips.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    data, segment = group(DATASET, "datasets", dataset), group(Segment, "segment", dataset)
    raw = workspace.data(dataset, "raw")
    found = read_recommendations(dataset)
    seed = int(found["seed"].min())
    seconds = segment.excerpt_frames / data.motion_rate_hz
    pieces = workspace.read_pieces(dataset).set_index("piece")
    lists: dict[str, list[dict[str, str]]] = {method: [] for method in METHODS}
    with new_folder(workspace.data(dataset, "study_clips")) as folder:
        for category, piece, excerpt in tqdm(drawn(found, seed), desc="study", mininterval=5):
            start = excerpt * segment.excerpt_frames
            joints = read_piece(data.source, raw, piece).in_the_room()
            panel = Panel(joints[start : start + segment.excerpt_frames], data.layout, "")
            name = clip_name(category, piece, excerpt)

            dance = {"dataset": dataset, "category": category, "dance": f"{piece}_{excerpt}"}
            start_s = float(pieces["music_start_s"][piece]) + start / data.motion_rate_hz
            own = sound(raw / str(pieces["music_file"][piece]), start_s, seconds)
            # nothing in a clip says which music it is
            video(folder / f"{name}_own.mp4", [panel], own, SAMPLE_RATE, data.motion_rate_hz)
            here = found[(found["piece"] == piece) & (found["excerpt"] == excerpt)]
            for method, rows in lists.items():
                rows.append({**dance, "music": "own", "clip": f"{name}_own.mp4"})
                for _, row in here[here["method"] == method].iterrows():
                    music = sound(raw / str(row["track"]), float(row["track_start_s"]), seconds)
                    file = f"{name}_{method}_{row['rank']}.mp4"
                    video(folder / file, [panel], music, SAMPLE_RATE, data.motion_rate_hz)
                    rows.append({**dance, "music": str(row["track_piece"]), "clip": file})
        for method, rows in lists.items():
            text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
            write_text(folder / f"{method}.csv", text)


if __name__ == "__main__":
    errors.run(main)
