"""``motionmusic convert``: a dance in another layout."""

from __future__ import annotations

import json as json_of
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from motionmusic.app.arguments import (
    DanceArgument,
    ForceOption,
    JsonOption,
    LayoutOption,
    NamesOption,
    QuietOption,
    RateOption,
    UpOption,
    VerboseOption,
    argument,
    check_dance,
    option,
    print_json,
)
from motionmusic.app.outputs import check_folder, check_output
from motionmusic.errors import UserError
from motionmusic.terminal import note

if TYPE_CHECKING:
    from motionmusic.data.own import OwnDance
    from motionmusic.data.points import FileLayout

METRES: tuple[str, ...] = ("smpl24", "mediapipe33")  # the others are in cm


def convert(
    dance: DanceArgument,
    out: Annotated[
        Path,
        argument("OUT", "A .npz or .npy, or a new folder in MusicToDance's layout (no suffix)."),
    ],
    to: Annotated[
        str,
        option(
            "LAYOUT",
            "Of a .npz or .npy: musictodance, coco17, smpl24 or mediapipe33. Default: musictodance.",
        ),
    ] = "musictodance",
    layout: LayoutOption = None,
    rate: RateOption = None,
    up: UpOption = None,
    names: NamesOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write a dance as joints (frames, joints, 3) in any of the layouts, or as MusicToDance has it.

    A .npz has `joints`, `rate`, `layout` and, of musictodance, `center`, and is read by all commands
    without options. Units are cm (musictodance, coco17) or metres, y is up (mediapipe33: down). A
    folder has 25 frames a second. Joints that the dance lacks are put where anatomy has them, and
    named.

    **Examples**

    - `motionmusic convert walk.bvh walk.npz --to smpl24`
    - `motionmusic convert walk.bvh dances/DANCE_C_1`
    """
    target = _target(to)
    suffix = out.suffix.lower()
    if suffix in (".npz", ".npy"):
        check_output(out, "OUT", [dance, names], force, (suffix,))
    elif suffix:
        expected, remedy = "a .npz, a .npy, or a folder", "name one of these"
        raise UserError("command line", "OUT", expected, f"{out}", remedy)
    else:
        if target != "musictodance":
            expected, got = "a .npz or .npy for this layout", f"the folder {out}"
            raise UserError("command line", "OUT", expected, got, f"call it {out.name}.npz")
        check_folder(out.parent, "OUT")
        if out.exists():
            raise UserError(out, "OUT", "a free name", "one that exists", "name another folder")
    check_dance(dance, names)
    from motionmusic.app.open_dance import facts, open_dance, tell
    from motionmusic.data.own import filled_note

    own = open_dance(dance, layout, rate, up, names, said=False)
    if own.body is not None and target != "musictodance":  # joints that are not written
        unused = filled_note(own.body, "musictodance")
        own = replace(own, notes=tuple(line for line in own.notes if line != unused))
    tell(own, own.name)
    if suffix:
        _write_array(out, own, target)
    else:
        _write_folder(out, own)
    if json:
        print_json(facts(dance, own) | {"to": target, "written": f"{out}"})
    note(f"Written to {out}")


def _target(name: str) -> FileLayout:
    from motionmusic.data.points import JOINT_NAMES

    for known in JOINT_NAMES:
        if known == ("coco17" if name == "aist" else name):
            return known
    expected = f"one of {', '.join(JOINT_NAMES)}"
    raise UserError("command line", "--to", expected, name, "correct it")


def _write_array(out: Path, own: OwnDance, target: FileLayout) -> None:
    import numpy as np

    from motionmusic.data.arrays import archive
    from motionmusic.data.own import filled_note, in_layout
    from motionmusic.data.points import joints_of
    from motionmusic.files import write_array, write_bytes

    arrays = {}
    if target == "musictodance":
        other = in_layout(own, "musictodance")
        joints = other.joints
        if other.center is not None:
            arrays["center"] = other.center
    elif target == "coco17" and own.layout == "aist":
        joints = own.joints
    else:
        body = own.whole_body()
        joints = joints_of(body.points, target)
        if said := filled_note(body, target):
            note(f"{own.name}: {said}")
    if target in METRES:
        joints = joints / 100
    if target == "mediapipe33":
        joints = joints * (1, -1, -1)
    if out.suffix.lower() == ".npz":
        about = {"rate": np.array(own.rate_hz), "layout": np.array(target)}
        write_bytes(out, archive({"joints": joints, **about, **arrays}))
    else:
        write_array(out, joints)
        note(f"{out.name} has no frame rate: it is {own.rate_hz:g} a second")
        if "center" in arrays:
            note(f"{out.name} has no path over the floor, a .npz would")


def _write_folder(out: Path, own: OwnDance) -> None:
    import shutil

    from motionmusic.app.open_dance import fit_dance
    from motionmusic.data.musictodance import (
        POSITIONS_PER_SECOND,
        SOUND_SUFFIXES,
        VIDEO_SUFFIXES,
    )
    from motionmusic.files import new_folder, write_text
    from motionmusic.params import motion_rate_hz

    rate_hz = motion_rate_hz("folder")
    dance, _ = fit_dance(own, "musictodance", rate_hz, 1)
    center = dance.joints.mean(axis=1) if dance.center is None else dance.center
    joints = dance.joints - (center[:, None] if dance.center is None else 0)
    content = {
        "length": len(joints),
        "center": center.round(4).tolist(),
        "skeletons": joints.round(4).tolist(),
    }
    start = round(dance.music_start_s * POSITIONS_PER_SECOND)
    config = {"start_position": start, "end_position": start + len(joints)}
    with new_folder(out) as work:
        write_text(work / "skeletons.json", json_of.dumps(content))
        write_text(work / "config.json", json_of.dumps(config))
        if own.music_file is not None:
            suffix = own.music_file.suffix.lower()
            if suffix not in SOUND_SUFFIXES + VIDEO_SUFFIXES:
                suffix = ".mp4"  # a name that is looked for; its kind is known by its content
            shutil.copyfile(own.music_file, work / f"audio{suffix}")
        else:
            note(f"put the dance's music there as audio.wav, .mp3, .flac or .ogg: {out}")
