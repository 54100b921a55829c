"""The clips of a task: dances with their own music, with recommended music, made from music."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionmusic.data.own import OwnDance, read_piece
from motionmusic.features.audio import read_audio
from motionmusic.features.keypoints import FRAMES
from motionmusic.features.skeletons import LAYOUTS
from motionmusic.files import Float32, read_array, write_bytes
from motionmusic.render.conductor_clip import side_by_side
from motionmusic.render.film import SOUND_HZ, film
from motionmusic.render.page import Panel, key_poses, video
from motionmusic.streams import stream
from motionmusic.workspace import About

METHODS = ("category", "contrastive")  # the paper's, and the best that is learned
STUDY_DANCES = 3  # of a category, the paper's on MusicToDance; fewer where there are fewer pieces
MADE = 3  # categories of which motion from music is shown
_LEVELS = 255  # of a coordinate of the motion that a page shows
_SHOWN_HZ = 12.5  # of that motion, at least


@dataclass(frozen=True)
class Excerpt:
    """A test excerpt.

    Attributes:
        about: its task.
        raw: folder of its corpus.
        piece, number: which.
        category: its class.
    """

    about: About
    raw: Path
    piece: str
    number: int
    category: str

    @property
    def name(self) -> str:
        """Of its files, CATEGORY_PIECE_EXCERPT."""
        return f"{re.sub(r'[^A-Za-z0-9]+', '_', self.category)}_{self.piece}_{self.number}"

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.about.excerpt_frames / self.about.motion_rate_hz

    def row(self, file: str, shows: str) -> dict[str, Any]:
        """Of clips.csv, which the page reads."""
        return {
            "file": file,
            "category": self.category,
            "piece": self.piece,
            "excerpt": self.number,
            "shows": shows,
        }

    def dance(self) -> tuple[NDArray[np.float64], Panel]:
        """Joints in the room, and its own music."""
        own = read_piece(self.about.source, self.raw, self.piece)
        first = self.number * self.about.excerpt_frames
        joints = own.in_the_room()[first : first + self.about.excerpt_frames]
        return joints, self._own(own, first / own.rate_hz)

    def _own(self, own: OwnDance, after_s: float) -> Panel:
        assert own.music_file is not None  # a corpus has music
        start_s = own.music_start_s + after_s
        sound = _sound(own.music_file, start_s, self.seconds)
        return Panel("its own music", f"{own.music_file.name}, from {start_s:.1f} s", sound)

    def film(
        self, path: Path, joints: NDArray[np.float64], *panels: Panel, title: str = ""
    ) -> None:
        """Write a video of the excerpt with these pieces of music."""
        about = self.about
        video(path, joints, about.layout, about.motion_rate_hz, panels, title)


def _sound(file: Path, start_s: float, seconds: float) -> Float32:
    return read_audio(file, SOUND_HZ, start_s=start_s, duration_s=seconds)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # without the version of matplotlib, so that equal figures give equal bytes
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def own_clip(excerpt: Excerpt, folder: Path, said: str = "") -> list[dict[str, Any]]:
    """NAME_own.mp4, the dance with its own music, and NAME_poses.png; their rows of clips.csv."""
    joints, own = excerpt.dance()
    title = f"{excerpt.piece} · truth {excerpt.category}{said}"
    excerpt.film(folder / f"{excerpt.name}_own.mp4", joints, own, title=title)
    poses = key_poses(
        joints, excerpt.about.layout, excerpt.about.motion_rate_hz,
        title=f"{excerpt.piece}, {excerpt.category}",
    )  # fmt: skip
    write_bytes(folder / f"{excerpt.name}_poses.png", _png(poses))
    return [
        excerpt.row(f"{excerpt.name}_own.mp4", "own"),
        excerpt.row(f"{excerpt.name}_poses.png", "poses"),
    ]


def recommended_clips(excerpt: Excerpt, found: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """:func:`own_clip`, and NAME_METHOD.mp4 with each method's tracks.

    Args:
        excerpt: which.
        found: its rows of recommendations.csv, one seed's.
        folder: for the files.
    """
    drawn = found.loc[found["method"] == "category", "track_category"].iloc[0]
    rows = own_clip(excerpt, folder, f" · predicted {drawn}")
    joints, _ = excerpt.dance()
    for method in METHODS:
        panels = [
            Panel(
                f"{row['rank']}. {row['track_piece']}, {row['track_category']}",
                f"{row['track_bpm']:.0f} bpm, from {row['track_start_s']:.1f} s",
                _sound(excerpt.raw / row["track"], row["track_start_s"], excerpt.seconds),
            )
            for row in found[found["method"] == method].to_dict("records")
        ]
        title = f"{excerpt.piece} · truth {excerpt.category} · predicted {drawn} · {method}"
        excerpt.film(folder / f"{excerpt.name}_{method}.mp4", joints, *panels, title=title)
        rows.append(excerpt.row(f"{excerpt.name}_{method}.mp4", method))
    return rows


def study_dances(found: pd.DataFrame, seed: int) -> list[tuple[str, str, int]]:
    """(category, piece, excerpt) of the dances to rate, of different pieces, drawn by name.

    Args:
        found: rows with category, piece and excerpt.
        seed: of the draw.
    """
    chosen = []
    for category, of_category in found.groupby("category", sort=True):
        random = stream(seed, "study_clips", str(category))
        excerpts = of_category.groupby("piece", sort=True)["excerpt"].unique()
        drawn = random.permutation(excerpts.index.to_numpy(str))[:STUDY_DANCES]
        for piece in sorted(drawn.tolist()):
            chosen.append((str(category), piece, int(random.choice(sorted(excerpts[piece])))))
    return chosen


def study_clips(excerpt: Excerpt, found: pd.DataFrame, folder: Path) -> list[dict[str, str]]:
    """Clips of one dance with one piece of music each, in which nothing says which music it is.

    Args:
        excerpt: which.
        found: its rows of recommendations.csv, one seed's.
        folder: for the files.

    Returns:
        method, and what `motionmusic study make` reads: dataset, category, dance, music, clip.
    """
    joints, own = excerpt.dance()
    dance = {
        "dataset": excerpt.about.task,
        "category": excerpt.category,
        "dance": f"{excerpt.piece}_{excerpt.number}",
    }
    file = f"{excerpt.name}_own.mp4"
    excerpt.film(folder / file, joints, Panel("", "", own.sound))
    rows = []
    for method in METHODS:
        rows.append({"method": method, **dance, "music": "own", "clip": file})
        for row in found[found["method"] == method].to_dict("records"):
            music = _sound(excerpt.raw / row["track"], row["track_start_s"], excerpt.seconds)
            name = f"{excerpt.name}_{method}_{row['rank']}.mp4"
            excerpt.film(folder / name, joints, Panel("", "", music))
            track = str(row["track_piece"])
            rows.append({"method": method, **dance, "music": track, "clip": name})
    return rows


def made_clip(
    excerpt: Excerpt, neighbour: str, neighbour_start: int, real: Path, made: Path, folder: Path
) -> dict[str, Any]:
    """NAME_made.mp4: a dance, what was made from its music, and real motion to similar music.

    Args:
        excerpt: which.
        neighbour: the piece of the most similar music.
        neighbour_start: its first frame, at 30 Hz.
        real, made: folders of keypoints, real and made, PIECE.npy.
        folder: for the file.
    """
    first, length = round(excerpt.number * excerpt.seconds * FRAMES), int(excerpt.seconds * FRAMES)
    parts = {
        "the dance": (real / f"{excerpt.piece}.npy", first),
        "made from its music": (made / f"{excerpt.piece}.npy", first),
        f"real motion to similar music\n({neighbour})": (
            real / f"{neighbour}.npy",
            neighbour_start,
        ),
    }
    motions = {
        name: read_array(file)[start : start + length] for name, (file, start) in parts.items()
    }
    # motion from music ends where its music does
    shown = min(map(len, motions.values()))
    motions = {name: motion[:shown] for name, motion in motions.items()}
    _, own = excerpt.dance()
    foot = (
        f"task {excerpt.about.task}, piece {excerpt.piece}, category {excerpt.category};"
        " the generator was trained on other pieces\n"
        "blue: the dancer’s left; seen from the front, whichever way the dancer faces"
    )
    title = f"{excerpt.category}: {excerpt.piece}, excerpt {excerpt.number}"
    film(folder / f"{excerpt.name}_made.mp4", side_by_side(motions, title, foot), own.sound, FRAMES)
    return excerpt.row(f"{excerpt.name}_made.mp4", "dance")


def dancer(about: About, raw: Path, tested: pd.DataFrame) -> Mapping[str, Any]:
    """The motion of all test excerpts as a page shows it.

    Args:
        about: the task.
        raw: folder of its corpus.
        tested: piece, excerpt.

    Returns:
        parents (of each joint), rate (frames a second), motion {piece/excerpt: :func:`drawn_motion`}.
    """
    step = max(1, round(about.motion_rate_hz / _SHOWN_HZ))
    motion = {}
    for piece, rows in tested.groupby("piece"):
        room = read_piece(about.source, raw, str(piece)).in_the_room()
        for excerpt in rows["excerpt"]:
            start = excerpt * about.excerpt_frames
            here = room[start : start + about.excerpt_frames : step]
            motion[f"{piece}/{excerpt}"] = drawn_motion(here)
    parents = LAYOUTS[about.layout].parents
    return {"parents": parents, "rate": about.motion_rate_hz / step, "motion": motion}


def drawn_motion(joints: NDArray[np.float64]) -> str:
    """Motion along x and y, without its path along x.

    Args:
        joints: (frames, v, 3) in any unit, y upwards.

    Returns:
        Base64 of bytes (frames, v, 2): x to the right, y downwards, 0 to 255 in one scale.
    """
    points = joints[..., :2].copy()
    points[..., 0] -= points[..., 0].mean(axis=1, keepdims=True)  # else a path makes it small
    points[..., 1] *= -1
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    size = max(float((high - low).max()), 1e-9)
    offset = (size - (high - low)) / 2  # the shorter side is in the middle
    scaled = np.round((points - low + offset) / size * _LEVELS).astype(np.uint8)
    return base64.b64encode(scaled.tobytes()).decode("ascii")
