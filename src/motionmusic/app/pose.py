"""``motionmusic pose``: the joints of a dancer in a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from motionmusic.app.arguments import (
    ForceOption,
    JsonOption,
    QuietOption,
    VerboseOption,
    argument,
    flag,
    print_json,
)
from motionmusic.app.outputs import check_input, check_output
from motionmusic.errors import UserError
from motionmusic.terminal import note


def pose(
    video: Annotated[Path | None, argument("[VIDEO]", "A video of one dancer, seen whole.")] = None,
    out: Annotated[
        Path | None, argument("[OUT.npz]", "33 joints in metres, with the rate.")
    ] = None,
    install: Annotated[
        bool, flag("--install", "Install MediaPipe (1.1 GB) without asking.")
    ] = False,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Find the dancer in a video: 33 joints of every picture, by MediaPipe.

    All commands take a video where they take a dance; this one writes its joints. Of several people
    one is followed, and a jump to another is reported. Where nobody is found for a while, joints are
    filled by straight lines. Joints are relative to the hips, so the way over the floor is lost. Two
    cores do some 25 pictures a second.

    MediaPipe needs an environment of its own, made once from a pinned list, with Python 3.11 or
    3.12.

    **Examples**

    - `motionmusic pose --install`
    - `motionmusic pose dance.mp4 dance.npz`
    """
    if video is None:
        if not install:
            raise UserError("command line", "VIDEO", "a video", "none", "name one, or --install")
    elif out is None:
        raise UserError("command line", "OUT.npz", "a file to write", "none", "name it")
    else:
        check_input(video, "", "a video")
        check_output(out, "OUT.npz", [video], force, (".npz",))
    from motionmusic.app.pose_tool import environment, pose_of
    from motionmusic.app.pose_tool import install as make

    if install:
        make()
        note(f"MediaPipe is installed in {environment()}")
        if json and video is None:
            print_json({"environment": f"{environment()}"})
    if video is not None and out is not None:
        from motionmusic.app.open_dance import facts, tell
        from motionmusic.data.dance_files import read_own
        from motionmusic.files import write_bytes

        made = pose_of(video)
        dance = read_own(made)
        tell(dance, video.stem)
        write_bytes(out, made.read_bytes())
        if json:
            print_json(facts(video, dance) | {"written": f"{out}"})
        note(f"Written to {out}")
