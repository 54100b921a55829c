"""The genre model that comes with the package: trained, calibrated, tried on what is new to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.aist_retargeted import read_clips
from motionmusic.data.musictodance import find_pieces
from motionmusic.data.own import from_musictodance
from motionmusic.files import new_folder, write_json, write_text
from motionmusic.params import Evaluate, group
from motionmusic.results.genre_table import card, genre_tables
from motionmusic.results.table import write_tables
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
    joints = workspace.read_segments(task, "joints")
    result = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "temperature": float(model.temperature),
        "accuracy": trials.accuracy(dances, pieces, folds, joints, genres, seed, resamples),
        "calibration": trials.calibration(new, pieces, seed),
        "unlike": trials.unlike(model, dances, new, pieces, others, seed, resamples),
    }
    write_json(workspace.metrics(corpus, "genre_model.json"), result)
    write_text(workspace.data(corpus, "genre_model.md"), card(result))
    with new_folder(workspace.metrics(corpus, "genre_model")) as folder:
        write_tables(folder, "genre_model", genre_tables(result))


if __name__ == "__main__":
    errors.run(main)
