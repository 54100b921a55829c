"""The model that finds a dance's tempo, and how often it is right on dances that it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from motionmusic import errors, workspace
from motionmusic.params import Evaluate, group
from motionmusic.results.table import save_tables
from motionmusic.results.tempo_tables import dance_tempo_table
from motionmusic.scoring.tempo_of_dances import measured
from motionmusic.scoring.two_corpora import on_beat_dances, street_dances


def main(given: Sequence[str]) -> None:
    """dance_tempo.py."""
    workspace.arguments(given)
    settings = group(Evaluate, "evaluate")
    _, on_beat = on_beat_dances()
    found, model = measured(street_dances(), on_beat, settings.seed, settings.resamples)
    file, tables = workspace.data("aist_retargeted", "dance_tempo.npz"), [dance_tempo_table(found)]
    model.save(file)
    found["sha256"] = sha256(file.read_bytes()).hexdigest()
    save_tables(workspace.metrics("aist_retargeted", "dance_tempo"), tables, found)


if __name__ == "__main__":
    errors.run(main)
