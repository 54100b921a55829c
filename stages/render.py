"""Clips to watch: a dance of every class with its own music, and with the tracks recommended for it."""

from __future__ import annotations

from collections.abc import Sequence

from clips import METHODS, SAMPLE_RATE, clip_name, read_recommendations, sound
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data.own import read_piece
from motionmusic.files import new_folder, write_bytes
from motionmusic.params import DATASET, Segment, group
from motionmusic.render.clip import Candidate, Panel, key_poses, side_by_side, video
from motionmusic.results.figures import png


def main(given: Sequence[str]) -> None:
    """render.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    data, segment = group(DATASET, "datasets", dataset), group(Segment, "segment", dataset)
    raw = workspace.data(dataset, "raw")
    found = read_recommendations(dataset)
    first = found.sort_values(["piece", "excerpt"]).groupby("category", sort=True).first()
    seconds = segment.excerpt_frames / data.motion_rate_hz
    pieces = workspace.read_pieces(dataset).set_index("piece")
    with new_folder(workspace.data(dataset, "clips")) as folder:
        for truth, query in tqdm(list(first.iterrows()), desc="render", mininterval=5):
            piece, excerpt = str(query["piece"]), int(query["excerpt"])
            rows = found[(found["piece"] == piece) & (found["excerpt"] == excerpt)]
            predicted = rows.loc[rows["method"] == "category", "track_category"].iloc[0]
            dance = read_piece(data.source, raw, piece)
            start = excerpt * segment.excerpt_frames
            joints = dance.in_the_room()[start : start + segment.excerpt_frames]
            title = f"{piece} · truth {truth} · predicted {predicted}"
            name = clip_name(str(truth), piece, excerpt)
            file, start_s = str(pieces["music_file"][piece]), float(pieces["music_start_s"][piece])
            start_s += start / data.motion_rate_hz
            panel = Panel(joints, data.layout, "its own music", f"{file}, from {start_s:.1f} s")
            video(
                folder / f"{name}_own.mp4", [panel], sound(raw / file, start_s, seconds),
                SAMPLE_RATE, data.motion_rate_hz, title,
            )  # fmt: skip
            for method in METHODS:
                candidates = [
                    Candidate(
                        f"{row.rank}. {row.track_piece}, {row.track_category}",
                        f"{row.track_bpm:.0f} bpm, from {row.track_start_s:.1f} s",
                        sound(raw / str(row.track), float(str(row.track_start_s)), seconds),
                    )
                    for row in rows[rows["method"] == method].itertuples()
                ]
                side_by_side(
                    folder / f"{name}_{method}.mp4", joints, data.layout, data.motion_rate_hz,
                    candidates, SAMPLE_RATE, f"{title} · {method}",
                )  # fmt: skip
            poses = key_poses(joints, data.layout, data.motion_rate_hz, title=f"{piece}, {truth}")
            write_bytes(folder / f"{name}_poses.png", png(poses))


if __name__ == "__main__":
    errors.run(main)
