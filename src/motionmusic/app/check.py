"""``motionmusic check``: what is wrong with a dance."""

from __future__ import annotations

import typer

from motionmusic.app.arguments import (
    DanceArgument,
    JsonOption,
    LayoutOption,
    NamesOption,
    QuietOption,
    RateOption,
    UpOption,
    VerboseOption,
    check_dance,
    counted,
    print_json,
)
from motionmusic.terminal import Volume, say


def check(
    dance: DanceArgument,
    layout: LayoutOption = None,
    rate: RateOption = None,
    up: UpOption = None,
    names: NamesOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Look a dance over: what was read, and what is wrong, with frames and seconds.

    It finds frames that are lost, frozen, far away or doubled, jumps, joints that stand still, axes
    and units unlike the format's, mirrored bodies, a floor that rises or sinks, impossible speeds, and
    a length that does not fit config.json. Exit status 1 where it finds something.

    **Example**

    - `motionmusic check walk.bvh`
    """
    check_dance(dance, names)
    from motionmusic.app.genre import guess
    from motionmusic.app.open_dance import facts, open_dance

    own = open_dance(dance, layout, rate, up, names, said=False)
    genre = guess(own)
    if json:
        print_json(facts(dance, own) | {"genre": genre._asdict()})
    elif Volume.level > 0:
        say(f"{own.name}: {counted(len(own.joints), 'frame')}, {own.seconds:.1f} s")
        for line in own.notes:
            say(f"  {line}")
        say(f"  {genre.text}")
        for fault in own.faults:
            say(f"  {fault.kind}: {fault.line(own.rate_hz)}")
        say(f"Faults found: {len(own.faults)}" if own.faults else "Nothing wrong found")
    if own.faults:
        raise typer.Exit(1)
