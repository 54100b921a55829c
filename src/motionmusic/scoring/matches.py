"""How well each method matches music to the dances of the test split.

A query is a test excerpt; the catalogue are the tracks of the whole data set, each known by its
excerpts (a track's score is the mean of theirs). Three rows stand beside the methods: ``chance``, all
scores equal; ``tempo``, which knows nothing but how far the music's tempo is from the motion's; and
``known``, which is told the dance's category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.features.beats import Definition, beat_alignment, tempo_difference
from motionmusic.scoring import retrieval
from motionmusic.scoring.intervals import Interval, mean_interval
from motionmusic.streams import stream

Floats = NDArray[np.float64]
Matches = Mapping[Any, Sequence[pd.DataFrame]]
"""Method → a frame a seed, as the stage match writes it."""

PAPER = "category"
COMPARED = ("hit_1", "hit_3", "recall_10")
"""Compared with the paper's method, paired."""
REFERENCES = ("chance", "tempo", "known")
METRICS = (
    "hit_1", "hit_3", "recall_1", "recall_5", "recall_10", "median_rank", "recall_10_by_popularity",
    "among_1", "among_10", "among_25", "among_25_by_popularity", "tempo", "alignment_mint",
    "alignment_bailando",
)  # fmt: skip
_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")


@dataclass(frozen=True)
class Facts:
    """What is known of a data set's pieces.

    Attributes:
        pieces: piece (index), label, music_file.
        tempo: piece (index), music_bpm, motion_bpm.
        beats: piece, kind (music, motion_mint, motion_bailando), time_s from motion frame 0.
        excerpt_s: seconds of an excerpt.
    """

    pieces: pd.DataFrame
    tempo: pd.DataFrame
    beats: pd.DataFrame
    excerpt_s: float

    def within(self, kind: str, piece: str, excerpt: int) -> Floats:
        """Beats within an excerpt, seconds from its start."""
        rows = self.beats[(self.beats["kind"] == kind) & (self.beats["piece"] == piece)]
        times = rows["time_s"].to_numpy(np.float64) - excerpt * self.excerpt_s
        return times[(times >= 0) & (times < self.excerpt_s)]


@dataclass(frozen=True)
class _Fold:
    """Queries and gallery of a fold, and what every row of the table is measured against."""

    queries: pd.DataFrame
    gallery: pd.DataFrame
    tracks: NDArray[Any]  # (c,) of the gallery
    names: NDArray[Any]  # (t,)
    own: NDArray[np.int64]  # (q,) the track that each query was danced to
    own_excerpt: NDArray[np.int64]  # (q,) of the gallery
    same: NDArray[np.bool_]  # (q, t), of one category
    tempo_off: Floats  # (q, t), bpm between the query's music and the track
    alignment: dict[str, Floats]  # (q, c)


def evaluate(
    matches: Matches,
    facts: Facts,
    negatives: int,
    own_track: bool,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Every method's and reference's metrics, with intervals over pieces.

    Args:
        matches: of all methods, ``category`` among them.
        facts: of the data set.
        negatives: beside the own excerpt, so many others.
        own_track: whether the dance's own track may be recommended (hits, tempo, alignment).
        seed: of the intervals and the negatives.
        resamples: of each interval.

    Returns:
        queries, pieces, tracks, folds, negatives (as many as every query has), own_track, seeds, own
        (beat alignment of the dances' own music), rows {row: {metric: Interval}}, and differences of
        the methods to the paper's, paired, {method: {metric: Interval}}.

    Raises:
        UserError: two methods were not tested on the same excerpts.
    """
    folds = _folds(matches, facts)
    values: dict[str, list[pd.DataFrame]] = {
        row: [] for row in ("chance", "tempo", *matches, "known")
    }
    taken: list[int] = []
    for number, fold in folds.items():
        for row in values:
            for scores in _scores_of(row, matches, number, fold, facts):
                random = stream(seed, "matching", "negatives", number)
                frame, count = _measured(scores, fold, negatives, own_track, random)
                taken.append(count)
                values[row].append(frame)
    every = {row: pd.concat(frames, ignore_index=True) for row, frames in values.items()}
    # seeds of a method: the mean over them, query by query
    means = {
        row: frame.groupby(["piece", "excerpt"], as_index=False).mean()
        for row, frame in every.items()
    }
    rows = {
        row: {name: _number(mean, name, seed, resamples) for name in METRICS}
        for row, mean in means.items()
    }
    differences = {}
    for row in [row for row in rows if row in matches and row != PAPER]:
        mean = means[row].copy()
        mean[list(COMPARED)] -= means[PAPER][list(COMPARED)]
        differences[row] = {name: _number(mean, name, seed, resamples) for name in COMPARED}
    chance = every["chance"]
    own = mean_interval(chance["own_bailando"], chance["piece"], seed, resamples)
    first = next(iter(folds.values()))
    return {
        "queries": len(chance),
        "pieces": int(chance["piece"].nunique()),
        "tracks": len(first.names),
        "negatives": min(taken),
        "own_track": own_track,
        "folds": len(folds),
        "own": own,
        "seeds": max(map(len, matches.values())),
        "rows": rows,
        "differences": differences,
    }


def _number(frame: pd.DataFrame, name: str, seed: int, resamples: int) -> Interval:
    weights = 1 / frame["popularity"] if name.endswith("_by_popularity") else None
    column = {"median_rank": "rank"}.get(name, name.removesuffix("_by_popularity"))
    return mean_interval(
        frame[column],
        frame["piece"],
        seed,
        resamples,
        weights=weights,
        median=name == "median_rank",
    )


def _folds(matches: Matches, facts: Facts) -> dict[int, _Fold]:
    ids = ["fold", "piece", "excerpt", "candidate", "candidate_excerpt"]
    named = [(method, frame) for method, frames in matches.items() for frame in frames]
    first = named[0][1]
    for method, frame in named:
        if not frame[ids].equals(first[ids]):
            raise UserError(
                method, "", f"the excerpts that {named[0][0]} was tested on", "others",
                "run `dvc repro` for both",
            )  # fmt: skip
    pieces = facts.pieces
    result = {}
    for number, rows in first.groupby("fold", sort=True):
        queries = rows[["piece", "excerpt"]].drop_duplicates(ignore_index=True)
        gallery = rows[["candidate", "candidate_excerpt"]].drop_duplicates(ignore_index=True)
        gallery.columns = queries.columns
        files = pieces["music_file"]
        tracks = files.loc[gallery["piece"]].to_numpy()
        names, place = np.unique(tracks, return_index=True)
        own = np.searchsorted(names, files.loc[queries["piece"]].to_numpy())
        at = {key: i for i, key in enumerate(gallery.itertuples(index=False, name=None))}
        label = pieces["label"]
        labels = label.loc[gallery["piece"]].to_numpy()[place]
        bpm = facts.tempo["music_bpm"]
        track_bpm = bpm.loc[gallery["piece"]].to_numpy()[place]
        query_bpm = bpm.loc[queries["piece"]].to_numpy()
        result[int(str(number))] = _Fold(
            queries, gallery, tracks, names, own,
            np.array([at[key] for key in queries.itertuples(index=False, name=None)]),
            label.loc[queries["piece"]].to_numpy()[:, None] == labels[None],
            tempo_difference(query_bpm[:, None], track_bpm[None]),
            {name: _alignments(queries, gallery, facts, name) for name in _DEFINITIONS},
        )  # fmt: skip
    return result


def _alignments(
    queries: pd.DataFrame, gallery: pd.DataFrame, facts: Facts, definition: Definition
) -> Floats:
    """Beat alignment of every query's motion with every excerpt of music, (q, c)."""
    ids = ["piece", "excerpt"]
    motion = [facts.within(f"motion_{definition}", *key) for key in queries[ids].to_numpy()]
    music = [facts.within("music", *key) for key in gallery[ids].to_numpy()]
    return np.array([[beat_alignment(a, b, definition) for b in music] for a in motion])


def _scores_of(
    row: str,
    matches: Matches,
    number: int,
    fold: _Fold,
    facts: Facts,
) -> list[Floats]:
    """The scores of a row of the table, (q, c), one a seed."""
    shape = len(fold.queries), len(fold.gallery)
    if row in matches:
        frames = [frame[frame["fold"] == number] for frame in matches[row]]
        return [frame["score"].to_numpy(np.float64).reshape(shape) for frame in frames]
    if row == "chance":
        return [np.zeros(shape)]
    index = np.searchsorted(fold.names, fold.tracks)
    if row == "known":
        return [fold.same[:, index].astype(float)]
    motion = facts.tempo["motion_bpm"].loc[fold.queries["piece"]].to_numpy()
    music = facts.tempo["music_bpm"].loc[fold.gallery["piece"]].to_numpy()
    off = tempo_difference(motion[:, None], music[None])
    return [-np.nan_to_num(off, nan=1e3)]


def _measured(
    scores: Floats, fold: _Fold, negatives: int, own_track: bool, random: np.random.Generator
) -> tuple[pd.DataFrame, int]:
    """Every metric of every query, and how many negatives there were."""
    tracks, _ = retrieval.track_scores(scores, fold.tracks)
    hidden = np.zeros(tracks.shape, bool)
    hidden[np.arange(len(tracks)), fold.own] = not own_track
    shown = retrieval.excluding(tracks, hidden)
    others = fold.tracks[None] != fold.names[fold.own][:, None]
    among = retrieval.one_among(scores, fold.own_excerpt, others, negatives, random)
    right = np.zeros(len(among), np.int64)
    frame = fold.queries.copy()
    for k in (1, 3):
        frame[f"hit_{k}"] = retrieval.hit(shown, fold.same, k)
    for k in (1, 5, 10):
        frame[f"recall_{k}"] = retrieval.recall(tracks, fold.own, k)
    frame["rank"] = retrieval.ranks(tracks, fold.own)
    for k in (1, 10, 25):
        frame[f"among_{k}"] = retrieval.recall(among, right, k)
    frame["tempo"] = retrieval.of_first(shown, fold.tempo_off)
    for name, values in fold.alignment.items():
        best = _best_excerpts(scores, values, fold)
        frame[f"alignment_{name}"] = retrieval.of_first(shown, best)
        frame[f"own_{name}"] = values[np.arange(len(values)), fold.own_excerpt]
    often = pd.Series(fold.tracks).value_counts()
    frame["popularity"] = often.loc[fold.names[fold.own]].to_numpy()
    return frame, among.shape[1] - 1


def _best_excerpts(scores: Floats, values: Floats, fold: _Fold) -> Floats:
    """A value of each track's best excerpt for each query, (q, t); the mean where several tie."""
    columns = [
        retrieval.of_first(scores[:, fold.tracks == name], values[:, fold.tracks == name])
        for name in fold.names
    ]
    return np.stack(columns, 1)
