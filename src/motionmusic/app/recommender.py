"""Music for a user's dance: a trained model and a catalogue make a recommendation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from motionmusic.app.arguments import clock
from motionmusic.app.catalogue import Catalogue, Track, index, windows
from motionmusic.app.open_dance import facts, fit_dance
from motionmusic.app.outputs import using_cache
from motionmusic.app.picks import catalogue_json, catalogue_line, own_of, synthetic_line
from motionmusic.app.practical import Genres
from motionmusic.app.trained import Trained
from motionmusic.data.own import OwnDance, motion_segments
from motionmusic.features.motion import normalise_joints
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.files import Float32
from motionmusic.models import matcher
from motionmusic.models.matcher import About, Matcher
from motionmusic.scoring.accuracy import vote
from motionmusic.scoring.genre_model import softmax
from motionmusic.scoring.recommend import best_moment, best_start, draw, top_tracks
from motionmusic.streams import stream
from motionmusic.terminal import shown


class Pick(NamedTuple):
    """A recommended track: its score (None where it was drawn) and where its music starts."""

    track: Track
    score: float | None
    start_s: float


@dataclass(frozen=True)
class Recommendation:
    """What was recommended, and from what."""

    dance: OwnDance
    model: Path  # folder of the matcher
    matcher: Matcher  # that ranked the tracks
    classifier: Matcher | None  # that predicted the category
    predicted: dict[str, Any] | None  # name, share of the segments, segments, votes by class
    picks: list[Pick]  # the best first
    catalogue: Catalogue
    left_out: list[Track]  # the dance's own music in it

    def as_json(self, path: Path) -> dict[str, Any]:
        """Everything, as plain values; ``path`` is the dance's."""
        own, found = self.dance, self.catalogue
        return {
            "dance": facts(path, own),
            "predicted": self.predicted,
            "method": self.matcher.about.method,
            "recommended": [
                {
                    "path": str(track.path),
                    "category": track.category,
                    "score": score,
                    "start_s": start_s,
                    "bpm": track.bpm,
                    "seconds": track.seconds,
                    "sha256": track.digest,
                }
                for track, score, start_s in self.picks
            ],
            "catalogue": catalogue_json(found, self.left_out),
            "model": {"path": str(self.model), **_facts(self.matcher)},
            "classifier": self.classifier and _facts(self.classifier),
        }

    def heading(self) -> list[str]:
        """The dance, the model, the catalogue and the predicted category, in a line each."""
        category = "not known, the model has no matcher `category`"
        if self.predicted is not None:
            share = f"{100 * self.predicted['share']:.0f} %"
            category = (
                f"{self.predicted['name']} ({share} of {self.predicted['segments']} segments)"
            )
        task = self.matcher.about.task
        return [
            f"Dance: {self.dance.name}, {self.dance.seconds:.1f} s",
            f"Model: {self.model}, trained on the task {task}",
            *synthetic_line(task),
            catalogue_line(self.catalogue, self.left_out),
            f"Predicted category: {category}",
        ]

    @property
    def tracks(self) -> list[tuple[Track, float]]:
        """The tracks with their starts in seconds."""
        return [(pick.track, pick.start_s) for pick in self.picks]

    def table(self) -> Table:
        """The tracks."""
        method = self.matcher.about.method
        table = Table(title=f"Method {method}", title_justify="left")
        table.add_column("#", justify="right")
        table.add_column("track", overflow="fold")
        table.add_column("category")
        for name in ("score", "start", "bpm", "length"):
            table.add_column(name, justify="right")
        for number, (track, score, start_s) in enumerate(self.picks, 1):
            value = "drawn" if score is None else f"{score:.3f}"
            table.add_row(
                str(number), shown(track.path), shown(track.category or "–"), value, clock(start_s),
                "–" if np.isnan(track.bpm) else f"{track.bpm:.0f}", clock(track.seconds),
            )  # fmt: skip
        return table


def _facts(of: Matcher) -> dict[str, Any]:
    return {"digest": of.digest, **of.about.model_dump()}


class Recommender:
    """A trained matcher that ranks music, and one that predicts the category where there is one."""

    def __init__(self, trained: Trained):
        self.model = trained.model
        self.matcher = matcher.load(trained.model)
        self.classifier = None
        if trained.classifier is not None:
            self.classifier = matcher.load(trained.classifier)

    def __call__(
        self, dance: OwnDance, music: Path, top: int, include_own: bool = False
    ) -> Recommendation:
        """Recommend ``top`` tracks of the folder ``music`` for a dance.

        Its own music only where ``include_own``. Raises UserError where either does not fit.
        """
        about = self.matcher.about
        query, dance = fit_dance(dance, about.layout, about.motion_rate_hz, SEGMENT_FRAMES)
        predicted = None if self.classifier is None else _predict(self.classifier, query)
        with using_cache() as cache:
            found = index(music, self.matcher, cache)
        hearing = about.music.sample_rate, about.music.resampler
        exclude = set() if include_own else own_of(found, dance, *hearing)
        if about.method == "category":
            assert predicted is not None
            picks = self._drawn(found, predicted["name"], top, dance.name, exclude)
        else:
            picks = self._ranked(found, _segments(query, about), top, exclude)
        left_out = [found.tracks[n] for n in sorted(exclude)]
        return Recommendation(
            dance, self.model, self.matcher, self.classifier, predicted, picks, found, left_out
        )

    def _drawn(
        self, found: Catalogue, predicted: str, top: int, name: str, exclude: set[int]
    ) -> list[Pick]:
        """The paper's draw; the same dance draws the same tracks. Music starts at its beginning."""
        categories = [track.category for track in found.tracks]
        random = stream(self.matcher.about.seed, "recommend", name)
        drawn = draw(categories, predicted, top, random, exclude)
        return [Pick(found.tracks[n], None, 0.0) for n in drawn]

    def _ranked(
        self, found: Catalogue, segments: Float32, top: int, exclude: set[int]
    ) -> list[Pick]:
        """The tracks of highest score; music starts where it fits best."""
        if self.matcher.about.method == "synchrony":
            return self._in_time(found, segments, top, exclude)
        motion = [self.matcher.motion_code(each) for each in windows(segments, self.matcher.about)]
        # the mean of all pairs of windows is the inner product of the mean codes
        means = found.vectors() @ np.stack(motion).mean(axis=0, dtype=np.float32)
        picks = []
        for n in top_tracks(means, top, exclude):
            track = found.tracks[n]
            start = best_start(self.matcher.scores(motion, list(track.read())))
            picks.append(Pick(track, float(means[n]), float(track.starts_s[start])))
        return picks

    def _in_time(
        self, found: Catalogue, segments: Float32, top: int, exclude: set[int]
    ) -> list[Pick]:
        """The tracks with the moments at which the whole dance is most in time."""
        motion, rate_hz = self.matcher.motion_code(segments), self.matcher.about.motion_rate_hz
        picks = []
        for track in found.tracks:
            codes = list(track.read())
            agreement, first = best_moment(motion, np.concatenate(codes))
            window, frame = divmod(first, len(codes[0]))
            picks.append(Pick(track, agreement, float(track.starts_s[window]) + frame / rate_hz))
        agreements = np.array([pick.score for pick in picks])
        return [picks[n] for n in top_tracks(agreements, top, exclude)]


def _segments(query: OwnDance, about: About) -> Float32:
    """The segments (n, 3, 25, v) of a dance that fits the model, scaled as the model's own are."""
    joints = normalise_joints(
        query.joints, query.center, centering=about.joints.center, scale=about.joints.scale
    )
    return motion_segments(joints, SEGMENT_FRAMES)


def genres_of(folder: Path, dance: OwnDance) -> Genres:
    """The genre of a dance by a matcher ``category``, for the order by genre, tempo and timing."""
    classifier = matcher.load(folder)
    about = classifier.about
    query, _ = fit_dance(dance, about.layout, about.motion_rate_hz, SEGMENT_FRAMES)
    logits = np.asarray(classifier.logits(_segments(query, about)), np.float64)
    mean = softmax(logits).mean(axis=0)
    names = list(about.labels.values())
    best = int(mean.argmax())
    text = f"Genre: {names[best]} {100 * mean[best]:.0f} %, of {', '.join(names)}"
    model = "\n".join(
        [f"{folder}, trained on the task {about.task}; tempo and timing by the package's own",
         *synthetic_line(about.task)]
    )  # fmt: skip
    found = dict(zip(names, map(float, mean), strict=True))
    return Genres(found, text, about.labels, model)


def _predict(classifier: Matcher, query: OwnDance) -> dict[str, Any]:
    """The category that most segments vote for, and its share of them."""
    classes = list(classifier.about.labels.values())
    logits = classifier.logits(_segments(query, classifier.about))
    votes = [int(n) for n in logits.argmax(axis=1)]
    winner, counts = vote(votes), Counter(votes)
    return {
        "name": classes[winner],
        "share": counts[winner] / len(votes),
        "segments": len(votes),
        "votes": {name: counts[n] for n, name in enumerate(classes)},
    }
