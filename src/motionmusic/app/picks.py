"""What every recommendation says of its catalogue, and the video of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motionmusic.app.arguments import clock, counted, tell_short
from motionmusic.app.catalogue import Catalogue, Track, own_tracks
from motionmusic.app.outputs import check_room_for_copy
from motionmusic.app.video_frames import look_at, pictures
from motionmusic.data.own import OwnDance
from motionmusic.errors import UserError
from motionmusic.features.audio import duration_s, read_audio
from motionmusic.files import Float32
from motionmusic.params import Resampler
from motionmusic.render.film import SOUND_HZ
from motionmusic.render.page import Panel, beside, video
from motionmusic.render.with_music import faded, with_music
from motionmusic.terminal import note, shown

SHOWN_S = 20.0  # seconds of the dance that a drawn video shows with each track
PANELS = 6  # tracks of a drawn video; more have no room for their names
_LISTED = 10  # broken files that are named on the terminal


def catalogue_json(found: Catalogue, left_out: Sequence[Track]) -> dict[str, Any]:
    """Tracks, copies and what could not be read."""
    return {
        "folder": str(found.folder),
        "tracks": len(found.tracks),
        "own_track_left_out": [str(track.path) for track in left_out],
        "copies": {
            str(track.path): [str(path) for path in track.copies]
            for track in found.tracks
            if track.copies
        },
        "broken": [{"path": str(path), "reason": reason} for path, reason in found.broken],
        "other_files": found.others,
    }


def catalogue_line(found: Catalogue, left_out: Sequence[Track]) -> str:
    """Where the tracks come from."""
    own = ", the dance's own left out" if left_out else ""
    only = found.tracks[0].path if len(found.tracks) == 1 else ""
    return f"Catalogue: {found.folder / only}, {counted(len(found.tracks), 'track')}{own}"


def synthetic_line(task: str) -> list[str]:
    """A loud line where a model was trained on synthetic dances; else none."""
    if not task.startswith("synthetic"):
        return []
    return ["ATTENTION: this model knows SYNTHETIC dances only; it says nothing of a real dance."]


def complaints(found: Catalogue, out: Path | None) -> list[str]:
    """What was not read or is there twice; where it is much, ``out`` has the rest."""
    broken = found.broken
    unread = counted(len(broken), "file or folder", "files or folders")
    lines = [f"{unread} could not be read:"] if broken else []
    for path, reason in broken[:_LISTED]:
        lines.append(f"  {shown(path)}: {reason}")
    if len(broken) > _LISTED:
        where = out or "the JSON (--out, --json)"
        lines.append(f"  and {len(broken) - _LISTED} more, all of them in {where}")
    if copies := sum(len(track.copies) for track in found.tracks):
        same = counted(copies, "file sounds", "files sound")
        lines.append(f"{same} the same as another one and count as one track with it")
    if others := found.others:
        kinds = ", ".join(shown(suffix or "no suffix") for suffix in list(others)[:_LISTED])
        lines.append(f"Neither sound nor video: {sum(others.values())} ({kinds})")
    return lines


def film(
    out: Path, source: Path, dance: OwnDance, found: Catalogue,
    picks: Sequence[tuple[Track, float]], drawn: bool = False,
) -> None:  # fmt: skip
    """A video of the dance: its own pictures with the first track, or drawn, 20 s with each of six.

    ``source`` is what the dance was read from, ``picks`` tracks with their starts in seconds;
    ``drawn``: beside its own pictures too.
    """
    if dance.form == "video":
        track, start_s = picks[0]
        if drawn:
            drawn_beside(out, source, dance, found.folder / track.path, start_s)
        else:
            copied(out, source, found.folder / track.path, start_s)
        return
    frames = min(len(dance.joints), round(SHOWN_S * dance.rate_hz))
    if len(picks) > PANELS:
        note(f"the video has the first {PANELS} of {len(picks)} tracks")
    panels = []
    for number, (track, start_s) in enumerate(picks[:PANELS], 1):
        sound = _part(found.folder / track.path, start_s, frames / dance.rate_hz)
        title = f"{number}. {'/'.join(track.path.with_suffix('').parts[-2:])}"
        about = f"music: {track.category or 'no category'}, from {clock(start_s)}"
        panels.append(Panel(title, about, sound))
    video(out, dance.in_the_room()[:frames], dance.layout, dance.rate_hz, panels, dance.name)


def copied(out: Path, source: Path, music: Path, start_s: float) -> None:
    """A video with other music, copied; music that ends early is told. Raises UserError."""
    look_at(source)
    check_room_for_copy(out, source)
    with_music(source, music, start_s, out)
    seconds = look_at(out).seconds
    tell_short(music, duration_s(music, start_s + seconds) - start_s, seconds)


def drawn_beside(out: Path, source: Path, dance: OwnDance, music: Path, start_s: float) -> None:
    """The pictures of the video ``source``, the dancer drawn beside them, and music from a second on."""
    sound = _part(music, start_s, dance.seconds)
    tell_short(music, len(sound) / SOUND_HZ, dance.seconds)
    seen, joints = pictures(look_at(source)), dance.in_the_room()
    beside(out, seen, joints, dance.layout, dance.rate_hz, faded(sound, dance.seconds))


def _part(music: Path, start_s: float, seconds: float) -> Float32:
    """What sounds from a second on; silence, and a note, where nothing does."""
    try:
        return read_audio(music, SOUND_HZ, start_s=start_s, duration_s=seconds)
    except UserError as error:
        note(f"{shown(music)}, from {clock(start_s)}: {error.got}")
        return np.zeros(round(seconds * SOUND_HZ), np.float32)


def own_of(
    found: Catalogue, dance: OwnDance, rate: int, resampler: Resampler = "soxr_hq"
) -> set[int]:
    """The numbers of the dance's own music in a catalogue. Raises UserError where there is no other."""
    own: set[int] = set()
    if dance.music_file is not None:
        try:
            own = set(own_tracks(found, dance.music_file, rate, resampler))
        except UserError as error:  # a video may have a sound in which nothing is heard
            note(f"{dance.name}: its own music is not known: {error.got}")
    if len(own) == len(found.tracks):
        raise UserError(
            found.folder, "", "music other than the dance's own", "no other",
            "add music, or allow it with --include-own",
        )  # fmt: skip
    return own
