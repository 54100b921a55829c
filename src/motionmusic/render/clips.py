"""The clips of a task: dances with their own music, with recommended music, made from music."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from motionmusic.data.own import read_piece
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import SAMPLE_RATE, motion_beats, music_beats
from motionmusic.features.keypoints import FRAMES
from motionmusic.features.skeletons import chosen_joints
from motionmusic.files import Float32, read_array, write_json
from motionmusic.render.body import drawn_body, drawn_dance
from motionmusic.render.conductor_clip import side_by_side
from motionmusic.render.film import SMALL_HZ, SOUND_HZ, film, poster, sound_file
from motionmusic.render.page import Panel, key_poses, video
from motionmusic.streams import stream
from motionmusic.workspace import About

METHODS = ("category", "contrastive")  # the paper's, and the best that is learned
STUDY_DANCES = 3  # of a category, the paper's on MusicToDance; fewer where there are fewer pieces
MADE = 3  # categories of which motion from music is shown


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

    @property
    def title(self) -> str:
        """Above a picture of it."""
        return f"{self.category}: piece {self.piece}, excerpt {self.number}"

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


def own_clip(excerpt: Excerpt, folder: Path) -> dict[str, Any]:
    """…_own.mp4, the dance with its own music; its row of clips.csv."""
    joints, own = excerpt.dance()
    excerpt.film(folder / excerpt.file("own.mp4"), joints, own, title=excerpt.title)
    return excerpt.row("own.mp4", "own")


def poses(excerpt: Excerpt, folder: Path) -> dict[str, Any]:
    """…_poses.png, the dance on paper; its row of clips.csv."""
    joints, _ = excerpt.dance()
    figure = key_poses(joints, excerpt.about.layout, excerpt.about.motion_rate_hz, excerpt.title)
    # without the version of matplotlib, so that equal figures give equal bytes
    figure.savefig(folder / excerpt.file("poses.png"), metadata={"Software": None})
    return excerpt.row("poses.png", "poses")


def watched(
    about: About, raw: Path, pieces: pd.DataFrame, names: Sequence[str], folder: Path
) -> dict[str, Any]:
    """Whole dances to turn, scrub and hear on a page: FOLDER/N.json and N.m4a of each.

    Args:
        about: of the task.
        raw: of its corpus.
        pieces: piece, label; one row a dance.
        names: of the categories.
        folder: for the files.

    Returns:
        What is drawn (view.drawn_body), excerpt_s, and dances: piece, category, file, and whether
        it has sound.
    """
    dances = []
    for number, row in enumerate(tqdm(pieces.to_dict("records"), desc="dances", mininterval=5)):
        own = read_piece(about.source, raw, str(row["piece"]))
        joints = chosen_joints(own.in_the_room(), about.layout)
        facts = drawn_dance(joints, about.layout, own.rate_hz)
        facts |= {"motion_beats": _seconds(motion_beats(joints, own.rate_hz, "mint"))}
        if own.music_file is not None:
            sound, beats = _music(own.music_file, own.music_start_s, own.seconds)
            sound_file(folder / f"{number}.m4a", sound)
            facts |= {"music_beats": beats}
        write_json(folder / f"{number}.json", facts)
        category = names[int(row["label"])]
        dances.append(
            {"piece": str(row["piece"]), "category": category, "file": f"{number}",
             "sound": own.music_file is not None}
        )  # fmt: skip
    excerpt_s = about.excerpt_frames / about.motion_rate_hz
    return drawn_body(about.layout) | {"excerpt_s": excerpt_s, "dances": dances}


def recommended(excerpt: Excerpt, found: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """Each method's tracks for an excerpt, as FOLDER/PIECE_METHOD_RANK.m4a and their facts.

    ``found`` is the excerpt's rows of recommendations.csv, one seed's. A track goes on before and
    after the excerpt for as long as the dance and the track do.

    Returns:
        piece, excerpt, method, rank, track, category, bpm, file, from (the dance's second at which
        the file begins), beats (seconds of the dance).
    """
    own = read_piece(excerpt.about.source, excerpt.raw, excerpt.piece)
    rows = []
    for row in found[found["method"].isin(METHODS)].to_dict("records"):
        ahead = excerpt.number * excerpt.seconds - row["track_start_s"]
        start = max(0.0, ahead)
        sound, beats = _music(excerpt.raw / row["track"], start - ahead, own.seconds - start)
        file = excerpt.file(f"{row['method']}_{row['rank']}.m4a")
        sound_file(folder / file, sound)
        rows.append(
            {"piece": excerpt.piece, "excerpt": excerpt.number, "method": row["method"],
             "rank": row["rank"], "track": row["track_piece"], "category": row["track_category"],
             "bpm": None if pd.isna(row["track_bpm"]) else round(row["track_bpm"]), "file": file,
             "from": round(start, 3), "beats": [round(start + beat, 2) for beat in beats]}
        )  # fmt: skip
    return rows


def _music(file: Path, start_s: float, duration_s: float) -> tuple[Float32, list[float]]:
    """Its sound for a page, and the seconds of its beats."""
    heard = read_audio(file, SAMPLE_RATE, start_s=start_s, duration_s=duration_s)
    beats, _ = music_beats(heard, SAMPLE_RATE)
    return read_audio(file, SMALL_HZ, start_s=start_s, duration_s=duration_s), _seconds(beats)


def _seconds(times: NDArray[np.float64]) -> list[float]:
    return [round(float(time), 2) for time in times]


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
    """…_made.mp4 and .jpg: a dance, what was made from its music, motion to similar music.

    Args:
        excerpt: which.
        neighbour, neighbour_start: the piece of the most similar music; its first frame, at 30 Hz.
        real, made: folders of keypoints, PIECE.npy.
        folder: for the file.
    """
    first, length = round(excerpt.number * excerpt.seconds * FRAMES), int(excerpt.seconds * FRAMES)
    own, other = f"{excerpt.piece}.npy", f"{neighbour}.npy"
    similar = f"what was danced to\nsimilar music ({neighbour})"
    motions = {
        "the dance\n": read_array(real / own)[first : first + length],
        "made from its music\n": read_array(made / own)[first : first + length],
        similar: read_array(real / other)[neighbour_start : neighbour_start + length],
    }
    # motion from music ends where its music does
    shown = min(map(len, motions.values()))
    motions = {name: motion[:shown] for name, motion in motions.items()}
    foot = (
        f"task {excerpt.about.task}; the generator was trained on other pieces; blue: the dancer’s"
        " left\ndrawn from the front, whichever way the dancer faces"
    )
    _, music = excerpt.dance()
    pictures = side_by_side(motions, excerpt.title, foot)
    film(folder / excerpt.file("made.mp4"), pictures, music.sound, FRAMES)
    poster(folder / excerpt.file("made.mp4"))
    return excerpt.row("made.mp4", "dance")
