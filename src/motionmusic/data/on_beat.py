"""MusicToDance on the beat: every movement unit takes as long as its beats do in the song.

The publishers gave a unit of b beats b times the length of the piece's music over all its beats.
That is not the song's beat (docs/on_beat.md). Here a unit that starts after B beats lies from
B to B + b beats of the song, from the beat nearest to the published start on. Its motion comes from
its capture where that is public, else from the published piece.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from motionmusic.data.captures import read_units
from motionmusic.data.choreonet import (
    HOLD,
    START,
    TIME_MAP,
    UNKNOWN,
    Choreography,
    read_captures,
    read_choreographies,
    unit_frames,
)
from motionmusic.data.gather import ORIGINS
from motionmusic.data.headings import read_headings, read_start, turn, with_center
from motionmusic.data.musictodance import POSITIONS_PER_SECOND, code_of, find_pieces, read_dance
from motionmusic.errors import UserError
from motionmusic.features import song_tempo
from motionmusic.features.audio import read_audio
from motionmusic.features.motion import Floats, rows_at
from motionmusic.files import new_folder, write_text

FRAMES_HZ = 25.0
CAPTURED, RETIMED = "captured", "re-timed"
_BLEND = 10  # frames on each side of a join that are bent towards the other
_BRIDGE = 3  # frames on each side that become a straight line


@dataclass(frozen=True)
class Placed:
    """When a piece dances a movement, in seconds from its frame 0."""

    movement: str
    beats: int
    start_s: float
    end_s: float


def time_map(choreography: Choreography, beat_hz: float) -> list[Placed]:
    """Every movement on its beats, of which frame 0 is the first."""
    ends = np.cumsum(choreography.beats)
    return [
        Placed(movement, beats, float(end - beats) / beat_hz, float(end) / beat_hz)
        for movement, beats, end in zip(
            choreography.movements, choreography.beats, ends, strict=True
        )
    ]


def frames_of(placed: Sequence[Placed], sound_s: float) -> int:
    """Frames at 25 a second until the last beat or the end of the sound, whichever is earlier."""
    end_s = min(placed[-1].end_s, sound_s)
    return math.ceil(end_s * FRAMES_HZ - 1e-6)


def parts(placed: Sequence[Placed], frames: int) -> list[Floats]:
    """Where in its movement, 0…1, each frame lies, one array a movement that has a frame."""
    inside: list[Floats] = []
    for each in placed:
        first, last = (math.ceil(s * FRAMES_HZ - 1e-6) for s in (each.start_s, each.end_s))
        at_s = np.arange(first, min(last, frames)) / FRAMES_HZ
        if len(at_s):
            inside.append((at_s - each.start_s) / (each.end_s - each.start_s))
    return inside


def compose(
    movements: Sequence[str],
    places: Sequence[Floats],
    clips: Mapping[str, Floats],
    headings: Mapping[tuple[str, str], float],
    path_turn: Callable[[float], Floats] = turn,
) -> Floats:
    """A dance from its movement units, put together as the publishers did.

    Each unit is turned about the vertical, its path goes on from the last centre; the gap between
    two units is spread over ten frames on either side and the five frames around the join become a
    straight line. HOLD repeats the last pose.

    Args:
        movements: units' names.
        places: of each, where in the unit its frames lie, 0…1.
        clips: unit → (frames, 24, 3), joints and centre in the room.
        headings: (previous, unit) → how much further it is turned, radians.
        path_turn: the matrix that turns the path; the publishers' own is not a rotation
            (docs/data.md).

    Returns:
        (frames, 24, 3) in cm: 23 joints less the centre, and the centre.
    """
    made: list[Floats] = []
    previous, heading = "", 0.0
    for movement, at in zip(movements, places, strict=True):
        if movement == HOLD:
            made.append(np.repeat(made[-1][-1:], len(at), axis=0))
            continue
        clip = clips[movement]
        if previous:
            heading += headings[previous, movement]
        moves = rows_at(clip, at * (len(clip) - 1))
        moves[:, :23] -= moves[:, 23:]
        moves[:, :23] = moves[:, :23] @ turn(heading)
        path = moves[:, 23] @ path_turn(heading)
        moves[:, 23] = path - path[0] + made[-1][-1, 23] if made else path
        made.append(moves)
        previous = movement
    return _joined(made)


def _joined(made: Sequence[Floats]) -> Floats:
    bent = [moves.copy() for moves in made]
    for i, (before, after) in enumerate(itertools.pairwise(made)):
        gap = after[0, :23] - before[-1, :23]
        for k in range(1, min(_BLEND, len(before)) + 1):
            bent[i][-k, :23] += gap * (_BLEND + 1 - k) / (2 * _BLEND + 1)
        for k in range(min(_BLEND, len(after))):
            bent[i + 1][k, :23] -= gap * (_BLEND - k) / (2 * _BLEND + 1)
    whole = np.concatenate(bent)
    for join in np.cumsum([len(moves) for moves in made])[:-1]:
        a, b = max(join - _BRIDGE, 0), min(join + _BRIDGE, len(whole) - 1)
        part = (np.arange(a + 1, b) - a)[:, None, None] / (b - a)
        whole[a + 1 : b] = whole[a] + (whole[b] - whole[a]) * part
    return whole


def retime(published: Floats, counts: Sequence[int], places: Sequence[Floats]) -> Floats:
    """A published dance with other lengths of its movements: (frames, 24, 3), linearly between frames.

    Args:
        published: (frames, 24, 3).
        counts: frames of each movement in it.
        places: where in its movement each new frame lies, for all or the first of the movements.
    """
    starts = np.cumsum([0, *counts])
    at = [
        start + count * part
        for start, count, part in zip(starts[: len(places)], counts, places, strict=False)
    ]
    return rows_at(published, np.minimum(np.concatenate(at), len(published) - 1))


def song_row(
    published: Path, choreography: Choreography, expected_bpm: float
) -> tuple[dict[str, Any], Floats]:
    """One row of song_tempi.csv, and the song's onsets folded on its beats.

    Args:
        published: the folder of the published dances.
        choreography: of the piece.
        expected_bpm: where the tempo is looked for.

    Returns:
        piece, music_file, choreography_bpm, song_bpm, first_beat_s and sound_s (from start_position
        on), start_position, beats, published_frames, on_beat_frames, seconds_off_at_end_by_tempo,
        seconds_lost_by_rounding, tracker_bpm, strength, wander, flags.

    Raises:
        UserError: the dance or its sound is missing or broken.
    """
    piece = choreography.piece
    dance = read_dance(piece, published / f"DANCE_{piece}")
    audio = read_audio(dance.music_file, song_tempo.SAMPLE_RATE, start_s=dance.music_start_s)
    song = song_tempo.song_tempo(audio, expected_bpm)
    first_s, beats = song.first_beat_s, sum(choreography.beats)
    if dance.music_start_s + first_s < 0:
        first_s += 1 / song.beat_hz
    sound_s, frames = len(audio) / song_tempo.SAMPLE_RATE, len(dance.skeletons)
    row = {
        "piece": piece,
        "music_file": dance.music_file.name,
        "choreography_bpm": 60 * choreography.beat_hz,
        "song_bpm": song.bpm,
        "first_beat_s": first_s,
        "sound_s": sound_s,
        "start_position": dance.music_start_s * POSITIONS_PER_SECOND,
        "beats": beats,
        "published_frames": frames,
        "on_beat_frames": frames_of(time_map(choreography, song.beat_hz), sound_s - first_s),
        "seconds_off_at_end_by_tempo": beats / song.beat_hz - beats / choreography.beat_hz,
        "seconds_lost_by_rounding": beats / choreography.beat_hz - frames / FRAMES_HZ,
        "tracker_bpm": song.tracker_bpm,
        "strength": song.strength,
        "wander": song.wander,
        "flags": song.flags,
    }
    return row, song_tempo.folded_onsets(song_tempo.onset_envelope(audio), song)


def expected_tempi(choreographies: Mapping[str, Choreography]) -> dict[str, float]:
    """Piece → the median tempo of its dance type's choreographies (one alone can be far off)."""
    bpm = pd.Series({piece: 60 * of.beat_hz for piece, of in choreographies.items()})
    return dict(bpm.groupby([code_of(piece) for piece in bpm.index]).transform("median"))


@dataclass(frozen=True)
class Source:
    """What a dance on the beat is made from: published dances, captures, tables."""

    published: Path
    choreographies: dict[str, Choreography]
    captures: dict[str, str]
    clips: dict[str, Floats]
    headings: dict[tuple[str, str], float]

    def composable(self, piece: str) -> bool:
        """Whether the capture of every unit of a piece is there."""
        return all(m in self.clips or m == HOLD for m in self.choreographies[piece].movements)

    def dance(self, piece: str, beat_hz: float, sound_s: float) -> tuple[Floats, list[Placed]]:
        """A piece whose beats have this frequency: (frames, 24, 3), and its time map."""
        choreography = self.choreographies[piece]
        placed = time_map(choreography, beat_hz)
        places = parts(placed, frames_of(placed, sound_s))
        placed = placed[: len(places)]
        if self.composable(piece):
            names = [each.movement for each in placed]
            return compose(names, places, self.clips, self.headings), placed
        dance = read_dance(piece, self.published / f"DANCE_{piece}")
        counts = unit_frames(choreography, len(dance.skeletons))
        return retime(with_center(dance), counts, places), placed


def read_source(published: Path, captures: Path) -> Source:
    """The published dances with ChoreoNet's tables, and its captures. Raises UserError."""
    choreonet = published / "choreonet"
    clips = read_units(choreonet, captures, own_beats=True) | {START: read_start()}
    choreographies = read_choreographies(choreonet)
    return Source(published, choreographies, read_captures(choreonet), clips, read_headings())


def write_on_beat(source: Source, songs: pd.DataFrame, raw: Path) -> None:
    """The raw folder of a corpus on the beat: MusicToDance's layout, with time_map.csv.

    Args:
        source: of the motion.
        songs: piece, song_bpm, first_beat_s (from start_position on), sound_s (from there on).
        raw: made or replaced as a whole.

    Raises:
        UserError: a song is missing in the table, or a dance is broken.
    """
    found = find_pieces(source.published)
    table = {str(row["piece"]): row for row in songs.to_dict("records")}
    origins = pd.read_csv(source.published / ORIGINS, sep="\t", dtype=str)
    sounds = dict(zip(origins["piece"], origins["sound"], strict=True))
    lines = ["piece\tmotion\tsound"]
    spans: list[dict[str, object]] = []
    with new_folder(raw) as work:
        for piece, where in found.items():
            if piece not in table:
                remedy = "run `dvc repro` of the stage songs again"
                raise UserError("song_tempi.csv", piece, "the song's tempo", "no row", remedy)
            song, dance = table[piece], read_dance(piece, where)
            beat_hz = song["song_bpm"] / 60
            first_s = song["first_beat_s"]
            joints, placed = source.dance(piece, beat_hz, song["sound_s"] - first_s)
            start = (dance.music_start_s + first_s) * POSITIONS_PER_SECOND
            end = start + len(joints)
            folder = work / where.name
            folder.mkdir()
            shutil.copyfile(dance.music_file, folder / dance.music_file.name)
            positions = {"start_position": start, "end_position": end}
            write_text(folder / "config.json", json.dumps(positions))
            content = {
                "length": len(joints),
                "center": joints[:, 23].round(3).tolist(),
                "skeletons": joints[:, :23].round(3).tolist(),
            }
            write_text(folder / "skeletons.json", json.dumps(content))
            made = CAPTURED if source.composable(piece) else RETIMED
            lines.append(f"{piece}\t{made}\t{sounds[piece]}")
            counts = unit_frames(source.choreographies[piece], len(dance.skeletons))
            spans += _rows(piece, placed, counts, source.captures, dance.music_start_s + first_s)
        write_text(work / ORIGINS, "\n".join([*lines, ""]))
        write_text(work / TIME_MAP, pd.DataFrame(spans).round(6).to_csv(index=False))


def _rows(
    piece: str,
    placed: Sequence[Placed],
    counts: Sequence[int],
    captures: Mapping[str, str],
    origin_s: float,
) -> list[dict[str, object]]:
    """A piece's rows of time_map.csv: published frames in, seconds of dance and of song out."""
    starts = np.cumsum([0, *counts])
    return [
        {
            "piece": piece,
            "movement": each.movement,
            "capture": captures.get(each.movement, UNKNOWN),
            "beats": each.beats,
            "published_start": int(start),
            "published_frames": count,
            "start_s": each.start_s,
            "end_s": each.end_s,
            "song_start_s": origin_s + each.start_s,
        }
        for each, start, count in zip(placed, starts, counts, strict=False)
    ]
