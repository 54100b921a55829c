"""Is the motion in time? The measures of timing.json side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval

_NAMES = {"published": "as published", "exact": "rounding removed", "on_beat": "on the beat"}


def timing_tables(found: Mapping[str, Any]) -> list[Table]:
    """The versions of one corpus.

    Args:
        found: timing.json.
    """
    versions = found["versions"]
    first = next(iter(versions.values()))
    phase, onset = first["part_of_a_beat_off_phase"], first["part_of_a_beat_off_onset"]
    heads = [Column(_NAMES[name], "percent") for name in versions]
    rows: list[list[Cell]] = []
    for key, words in (("phase", "beat phase"), ("onset", "onsets")):
        for by in ("piece", "figure"):
            shares = [of[f"part_of_a_beat_off_{key}"][f"by_{by}"] for of in versions.values()]
            rows.append([f"{words}, new {by}s", *(Interval.read(share) for share in shares)])
    whole = [of["whole_pieces"] for of in versions.values()]
    rows.append(["phase of whole pieces found", *(f"{of['found']} of {of['n']}" for of in whole)])
    in_time = table(
        "In time or not",
        ["model and test", *heads],
        rows,
        caption="How often motion fits the true music better than the same music a quarter to three"
        f" quarters of a beat off, percent (chance 50); {found['pieces']} pieces.",
        note=f"Two ridge regressions from motion alone, one to the beat's phase, one to the onsets"
        f" (told no beats). By piece: {phase['by_piece']['n']} excerpts of 9.2 s, resampled by"
        f" piece. By figure: the inside of {phase['by_figure']['n']} units of"
        f" {onset['by_figure']['figures']} figures that were not trained on, resampled by figure."
        f" A whole piece's phase is found if it is within 0.15 beat (chance 30 %).",
    )
    return [in_time, _by_type(versions), _beats(versions)]


def _by_type(versions: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    for name, of in versions.items():
        for by in ("piece", "figure"):
            share = of["part_of_a_beat_off_phase"][f"by_{by}"]["by_type"]
            feet = of["feet"]
            cells = [f"{100 * value:.0f}" for value in share.values()]
            if by == "piece":
                cells = [
                    f"{cell} ({feet[label]['share']:.2f}, {feet[label]['agreement']:.2f})"
                    for cell, label in zip(cells, share, strict=True)
                ]
            rows.append([_NAMES[name], f"new {by}s", *cells])
    labels = next(iter(versions.values()))["feet"]
    return table(
        "By dance type",
        ["version", "test", *labels],
        rows,
        caption="The model of the beat's phase, percent (chance 50).",
        note="In brackets: how much of the feet's speed swings at the song's beat, and how far the"
        " pieces agree in its phase (1: all the same).",
        labels=2,
    )


def _beats(versions: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    for definition in ("bailando", "mint"):
        for beats, words in (("song", "the song's"), ("tracker", "a tracker's")):
            for label in next(iter(versions.values()))["feet"]:
                values = [
                    Interval.read(of["alignment_above_chance"][definition][beats][label])
                    for of in versions.values()
                ]
                rows.append([definition, words, label, *values])
    heads = [Column(_NAMES[name], "signed", 3) for name in versions]
    return table(
        "Beat alignment above chance",
        ["definition", "beats", "type", *heads],
        rows,
        caption="Beats of motion against beats of music, less what stray coincidence gives.",
        note="Intervals over pieces. The tracker knows nothing of the tempi that units are put on.",
        labels=3,
    )
