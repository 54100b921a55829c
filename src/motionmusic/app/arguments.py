"""Arguments that several commands share, and small helpers for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motionmusic.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_S = 5400.0  # of music


def argument(metavar: str, help: str) -> Any:
    """An argument of typer."""
    return typer.Argument(metavar=metavar, help=help, show_default=False)


def option(metavar: str, help: str, **more: Any) -> Any:
    """An option of typer whose help says what its default is."""
    return typer.Option(metavar=metavar, help=help, show_default=False, **more)


DanceArgument = Annotated[
    Path,
    argument(
        "DANCE",
        "A folder with skeletons.json (MusicToDance's layout; config.json and audio.* are"
        " optional), a .json of that kind, key points of AIST++ (.pkl), or joints"
        " (frames, joints, 3) as .npy or .npz.",
    ),
]
MusicArgument = Annotated[
    Path, argument("MUSIC", "A sound file: mp3, wav, flac or ogg, up to 90 minutes.")
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="Skeleton of a .npy or .npz: musictodance (23 joints, relative to the body's centre)"
        " or aist (17 joints).",
        show_default=False,
    ),
]
RateOption = Annotated[
    float | None,
    option(
        "HZ",
        "Frames a second of the dance. Required for .npy and .npz; elsewhere 25 (MusicToDance)"
        " or 60 (AIST++).",
    ),
]
StartOption = Annotated[
    float | None,
    option(
        "SECONDS",
        "Where in the music the dance starts. Default: 0 in other music, and what config.json"
        " says in its own.",
        min=0,
    ),
]


def only_folder(found: Collection[Path], none: UserError) -> Path:
    """The only folder of trained models, for a command without --model.

    Raises ``none`` where there is none, and UserError where there are several.
    """
    if not found:
        raise none
    folders = sorted(found)
    if len(folders) > 1:
        raise UserError(
            "command line", "--model", "the name of a trained model, as there are several:"
            f" {', '.join(map(str, folders))}", "none", f"choose one, such as --model {folders[0]}",
        )  # fmt: skip
    return folders[0]


def check_names(music: Path, out: Path | None, suffix: str) -> None:
    """What is quick to find wrong, before what is slow to import. Raises UserError."""
    if out is not None and out.suffix != suffix:
        raise UserError(
            "command line", "--out", f"a name ending in {suffix}", f"{out}", "correct it"
        )
    if not music.is_file():
        raise UserError(music, "", "a sound file", "no such file", "correct the name")


def music_seconds(music: Path, shortest_s: float = 0.0) -> float:
    """How long MUSIC is. Raises UserError where it is too short, longer than 90 minutes or no sound."""
    from motionmusic.features.audio import duration_s

    seconds = duration_s(music)
    if not shortest_s <= seconds <= LONGEST_S:
        raise UserError(
            music, "", f"music of {shortest_s:g} s to {LONGEST_S / 60:g} minutes",
            f"{seconds:.2f} s", "take other music, or cut it",
        )  # fmt: skip
    return seconds


@contextmanager
def other_music() -> Iterator[None]:
    """A block that reads music which belongs to no dance, as its errors should know."""
    try:
        yield
    except UserError as error:
        if "start_position" in error.remedy or "dance" in error.remedy:
            raise replace(error, remedy="take another sound file") from None
        raise


def clock(seconds: float, digits: int = 1) -> str:
    """Minutes and seconds, such as 2:05.5."""
    return f"{int(seconds // 60)}:{seconds % 60:0{3 + digits}.{digits}f}"


def console() -> Console:
    """Where results are printed. Names of files are shown as they are: no colours, no markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)
