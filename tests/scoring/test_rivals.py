"""What stands beside the generator: which frames of whose motion, on motions that tell them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from motionmusic.scoring.generated import Dances, Made, half_a_beat, systems

FRAMES = 60
# piece: fold, class, frames, music
PIECES = {
    "A": (0, 0, 500, "a.ogg"), "B": (0, 0, 130, "b.ogg"), "C": (0, 1, 130, "c.ogg"),
    "D": (1, 1, 60, "d.ogg"), "E": (1, 0, 90, "d.ogg"),
}  # fmt: skip
BEATS = np.asarray(np.arange(30) * 0.6, np.float64)  # half a beat is 9 frames


def numbered(frames: int, piece: int) -> NDArray[np.float32]:
    """x of every keypoint is the frame, y the piece."""
    motion = np.empty((frames, 13, 2), np.float32)
    motion[..., 0], motion[..., 1] = np.arange(frames)[:, None], piece
    return motion


def dances() -> Dances:
    return Dances(
        {name: numbered(row[2], ord(name)) for name, row in PIECES.items()},
        pd.DataFrame(
            {"label": [row[1] for row in PIECES.values()],
             "music_file": [row[3] for row in PIECES.values()]}, index=list(PIECES),
        ),
        {name: BEATS for name in PIECES},
        {0: ["D", "E"], 1: ["A", "B", "C"]},
    )  # fmt: skip


def clips(starts: Mapping[tuple[str, int], int]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"fold": PIECES[piece][0], "piece": piece, "excerpt": excerpt, "start": start}
         for (piece, excerpt), start in starts.items()]
    )  # fmt: skip


CLIPS = clips({("A", 0): 0, ("A", 3): 440, ("B", 0): 70, ("C", 0): 5, ("D", 0): 0, ("E", 0): 20})


def made() -> Made:
    neighbours = CLIPS[["fold", "piece", "excerpt"]].assign(neighbour="E", neighbour_start=30)
    motion = {name: numbered(row[2], 1000 + ord(name)) for name, row in PIECES.items()}
    return Made(motion, neighbours, lambda fold, motions: motions)


def cuts(row: str, seed: int = 0) -> list[tuple[str, int] | None]:
    """Piece and first frame of every clip of a row of one version."""
    (motions,) = systems(CLIPS, FRAMES, dances(), [made()], seed)[row]
    found: list[tuple[str, int] | None] = []
    for motion in motions:
        if np.isnan(motion).all():
            found.append(None)
            continue
        np.testing.assert_array_equal(np.diff(motion[..., 0], axis=0), 1)
        found.append((chr(int(motion[0, 0, 1])), int(motion[0, 0, 0])))
    return found


@pytest.mark.parametrize(
    ("beats", "frames"), [(BEATS, 9), (np.arange(9) / 2, 8), (np.zeros(0), 8), (BEATS[:1], 8)]
)
def test_half_a_beat(beats: NDArray[np.float64], frames: int) -> None:
    assert half_a_beat(beats) == frames
    # of the median: one that is missing does not count
    assert half_a_beat(np.delete(BEATS, 5)) == 9


def test_the_clips_own_seconds() -> None:
    own = [("A", 0), ("A", 440), ("B", 70), ("C", 5), ("D", 0), ("E", 20)]
    assert cuts("itself") == own
    (motions,) = systems(CLIPS, FRAMES, dances(), [made()], 0)["generator"]
    assert motions[:, 0, 0].tolist() == [[start, 1000 + ord(piece)] for piece, start in own]


def test_half_a_beat_later_or_earlier() -> None:
    """A and B end with their clips; D is no longer than its clip."""
    assert cuts("shifted") == [("A", 9), ("A", 431), ("B", 61), ("C", 14), None, ("E", 29)]


def test_another_moment_is_ten_seconds_away() -> None:
    seen = set()
    for seed in range(20):
        first, second, *others = cuts("moment", seed)
        assert others == [None] * 4
        assert first is not None
        assert second is not None
        assert (first[0], second[0]) == ("A", "A")
        assert 300 <= first[1] <= 440
        assert 0 <= second[1] <= 140
        seen.add(first)
    assert len(seen) > 10


def test_another_piece_is_of_the_class_and_fold() -> None:
    for seed in range(5):
        a, late, b, c, d, e = (cut and cut[0] for cut in cuts("another", seed))
        assert (a, late, b) == ("B", "B", "A")
        assert c in ("A", "B")  # alone in its class
        assert (d, e) == (None, None)  # the two share their music
    assert cuts("another", 1) == cuts("another", 1)
    assert cuts("another", 1) != cuts("another", 2)


def test_neighbours_are_those_that_were_found() -> None:
    assert cuts("neighbour") == [("E", 30)] * 6


def test_the_mean_pose_is_of_training_pieces_and_does_not_move() -> None:
    (motions,) = systems(CLIPS, FRAMES, dances(), [made()], 0)["mean_pose"]
    assert (motions == motions[:, :1]).all()
    # of all frames of D and E, and of A, B and C
    frames = np.r_[np.arange(60), np.arange(90)].mean()
    piece = (60 * ord("D") + 90 * ord("E")) / 150
    np.testing.assert_allclose(motions[:4, 0, 5], [[frames, piece]] * 4, rtol=1e-6)
    frames = np.r_[np.arange(500), np.arange(130), np.arange(130)].mean()
    np.testing.assert_allclose(motions[4:, 0, 5, 0], [frames] * 2, rtol=1e-6)


def test_what_does_not_cover_a_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="A, excerpt 3"):
        systems(CLIPS, FRAMES + 1, dances(), [made()], 0)
    short = made()
    short.neighbours.loc[2, "neighbour_start"] = 31
    with pytest.raises(ValueError, match="B, excerpt 0"):
        systems(CLIPS, FRAMES, dances(), [short], 0)
    few = Made(made().motion, made().neighbours[1:], made().perceive)
    with pytest.raises(ValueError, match="A, excerpt 0: no neighbour"):
        systems(CLIPS, FRAMES, dances(), [few], 0)
