"""``motionmusic``: music for a dance, without DVC.

Commands read their arguments here and import what works (torch, librosa, PyAV) only when they run,
so that ``--help`` is there at once.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from motionmusic import errors
from motionmusic.app import check, convert, evaluate, pose, recommending, study, sync
from motionmusic.app.arguments import (
    BesideOption,
    Command,
    DanceArgument,
    ForceOption,
    Group,
    JsonOption,
    LayoutOption,
    MusicArgument,
    NamesOption,
    QuietOption,
    RateOption,
    StartOption,
    UpOption,
    VerboseOption,
    argument,
    check_beside,
    check_dance,
    check_music,
    clock,
    flag,
    option,
    other_music,
    print_json,
    print_table,
    tell_short,
)
from motionmusic.app.outputs import check_input, check_output, check_room
from motionmusic.errors import UserError
from motionmusic.terminal import Volume, note, say, shown

app = typer.Typer(
    name="motionmusic",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"motionmusic {version('motionmusic')}")
        raise typer.Exit


@app.callback()
def motionmusic(
    version: Annotated[
        bool, flag("--version", "Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Find music for a dance, hear and see it.

    **Examples**

    - `motionmusic recommend dance.mp4 --catalogue ~/Music --render out.mp4`
    - `motionmusic sync dance.mp4 waltz.mp3`
    - `motionmusic render walk.bvh out.mp4 --music song.mp3`

    Exit status: 0 done, 1 a finding (`sync`: not in time), 2 a mistake in files or arguments, told in
    one message, 130 interrupted. `motionmusic --install-completion` completes names in your shell.
    """


@app.command(cls=Command, short_help="Write a video of a dance with its own or other music.")
def render(
    dance: DanceArgument,
    out: Annotated[Path, argument("OUT.mp4", "The video.")],
    music: Annotated[
        Path | None, option("FILE", "Other music, a sound file. Default: the dance's own.")
    ] = None,
    start: StartOption = None,
    beside: BesideOption = False,
    layout: LayoutOption = None,
    rate: RateOption = None,
    up: UpOption = None,
    names: NamesOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write a video of a dance with its own or other music.

    **Examples**

    - `motionmusic render dances/DANCE_C_1 dance.mp4`
    - `motionmusic render dance.mp4 out.mp4 --music song.mp3`

    Of a video, --music lays other music under your own pictures, which are copied, not encoded;
    with --beside the drawn dancer stands beside them.
    """
    check_output(out, "OUT.mp4", [dance, music], force, (".mp4",))
    check_dance(dance, names)
    check_beside(dance, beside)
    if music is not None:
        check_music(music, "--music")
        from motionmusic.data.dance_files import kind_of

        if kind_of(dance) == "video" and not beside:
            from motionmusic.app.open_dance import check_use
            from motionmusic.app.picks import copied

            check_use(dance, "video", layout, rate, up, names)
            with other_music("take other music, or an earlier --start"):
                copied(out, dance, music, start or 0.0)
            if json:
                print_json({"dance": f"{dance}", "music": f"{music}", "start_s": start or 0.0,
                            "video": f"{out}"})  # fmt: skip
            note(f"Written to {out}")
            return
    from motionmusic.app.open_dance import open_dance, start_in

    own = open_dance(dance, layout, rate, up, names)
    if len(own.joints) < 2:
        expected, remedy = "a dance of at least two frames", "take a longer dance"
        raise UserError(dance, "", expected, f"{len(own.joints)}", remedy)
    check_room(out, own.seconds)
    file = music or own.music_file
    if file is None:
        remedy = "name music with --music FILE"
        raise UserError(dance, "", "a dance with music beside it", "none", remedy)
    check_output(out, "OUT.mp4", [file], force, (".mp4",))
    start_s = start_in(file, own) if start is None else start
    told = music is not None or start is not None
    from motionmusic.app.picks import drawn_beside
    from motionmusic.features.audio import read_audio
    from motionmusic.render.film import SOUND_HZ
    from motionmusic.render.page import Panel, video

    with other_music("take other music, or an earlier --start") if told else nullcontext():
        if beside:
            drawn_beside(out, dance, own, file, start_s)
        else:
            sound = read_audio(file, SOUND_HZ, start_s=start_s, duration_s=own.seconds)
            tell_short(file, len(sound) / SOUND_HZ, own.seconds)
    if not beside:
        panel = Panel(own.name, f"{file.name}, from {clock(start_s)}", sound)
        video(out, own.in_the_room(), own.layout, own.rate_hz, [panel])
    if json:
        facts = {"dance": f"{dance}", "music": f"{file}", "start_s": start_s}
        print_json(facts | {"seconds": own.seconds, "video": f"{out}"})
    note(f"Written to {out}")


@app.command(cls=Command, short_help="List the models that are there, and how good they are.")
def models(
    json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False
) -> None:
    """List the models: those that come with this program, each with its card, and those trained here.

    Those trained here are under ./data: folder (for --model), task, classes, methods, seeds.
    """
    from rich.table import Table

    from motionmusic.app.trained import cards

    rows: list[dict[str, object]] = [
        {"model": name, "card": card} for name, card in cards().items()
    ]
    if not json and Volume.level > 0:
        for card in cards().values():
            say(card)
    found = []
    if any(Path().glob("data/**/matcher.json")):
        from motionmusic.models.matcher import trained

        found = trained(Path())
    table = Table()
    table.add_column("model", no_wrap=True)
    for title in ("trained on the task", "classes", "methods", "seeds"):
        table.add_column(title)
    for folder, group in groupby(found, key=lambda pair: pair[0].parent):
        abouts = [about for _, about in group]
        classes = list(abouts[0].labels.values())
        methods = list(dict.fromkeys(about.method for about in abouts))
        seeds = sorted({about.seed for about in abouts})
        lists = [", ".join(classes), ", ".join(methods), ", ".join(map(str, seeds))]
        table.add_row(*map(shown, (folder, abouts[0].task, *lists)))
        facts = {"classes": classes, "methods": methods, "seeds": seeds}
        rows.append({"model": f"{folder}", "task": abouts[0].task, **facts})
    if json:
        print_json(rows)
    elif Volume.level == 0:
        return
    elif found:
        print_table(table)
    else:
        say("No model was trained here (./data). Only `recommend --method` needs one.")


@app.command(cls=Command, short_help="Show a conductor for any music; for research use only.")
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
        option("N", "Seed of the noise, which these weights ignore. Default: 0.", min=0),
    ] = 0,
    no_smooth: Annotated[
        bool, flag("--no-smooth", "Let the motion tremble. Default: smoothed, as the authors do.")
    ] = False,
    accept_licence: Annotated[
        bool,
        flag(
            "--accept-licence",
            "Accept the licence of the weights: research use only, with attribution. Asked for"
            " once.",
        ),
    ] = False,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
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
    video = out or Path(f"{music.stem}.conducting.mp4")
    check_input(music, "", "a sound file")
    check_output(video, "--out", [music], force, (".mp4", ".npz", ".json"))
    check_music(music)
    from motionmusic.app.licence import licensed_store

    store = licensed_store(accept_licence)
    from motionmusic.app.conduct import conduct_music

    facts = conduct_music(music, video, seed, not no_smooth, store)
    if json:
        print_json(facts)
    elif Volume.level > 0:
        say(f"Sync error {facts['sync_error']:.3f} ({facts['frames'] / facts['rate_hz']:.1f} s)")
    note(
        f"Written to {video}, .npz and .json, made with VirtualConductor's weights:"
        " for research use only"
    )


for command, line in (
    (recommending.recommend, "Find music for a dance, and a video of both."),
    (sync.sync, "Say whether a dance is in time with a music."),
    (check.check, "Say what is wrong with a dance, and its genre."),
    (convert.convert, "Write a dance in another layout."),
    (pose.pose, "Find the dancer in a video, by MediaPipe."),
    (evaluate.evaluate, "Rate generated dances by the measures of papers."),
):
    app.command(cls=Command, short_help=line)(command)
app.add_typer(
    study.app,
    name="study",
    short_help="Ask people to rate music for dances, and score their ratings.",
)


def main() -> None:
    """Entry point of ``motionmusic``."""
    Volume.level = 1
    command = typer.main.get_command(app)
    for parameter in command.params:  # the help names them in a sentence
        if parameter.name in ("install_completion", "show_completion"):
            vars(parameter)["hidden"] = True
    errors.run(lambda arguments: command(args=list(arguments), prog_name="motionmusic"))


if __name__ == "__main__":
    main()
