"""The genre model that comes with the package: trained, calibrated, tried on what is new to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.aist_retargeted import read_clips
from motionmusic.data.musictodance import find_pieces
from motionmusic.data.own import from_musictodance
from motionmusic.files import write_text
from motionmusic.params import Evaluate, group
from motionmusic.predictions import read_predictions
from motionmusic.results.genre_table import card, genre_tables
from motionmusic.results.table import save_tables
from motionmusic.scoring import genre_trials as trials
from motionmusic.scoring.genre_features import seen

SPLIT = "by_dancer_and_choreography"


def main(given: Sequence[str]) -> None:
    """genre_model.py CORPUS OTHER: trained on the one, the other is what it should not know."""
    corpus, other = workspace.arguments(given, "corpus", "other")
    seed, resamples = (settings := group(Evaluate, "evaluate")).seed, settings.resamples
    task = f"{corpus}.{SPLIT}"
    genres = list(workspace.about(task).labels.values())
    pieces = workspace.read_pieces(corpus)
    labels = dict(zip(pieces["piece"], pieces["label"], strict=True))
    clips = read_clips(workspace.data(corpus, "raw"))
    dances = {name: trials.known(clip, name) for name, clip in clips.items()}
    found = find_pieces(workspace.data(other, "raw"))
    others = {name: seen(from_musictodance(folder)) for name, folder in found.items()}
    new = trials.held_out(dances, labels, trials.left_out(pieces), genres)
    model = trials.trained(dances, labels, list(dances), genres)
    model = trials.calibrated(model, dances, new)
    file = workspace.data(corpus, "genre_model.npz")
    model.save(file)
    folds = workspace.folds(workspace.read_index(task))
    baselines = {
        name: read_predictions(workspace.cell(task, "baseline-0", f"{name}.parquet"))
        for name in trials.BASELINES
    }
    result = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "temperature": float(model.temperature),
        "accuracy": trials.accuracy(dances, pieces, folds, baselines, genres, seed, resamples),
        "calibration": trials.calibration(new, pieces, seed),
        "unlike": trials.unlike(model, dances, new, pieces, others, seed, resamples),
    }
    save_tables(workspace.metrics(corpus, "genre_model"), genre_tables(result), result)
    write_text(workspace.data(corpus, "genre_model.md"), card(result))


if __name__ == "__main__":
    errors.run(main)
