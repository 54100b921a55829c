"""Arguments that several commands share, and small helpers for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from motionmusic.app.outputs import check_input
from motionmusic.errors import UserError
from motionmusic.terminal import Volume, note, say

if TYPE_CHECKING:
    from rich.table import Table

LONGEST_S = 5400.0  # of music
LATEST_S = 86400.0  # in music that a dance may start
NARROW = 60  # letters of a terminal: tables need as many
# of the commands
ORDER = (
    *("recommend", "sync", "render", "check", "convert"),
    *("pose", "evaluate", "models", "study", "conduct"),
)


class Command(TyperCommand):
    """A command whose help names its arguments plainly: no braces, no type of --help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever; an empty value, such as that of an unset variable, would be this folder."""
        for before, value in zip(["", *args], args, strict=False):
            if not value or (value.startswith("--") and value.find("=") == len(value) - 1):
                option = value[:-1] or (before if before.startswith("-") else "")
                remedy = "give it, or leave it out"
                raise UserError("command line", option, "a value", "an empty one", remedy)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        pieces = super().collect_usage_pieces(ctx)
        return [piece.replace("{", "").replace("}", "") for piece in pieces]

    def get_help_option(self, ctx: Any) -> Any:
        return untyped(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                vars(parameter)["display_type_rich"] = lambda ctx: None
        super().format_help(ctx, formatter)


class Group(TyperGroup):
    """Commands by use, with such help."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else 0)

    def get_help_option(self, ctx: Any) -> Any:
        return untyped(super().get_help_option(ctx))


def untyped(option: Any) -> Any:
    """An option whose type is not told in the help."""
    if option is not None:
        option.metavar = ""
    return option


def argument(metavar: str, help: str) -> Any:
    """An argument of typer."""
    return typer.Argument(metavar=metavar, help=help, show_default=False)


def option(metavar: str, help: str, **more: Any) -> Any:
    """An option of typer whose help says what its default is."""
    return typer.Option(metavar=metavar, help=help, show_default=False, **more)


def flag(names: str, help: str, **more: Any) -> Any:
    """An option without a value, by its names: "--quiet -q"."""
    return typer.Option(*names.split(), metavar="", help=help, show_default=False, **more)


def _quiet(wanted: bool) -> None:
    if wanted:
        Volume.level = 0


def _verbose(wanted: bool) -> None:
    if wanted:
        Volume.level = 2


def _seconds(start: float | None) -> float | None:
    if start is not None and not start <= LATEST_S:
        expected = f"a number of seconds up to {LATEST_S:.0f}"
        raise UserError("command line", "--start", expected, f"{start}", "correct it")
    return start


DanceArgument = Annotated[
    Path,
    argument(
        "DANCE",
        "A video, BVH, c3d, AIST++ .pkl, joints (frames, joints, 3) as .npy or .npz, or a folder"
        " of MusicToDance's layout (skeletons.json; config.json and audio.* are optional).",
    ),
]
MusicArgument = Annotated[
    Path, argument("MUSIC", "A sound file, or a video with sound, up to 90 minutes.")
]
LayoutOption = Annotated[
    str | None,
    option(
        "NAME",
        "Skeleton of a .npy or .npz: musictodance (23 joints, relative to the body's centre),"
        " coco17 (that of AIST++), smpl24 or mediapipe33.",
    ),
]
RateOption = Annotated[
    float | None,
    option(
        "HZ",
        "Frames a second of the dance, where the file does not say (a .npy) or is wrong."
        " MusicToDance has 25, AIST++ 60.",
    ),
]
UpOption = Annotated[
    str | None,
    option("AXIS", "The file's axis that points up: y, z, -y … Default: from feet to head."),
]
NamesOption = Annotated[
    Path | None,
    option(
        "FILE.yaml",
        "Which joint or marker is which, where their names are not known: lines like left elbow: NAME.",
    ),
]
ForceOption = Annotated[bool, flag("--force", "Replace files that exist.")]
JsonOption = Annotated[bool, flag("--json", "Print the result as JSON, and nothing else.")]
QuietOption = Annotated[
    bool,
    flag(
        "--quiet -q",
        "Print mistakes only, and what --json asks for.",
        callback=_quiet,
        expose_value=False,
    ),
]
VerboseOption = Annotated[
    bool,
    flag("--verbose -v", "Say what is being done.", callback=_verbose, expose_value=False),
]
StartOption = Annotated[
    float | None,
    option(
        "SECONDS",
        "Where in the music the dance starts. Default: 0 in other music, and what config.json"
        " says in its own.",
        min=0,
        callback=_seconds,
    ),
]
BesideOption = Annotated[
    bool,
    flag(
        "--beside",
        "Draw the dancer beside the pictures of a video, which are then encoded anew.",
    ),
]


def check_beside(dance: Path, beside: bool) -> None:
    """See that a dancer who is to be drawn beside a video has one. Raises UserError."""
    if beside:
        from motionmusic.data.dance_files import kind_of

        if (kind := kind_of(dance)) != "video":
            remedy = "leave --beside out: of all else a dancer is drawn anyway"
            raise UserError(dance, "--beside", "a video", kind, remedy)


def check_dance(dance: Path, names: Path | None = None) -> None:
    """See that DANCE and --names are there, before they are read. Raises UserError."""
    if names is not None:
        check_input(names, "--names", "a yaml file with names of joints")
    what = "a dance: a video, a file of joints, or a folder with skeletons.json"
    if not dance.exists():
        raise UserError(dance, "", what, "no such file or folder", "correct the name")
    if not dance.is_dir():
        check_input(dance, "", what)
        from motionmusic.data.musictodance import SOUND_SUFFIXES

        if dance.suffix.lower() in SOUND_SUFFIXES:
            remedy = "name the dance first, and the music after it"
            raise UserError(dance, "", what, "a sound file", remedy)
    elif not (dance / "skeletons.json").exists():
        got, remedy = "none", "name the dance's own folder"
        inside = sorted(path.parent.name for path in dance.glob("*/skeletons.json"))
        if inside:
            got = f"dances in the folders {', '.join(inside[:3])}{', …' * (len(inside) > 3)}"
            remedy = f"name one of them, such as {dance / inside[0]}"
        raise UserError(dance, "", "a folder with a skeletons.json", got, remedy)


def music_seconds(music: Path, shortest_s: float = 0.0) -> float:
    """How long MUSIC is. Raises UserError where it is too short, longer than 90 minutes or no sound."""
    from motionmusic.features.audio import duration_s

    seconds = duration_s(music, at_most_s=LONGEST_S)
    if not shortest_s <= seconds <= LONGEST_S:
        more = " or more" if seconds > LONGEST_S else ""
        raise UserError(
            music, "", f"music of {shortest_s:g} s to {LONGEST_S / 60:g} minutes",
            f"{seconds:.2f} s{more}", "take other music, or cut it",
        )  # fmt: skip
    return seconds


def tell_short(music: Path, left_s: float, seconds: float) -> None:
    """Say so where MUSIC ends before a dance of that many seconds does."""
    if 0 < left_s < seconds - 0.5:
        note(f"the sound of {music.name} ends after {left_s:.1f} s of the dance's {seconds:.1f} s")


def check_music(music: Path, option: str = "") -> None:
    """See that a file holds sound; only its beginning is decoded. Raises UserError."""
    check_input(music, option, "a sound file")
    from motionmusic.features.decoding import opened

    with other_music(), opened(music):
        pass


@contextmanager
def other_music(remedy: str = "take another sound file") -> Iterator[None]:
    """A block that reads music which belongs to no dance, as its errors should know."""
    try:
        yield
    except UserError as error:
        if "start_position" in error.remedy or "dance" in error.remedy:
            expected = error.expected.split(" (start_position")[0]
            raise replace(error, expected=expected, remedy=remedy) from None
        raise


def confirmed(question: str, default: bool) -> bool:
    """The answer on the terminal; an interruption or the end of the input ends the command."""
    try:
        return typer.confirm(question, default=default, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


def print_json(value: Any) -> None:
    """Print a result as JSON, with every letter that is not ASCII as an escape."""
    from motionmusic.files import rounded

    print(json.dumps(rounded(value), indent=2, allow_nan=False), flush=True)


def clock(seconds: float, digits: int = 1) -> str:
    """Minutes and seconds, such as 2:05.5."""
    minutes, left = divmod(round(seconds, digits), 60)
    return f"{minutes:.0f}:{left:0{3 + digits}.{digits}f}"


def print_table(table: Table) -> None:
    """Print a table whose texts are shown ones; on a narrow terminal a line for each row."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if console.width >= NARROW:
        console.print(table)
        return
    heads = [f"{column.header}" for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        say(", ".join(f"{head} {cell}".strip() for head, cell in zip(heads, row, strict=True)))


def counted(count: int, one: str, more: str = "") -> str:
    """A number of things, by their word for one and for more, which may be the same with an s."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"
