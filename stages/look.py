"""A picture of the data: one piece of every class, its music above its motion, with their beats."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import CORPUS, group
from motionmusic.results.figures import save_picture
from motionmusic.results.look import data_picture, look_at


def main(given: Sequence[str]) -> None:
    """look.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    names = list(group(CORPUS, "corpora", corpus).labels.values())
    beats = workspace.read_beats(corpus)
    rows = workspace.read_pieces(corpus).sort_values("piece")
    heard = rows[rows["piece"].isin(workspace.piece_arrays(corpus, "music"))]
    first = heard.groupby("label").head(1).sort_values("label").to_dict("records")
    looks = [look_at(corpus, row, names[row["label"]], beats) for row in first]
    figure = data_picture(looks, f"{corpus}, heard and danced")
    save_picture(workspace.plots(corpus, "look"), figure)


if __name__ == "__main__":
    errors.run(main)
