"""Tracks for every test dance by every method, with score, category, tempo and where to start."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import write_text
from motionmusic.methods import METHODS
from motionmusic.params import Matching, group
from motionmusic.scoring.recommend import recommendations


def main(given: Sequence[str]) -> None:
    """recommend.py TASK."""
    (task,) = workspace.arguments(given, "task")
    settings, about = group(Matching, "matching"), workspace.about(task)
    pieces = workspace.read_pieces(about.corpus).set_index("piece")
    tempo = workspace.read_tempo(about.corpus).set_index("piece")
    pieces["music_bpm"] = tempo["music_bpm"]
    found = [
        recommendations(
            workspace.read_matches(task, f"{method}-{seed}"),
            method,
            seed,
            pieces,
            list(about.labels.values()),
            about.excerpt_frames / about.motion_rate_hz,
            top=settings.top,
            own_track=settings.own_track,
        )
        for seed in group(list[int], "seeds")
        for method in METHODS
    ]
    text = pd.concat(found).to_csv(index=False, float_format="%.6g")
    write_text(workspace.data(task, "recommendations.csv"), text)


if __name__ == "__main__":
    errors.run(main)
