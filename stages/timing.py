"""Whether motion is in time: as published, without rounding, and on the beat."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data.on_beat import read_source
from motionmusic.files import new_folder, write_json
from motionmusic.params import Evaluate, group
from motionmusic.results.table import write_tables
from motionmusic.results.timing_table import timing_tables
from motionmusic.scoring.timing import timing
from motionmusic.scoring.versions import versions


def main(given: Sequence[str]) -> None:
    """timing.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    settings = group(Evaluate, "evaluate")
    source = read_source(workspace.data(corpus, "published"), workspace.data("captures", "raw"))
    songs = pd.read_csv(workspace.metrics(corpus, "song_tempi.csv"))
    found = {
        name: timing(pieces, settings.seed, settings.resamples)
        for name, pieces in versions(source, songs).items()
    }
    result = {"pieces": len(songs), "versions": found}
    write_json(workspace.metrics(corpus, "timing.json"), result)
    with new_folder(workspace.metrics(corpus, "timing")) as folder:
        write_tables(folder, "timing", timing_tables(result))


if __name__ == "__main__":
    errors.run(main)
