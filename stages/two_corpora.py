"""Whether on_beat and AIST++ retargeted, both in time with their music, help each other."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import Evaluate, group
from motionmusic.results.table import save_tables
from motionmusic.results.tempo_tables import two_corpora_table
from motionmusic.scoring import two_corpora


def main(given: Sequence[str]) -> None:
    """two_corpora.py."""
    workspace.arguments(given)
    settings = group(Evaluate, "evaluate")
    _, on_beat = two_corpora.on_beat_dances()
    found = two_corpora.both_ways(
        two_corpora.street_dances(),
        [(sorted(learned), sorted(tested)) for learned, tested in two_corpora.street_splits()],
        on_beat,
        two_corpora.by_piece(list(on_beat)),
        settings.seed,
        settings.resamples,
    )
    save_tables(
        workspace.metrics("aist_retargeted", "two_corpora"), [two_corpora_table(found)], found
    )


if __name__ == "__main__":
    errors.run(main)
