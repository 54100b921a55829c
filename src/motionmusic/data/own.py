"""A dance without its music if need be: a user's own (dance_files) or a corpus's, for a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motionmusic.data import aist_retargeted, musictodance
from motionmusic.data.aist import read_keypoints
from motionmusic.data.faults import Fault
from motionmusic.data.musictodance import read_skeletons, sound_file
from motionmusic.data.points import Body, FileLayout, joints_of, missing_in, points_of, whole
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LayoutName
from motionmusic.files import Float32
from motionmusic.params import motion_rate_hz


@dataclass(frozen=True)
class OwnDance:
    """One dance of a user.

    Attributes:
        joints: (frames, v, 3) float64, in the source's unit.
        center: (frames, 3) float64, the body's path that the source has subtracted from ``joints``;
            None where it has not.
        layout: which skeleton.
        rate_hz: frames a second.
        name: of the folder or the file.
        music_file: the dance's own music; None where there is none beside it.
        music_start_s: second of the music at which frame 0 is danced.
        form: what kind of file it was.
        notes: what was read, and what was put where the file had nothing.
        faults: what is wrong with it.
        body: all points of the body, where the file's skeleton is none of ours.
    """

    joints: NDArray[np.float64]
    center: NDArray[np.float64] | None
    layout: LayoutName
    rate_hz: float
    name: str
    music_file: Path | None
    music_start_s: float
    form: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    body: Body | None = None

    @property
    def seconds(self) -> float:
        """How long the dance is."""
        return len(self.joints) / self.rate_hz

    def in_the_room(self) -> NDArray[np.float64]:
        """World positions, (frames, v, 3) float64: the joints with the body's path added back."""
        return self.joints if self.center is None else self.joints + self.center[:, None]

    def whole_body(self) -> Body:
        """All points of the body."""
        if self.body is not None:
            return self.body
        theirs: FileLayout = "musictodance" if self.layout == "musictodance" else "coco17"
        return whole(points_of(self.in_the_room(), theirs))


def read_piece(source: str, raw: Path, piece: str) -> OwnDance:
    """A corpus's dance, as it was before scaling; ``raw`` is the corpus's raw folder."""
    if source == "aist":
        file = raw / "keypoints3d" / f"{piece}.pkl"
        return of_aist(file, read_keypoints(file))
    if source == "aist_retargeted":  # of whose music there is no sound
        dance = aist_retargeted.read_dance(piece, raw)
        return OwnDance(dance.skeletons, None, "aist", motion_rate_hz(source), piece, None, 0.0)
    return from_musictodance(musictodance.find_pieces(raw)[piece])


def in_layout(dance: OwnDance, layout: LayoutName) -> OwnDance:
    """The dance in another skeleton; a note says which joints lie between others or are guessed."""
    if dance.layout == layout:
        return dance
    body = dance.whole_body()
    joints, center = joints_of(body.points, layout), None
    if layout == "musictodance":
        center = joints.mean(axis=1)
        joints = joints - center[:, None]
    said = filled_note(body, layout)
    notes = dance.notes + ((said,) if said else ())
    return replace(dance, joints=joints, center=center, layout=layout, notes=notes, body=body)


def filled_note(body: Body, layout: FileLayout | LayoutName) -> str:
    """What of a skeleton's joints the file did not have; empty where it had all."""
    between, guessed = missing_in(body, layout)
    parts = []
    if between:
        parts.append(f"put between measured joints: {', '.join(between)}")
    if guessed:
        parts.append(f"guessed: {', '.join(guessed)}")
    return "; ".join(parts)


def fitted(dance: OwnDance, layout: LayoutName, rate_hz: float, segment_frames: int) -> OwnDance:
    """The dance in a model's skeleton and at its rate, resampled linearly where the rates differ.

    Frame i is the dance at i / rate_hz; the last one is not later than the dance's. Raises UserError
    where the dance is shorter than one segment.
    """
    dance = in_layout(dance, layout)
    joints, center = dance.joints, dance.center
    if dance.rate_hz != rate_hz:
        joints = resampled(joints, dance.rate_hz, rate_hz)
        center = None if center is None else resampled(center, dance.rate_hz, rate_hz)
    if len(joints) < segment_frames:
        expected = f"at least one segment, {segment_frames} frames at {rate_hz:g} a second"
        got = f"{len(dance.joints)} frames at {dance.rate_hz:g} a second"
        raise UserError(dance.name, "", expected, got, "take a longer dance")
    return replace(dance, joints=joints, center=center, rate_hz=rate_hz, body=None)


def motion_segments(joints: Float32, segment_frames: int) -> Float32:
    """Joints (frames, v, 3) cut into (n, 3, segment_frames, v); the tail is dropped."""
    n, v = len(joints) // segment_frames, joints.shape[1]
    cut = joints[: n * segment_frames].reshape(n, segment_frames, v, 3)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 2), np.float32)


def resampled(values: NDArray[np.float64], old_hz: float, new_hz: float) -> NDArray[np.float64]:
    """Values (frames, …) at another rate, linear in time; the last one is not later than theirs."""
    last_s = (len(values) - 1) / old_hz
    # a hair more, so that 2 s at 60 Hz are 2 s at 25 Hz whatever the last bit of the product is
    frames = int(np.floor(last_s * new_hz + 1e-6)) + 1
    times = np.arange(frames) / new_hz
    old = np.arange(len(values)) / old_hz
    columns = values.reshape(len(values), -1)
    new = np.stack([np.interp(times, old, column) for column in columns.T], axis=1)
    return new.reshape(frames, *values.shape[1:])


def from_musictodance(path: Path) -> OwnDance:
    """MusicToDance's layout. What lies beside the file is only looked at under its own names."""
    file = path / "skeletons.json" if path.is_dir() else path
    folder = file.parent if file.name == "skeletons.json" else None
    joints, center = read_skeletons(file)
    start, music = 0.0, None
    if folder is not None:
        if (folder / "config.json").exists():
            frame, _ = musictodance.read_positions(folder / "config.json")
            start = frame / musictodance.POSITIONS_PER_SECOND
        if musictodance.files_named(folder, "audio"):
            music = sound_file(folder, "audio")
    name = file.stem if folder is None else folder.resolve().name
    return OwnDance(joints, center, "musictodance", motion_rate_hz("folder"), name, music, start)


def of_aist(file: Path, joints: NDArray[np.float64]) -> OwnDance:
    """A sequence of AIST++ with the joints of its file; its track is looked for in ../music."""
    fields = file.stem.split("_")  # gBR_sBM_cAll_d04_mBR0_ch01
    tracks = file.parent.parent / "music"
    known = len(fields) == 6 and bool(musictodance.files_named(tracks, fields[4]))
    music = sound_file(tracks, fields[4]) if known else None
    return OwnDance(joints, None, "aist", motion_rate_hz("aist"), file.stem, music, 0.0)
