"""The dances and tracks on which the order of `motionmusic recommend` is tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
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
from motionmusic.scoring.dance_tempo import DanceTempo, TempoModels, evidence
from motionmusic.scoring.genre_model import softmax, temperature_of
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
    by_piece,
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


def of_street_dances(weights: Path) -> Tested:
    """AIST++ retargeted: genre and tempo, of models that do not know the dancer; timing.

    ``weights``: of the beat's phase, learned from on_beat.
    """
    rows = workspace.read_pieces("aist_retargeted")
    labels = dict(zip(rows["piece"], rows["label"], strict=True))
    clips = read_clips(workspace.data("aist_retargeted", "raw"))
    known = {piece: trials.known(clip, piece) for piece, clip in clips.items()}
    genres = list(workspace.about(SPLIT).labels.values())
    new = trials.held_out(known, labels, street_splits(), genres)
    temperature = temperature_of(new.logits, new.labels)
    of_piece = dict(zip(new.names, softmax(new.logits / temperature), strict=True))

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
    phase = BeatPhase.read(weights)
    raw = workspace.data("aist_retargeted", "raw")
    dances = [read_piece("aist_retargeted", raw, piece) for piece in rows["piece"]]
    moves = [fitted(dance, "musictodance", RATE_HZ, 1) for dance in dances]
    parts = {
        "genre": genre_scores(probabilities, genre_of),
        "tempo": tempo_scores(tempi, list(bpm)),
        "timing": fits([phase.predict(dance.in_the_room()) for dance in moves], list(bpm)),
    }
    kinds = rows["label"].to_numpy()[:, None] == genre_of
    return Tested(rows["dancer"], own, kinds, bpm, parts)


def of_on_beat(weights: Path, street: Path) -> tuple[Tested, Tested]:
    """On_beat by piece and by figure; weights of the beat's phase and of the dances' tempo."""
    raw, rows = workspace.data("on_beat", "raw"), workspace.read_pieces("on_beat")
    names = list(rows["piece"])
    audio = {
        name: read_audio(raw / file, SAMPLE_RATE, duration_s=PART_S)
        for name, file in zip(names, rows["music_file"], strict=True)
    }
    bpm = np.array([hear(audio[name])[0] for name in names])
    dances, timed = on_beat_dances()
    seen = {name: evidence(dance.joints) for name, dance in timed.items()}
    alone, tempi = TempoModels.read(street).street, dict[str, DanceTempo]()
    for train, test in by_piece(names):
        model = alone + learned(seen, [timed[name] for name in train])
        tempi |= {name: model(seen[name]) for name in test}
    phase = BeatPhase.read(weights)
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
    label = rows["label"].to_numpy()
    made = []
    of_pieces = [phase.predict(piece.joints, piece.piece) for piece in pieces]
    for fit, of in (
        (fits(of_pieces, list(bpm)), [tempi[name] for name in names]),
        (fits(by_new_figures(pieces), list(bpm), True), [alone(seen[name]) for name in names]),
    ):
        parts = {"tempo": tempo_scores(of, list(bpm)), "timing": fit}
        made.append(
            Tested(rows["piece"], np.arange(len(names)), label[:, None] == label, bpm, parts)
        )
    return made[0], made[1]


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
        parts = [of.parts[part] for part in ("genre", "tempo") if part in of.parts]
        if name == "street":
            folds = [int(str(unit)[1:]) % 2 for unit in of.units]
        else:
            folds = folds_of([str(unit) for unit in of.units])
        both, every = weighed(np.stack(parts, axis=2), of.parts["timing"], of.own, folds)
        rows |= of.parts | ({"both": both} if len(parts) > 1 else {}) | {"all": every}
        found[name] = placed(rows, of.own, of.bpm, of.units, seed, resamples)
    both = np.stack([street.parts["genre"], street.parts["tempo"]], axis=2)
    pieces = on_beat[0].parts
    weights = weights_of(
        both, street.parts["timing"], street.own, pieces["tempo"], pieces["timing"]
    )
    return found | {"weights": weights._asdict()}
