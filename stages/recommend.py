"""Three tracks for every test dance by every method, with score, category, tempo and where to start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matching_files
import numpy as np
import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import write_text
from motionmusic.models.methods import METHODS
from motionmusic.params import DATASET, Matching, Segment, group
from motionmusic.scoring.recommend import draw, top_tracks
from motionmusic.scoring.retrieval import track_scores
from motionmusic.streams import stream


def main(given: Sequence[str]) -> None:
    """recommend.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings = group(Matching, "matching")
    data = group(DATASET, "datasets", dataset)
    excerpt_s = group(Segment, "segment", dataset).excerpt_frames / data.motion_rate_hz
    names = list(data.labels.values())
    pieces = workspace.read_pieces(dataset).set_index("piece")
    tempo = matching_files.read_tempo(dataset).set_index("piece")["music_bpm"]
    label_of = dict(zip(pieces["music_file"], pieces["label"], strict=True))
    rows: list[dict[str, Any]] = []
    for seed in group(list[int], "seeds"):
        for method in METHODS:
            matches = matching_files.read_matches(dataset, f"{method}-{seed}")
            for (piece, excerpt), found in matches.groupby(["piece", "excerpt"], sort=False):
                files = pieces["music_file"].loc[found["candidate"]].to_numpy()
                scores = found["score"].to_numpy(np.float64)
                of_track, tracks = track_scores(scores[None], files)
                own = np.flatnonzero(tracks == pieces["music_file"][str(piece)])
                hidden = [] if settings.own_track else own.tolist()
                if method == "category":
                    random = stream(seed, "recommend", str(piece), int(str(excerpt)))
                    kinds = [names[label_of[track]] for track in tracks]
                    predicted = kinds[int(of_track[0].argmax())]
                    chosen = draw(kinds, predicted, settings.top, random, hidden)
                else:
                    chosen = top_tracks(of_track[0], settings.top, hidden)
                for rank, number in enumerate(chosen, start=1):
                    best = _best(found[files == tracks[number]], method)
                    candidate = str(best["candidate"])
                    rows.append(
                        {
                            "method": method, "seed": seed, "piece": piece, "excerpt": excerpt,
                            "category": names[pieces["label"][str(piece)]],
                            "bpm": tempo[str(piece)], "rank": rank, "track": tracks[number],
                            "track_piece": candidate, "score": of_track[0, number],
                            "track_category": names[pieces["label"][candidate]],
                            "track_bpm": tempo[candidate],
                            "track_start_s": pieces["music_start_s"][candidate]
                            + int(best["candidate_excerpt"]) * excerpt_s,
                        }
                    )  # fmt: skip
    frame = pd.DataFrame(rows)
    write_text(
        workspace.data(dataset, "recommendations.csv"),
        frame.to_csv(index=False, float_format="%.6g"),
    )


def _best(of_track: pd.DataFrame, method: str) -> pd.Series[Any]:
    """Where the track starts: at its first excerpt in the paper, else at the one that fits best."""
    return of_track.iloc[0 if method == "category" else int(of_track["score"].to_numpy().argmax())]


if __name__ == "__main__":
    errors.run(main)
