"""The dances and tracks on which the order of `motionmusic recommend` is tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic import workspace
from motionmusic.data.aist_retargeted import read_clips, tempo_bpm
from motionmusic.data.own import fitted, read_piece
from motionmusic.features.audio import PART_S, read_audio
from motionmusic.features.motion import Floats
from motionmusic.features.song_tempo import SAMPLE_RATE, onset_envelope
from motionmusic.scoring import genre_trials as trials
from motionmusic.scoring import timing
from motionmusic.scoring.beat_phase import RATE_HZ, BeatPhase
from motionmusic.scoring.dance_tempo import TempoModel, evidence
from motionmusic.scoring.order import hear
from motionmusic.scoring.own_track import (
    fits,
    folds_of,
    genre_scores,
    placed,
    tempo_scores,
    weighed,
    weights_of,
)
from motionmusic.scoring.tempo_of_dances import learned, reports
from motionmusic.scoring.timing import TimedPiece
from motionmusic.scoring.two_corpora import (
    SPLIT,
    on_beat_dances,
    street_dances,
    street_splits,
)


class Tested(NamedTuple):
    """Dances and tracks."""

    units: pd.Series[Any]  # (dances,) what intervals resample
    own: NDArray[np.int64]  # (dances,) number of the own track
    kinds: NDArray[np.bool_]  # (dances, tracks) of one type
    bpm: Floats  # (tracks,)
    parts: dict[str, Floats]  # scores (dances, tracks)


def of_street_dances(phase: BeatPhase) -> Tested:
    """AIST++ retargeted: genre and tempo, of models that do not know the dancer; timing.

    ``phase``: the model of the beat that comes with the program.
    """
    rows = workspace.read_pieces("aist_retargeted")
    labels = dict(zip(rows["piece"], rows["label"], strict=True))
    clips = read_clips(workspace.data("aist_retargeted", "raw"))
    known = {piece: trials.known(clip, piece) for piece, clip in clips.items()}
    genres = list(workspace.about(SPLIT).labels.values())
    new = trials.held_out(known, labels, street_splits(), genres)
    of_piece = dict(zip(new.names, trials.probabilities(new, rows), strict=True))

    timed = list(street_dances().values())
    seen = {dance.name: evidence(dance.joints) for dance in timed}
    halves = [learned(seen, [of for of in timed if reports(of) != odd]) for odd in (False, True)]
    tempi = [halves[reports(of)](seen[of.name]) for of in timed]
    codes = list(dict.fromkeys(workspace.about(SPLIT).labels))
    tracks = [f"m{code[1:]}{n}" for code in codes for n in range(6)]
    own = np.array([tracks.index(name) for name in rows["track"]])
    bpm = np.array([tempo_bpm(track) for track in tracks])
    genre_of = np.repeat(np.arange(len(codes)), 6)
    probabilities = np.array([of_piece[piece] for piece in rows["piece"]])
    raw = workspace.data("aist_retargeted", "raw")
    dances = [read_piece("aist_retargeted", raw, piece) for piece in rows["piece"]]
    moves = [fitted(dance, "musictodance", RATE_HZ, 1) for dance in dances]
    predicted = [
        phase.predict(dance.in_the_room(), piece)
        for dance, piece in zip(moves, rows["piece"], strict=True)
    ]
    parts = {
        "genre": genre_scores(probabilities, genre_of),
        "tempo": tempo_scores(tempi, list(bpm)),
        "timing": fits(predicted, list(bpm), phase.limits),
    }
    kinds = rows["label"].to_numpy()[:, None] == genre_of
    return Tested(rows["dancer"], own, kinds, bpm, parts)


def of_on_beat(phase: BeatPhase, ballroom: BeatPhase, tempo: TempoModel) -> tuple[Tested, Tested]:
    """On_beat by piece and by figure.

    Args:
        phase, tempo: that come with the program.
        ballroom: learned from other pieces of on_beat.
    """
    raw, rows = workspace.data("on_beat", "raw"), workspace.read_pieces("on_beat")
    names = list(rows["piece"])
    audio = {
        name: read_audio(raw / file, SAMPLE_RATE, duration_s=PART_S)
        for name, file in zip(names, rows["music_file"], strict=True)
    }
    bpm = np.array([hear(audio[name])[0] for name in names])
    dances, timed = on_beat_dances()
    seen = {name: evidence(dance.joints) for name, dance in timed.items()}
    units = workspace.read_units("on_beat")
    pieces = []
    for name, start_s in zip(names, rows["music_start_s"], strict=True):
        own = units[units["piece"] == name]
        spans = tuple(zip(own["unit"], own["start"] / 25, own["end"] / 25, strict=True))
        onsets = onset_envelope(audio[name])[round(start_s * 100) :]
        joints, beat_hz = dances[name].in_the_room(), timed[name].beat_hz
        pieces.append(
            TimedPiece(
                name, name.split("_")[0], joints, spans, 0.0, onsets, beat_hz, 0.0, np.zeros(0)
            )
        )
    shipped, own = (
        fits([of.predict(piece.joints, piece.piece) for piece in pieces], list(bpm), of.limits)
        for of in (phase, ballroom)
    )
    of_pieces = {
        "tempo": tempo_scores([tempo(seen[name]) for name in names], list(bpm)),
        "timing": shipped,
        "ballroom": own,
    }
    of_figures = {"ballroom": fits(by_new_figures(pieces), list(bpm), None)}
    label, number = rows["label"].to_numpy(), np.arange(len(names))
    by = [
        Tested(rows["piece"], number, label[:, None] == label, bpm, parts)
        for parts in (of_pieces, of_figures)
    ]
    return by[0], by[1]


def by_new_figures(pieces: Sequence[TimedPiece]) -> list[Floats]:
    """Of each piece (frames, 4) as :meth:`BeatPhase.predict`, by models that do not know the figure.

    Frames that are in no figure, or whose window sees another one, are 0.
    """
    half = timing.HALF["figure"]
    rows = timing._rows(pieces, half)
    folds = timing._folds(rows, "figure")
    found: list[Floats] = [np.zeros((len(row.windows), 4)) for row in rows]
    for fold in range(timing.FOLDS):
        weights = timing._ridge(rows, folds, fold, half)[:, :4]
        for row, of, predicted in zip(rows, folds, found, strict=True):
            for _, part in timing._windows(row, of == fold, "figure"):
                predicted[part] = row.windows[part] @ weights
    return found


def own_tracks(
    street: Tested, on_beat: tuple[Tested, Tested], seed: int, resamples: int
) -> dict[str, Any]:
    """Test → row → recall, rank (Intervals as JSON); and the weights of the command, of all dances."""
    found: dict[str, Any] = {}
    for name, of in (("street", street), *zip(("by_piece", "by_figure"), on_beat, strict=True)):
        nothing = np.zeros(of.kinds.shape)
        rows: dict[str, Floats] = {"chance": nothing, "known": of.kinds.astype(float)}
        rows |= of.parts
        parts = [of.parts[part] for part in ("genre", "tempo") if part in of.parts]
        if parts:
            if name == "street":
                folds = [int(str(unit)[1:]) % 2 for unit in of.units]
            else:
                folds = folds_of([str(unit) for unit in of.units])
            both, every = weighed(np.stack(parts, axis=2), of.parts["timing"], of.own, folds)
            rows |= ({"both": both} if len(parts) > 1 else {}) | {"all": every}
        found[name] = placed(rows, of.own, of.bpm, of.units, seed, resamples)
    both = np.stack([street.parts["genre"], street.parts["tempo"]], axis=2)
    pieces = on_beat[0].parts
    weights = weights_of(
        both, street.parts["timing"], street.own, pieces["tempo"], pieces["timing"]
    )
    return found | {"weights": weights._asdict()}
