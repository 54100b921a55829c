"""What the damage of AIST++ retargeted costs classifiers, put on dances that are whole."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.musictodance import find_pieces, read_dance
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.params import CORPUS, Evaluate, group
from motionmusic.results.ladder_table import damage_table
from motionmusic.results.table import save_tables
from motionmusic.scoring.damage import cost
from motionmusic.scoring.two_corpora import by_piece

EVERY = 4  # segments of a dance: they are long, and alike


def main(given: Sequence[str]) -> None:
    """damage.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    settings, about = group(Evaluate, "evaluate"), group(CORPUS, "corpora", corpus)
    found = find_pieces(workspace.data(corpus, "raw"))
    dances = {piece: read_dance(piece, folder).skeletons for piece, folder in found.items()}
    labels = {piece: list(about.labels).index(piece.split("_")[0]) for piece in dances}
    result = cost(
        dances, labels, MUSICTODANCE.parents, by_piece(list(dances)), EVERY, settings.seed,
        settings.resamples,
    )  # fmt: skip
    names = dict(enumerate(about.labels.values()))
    save_tables(workspace.metrics(corpus, "damage"), [damage_table(result, corpus, names)], result)


if __name__ == "__main__":
    errors.run(main)
