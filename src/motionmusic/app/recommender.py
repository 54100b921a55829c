"""Music for a user's dance: a trained model and a catalogue make a recommendation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from motionmusic.app.arguments import clock
from motionmusic.app.catalogue import Catalogue, Track, index, own_tracks, windows
from motionmusic.app.open_dance import facts, fit_dance
from motionmusic.app.outputs import using_cache
from motionmusic.app.trained import Trained
from motionmusic.data.own import OwnDance, motion_segments
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.motion import normalise_joints
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.files import Float32
from motionmusic.models import matcher
from motionmusic.models.matcher import About, Matcher
from motionmusic.render.film import SOUND_HZ
from motionmusic.render.page import Panel, video
from motionmusic.scoring.accuracy import vote
from motionmusic.scoring.recommend import best_moment, best_start, draw, top_tracks
from motionmusic.streams import stream
from motionmusic.terminal import shown

SHOWN_S = 20.0  # seconds of the dance that a video shows with each track
_LISTED = 10  # broken files that are named on the terminal


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
            "catalogue": {
                "folder": str(found.folder),
                "tracks": len(found.tracks),
                "own_track_left_out": [str(track.path) for track in self.left_out],
                "copies": {
                    str(track.path): [str(path) for path in track.copies]
                    for track in found.tracks
                    if track.copies
                },
                "broken": [{"path": str(path), "reason": reason} for path, reason in found.broken],
                "other_files": found.others,
            },
            "model": {"path": str(self.model), **_facts(self.matcher)},
            "classifier": self.classifier and _facts(self.classifier),
        }

    def heading(self) -> list[str]:
        """The dance, the model, the catalogue and the predicted category, in a line each."""
        about, found = self.matcher.about, self.catalogue
        left_out = ", the dance's own left out" if self.left_out else ""
        category = "not known, the model has no matcher `category`"
        if self.predicted is not None:
            share = f"{100 * self.predicted['share']:.0f} %"
            category = (
                f"{self.predicted['name']} ({share} of {self.predicted['segments']} segments)"
            )
        return [
            f"Dance: {self.dance.name}, {self.dance.seconds:.1f} s",
            f"Model: {self.model}, trained on the task {about.task}",
            f"Catalogue: {found.folder}, {len(found.tracks)} tracks{left_out}",
            f"Predicted category: {category}",
        ]

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

    def complaints(self, out: Path | None) -> list[str]:
        """What was not read or is there twice; where it is much, ``out`` has the rest."""
        broken = self.catalogue.broken
        lines = [f"{len(broken)} files or folders could not be read:"] if broken else []
        for path, reason in broken[:_LISTED]:
            lines.append(f"  {shown(path)}: {reason}")
        if len(broken) > _LISTED:
            where = out or "the JSON (--out, --json)"
            lines.append(f"  and {len(broken) - _LISTED} more, all of them in {where}")
        if copies := sum(len(track.copies) for track in self.catalogue.tracks):
            lines.append(
                f"{copies} files have the sound of another one, with which they are one track"
            )
        if others := self.catalogue.others:
            kinds = ", ".join(shown(suffix or "no suffix") for suffix in list(others)[:_LISTED])
            lines.append(f"{sum(others.values())} other files are neither sound nor video: {kinds}")
        return lines

    def film(self, path: Path) -> None:
        """Write a video of the dance's first 20 s with each track."""
        frames = min(len(self.dance.joints), round(SHOWN_S * self.dance.rate_hz))
        seconds = frames / self.dance.rate_hz
        panels = []
        for number, (track, _, start_s) in enumerate(self.picks, 1):
            file = self.catalogue.folder / track.path
            panels.append(
                Panel(
                    f"{number}. {'/'.join(track.path.with_suffix('').parts[-2:])}",
                    f"{track.category or 'no category'}, from {clock(start_s)}",
                    read_audio(file, SOUND_HZ, start_s=start_s, duration_s=seconds),
                )
            )
        joints = self.dance.in_the_room()[:frames]
        video(path, joints, self.dance.layout, self.dance.rate_hz, panels, self.dance.name)


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
        exclude = set()
        if dance.music_file is not None and not include_own:
            exclude = set(own_tracks(found, dance.music_file, about))
        if len(exclude) == len(found.tracks):
            raise UserError(
                music, "", "music other than the dance's own", "no other",
                "add music, or allow it with --include-own",
            )  # fmt: skip
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
        try:
            drawn = draw(categories, predicted, top, random, exclude)
        except UserError as error:
            raise replace(error, file=found.folder) from None
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
