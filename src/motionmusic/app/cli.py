"""``motionmusic``: music for a dance, without DVC.

Commands read their arguments here and import what works (torch, librosa, PyAV) only when they run,
so that ``--help`` is there at once.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from motionmusic import errors
from motionmusic.app import study, sync
from motionmusic.app.arguments import (
    DanceArgument,
    LayoutOption,
    MusicArgument,
    RateOption,
    StartOption,
    argument,
    check_names,
    clock,
    console,
    only_folder,
    option,
)
from motionmusic.errors import UserError
from motionmusic.methods import Method

app = typer.Typer(
    name="motionmusic",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"motionmusic {version('motionmusic')}")
        raise typer.Exit


@app.callback()
def motionmusic(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Find music for a dance, hear and see it.

    **Examples**

    - `motionmusic models`
    - `motionmusic recommend dances/DANCE_C_1 --catalogue ~/Music`
    - `motionmusic render dances/DANCE_C_1 dance.mp4`

    A mistake in files or arguments ends with one message and exit status 2.
    """


@app.command()
def recommend(
    dance: DanceArgument,
    model: Annotated[
        Path | None,
        option(
            "DIR",
            "Trained matchers: a folder data/TASK/matchers. Default: the only one under ./data.",
        ),
    ] = None,
    catalogue: Annotated[
        Path | None,
        option(
            "DIR",
            "Music to choose from: a folder of mp3, wav, flac and ogg, searched with its"
            " subfolders. Default: the music of the dances that the model was trained on.",
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="How music is chosen. *category* draws at random among tracks of the predicted"
            " category, as the paper does; all others rank every track."
        ),
    ] = "contrastive",
    top: Annotated[int, typer.Option(min=1, help="How many tracks.")] = 3,
    render: Annotated[
        Path | None,
        option("OUT.mp4", "Also write a video of the dance (its first 20 s) with each track."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="OUT.json", help="Where everything is written as JSON.")
    ] = Path("recommendation.json"),
    include_own: Annotated[
        bool,
        typer.Option(
            "--include-own",
            help="Let the dance's own music be recommended. Otherwise it is left out, known by the"
            " content of its file.",
        ),
    ] = False,
    layout: LayoutOption = None,
    rate: RateOption = None,
) -> None:
    """Recommend music for a dance: print a table, write JSON, and a video on request.

    The first run on a catalogue decodes every track, one or two seconds each; later runs only what
    is new. Results are kept in the user's cache folder, or in $MOTIONMUSIC_CACHE.

    A track's category comes from the name of its file or its folders: a class (`Waltz/`), its code,
    a MusicToDance folder (`DANCE_W_8/`) or an AIST track (`mBR0.wav`). Tracks without one are
    ranked all the same.

    **Examples**

    - `motionmusic recommend dances/DANCE_C_1`
    - `motionmusic recommend dances/DANCE_C_1 --catalogue ~/Music --top 5 --render dance.mp4`
    - `motionmusic recommend joints.npy --layout aist --rate 60 --model data/aist/official/matchers`
    """
    from motionmusic.app.recommender import Recommender
    from motionmusic.data.own import read_own
    from motionmusic.files import write_json

    own = read_own(dance, layout, rate)
    folders = {path.parent.parent for path in Path().glob("data/**/matchers/*/matcher.json")}
    recommender = Recommender(model or only_folder(folders, _no_model()), method)
    music = catalogue or recommender.own_music()
    found = recommender(own, music, top, include_own)
    screen = console()
    for line in found.heading():
        screen.print(line, soft_wrap=True)
    screen.print(found.table())
    for line in found.complaints(out):
        screen.print(line, soft_wrap=True)
    write_json(out, found.as_json(dance))
    typer.echo(f"Written to {out}")
    if render is not None:
        found.film(render)
        typer.echo(f"Written to {render}")


@app.command()
def models() -> None:
    """List the trained models under ./data: folder (for --model), task, classes, methods, seeds."""
    from rich.table import Table

    from motionmusic.models.matcher import trained

    found = trained(Path())
    if not found:
        raise _no_model()
    table = Table()
    table.add_column("model", no_wrap=True)
    for title in ("trained on the task", "classes", "methods", "seeds"):
        table.add_column(title)
    for folder, group in groupby(found, key=lambda pair: pair[0].parent):
        abouts = [about for _, about in group]
        table.add_row(
            str(folder),
            abouts[0].task,
            ", ".join(abouts[0].labels.values()),
            ", ".join(dict.fromkeys(about.method for about in abouts)),
            ", ".join(map(str, sorted({about.seed for about in abouts}))),
        )
    console().print(table)


@app.command()
def render(
    dance: DanceArgument,
    out: Annotated[Path, argument("OUT.mp4", "The video.")],
    music: Annotated[
        Path | None,
        option("FILE", "Other music: mp3, wav, flac or ogg. Default: the dance's own."),
    ] = None,
    start: StartOption = None,
    layout: LayoutOption = None,
    rate: RateOption = None,
) -> None:
    """Write a video of a dance with its own or other music.

    **Examples**

    - `motionmusic render dances/DANCE_C_1 dance.mp4`
    - `motionmusic render dances/DANCE_C_1 dance.mp4 --music waltz.mp3 --start 12.5`
    """
    from motionmusic.data.own import read_own
    from motionmusic.features.audio import read_audio
    from motionmusic.render.film import SOUND_HZ
    from motionmusic.render.page import Panel, video

    own = read_own(dance, layout, rate)
    file = music or own.music_file
    if file is None:
        remedy = "name music with --music FILE"
        raise UserError(dance, "", "a dance with music beside it", "none", remedy)
    own_start_s = own.music_start_s if music is None else 0.0
    start_s = own_start_s if start is None else start
    sound = read_audio(file, SOUND_HZ, start_s=start_s, duration_s=own.seconds)
    panel = Panel(own.name, f"{file.name}, from {clock(start_s)}", sound)
    video(out, own.in_the_room(), own.layout, own.rate_hz, [panel])
    typer.echo(f"Written to {out}")


@app.command()
def conduct(
    music: MusicArgument,
    out: Annotated[
        Path | None,
        option(
            "VIDEO.mp4",
            "The video. Default: MUSIC.conducting.mp4 in this folder. Keypoints (.npz) and"
            " facts (.json) get its name.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Of the noise, which has no visible effect with these weights."),
    ] = 0,
    smooth: Annotated[
        bool, typer.Option(help="Smooth the motion as the authors do; without it trembles.")
    ] = True,
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence",
            help="Accept the licence of the weights: research use only, with attribution."
            " Asked for once.",
        ),
    ] = False,
) -> None:
    """Show how a conductor would move to music: a video, 13 keypoints at 30 frames a second.

    The network and its weights are VirtualConductor's (Liu, Chen et al. 2022), made for orchestral
    music of 0.5 s or more; the first run downloads 2.4 MB. The motion is an upper body in the plane
    of the picture, not a dance. The sync error is 1 − how far the authors' other network finds that
    motion and music belong together; compare it between motions of one piece only.

    The weights are **for research use only, with attribution**; so is what is made with them.

    **Examples**

    - `motionmusic conduct symphony.mp3`
    - `motionmusic conduct symphony.mp3 --out conductor.mp4 --accept-licence`
    """
    check_names(music, out, ".mp4")
    from motionmusic.app.conduct import conduct_music

    video = out or Path(f"{music.stem}.conducting.mp4")
    error, seconds = conduct_music(music, video, seed, smooth, accept_licence)
    typer.echo(f"Sync error {error:.3f} ({seconds:.1f} s)")
    typer.echo(
        f"Written to {video}, .npz and .json, made with VirtualConductor's weights:"
        " for research use only"
    )


app.command()(sync.sync)
app.add_typer(study.app, name="study")


def _no_model() -> UserError:
    return UserError(
        "data/**/matchers", "", "a trained model", "none",
        "train one with `dvc repro pipeline/music/m2d_mini/dvc.yaml:match`, or run from the folder"
        " that has data/, or name one with --model DIR",
    )  # fmt: skip


def main() -> None:
    """Entry point of ``motionmusic``."""
    errors.run(lambda arguments: app(args=list(arguments), prog_name="motionmusic"))


if __name__ == "__main__":
    main()
