"""The clips of a task: dances with their own music, with recommended music, made from music."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.data.own import read_piece
from motionmusic.features.audio import read_audio
from motionmusic.features.keypoints import FRAMES
from motionmusic.features.skeletons import LAYOUTS, chosen_joints
from motionmusic.files import Float32, read_array
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
    """A test excerpt."""

    about: About
    raw: Path  # of its corpus
    piece: str
    number: int
    category: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.about.excerpt_frames / self.about.motion_rate_hz

    def file(self, what: str) -> str:
        """CATEGORY_PIECE_EXCERPT_WHAT."""
        return f"{re.sub(r'[^A-Za-z0-9]+', '_', self.category)}_{self.piece}_{self.number}_{what}"

    def row(self, what: str, shows: str) -> dict[str, Any]:
        """Of clips.csv, which the page reads."""
        return {
            "file": self.file(what),
            "category": self.category,
            "piece": self.piece,
            "excerpt": self.number,
            "shows": shows,
        }

    def dance(self) -> tuple[NDArray[np.float64], Panel]:
        """Joints in the room, and its own music."""
        own = read_piece(self.about.source, self.raw, self.piece)
        first = self.number * self.about.excerpt_frames
        joints = chosen_joints(own.in_the_room(), self.about.layout)[
            first : first + self.about.excerpt_frames
        ]
        if own.music_file is None:
            silence = np.zeros(round(self.seconds * SOUND_HZ), np.float32)
            return joints, Panel("no sound", "of its music only features are public", silence)
        start_s = own.music_start_s + first / own.rate_hz
        text = f"{own.music_file.name}, from {start_s:.1f} s"
        return joints, Panel("its own music", text, self.sound(own.music_file, start_s))

    def sound(self, file: Path, start_s: float) -> Float32:
        """As long as the excerpt."""
        return read_audio(file, SOUND_HZ, start_s=start_s, duration_s=self.seconds)

    def film(
        self, path: Path, joints: NDArray[np.float64], *panels: Panel, title: str = ""
    ) -> None:
        """Write a video of the excerpt with these pieces of music."""
        about = self.about
        video(path, joints, about.layout, about.motion_rate_hz, panels, title)


def own_clip(excerpt: Excerpt, folder: Path, said: str = "") -> list[dict[str, Any]]:
    """…_own.mp4, the dance with its own music, and …_poses.png; their rows of clips.csv."""
    joints, own = excerpt.dance()
    title = f"{excerpt.piece} · truth {excerpt.category}{said}"
    excerpt.film(folder / excerpt.file("own.mp4"), joints, own, title=title)
    about, title = excerpt.about, f"{excerpt.piece}, {excerpt.category}"
    poses = key_poses(joints, about.layout, about.motion_rate_hz, title=title)
    # without the version of matplotlib, so that equal figures give equal bytes
    poses.savefig(folder / excerpt.file("poses.png"), metadata={"Software": None})
    return [excerpt.row("own.mp4", "own"), excerpt.row("poses.png", "poses")]


def recommended_clips(excerpt: Excerpt, found: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """:func:`own_clip`, and …_METHOD.mp4 with each method's tracks.

    ``found`` is the excerpt's rows of recommendations.csv, one seed's.
    """
    drawn = found.loc[found["method"] == "category", "track_category"].iloc[0]
    rows = own_clip(excerpt, folder, f" · predicted {drawn}")
    joints, _ = excerpt.dance()
    for method in METHODS:
        panels = [
            Panel(
                f"{row['rank']}. {row['track_piece']}, {row['track_category']}",
                f"{row['track_bpm']:.0f} bpm, from {row['track_start_s']:.1f} s",
                excerpt.sound(excerpt.raw / row["track"], row["track_start_s"]),
            )
            for row in found[found["method"] == method].to_dict("records")
        ]
        title = f"{excerpt.piece} · truth {excerpt.category} · predicted {drawn} · {method}"
        excerpt.film(folder / excerpt.file(f"{method}.mp4"), joints, *panels, title=title)
        rows.append(excerpt.row(f"{method}.mp4", method))
    return rows


def study_dances(found: pd.DataFrame, seed: int) -> list[tuple[str, str, int]]:
    """(category, piece, excerpt) of the dances to rate, of different pieces, drawn by name."""
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

    ``found`` is the excerpt's rows of recommendations.csv, one seed's.

    Returns:
        method, and what `motionmusic study make` reads: dataset, category, dance, music, clip.
    """
    joints, own = excerpt.dance()
    dance = {
        "dataset": excerpt.about.task,
        "category": excerpt.category,
        "dance": f"{excerpt.piece}_{excerpt.number}",
    }
    excerpt.film(folder / excerpt.file("own.mp4"), joints, Panel("", "", own.sound))
    rows = []
    for method in METHODS:
        rows.append({"method": method, **dance, "music": "own", "clip": excerpt.file("own.mp4")})
        for row in found[found["method"] == method].to_dict("records"):
            music = excerpt.sound(excerpt.raw / row["track"], row["track_start_s"])
            name = excerpt.file(f"{method}_{row['rank']}.mp4")
            excerpt.film(folder / name, joints, Panel("", "", music))
            track = str(row["track_piece"])
            rows.append({"method": method, **dance, "music": track, "clip": name})
    return rows


def made_clip(
    excerpt: Excerpt, neighbour: str, neighbour_start: int, real: Path, made: Path, folder: Path
) -> dict[str, Any]:
    """…_made.mp4: a dance, what was made from its music, and real motion to similar music.

    Args:
        excerpt: which.
        neighbour, neighbour_start: the piece of the most similar music; its first frame, at 30 Hz.
        real, made: folders of keypoints, PIECE.npy.
        folder: for the file.
    """
    first, length = round(excerpt.number * excerpt.seconds * FRAMES), int(excerpt.seconds * FRAMES)
    own, other = f"{excerpt.piece}.npy", f"{neighbour}.npy"
    similar = f"real motion to similar music\n({neighbour})"
    motions = {
        "the dance": read_array(real / own)[first : first + length],
        "made from its music": read_array(made / own)[first : first + length],
        similar: read_array(real / other)[neighbour_start : neighbour_start + length],
    }
    # motion from music ends where its music does
    shown = min(map(len, motions.values()))
    motions = {name: motion[:shown] for name, motion in motions.items()}
    foot = (
        f"task {excerpt.about.task}, piece {excerpt.piece}, category {excerpt.category};"
        " the generator was trained on other pieces\n"
        "blue: the dancer’s left; seen from the front, whichever way the dancer faces"
    )
    title = f"{excerpt.category}: {excerpt.piece}, excerpt {excerpt.number}"
    _, music = excerpt.dance()
    pictures = side_by_side(motions, title, foot)
    film(folder / excerpt.file("made.mp4"), pictures, music.sound, FRAMES)
    return excerpt.row("made.mp4", "dance")


def dancer(about: About, raw: Path, tested: pd.DataFrame) -> dict[str, Any]:
    """The motion of all test excerpts (``tested``: piece, excerpt) as a page shows it.

    Returns:
        parents (of each joint), rate (frames a second), motion {piece/excerpt: :func:`drawn_motion`}.
    """
    step = max(1, round(about.motion_rate_hz / _SHOWN_HZ))
    motion = {}
    for piece, rows in tested.groupby("piece"):
        room = chosen_joints(read_piece(about.source, raw, str(piece)).in_the_room(), about.layout)
        for excerpt in rows["excerpt"]:
            start = excerpt * about.excerpt_frames
            here = room[start : start + about.excerpt_frames : step]
            motion[f"{piece}/{excerpt}"] = drawn_motion(here)
    parents = LAYOUTS[about.layout].parents
    return {"parents": parents, "rate": about.motion_rate_hz / step, "motion": motion}


def drawn_motion(joints: NDArray[np.float64]) -> str:
    """Motion (frames, v, 3), y upwards, along x and y, without its path along x.

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
