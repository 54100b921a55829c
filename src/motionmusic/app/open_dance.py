"""The dance of a command: read, and what is to be known of it said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from motionmusic.data.dance_files import kind_of, read_own
from motionmusic.data.own import OwnDance, fitted
from motionmusic.features.skeletons import LayoutName
from motionmusic.terminal import note


def open_dance(
    path: Path,
    layout: str | None = None,
    rate_hz: float | None = None,
    up: str | None = None,
    names: Path | None = None,
    said: bool = True,
) -> OwnDance:
    """The dance; where it is ``said``, notes and faults go to standard error.

    Of a video the joints that MediaPipe finds; its own sound is its music. Arguments and errors are
    otherwise those of :func:`motionmusic.data.dance_files.read_own`.
    """
    dance = _of_video(path) if kind_of(path) == "video" else None
    if dance is None:
        dance = read_own(path, layout, rate_hz, up, names)
    if said:
        tell(dance, dance.name)
    return dance


def _of_video(path: Path) -> OwnDance:
    from motionmusic.app.pose import ready
    from motionmusic.app.pose_tool import pose_of
    from motionmusic.app.video_frames import look_at

    video = look_at(path)
    ready()
    dance = read_own(pose_of(path))
    music = path if video.sound else None
    return replace(dance, name=path.stem, music_file=music, form="video")


def tell(dance: OwnDance, name: str) -> None:
    """What was read, put in its place or found wrong, on standard error."""
    for line in dance.notes:
        note(f"{name}: {line}")
    for fault in dance.faults:
        note(f"warning: {name}: {fault.line(dance.rate_hz)}")


def fit_dance(
    dance: OwnDance, layout: LayoutName, rate_hz: float, segment_frames: int
) -> tuple[OwnDance, OwnDance]:
    """The dance as a model takes it (:func:`fitted`), and the dance with what is to be said of that."""
    query = fitted(dance, layout, rate_hz, segment_frames)
    for line in query.notes[len(dance.notes) :]:
        note(f"{dance.name}: {line}")
    return query, replace(dance, notes=query.notes)


def facts(path: Path, dance: OwnDance) -> dict[str, Any]:
    """What results say of the dance, as plain values; ``path`` is what was asked for."""
    return {
        "path": str(path),
        "name": dance.name,
        "form": dance.form,
        "layout": dance.layout,
        "rate_hz": dance.rate_hz,
        "frames": len(dance.joints),
        "seconds": dance.seconds,
        "music_file": None if dance.music_file is None else str(dance.music_file),
        "music_start_s": dance.music_start_s,
        "notes": list(dance.notes),
        "warnings": [fault.as_json(dance.rate_hz) for fault in dance.faults],
    }
