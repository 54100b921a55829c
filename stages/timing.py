"""Whether motion is in time: as published, without rounding, and on the beat."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.on_beat import read_source
from motionmusic.params import Evaluate, group
from motionmusic.results.table import save_tables
from motionmusic.results.timing_table import timing_tables
from motionmusic.scoring.timing import timing
from motionmusic.scoring.versions import versions


def main(given: Sequence[str]) -> None:
    """timing.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    settings = group(Evaluate, "evaluate")
    source = read_source(workspace.data(corpus, "published"), workspace.data("captures", "raw"))
    songs = workspace.read_songs(corpus)
    found = {
        name: timing(pieces, settings.seed, settings.resamples)
        for name, pieces in versions(source, songs).items()
    }
    result = {"pieces": len(songs), "versions": found}
    save_tables(workspace.metrics(corpus, "timing"), timing_tables(result), result)


if __name__ == "__main__":
    errors.run(main)
