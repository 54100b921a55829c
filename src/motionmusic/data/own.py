"""A user's own dance, without its music if need be, ready for a trained model.

What is read:

    FOLDER/skeletons.json        MusicToDance's layout; config.json and audio.* beside it are optional
    …/gBR_…_mBR0_ch01.pkl        key points of AIST++; RAW/music/mBR0.* is taken where it lies there
    dance.npy, dance.npz         joints (frames, joints, 3); an npz has one array, or `joints` among others

Joints of an array are read as the layout's data set has them: those of MusicToDance relative to the
body's centre of each frame, those of AIST++ anywhere in the room; y is up in both.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.data import musictodance
from motionmusic.data.aist import read_keypoints
from motionmusic.data.dance import must_be_finite
from motionmusic.data.musictodance import read_skeletons, sound_file
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.files import Float32, must_be_file
from motionmusic.params import motion_rate_hz

_KINDS = "a folder with a skeletons.json, or a file .json, .pkl (AIST++), .npy or .npz"
_SAVE = "save the joints (frames, joints, 3) as floats with numpy.save"


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
    """

    joints: NDArray[np.float64]
    center: NDArray[np.float64] | None
    layout: LayoutName
    rate_hz: float
    name: str
    music_file: Path | None
    music_start_s: float

    @property
    def seconds(self) -> float:
        """How long the dance is."""
        return len(self.joints) / self.rate_hz

    def in_the_room(self) -> NDArray[np.float64]:
        """World positions, (frames, v, 3) float64: the joints with the body's path added back."""
        return self.joints if self.center is None else self.joints + self.center[:, None]


def read_own(path: Path, layout: str | None = None, rate_hz: float | None = None) -> OwnDance:
    """A dance from a file or folder, every value checked. Raises UserError for the first thing wrong.

    An array needs layout and rate; elsewhere the layout must be the file's own, and the rate is the
    corpus's own by default.
    """
    if layout is not None and layout not in LAYOUTS:
        known, remedy = f"one of {', '.join(LAYOUTS)}", "name the skeleton of the joints"
        raise UserError("command line", "--layout", known, layout, remedy)
    if rate_hz is not None and not 0 < rate_hz < np.inf:
        remedy = "give frames a second"
        raise UserError("command line", "--rate", "a number above 0", f"{rate_hz}", remedy)
    if not path.exists() and not path.is_symlink():
        raise UserError(path, "", _KINDS, "no such file or folder", "check the path")
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".json":
        dance = _from_json(path)
    elif suffix == ".pkl":
        dance = _from_pickle(path)
    elif suffix in (".npy", ".npz"):
        return _from_array(path, layout, rate_hz)
    else:
        raise UserError(path, "", _KINDS, f"a file {suffix or 'without a suffix'}", _SAVE)
    if layout is not None and layout != dance.layout:
        expected = f"{dance.layout}, which this kind of file has"
        raise UserError(path, "--layout", expected, layout, "leave --layout out")
    return dance if rate_hz is None else replace(dance, rate_hz=rate_hz)


def read_piece(source: str, raw: Path, piece: str) -> OwnDance:
    """A corpus's dance, as it was before scaling; ``raw`` is the corpus's raw folder."""
    if source == "aist":
        return read_own(raw / "keypoints3d" / f"{piece}.pkl")
    return read_own(musictodance.find_pieces(raw)[piece])


def fitted(dance: OwnDance, layout: LayoutName, rate_hz: float, segment_frames: int) -> OwnDance:
    """The dance at a model's rate, resampled linearly in time where the rates differ.

    Frame i is the dance at i / rate_hz; the last one is not later than the dance's. Raises UserError
    where the dance has another layout than the model, or is shorter than one segment.
    """
    if dance.layout != layout:
        expected = f"{layout}, which the model was trained with"
        remedy = f"choose with --model a model of dances in the layout {dance.layout}"
        raise UserError(dance.name, "layout", expected, dance.layout, remedy)
    joints, center = dance.joints, dance.center
    if dance.rate_hz != rate_hz:
        joints = _resampled(joints, dance.rate_hz, rate_hz)
        center = None if center is None else _resampled(center, dance.rate_hz, rate_hz)
    if len(joints) < segment_frames:
        expected = f"at least one segment, {segment_frames} frames at {rate_hz:g} a second"
        got = f"{len(dance.joints)} frames at {dance.rate_hz:g} a second"
        raise UserError(dance.name, "", expected, got, "take a longer dance")
    return replace(dance, joints=joints, center=center, rate_hz=rate_hz)


def motion_segments(joints: Float32, segment_frames: int) -> Float32:
    """Joints (frames, v, 3) cut into (n, 3, segment_frames, v); the tail is dropped."""
    n, v = len(joints) // segment_frames, joints.shape[1]
    cut = joints[: n * segment_frames].reshape(n, segment_frames, v, 3)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 2), np.float32)


def _resampled(values: NDArray[np.float64], old_hz: float, new_hz: float) -> NDArray[np.float64]:
    last_s = (len(values) - 1) / old_hz
    # a hair more, so that 2 s at 60 Hz are 2 s at 25 Hz whatever the last bit of the product is
    frames = int(np.floor(last_s * new_hz + 1e-6)) + 1
    times = np.arange(frames) / new_hz
    old = np.arange(len(values)) / old_hz
    columns = values.reshape(len(values), -1)
    new = np.stack([np.interp(times, old, column) for column in columns.T], axis=1)
    return new.reshape(frames, *values.shape[1:])


def _from_json(path: Path) -> OwnDance:
    """MusicToDance's layout. What lies beside the file is only looked at under its own names."""
    file = path / "skeletons.json" if path.is_dir() else path
    folder = file.parent if file.name == "skeletons.json" else None
    joints, center = read_skeletons(file)
    start, music = 0.0, None
    if folder is not None:
        if (folder / "config.json").exists():
            frame, _ = musictodance.read_positions(folder / "config.json")
            start = frame / musictodance.POSITIONS_PER_SECOND
        if any(folder.glob("audio.*")):
            music = sound_file(folder, "audio")
    name = file.stem if folder is None else folder.resolve().name
    return OwnDance(joints, center, "musictodance", motion_rate_hz("folder"), name, music, start)


def _from_pickle(file: Path) -> OwnDance:
    joints = read_keypoints(file)
    fields = file.stem.split("_")  # gBR_sBM_cAll_d04_mBR0_ch01
    tracks = file.parent.parent / "music"
    known = len(fields) == 6 and any(tracks.glob(f"{fields[4]}.*"))
    music = sound_file(tracks, fields[4]) if known else None
    return OwnDance(joints, None, "aist", motion_rate_hz("aist"), file.stem, music, 0.0)


def _from_array(file: Path, layout: str | None, rate_hz: float | None) -> OwnDance:
    if layout is None or rate_hz is None:
        missing, what = "--layout", f"one of {', '.join(LAYOUTS)}"
        if layout is not None:
            missing, what = "--rate", "the frames a second"
        expected = f"{what}, which an array of joints does not tell"
        raise UserError(file, missing, expected, "none", "give --layout and --rate")
    name = next(known for known in LAYOUTS if known == layout)
    joints = _load(file)
    count = len(LAYOUTS[name].joints)
    if joints.dtype.kind not in "fiu" or joints.shape[1:] != (count, 3) or not len(joints):
        expected = f"finite numbers (frames, joints, 3) with the {count} joints of {name}"
        got, remedy = f"{joints.dtype} of shape {joints.shape}", f"{_SAVE}, or the right --layout"
        raise UserError(file, "", expected, got, remedy)
    joints = joints.astype(np.float64)
    must_be_finite(joints, file, "", "fill the gaps, or cut the dance to where there are none")
    return OwnDance(joints, None, name, rate_hz, file.stem, None, 0.0)


def _load(file: Path) -> NDArray[Any]:
    """The array of an npy or npz. Pickles in them are refused, not run."""
    must_be_file(file, "an array file", _SAVE)
    try:
        content: Any = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content:
            names = list(content.keys())
            if "joints" in names or len(names) == 1:
                array: NDArray[Any] = content["joints" if "joints" in names else names[0]]
                return array
    # MemoryError: a broken header can promise any size
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise UserError(file, "", "a whole array file", str(error), _SAVE) from None
    expected = "one array, or one named joints"
    raise UserError(file, "", expected, ", ".join(names) or "none", _SAVE)
