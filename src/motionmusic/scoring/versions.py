"""Three versions of the same dances: as published, without rounding, and on the beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from motionmusic.data.choreonet import Choreography, unit_frames
from motionmusic.data.dance import Dance
from motionmusic.data.headings import with_center
from motionmusic.data.musictodance import code_of, read_dance
from motionmusic.data.on_beat import FRAMES_HZ, Source
from motionmusic.features import song_tempo
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import music_beats
from motionmusic.features.motion import Floats
from motionmusic.scoring.timing import TimedPiece

Units = tuple[tuple[str, float, float], ...]

PUBLISHED, EXACT, ON_BEAT = "published", "exact", "on_beat"


def versions(
    source: Source, songs: pd.DataFrame, names: Sequence[str] = (PUBLISHED, EXACT, ON_BEAT)
) -> dict[str, list[TimedPiece]]:
    """Every piece of a song table in each of these versions.

    ``published`` is the motion as published; ``exact`` the same with each unit as long as the
    publishers meant it to be, not rounded down to frames; ``on_beat`` has each unit on the beats of
    the song. In all of them the music is the same.

    Raises:
        UserError: a dance or its sound is missing or broken.
    """
    made: dict[str, list[TimedPiece]] = {name: [] for name in names}
    for song in songs.to_dict("records"):
        piece = str(song["piece"])
        dance = read_dance(piece, source.published / f"DANCE_{piece}")
        audio = read_audio(dance.music_file, song_tempo.SAMPLE_RATE, start_s=dance.music_start_s)
        onsets = song_tempo.onset_envelope(audio)
        tracked, _ = music_beats(audio, song_tempo.SAMPLE_RATE)
        beat_hz, first_s = song["song_bpm"] / 60, song["first_beat_s"]
        choreography = source.choreographies[piece]
        for name in names:
            start_s = first_s if name == ON_BEAT else 0.0
            if name == PUBLISHED:
                moves, units = _published(dance, choreography)
            else:
                own_hz = beat_hz if name == ON_BEAT else choreography.beat_hz
                moves, units = _placed(source, piece, own_hz, song["sound_s"] - start_s)
            joints = moves[:, :23] + moves[:, 23:]
            label = code_of(piece)
            made[name].append(
                TimedPiece(piece, label, joints, units, start_s, onsets, beat_hz, first_s, tracked)
            )
    return made


def _published(dance: Dance, choreography: Choreography) -> tuple[Floats, Units]:
    moves = with_center(dance)
    ends = np.cumsum([0, *unit_frames(choreography, len(moves))]) / FRAMES_HZ
    spans = zip(choreography.movements, ends[:-1], ends[1:], strict=True)
    return moves, tuple((unit, float(a), float(b)) for unit, a, b in spans)


def _placed(source: Source, piece: str, beat_hz: float, sound_s: float) -> tuple[Floats, Units]:
    moves, placed = source.dance(piece, beat_hz, sound_s)
    return moves, tuple((each.movement, each.start_s, each.end_s) for each in placed)
