"""The dance of a command: read, and what is to be known of it said."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from motionmusic.data.dance_files import kind_of, read_own
from motionmusic.data.own import OwnDance, fitted
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LayoutName
from motionmusic.terminal import note

LARGEST = 1 << 29  # bytes of a dance, hours of it in any kind of file
# Options that say nothing of a kind of file; of others read_own knows what they must be.
_NOT_OF = {
    "video": ("--layout", "--rate", "--up", "--names"), "bvh": ("--layout",), "c3d": ("--layout",),
}  # fmt: skip
_OPTIONS = ("--layout", "--rate", "--up", "--names")


def usable(
    path: Path, layout: str | None, rate_hz: float | None, up: str | None, names: Path | None
) -> tuple[str | None, float | None, str | None, Path | None]:
    """Of options that many dances share, those that say something of this one, else None.

    Raises UserError as :func:`kind_of`.
    """
    left_out = _not_of(kind_of(path))
    return (
        None if "--layout" in left_out else layout,
        None if "--rate" in left_out else rate_hz,
        None if "--up" in left_out else up,
        None if "--names" in left_out else names,
    )


def _not_of(kind: str) -> tuple[str, ...]:
    return _NOT_OF.get(kind, ("--names",))


def check_use(path: Path, kind: str, *given: object) -> None:
    """See that every option says something of a dance, and that it fits. Raises UserError."""
    for option, value in zip(_OPTIONS, given, strict=True):
        if value is not None and option in _not_of(kind):
            expected = f"no {option}, which says nothing of this kind of dance ({kind})"
            raise UserError(path, option, expected, f"{value}", "leave it out")
    size = (path / "skeletons.json" if path.is_dir() else path).stat().st_size
    if kind == "arrays":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as members:
            size = max(size, sum(member.file_size for member in members.infolist()))
    if kind != "video" and size > LARGEST:
        expected = f"a dance of at most {LARGEST >> 20} MB, unpacked"
        raise UserError(path, "", expected, f"{size >> 20} MB", "cut it into parts")


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
    kind = kind_of(path)
    check_use(path, kind, layout, rate_hz, up, names)
    note(f"reading {path}: {kind}", level=2)
    dance = _of_video(path) if kind == "video" else None
    if dance is None:
        dance = read_own(path, layout, rate_hz, up, names)
    note(f"{dance.name}: {len(dance.joints)} frames at {dance.rate_hz:g} a second", level=2)
    if said:
        tell(dance, dance.name)
    return dance


def _of_video(path: Path) -> OwnDance:
    from motionmusic.app.pose_tool import pose_of
    from motionmusic.app.video_frames import look_at

    video = look_at(path)
    dance = read_own(pose_of(path))
    music = path if video.sound else None
    return replace(dance, name=path.stem, music_file=music, form="video")


def start_in(music: Path, dance: OwnDance) -> float:
    """The second of a music at which a dance starts if nobody says: in its own config.json's, else 0."""
    own = dance.music_file is not None and dance.music_file.resolve() == music.resolve()
    return dance.music_start_s if own else 0.0


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
