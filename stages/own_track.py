"""How good the order of `motionmusic recommend` is: where a dance's own track comes."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import Evaluate, group
from motionmusic.results.table import save_tables
from motionmusic.results.tempo_tables import own_track_tables
from motionmusic.scoring.beat_phase import BeatPhase
from motionmusic.scoring.dance_tempo import TempoModel
from motionmusic.scoring.own_track_dances import of_on_beat, of_street_dances, own_tracks


def main(given: Sequence[str]) -> None:
    """own_track.py."""
    workspace.arguments(given)
    settings = group(Evaluate, "evaluate")
    phase = BeatPhase.read(workspace.data("aist_retargeted", "in_time.npz"))
    ballroom = BeatPhase.read(workspace.data("on_beat", "in_time.npz"))
    tempo = TempoModel.read(workspace.data("aist_retargeted", "dance_tempo.npz"))
    street, on_beat = of_street_dances(phase), of_on_beat(phase, ballroom, tempo)
    found = own_tracks(street, on_beat, settings.seed, settings.resamples)
    save_tables(workspace.metrics("on_beat", "own_track"), own_track_tables(found), found)


if __name__ == "__main__":
    errors.run(main)
