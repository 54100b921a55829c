"""From scores to recommended tracks: where to start, the best, the paper's draw.

Of equal scores the earlier track, or start, wins; excluded tracks are neither counted nor drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from motionmusic.errors import UserError
from motionmusic.scoring.retrieval import track_scores
from motionmusic.streams import stream

Floats = NDArray[np.floating[Any]]
_NAMED = (
    "put tracks into folders named after the classes (such as Waltz), or choose another --method"
)


def best_start(scores: Floats) -> int:
    """The window of a track from which its music should start.

    Of the starts at which as many of the dance's windows as possible fit into the track, the one with
    the highest mean of scores[i, start + i]. ``scores`` (q, w): windows of the dance against those of
    the track, in time order.
    """
    q, w = scores.shape
    starts = range(max(1, w - q + 1))
    fitting = np.arange(min(q, w))
    means = [scores[fitting, start + fitting].mean(dtype=np.float64) for start in starts]
    return int(np.argmax(means))


def best_moment(motion: Floats, music: Floats) -> tuple[float, int]:
    """Where in a track a dance is most in time with it: how far their codes correlate, and the frame.

    Codes ``motion`` (f, d) and ``music`` (m, d) of synchrony, at one rate. Of a dance longer than the
    track, the part that fits from its start on counts.
    """
    motion = np.asarray(motion[: len(music)], np.float64)
    frames = len(motion)
    motion = motion - motion.mean(0)
    products = fftconvolve(music.astype(np.float64), motion[::-1], mode="valid", axes=0).sum(1)

    def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, 0)])
        return np.asarray(total[frames:] - total[:-frames])

    wide = music.astype(np.float64)
    spread = (sums(np.square(wide)) - np.square(sums(wide)) / frames).sum(1)
    length = np.linalg.norm(motion) * np.sqrt(np.maximum(spread, 0))
    agreement = products / np.maximum(length, 1e-6)
    first = int(np.argmax(agreement))
    return float(agreement[first]), first


def top_tracks(scores: Floats, top: int, exclude: Collection[int] = ()) -> list[int]:
    """The numbers of the ``top`` tracks of highest score, the best first; fewer where there are fewer."""
    order = np.argsort(-scores, kind="stable")
    return [int(track) for track in order if int(track) not in exclude][:top]


def draw(
    category_of_tracks: Sequence[str | None],
    predicted: str,
    top: int,
    rng: np.random.Generator,
    exclude: Collection[int] = (),
) -> list[int]:
    """The paper's recommendation: ``top`` distinct tracks of the predicted category (docs/matching.md).

    Every track of the category is equally likely. Raises UserError where no track is labelled, or the
    category has fewer than ``top``.
    """
    if not any(category_of_tracks):
        raise UserError("catalogue", "", "tracks of a known category", "none with a label", _NAMED)
    candidates = [
        number
        for number, category in enumerate(category_of_tracks)
        if category == predicted and number not in exclude
    ]
    if len(candidates) < top:
        expected = f"at least {top} tracks of this category to draw from"
        remedy = f"ask for fewer with --top, {_NAMED}"
        raise UserError("catalogue", predicted, expected, f"{len(candidates)}", remedy)
    return [int(number) for number in rng.choice(candidates, top, replace=False)]


def recommendations(
    matches: pd.DataFrame,
    method: str,
    seed: int,
    pieces: pd.DataFrame,
    names: Sequence[str],
    excerpt_s: float,
    *,
    top: int,
    own_track: bool,
) -> pd.DataFrame:
    """The tracks that a method recommends for every dance.

    ``matches``: piece, excerpt, candidate, candidate_excerpt, score. The method ``category`` draws, as
    the paper does, and starts a track at its first excerpt; all others rank, and start at the excerpt
    that fits best. ``pieces``: piece (index), label, music_file, music_start_s, music_bpm; ``names``
    of the classes; ``own_track``: whether the dance's own music may be recommended.

    Returns method, seed, piece, excerpt, category, bpm (of the dance's own music), rank, track (file),
    track_piece, score, track_category, track_bpm, track_start_s. Raises UserError as :func:`draw`.
    """
    pieces = pieces.assign(category=np.array(names)[pieces["label"]])
    kind_of = dict(zip(pieces["music_file"], pieces["category"], strict=True))
    rows = []
    for (piece, excerpt), found in matches.groupby(["piece", "excerpt"], sort=False):
        dance = pieces.loc[str(piece)]
        files = pieces["music_file"].loc[found["candidate"]].to_numpy()
        (scores,), tracks = track_scores(found["score"].to_numpy()[None], files)
        hidden = [] if own_track else np.flatnonzero(tracks == dance["music_file"]).tolist()
        if method == "category":
            kinds = [kind_of[track] for track in tracks]
            random = stream(seed, "recommend", str(piece), int(str(excerpt)))
            chosen = draw(kinds, kinds[int(scores.argmax())], top, random, hidden)
        else:
            chosen = top_tracks(scores, top, hidden)
        for rank, number in enumerate(chosen, start=1):
            here = found[files == tracks[number]]
            start = here.iloc[0 if method == "category" else int(here["score"].to_numpy().argmax())]
            track = pieces.loc[str(start["candidate"])]
            rows.append(
                {
                    "method": method,
                    "seed": seed,
                    "piece": piece,
                    "excerpt": excerpt,
                    "category": dance["category"],
                    "bpm": dance["music_bpm"],
                    "rank": rank,
                    "track": tracks[number],
                    "track_piece": start["candidate"],
                    "score": scores[number],
                    "track_category": track["category"],
                    "track_bpm": track["music_bpm"],
                    "track_start_s": track["music_start_s"]
                    + int(start["candidate_excerpt"]) * excerpt_s,
                }
            )
    return pd.DataFrame(rows)
