"""Music for a dance by genre, tempo and timing, without a trained model of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.table import Table

from motionmusic.app.arguments import clock
from motionmusic.app.catalogue import (
    Catalogue,
    Ear,
    Encoded,
    Track,
    folded,
    heard,
    heard_parts,
)
from motionmusic.app.open_dance import facts, fit_dance
from motionmusic.app.outputs import using_cache
from motionmusic.app.picks import catalogue_json, catalogue_line, own_of
from motionmusic.app.same_sound import fingerprint
from motionmusic.app.tags import tags_of
from motionmusic.app.track_tempo import tracked_bpm
from motionmusic.data.own import OwnDance, fitted
from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.features.song_tempo import SAMPLE_RATE
from motionmusic.scoring.beat_phase import RATE_HZ, SHIPPED, BeatPhase, tempo_kept
from motionmusic.scoring.dance_tempo import OCTAVES, DanceTempo, TempoModel, evidence, given
from motionmusic.scoring.order import (
    WEIGHTS,
    Moment,
    best_moment_of,
    genre_score,
    hear,
    tempo_fit,
    tempo_score,
)
from motionmusic.scoring.two_corpora import common_joints
from motionmusic.terminal import shown

if TYPE_CHECKING:
    from motionmusic.app.recommending import By

SHORTEST_S = 3.0
TEMPO_S = 30.0
TEMPO = Path(__file__).parents[1] / "pretrained" / "dance_tempo.npz"
PACKAGE = "the package's own, learned from 190 street dances of AIST++ retargeted"
# As folders and tags call the music of AIST's ten dances; "Pop" is pop music there, not popping.
NAMES: dict[str, tuple[str, ...]] = {
    "Break": ("Break", "Breaking", "Breakdance", "Breakbeat", "Funk"),
    "Pop": ("Popping", "Electro", "Electro funk"),
    "Lock": ("Lock", "Locking", "Funk", "Soul"),
    "Middle hip hop": ("Middle hip hop", "Hip hop", "Rap"),
    "LA hip hop": ("LA hip hop", "Hip hop", "Rap", "Trap"),
    "House": ("House", "Deep house"),
    "Waack": ("Waack", "Waacking", "Disco"),
    "Krump": ("Krump", "Hip hop", "Trap", "Dubstep"),
    "Street jazz": ("Street jazz", "Pop", "R&B", "RnB"),
    "Ballet jazz": ("Ballet jazz", "Jazz", "Contemporary"),
}
_AIST = dict(
    zip(["gBR", "gPO", "gLO", "gMH", "gLH", "gHO", "gWA", "gKR", "gJS", "gJB"], NAMES, strict=True)
)


class Genres(NamedTuple):
    """Of a dance: probability by genre, None where it counts nothing; a line for people."""

    probabilities: dict[str, float] | None
    text: str
    labels: Mapping[str, str]  # names of the model's own classes by codes; none of the package's
    model: str


class Fit(NamedTuple):
    """A track as it fits the dance."""

    track: Track
    genres: tuple[str, ...]  # of the track
    share: float | None  # of the dance that is of them; None where one is not known
    octave: float  # by which the track's tempo comes nearest the dance's
    moment: Moment
    parts: dict[str, float]
    score: float


@dataclass(frozen=True)
class Practical:
    """What was recommended, and from what."""

    dance: OwnDance
    genres: Genres
    tempo: DanceTempo
    told_bpm: float | None
    kept_bpm: float  # that the model of the beat's phase sees; NaN where it cannot tell
    unlike: bool  # the dance, those that this model knows
    by: By
    fits: list[Fit]  # the best first
    catalogue: Catalogue
    left_out: list[Track]

    @property
    def tracks(self) -> list[tuple[Track, float]]:
        """Tracks with their starts."""
        return [(fit.track, fit.moment.start_s) for fit in self.fits]

    def heading(self) -> list[str]:
        """The model, the catalogue, and what the dance is."""
        tempo = f"Tempo: {self.tempo.bpm:.0f} beats a minute, "
        if self.told_bpm is not None:
            tempo += "as told"
        else:
            sure, octave = (
                self.tempo.share(self.tempo.bpm),
                self.tempo.share(self.tempo.bpm, OCTAVES),
            )
            tempo += f"{100 * sure:.0f} % sure ({100 * octave:.0f} % up to half or double)"
        doubt = ", but is unlike those that the model knows" if self.unlike else ""
        timing = f"Timing: the dance seems to keep {self.kept_bpm:.0f} beats a minute{doubt}"
        if np.isnan(self.kept_bpm):
            timing = "Timing: cannot tell, the model sees no beat in this dance; it counts nothing"
        return [
            f"Dance: {self.dance.name}, {self.dance.seconds:.1f} s",
            f"Model: {self.genres.model}",
            catalogue_line(self.catalogue, self.left_out),
            self.genres.text,
            tempo,
            timing,
        ]

    def table(self) -> Table:
        """The tracks, one column a reason."""
        title = "By genre, tempo and timing" if self.by == "all" else f"By {self.by}"
        if (self.by == "timing" and np.isnan(self.kept_bpm)) or (
            self.by == "genre" and self.genres.probabilities is None
        ):
            title = f"By all but {self.by}, which is unknown here"
        table = Table(title=title, title_justify="left")
        table.add_column("#", justify="right")
        table.add_column("track", overflow="fold")
        table.add_column("genre", overflow="fold")
        for name in ("tempo", "timing", "start", "length"):
            table.add_column(name, justify="right")
        for number, fit in enumerate(self.fits, 1):
            timing = "–" if np.isnan(self.kept_bpm) else f"{fit.moment.fit:.2f}"
            table.add_row(
                str(number), shown(fit.track.path), self._genre(fit), self._tempo(fit), timing,
                clock(fit.moment.start_s), clock(fit.track.seconds),
            )  # fmt: skip
        return table

    def _genre(self, fit: Fit) -> str:
        names = shown(", ".join(fit.genres)) or "–"
        return names if fit.share is None else f"{names} {100 * fit.share:.0f} %"

    def _tempo(self, fit: Fit) -> str:
        bpm = fit.track.bpm
        if np.isnan(bpm):
            return "–"
        word = {1.0: "", 2.0: " doubled", 0.5: " halved"}[fit.octave]
        away = round(100 * (bpm * fit.octave / self.tempo.bpm - 1))
        return f"{bpm:.0f}{word} ({f'{away:+}' if away else 0} %)".replace("-", "−")

    def as_json(self, path: Path) -> dict[str, Any]:
        """Everything, as plain values; ``path`` is the dance's."""
        return {
            "dance": facts(path, self.dance),
            "method": "practical",
            "by": self.by,
            "model": self.genres.model,
            "genre": {"probabilities": self.genres.probabilities, "text": self.genres.text},
            "tempo": {
                "bpm": self.tempo.bpm,
                "told": self.told_bpm is not None,
                "sure": self.tempo.share(self.tempo.bpm),
                "sure_up_to_octave": self.tempo.share(self.tempo.bpm, OCTAVES),
            },
            "timing": {"bpm": self.kept_bpm},
            "recommended": [
                {
                    "path": str(fit.track.path),
                    "genres": list(fit.genres),
                    "genre_share": fit.share,
                    "bpm": fit.track.bpm,
                    "octave": fit.octave,
                    "timing": fit.moment.fit,
                    "start_s": fit.moment.start_s,
                    "score": fit.score,
                    "score_of": fit.parts,
                    "seconds": fit.track.seconds,
                    "sha256": fit.track.digest,
                }
                for fit in self.fits
            ],
            "catalogue": catalogue_json(self.catalogue, self.left_out),
        }


def of_package(dance: OwnDance) -> Genres:
    """The genre by the model that comes with the package."""
    from motionmusic.app.genre import guess

    found = guess(dance)
    text = found.text if found.known else f"{found.text}; it counts nothing"
    return Genres(found.probabilities if found.known else None, text, {}, PACKAGE)


def recommend(
    dance: OwnDance, music: Path, genres: Genres, top: int, by: By, include_own: bool = False,
    told_bpm: float | None = None, within: tuple[float, float] | None = None,
    timing: BeatPhase | None = None,
) -> Practical:  # fmt: skip
    """The ``top`` tracks of the folder ``music``.

    Args:
        dance, music: the dance; a folder, or one sound file.
        genres: of the dance.
        top, by: how many, and by what they are ordered.
        include_own: whether the dance's own music may be among them.
        told_bpm: the dance's tempo, where it is known.
        within: only tracks whose tempo, half or double is between these.
        timing: a model of the beat; else the package's own.

    Raises UserError where the dance is shorter than 3 s, or no track is left.
    """
    if dance.seconds < SHORTEST_S:
        raise UserError(
            dance.name, "", f"a dance of at least {SHORTEST_S:g} s", f"{dance.seconds:.2f} s",
            "take a longer dance",
        )  # fmt: skip
    phase = timing or BeatPhase.read(SHIPPED)
    moves = fitted(dance, dance.layout, RATE_HZ, 1)
    seen = evidence(common_joints(moves.joints, dance.layout))
    tempo = given(told_bpm) if told_bpm else TempoModel.read(TEMPO)(seen)
    query, dance = fit_dance(dance, "musictodance", RATE_HZ, 1)
    predicted = phase.predict(query.in_the_room(), phase.piece_of(dance.name))
    kept = tempo_kept(predicted, phase.limits)

    words = {word: word for names in NAMES.values() for word in names}
    codes = {code: NAMES[name][0] for code, name in _AIST.items()}
    with using_cache() as cache:
        labels = {**words, **codes, **genres.labels}
        found = heard(music, Ear(labels, "practical", _hear), cache)
    own = set() if include_own else own_of(found, dance, SAMPLE_RATE)
    fits = []
    for number, track in enumerate(found.tracks):
        if number in own or (within and not _between(track.bpm, within)):
            continue
        names = (track.category,) if track.category else track.known.genres
        fit = tempo_fit(predicted, track.bpm) if np.isfinite(kept) else 0.0
        fits.append(_fit(track, names, genres, tempo, fit))
    if not fits:
        assert within is not None
        raise UserError(
            found.folder, "--tempo-range", f"a track of {within[0]:g} to {within[1]:g} beats a"
            " minute, half and double counted", "none", "ask for a wider range",
        )  # fmt: skip
    fits.sort(key=lambda fit: (-fit.parts.get(by, fit.score), -fit.score))
    fits = fits[:top]
    if np.isfinite(kept):  # where in the track a dance goes best counts nothing for the order
        fits = [
            fit._replace(moment=best_moment_of(predicted, _sound(fit.track), fit.track.bpm))
            for fit in fits
        ]
    left_out = [found.tracks[number] for number in sorted(own)]
    unlike = timing is None and genres.probabilities is None
    return Practical(dance, genres, tempo, told_bpm, kept, unlike, by, fits, found, left_out)


def _sound(track: Track) -> Floats:
    return np.asarray(track.read(), np.float64)


def _fit(
    track: Track, names: tuple[str, ...], genres: Genres, tempo: DanceTempo, timing: float
) -> Fit:
    share, genre = None, 0.0
    if genres.probabilities is not None:
        named = {folded(name) for name in names}
        matching = [
            any(folded(word) in named for word in ((kind,) if genres.labels else NAMES[kind]))
            for kind in genres.probabilities
        ]
        if any(matching):
            every = list(genres.probabilities.values())
            share, genre = float(np.dot(every, matching)), genre_score(every, matching)
    away = [abs(np.log(track.bpm * octave / tempo.bpm)) for octave in OCTAVES]
    octave = 1.0 if np.isnan(track.bpm) else OCTAVES[int(np.argmin(away))]
    parts = {
        "genre": WEIGHTS.genre * genre,
        "tempo": WEIGHTS.tempo * tempo_score(tempo, track.bpm),
        "timing": WEIGHTS.fit * timing,
    }
    moment = Moment(timing, 0.0, 0.0)
    return Fit(track, names, share, octave, moment, parts, sum(parts.values()))


def _between(bpm: float, within: tuple[float, float]) -> bool:
    return any(within[0] <= bpm * octave <= within[1] for octave in OCTAVES)


def _hear(digest: str, file: Path) -> Encoded:
    """What begins to sound (f,), no windows, seconds, bpm and the sound of a file. Raises UserError."""
    count, sound = 0, None
    bpm: list[float] = []
    curves = []
    tags = tags_of(file)
    for audio in heard_parts(file, SAMPLE_RATE):
        count += len(audio)
        if count < SHORTEST_S * SAMPLE_RATE:
            continue  # the first part of a longer file is longer
        sound = sound or fingerprint(audio, SAMPLE_RATE)
        told = tags.bpm if np.isfinite(tags.bpm) else tracked_bpm(audio, SAMPLE_RATE)
        tempo, curve = hear(audio, told)
        curves.append(curve)
        if not bpm or len(audio) >= TEMPO_S * SAMPLE_RATE:  # a short rest tells nothing
            bpm.append(tempo)
    if sound is None or count < SHORTEST_S * SAMPLE_RATE:
        least = f"at least {SHORTEST_S:g} s of sound"
        raise UserError(file, "", least, f"{count / SAMPLE_RATE:.2f} s (too short)", "remove it")
    known = [tempo for tempo in bpm if np.isfinite(tempo)]
    middle = float(np.median(known)) if known else float("nan")
    codes = np.concatenate(curves).astype(np.float32)
    return Encoded(codes, np.zeros(0), count / SAMPLE_RATE, middle, sound, tags.genres)
