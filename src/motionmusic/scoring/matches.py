"""How well each method matches music to the dances of the test split.

A query is a test excerpt; the catalogue are the tracks of the whole data set, a track's score is the
mean of its excerpts'. Beside the methods stand ``chance``, all scores equal; ``tempo``, how far the
music's tempo is from the motion's; ``own_tempo``, which is told the tempo of the dance's own music;
and ``known``, which is told the dance's category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.features.beats import Definition, beat_alignment, tempo_difference
from motionmusic.files import Floats
from motionmusic.scoring import retrieval
from motionmusic.scoring.intervals import Interval, mean_interval
from motionmusic.streams import stream

Matches = Mapping[Any, Sequence[pd.DataFrame]]
"""Method → a frame a seed, as the stage match writes it."""

PAPER = "category"
COMPARED = ("hit_1", "hit_3", "recall_10")
"""Compared with the paper's method, paired."""
REFERENCES = ("chance", "tempo", "own_tempo", "known")
METRICS = (
    "hit_1", "hit_3", "recall_1", "recall_5", "recall_10", "median_rank", "same_tempo",
    "recall_10_by_popularity",
    "among_1", "among_10", "among_25", "among_25_by_popularity", "tempo", "alignment_mint",
    "alignment_bailando",
)  # fmt: skip
_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")
SAME_TEMPO = 0.01
"""Tempi that differ by less, double and half being the same, are one."""
_IDS = ["fold", "piece", "excerpt", "candidate", "candidate_excerpt"]


@dataclass(frozen=True)
class Facts:
    """What is known of a data set's pieces."""

    pieces: pd.DataFrame  # piece (index), label, music_file
    tempo: pd.DataFrame  # piece (index), music_bpm, motion_bpm
    beats: pd.DataFrame  # piece, kind (music, motion_mint, motion_bailando), time_s from frame 0
    excerpt_s: float  # seconds of an excerpt

    def within(self, kind: str, piece: str, excerpt: int) -> Floats:
        """Beats within an excerpt, seconds from its start."""
        rows = self.beats[(self.beats["kind"] == kind) & (self.beats["piece"] == piece)]
        times = rows["time_s"].to_numpy(np.float64) - excerpt * self.excerpt_s
        return times[(times >= 0) & (times < self.excerpt_s)]


@dataclass(frozen=True)
class _Fold:
    """Queries of a fold, its gallery, and what every row of the table is measured against."""

    queries: pd.DataFrame
    tracks: NDArray[Any]  # (c,) of the gallery
    names: NDArray[Any]  # (t,)
    own: NDArray[np.int64]  # (q,) the track that each query was danced to
    own_excerpt: NDArray[np.int64]  # (q,) of the gallery
    same: NDArray[np.bool_]  # (q, t), of one category
    tempo_off: Floats  # (q, t), bpm between the query's music and the track
    same_tempo: NDArray[np.bool_]  # (q, t), whether they have one tempo
    alignment: dict[str, Floats]  # (q, c)
    references: dict[str, Floats]  # scores (q, c)


def evaluate(
    matches: Matches, facts: Facts, negatives: int, own_track: bool, seed: int, resamples: int
) -> dict[str, Any]:
    """Every method's and reference's metrics, with intervals over pieces.

    ``matches`` are of all methods; beside the own excerpt stand so many ``negatives``; ``own_track``:
    whether the dance's own may be recommended (hits, tempo, alignment).

    Returns queries, pieces, tracks, folds, negatives (as many as every query has), own_track, seeds,
    own (beat alignment of the dances' own music), rows {row: {metric: Interval}}, and differences of
    the methods to the paper's, paired, {method: {metric: Interval}}. Raises UserError where two
    methods were not tested on the same excerpts.
    """
    (first_method, first), *others = ((name, one) for name, of in matches.items() for one in of)
    for method, frame in others:
        if not frame[_IDS].equals(first[_IDS]):
            expected = f"the excerpts that {first_method} was tested on"
            raise UserError(method, "", expected, "others", "run `dvc repro` for both")
    values: dict[str, list[pd.DataFrame]] = {
        row: [] for row in ("chance", "tempo", *matches, "own_tempo", "known")
    }
    folds = {number: _fold(rows, facts) for number, rows in first.groupby("fold", sort=True)}
    for number, fold in folds.items():
        shape = fold.references["chance"].shape
        scores = {row: [given] for row, given in fold.references.items()} | {
            method: [
                frame.loc[frame["fold"] == number, "score"].to_numpy(np.float64).reshape(shape)
                for frame in frames
            ]
            for method, frames in matches.items()
        }
        for row, measured in values.items():
            for given in scores[row]:
                random = stream(seed, "matching", "negatives", int(str(number)))
                measured.append(_measured(given, fold, negatives, own_track, random))
    # seeds of a method: the mean over them, query by query
    means = {
        row: pd.concat(frames).groupby(["piece", "excerpt"], as_index=False).mean()
        for row, frames in values.items()
    }
    chance = pd.concat(values["chance"], ignore_index=True)
    differences = {
        row: {
            name: mean_interval(
                means[row][name] - means[PAPER][name], means[row]["piece"], seed, resamples
            )
            for name in COMPARED
        }
        for row in matches
        if row != PAPER and PAPER in matches
    }
    return {
        "queries": len(chance),
        "pieces": int(chance["piece"].nunique()),
        "tracks": len(next(iter(folds.values())).names),
        "negatives": int(chance["negatives"].min()),
        "own_track": own_track,
        "folds": len(folds),
        "own": mean_interval(chance["own_bailando"], chance["piece"], seed, resamples),
        "seeds": max(map(len, matches.values())),
        "rows": {
            row: {name: _number(mean, name, seed, resamples) for name in METRICS}
            for row, mean in means.items()
        },
        "differences": differences,
    }


def rows_of(scores: Matches, wholes: Sequence[pd.DataFrame]) -> dict[Any, Sequence[pd.DataFrame]]:
    """The rows of the table: the methods, and beside two of them what else they give.

    ``category_joints``, the category without the vote of the bones, and ``whole``, synchrony's scores
    of whole dances (piece, candidate, score), one frame a seed, as those of all their excerpts.
    """
    rows = {}
    for method, frames in scores.items():
        rows[method] = frames
        if method == PAPER:
            rows["category_joints"] = [of.assign(score=of["score_of_joints"]) for of in frames]
        if method == "synchrony":
            rows["whole"] = [_of_excerpts(*of) for of in zip(frames, wholes, strict=True)]
    return rows


def _of_excerpts(excerpts: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    scores = whole.set_index(["piece", "candidate"])["score"]
    of = scores.reindex(pd.MultiIndex.from_frame(excerpts[["piece", "candidate"]]))
    return excerpts[_IDS].assign(score=of.to_numpy())


def of_whole_dances(wholes: Sequence[pd.DataFrame]) -> dict[str, Sequence[pd.DataFrame]]:
    """Scores of whole dances (fold, piece, candidate, score), one frame a seed, each as one excerpt."""
    return {"whole": [of.assign(excerpt=0, candidate_excerpt=0) for of in wholes]}


def facts_of(about: workspace.About) -> Facts:
    """The facts of a task's corpus. Raises UserError where an earlier stage has not run."""
    return Facts(
        workspace.read_pieces(about.corpus).set_index("piece"),
        workspace.read_tempo(about.corpus).set_index("piece"),
        workspace.read_beats(about.corpus),
        about.excerpt_frames / about.motion_rate_hz,
    )


def _number(frame: pd.DataFrame, name: str, seed: int, resamples: int) -> Interval:
    column = "rank" if name == "median_rank" else name.removesuffix("_by_popularity")
    weights = None if column in ("rank", name) else 1 / frame["popularity"]
    return mean_interval(
        frame[column], frame["piece"], seed, resamples, weights=weights, median=column == "rank"
    )


def _fold(rows: pd.DataFrame, facts: Facts) -> _Fold:
    """From the ids of a fold's matches."""
    queries = rows[["piece", "excerpt"]].drop_duplicates(ignore_index=True)
    gallery = rows[["candidate", "candidate_excerpt"]].drop_duplicates(ignore_index=True)
    asked, given = queries["piece"], gallery["candidate"]
    files, labels, bpm = facts.pieces["music_file"], facts.pieces["label"], facts.tempo["music_bpm"]
    tracks = files.loc[given].to_numpy()
    names, place, track = np.unique(tracks, return_index=True, return_inverse=True)
    at = {key: i for i, key in enumerate(gallery.itertuples(index=False, name=None))}
    same = labels.loc[asked].to_numpy()[:, None] == labels.loc[given].to_numpy()[place]
    moves = facts.tempo["motion_bpm"].loc[asked].to_numpy()[:, None]
    off = tempo_difference(moves, bpm.loc[given].to_numpy())
    own_bpm = bpm.loc[asked].to_numpy()[:, None]
    music_off = tempo_difference(own_bpm, bpm.loc[given].to_numpy()[place])
    return _Fold(
        queries, tracks, names,
        np.searchsorted(names, files.loc[asked].to_numpy()),
        np.array([at[key] for key in queries.itertuples(index=False, name=None)]),
        same,
        music_off,
        music_off < SAME_TEMPO * own_bpm,
        {name: _alignments(queries, gallery, facts, name) for name in _DEFINITIONS},
        {
            "chance": np.zeros((len(queries), len(gallery))),
            "tempo": -np.nan_to_num(off, nan=1e3),
            "own_tempo": -np.nan_to_num(music_off[:, track], nan=1e3),
            "known": same[:, track].astype(float),
        },
    )  # fmt: skip


def _alignments(
    queries: pd.DataFrame, gallery: pd.DataFrame, facts: Facts, definition: Definition
) -> Floats:
    """Beat alignment of every query's motion with every excerpt of music, (q, c)."""
    motion = [facts.within(f"motion_{definition}", *key) for key in queries.to_numpy()]
    music = [facts.within("music", *key) for key in gallery.to_numpy()]
    return np.array([[beat_alignment(a, b, definition) for b in music] for a in motion])


def _measured(
    scores: Floats, fold: _Fold, negatives: int, own_track: bool, random: np.random.Generator
) -> pd.DataFrame:
    """Every metric of every query, and how many negatives there were."""
    each = np.arange(len(scores))
    tracks, _ = retrieval.track_scores(scores, fold.tracks)
    shown = tracks.copy()
    if not own_track:
        shown[each, fold.own] = -np.inf
    others = fold.tracks[None] != fold.names[fold.own][:, None]
    among = retrieval.one_among(scores, fold.own_excerpt, others, negatives, random)
    frame = fold.queries.assign(negatives=among.shape[1] - 1)
    for k in (1, 3):
        frame[f"hit_{k}"] = retrieval.hit(shown, fold.same, k)
    for k in (1, 5, 10):
        frame[f"recall_{k}"] = retrieval.recall(tracks, fold.own, k)
    frame["rank"] = retrieval.ranks(tracks, fold.own)
    rivals = np.where(fold.same_tempo, tracks, -np.inf)
    alone = fold.same_tempo.sum(1) < 2
    frame["same_tempo"] = np.where(alone, np.nan, retrieval.recall(rivals, fold.own, 1))
    for k in (1, 10, 25):
        frame[f"among_{k}"] = retrieval.recall(among, np.zeros(len(among), np.int64), k)
    frame["tempo"] = retrieval.of_first(shown, fold.tempo_off)
    for name, values in fold.alignment.items():
        # of each track's best excerpt for each query
        best = [
            retrieval.of_first(scores[:, fold.tracks == track], values[:, fold.tracks == track])
            for track in fold.names
        ]
        frame[f"alignment_{name}"] = retrieval.of_first(shown, np.stack(best, 1))
        frame[f"own_{name}"] = values[each, fold.own_excerpt]
    often = pd.Series(fold.tracks).value_counts()
    frame["popularity"] = often.loc[fold.names[fold.own]].to_numpy()
    return frame
