"""``motionmusic evaluate``: dances and their music by the measures that papers print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from motionmusic.app.arguments import (
    ForceOption,
    JsonOption,
    LayoutOption,
    NamesOption,
    QuietOption,
    RateOption,
    UpOption,
    VerboseOption,
    argument,
    counted,
    option,
    print_json,
    print_table,
)
from motionmusic.app.dance_pairs import Pair, listed_pairs, pairs_of
from motionmusic.app.outputs import check_input, check_input_folder, check_output
from motionmusic.errors import UserError
from motionmusic.terminal import Volume, note, progress, say, shown

if TYPE_CHECKING:
    from motionmusic.data.own import OwnDance
    from motionmusic.files import Floats
    from motionmusic.scoring.dance_quality import Timed

SHOWN = 10  # files that the terminal names
_RESAMPLES = 1000
_STANDS_CM = 0.1  # a pelvis that wanders by less is where the others are measured from
_DEFINITIONS = {
    "mint": "from each beat of the motion to the nearest of the music (AIST++, FACT)",
    "bailando": "from each beat of the music to the nearest of the motion (Bailando)",
}


def evaluate(
    folder: Annotated[
        Path,
        argument(
            "FOLDER",
            "Dances with music of the same name (a.npy, a.wav; b.bvh, b.mp3), and dances' folders"
            " of MusicToDance's layout.",
        ),
    ],
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE.csv",
            help="Which music each dance has, if not by name: a table with the columns dance and"
            " music, paths from FOLDER.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        option("FOLDER", "Real dances, 100 or more, for distances of features (SMPL, 24 joints)."),
    ] = None,
    csv: Annotated[Path | None, option("OUT.csv", "Write a line for each dance.")] = None,
    layout: LayoutOption = None,
    rate: RateOption = None,
    up: UpOption = None,
    names: NamesOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Rate dances, generated ones for instance: beat alignment, feet, distances from real dances.

    - **Beat alignment** by both published definitions, beside dances with each other's music
    - **Foot contact** (PFC of EDGE) where the file has feet and the body's path
    - **Distances** FID_k and FID_g, with --reference

    docs/evaluate.md says what each can tell. Give --layout and --rate for .npy files.

    **Examples**

    - `motionmusic evaluate generated --layout smpl24 --rate 60`
    - `motionmusic evaluate generated --reference real --csv generated.csv`
    """
    check_input_folder(folder, "", "a folder of dances")
    if listed is not None:
        check_input(listed, "--list", "a table of dances and music")
    if reference is not None:
        check_input_folder(reference, "--reference", "a folder of dances")
    if csv is not None:
        check_output(csv, "--csv", [folder, listed, reference, names], force, (".csv",))
    others: Counter[str] = Counter()
    pairs = pairs_of(folder, others) if listed is None else listed_pairs(listed, folder)
    real = [] if reference is None else pairs_of(reference, Counter())
    if reference is not None:
        from motionmusic.scoring.dance_quality import LEAST

        if min(len(pairs), len(real)) < LEAST:
            expected = f"{LEAST} dances or more on either side of a distance"
            got = f"{len(pairs)} in {folder} and {len(real)} in {reference}"
            remedy = (
                "take more dances, or leave --reference out: of fewer the distance means nothing"
            )
            raise UserError("command line", "--reference", expected, got, remedy)
    options = (layout, rate, up, names)
    found = read(folder, pairs, options, "dances", reference is not None)
    if not found.rows:
        path, why = next(iter(found.broken.items()))
        got = f"{len(found.broken)} that cannot, the first {path}: {why}"
        raise UserError(folder, "", "a dance that can be read", got, "mend or replace them")
    content = summary(folder, found, dict(others))
    if reference is not None:
        theirs = read(reference, real, options, "reference", True, music=False)
        content["distances"] = distances(found, theirs)
    if csv is not None:
        import pandas as pd

        from motionmusic.files import write_text

        frame = pd.DataFrame([{**row, "warnings": " ".join(row["warnings"])} for row in found.rows])
        write_text(csv, frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    if json:
        print_json(content)
    elif Volume.level > 0:
        _print(content)
    if csv is not None:
        note(f"Written to {csv}")


# What is measured of each


class Found(NamedTuple):
    """What was measured of dances that can be read.

    Attributes:
        rows: facts and measures of each.
        features: kinetic and geometric ones, of dances with 24 joints of SMPL.
        broken: what cannot be read, and why.
    """

    rows: list[dict[str, Any]]
    features: list[tuple[Floats, Floats]]
    broken: dict[str, str]


def read(
    folder: Path,
    pairs: list[Pair],
    options: tuple[str | None, float | None, str | None, Path | None],
    what: str,
    features: bool,
    music: bool = True,
) -> Found:
    """Read dances one after the other and measure them; one that cannot be read ends nothing."""
    from motionmusic.app.open_dance import open_dance, usable

    found = Found([], [], {})
    timed: dict[int, Timed] = {}
    for pair in progress(pairs, what, len(pairs), "dance"):
        try:
            dance = open_dance(pair.dance, *usable(pair.dance, *options), said=False)
            own = _features(dance) if features and _is_smpl(dance) else None
            score, why = _foot_contact(dance)
        except (UserError, OSError, MemoryError) as error:
            if isinstance(error, UserError) and error.file == "command line":
                raise
            found.broken[_short(pair.dance, folder)] = _reason(error)
            continue
        file = pair.music or dance.music_file
        heard: Timed | None = None
        if music and file is not None:
            try:
                heard = _timed(dance, file)
            except (UserError, OSError, MemoryError) as error:  # the dance has its other measures
                found.broken[_short(file, folder)] = _reason(error)
        if heard is not None:
            timed[len(found.rows)] = heard
        if own is not None:
            found.features.append(own)
        facts = (dance.form, len(dance.joints), dance.rate_hz, dance.seconds)
        found.rows.append(
            {"dance": _short(pair.dance, folder)}
            | {"music": _short(file, folder) if heard and file else None}
            | {"song": heard and heard.song}
            | dict(zip(("form", "frames", "rate_hz", "seconds"), facts, strict=True))
            | {"warnings": sorted({fault.kind for fault in dance.faults})}
            | {"foot_contact": score, "no_foot_contact": why}
        )
    from motionmusic.scoring.dance_quality import alignments

    for number, row in zip(timed, alignments(list(timed.values()), 0), strict=True):
        found.rows[number] |= row
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, UserError):
        return f"{error.file}: expected {error.expected}, got {error.got}"
    return f"{error}" or type(error).__name__


def _short(path: Path, folder: Path) -> str:
    inside = path.is_relative_to(folder) and path != folder
    return f"{path.relative_to(folder) if inside else path}"


def _timed(dance: OwnDance, music: Path) -> Timed:
    from motionmusic.app.catalogue import content_hash
    from motionmusic.app.open_dance import start_in
    from motionmusic.features.audio import read_audio
    from motionmusic.features.beats import SAMPLE_RATE, music_beats
    from motionmusic.scoring.dance_quality import Timed, beats_of

    audio = read_audio(music, SAMPLE_RATE, start_s=start_in(music, dance), duration_s=dance.seconds)
    heard, _ = music_beats(audio, SAMPLE_RATE)
    joints = _smpl(dance) if _is_smpl(dance) else dance.in_the_room()
    seconds = len(audio) / SAMPLE_RATE
    motion = beats_of(joints, dance.rate_hz)
    return Timed(motion, dance.rate_hz, dance.seconds, heard, seconds, content_hash(music))


def _is_smpl(dance: OwnDance) -> bool:
    """Whether the file had all of SMPL's 24 joints."""
    from motionmusic.data.points import missing_in

    return not any(missing_in(dance.whole_body(), "smpl24"))


def _smpl(dance: OwnDance) -> Floats:
    """(frames, 24, 3) in cm in the room, y up."""
    from motionmusic.data.points import joints_of

    return joints_of(dance.whole_body().points, "smpl24")


def _features(dance: OwnDance) -> tuple[Floats, Floats]:
    from motionmusic.data.own import resampled
    from motionmusic.data.points import SMPL24
    from motionmusic.scoring.dance_quality import FRAMES_HZ, geometric_features, kinetic_features

    if len(dance.joints) < 3:
        raise UserError(dance.name, "", "3 frames or more", f"{len(dance.joints)}", "leave it out")
    joints = resampled(_smpl(dance) / 100, dance.rate_hz, FRAMES_HZ)
    points = dict(zip(SMPL24, joints.transpose(1, 0, 2), strict=True))
    return kinetic_features(joints), geometric_features(points)


def _foot_contact(dance: OwnDance) -> tuple[float, str]:
    """The score, or NaN and why there is none."""
    from motionmusic.scoring.dance_quality import foot_contact

    body = dance.whole_body()
    if {"left toe", "right toe"} & set(body.guessed):
        return float("nan"), "its file has no feet"
    path = body.points["pelvis"]
    lost = dance.layout == "musictodance" and dance.center is None
    if lost or path.std(axis=0).max() < _STANDS_CM:
        return float("nan"), "its file has no path of the body in the room"
    score = foot_contact(body.points, dance.rate_hz)
    return score, "" if score == score else "fewer than three frames, or none that moves"


# What comes of it


def summary(folder: Path, found: Found, others: dict[str, int]) -> dict[str, Any]:
    """The measures with intervals over dances, and what was left out."""
    import numpy as np

    from motionmusic.features.beats import SIGMA_S
    from motionmusic.scoring.dance_quality import FRAMES_HZ, measures

    rates = sorted({row["rate_hz"] for row in found.rows})
    alignment = {}
    for name, definition, frames in measures():
        if frames and rates == [FRAMES_HZ]:
            continue  # then both ways to count are one
        true = _column(found.rows, name)
        chance = _column(found.rows, f"{name}_chance")
        both = np.isfinite(true + chance)
        chance = np.where(both, chance, np.nan)
        if both.any():  # then means of the same dances
            true = np.where(both, true, np.nan)
        alignment[name] = {
            "definition": _DEFINITIONS[definition],
            "kernel": "3 frames of the dance" if frames else f"{SIGMA_S:g} s",
            **_interval(true), "shuffled": _interval(chance), "above": _interval(true - chance),
        }  # fmt: skip
    lacking = Counter(row["no_foot_contact"] for row in found.rows if row["no_foot_contact"])
    return {
        "folder": f"{folder}",
        "rates_hz": rates,
        "songs": len({row["song"] for row in found.rows} - {None}),
        "without_music": sum(row["song"] is None for row in found.rows),
        "beat_alignment": alignment,
        "foot_contact": _interval(_column(found.rows, "foot_contact")) | {"missing": dict(lacking)},
        "dances": found.rows,
        "not_read": found.broken,
        "others": others,
    }


def _column(rows: list[dict[str, Any]], name: str) -> Floats:
    import numpy as np

    return np.array([row.get(name, np.nan) for row in rows], np.float64)


def _interval(values: Floats) -> dict[str, float]:
    """The mean over the dances that have a value, its bounds, and how many they are."""
    import numpy as np
    import pandas as pd

    from motionmusic.scoring.intervals import mean_interval

    dances = pd.Series(np.arange(len(values)))
    mean = mean_interval(values, dances, 0, _RESAMPLES)
    return {"n": int(np.isfinite(values).sum()), **mean.json()}


def distances(found: Found, theirs: Found) -> dict[str, Any]:
    """Fréchet distances of features from the reference's, or why there are none."""
    import numpy as np

    from motionmusic.scoring.dance_quality import LEAST, distance, of_halves

    sizes = len(found.features), len(theirs.features)
    content: dict[str, Any] = {"n": sizes[0], "n_reference": sizes[1], "not_read": theirs.broken}
    if min(sizes) < LEAST:
        text = f"{LEAST} dances with the 24 joints of SMPL are needed on either side, here are"
        return content | {"refused": f"{text} {sizes[0]} and {sizes[1]}"}
    for number, name in enumerate(("kinetic", "geometric")):
        made, real = (np.stack([of[number] for of in each.features]) for each in (found, theirs))
        content[name] = {"distance": distance(made, real), "halves": of_halves(real, 0)}
    return content


def _print(content: dict[str, Any]) -> None:
    from rich.table import Table

    from motionmusic.scoring.intervals import Interval

    rates = ", ".join(f"{rate:g}" for rate in content["rates_hz"])
    say(
        f"{counted(len(content['dances']), 'dance')} of {content['folder']}, {rates} frames a"
        f" second, {counted(content['songs'], 'piece of music', 'pieces of music')}"
    )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("", "dances", "mean", "shuffled", "above that"):
        table.add_column(head)

    def text(found: dict[str, Any], bounds: bool = True) -> str:
        mean = Interval.read(found) if bounds else Interval(found["value"])
        return mean.text("", 3) if found["n"] else "–"

    aligned = content["beat_alignment"]
    for letter, of in zip("ABCD", aligned.values(), strict=False):
        cells = (f"{of['n']}", text(of), text(of["shuffled"], False), text(of["above"]))
        table.add_row(f"beats, {letter}", *cells)
    feet, apart = content["foot_contact"], content.get("distances", {})
    table.add_row("feet", f"{feet['n']}", text(feet), "", "")
    for name, label in (("kinetic", "FID_k"), ("geometric", "FID_g")):
        if name in apart:
            table.add_row(label, f"{apart['n']}", f"{apart[name]['distance']:.2f}", "", "")
    print_table(table)
    say("Brackets: 95 % intervals over dances. Shuffled: with the music of other dances.")
    if content["songs"] == 1:
        say("Shuffled needs a second piece of music")
    if without := content["without_music"]:
        say(f"{counted(without, 'dance has', 'dances have')} no music that can be read")
    for letter, of in zip("ABCD", aligned.values(), strict=False):
        say(f"{letter}: {of['definition']}, σ {of['kernel']}")
    say("Feet: EDGE's physical foot contact score, less is better")
    for name in ("kinetic", "geometric"):
        if name in apart:
            what = f"Distance of {name} features from {apart['n_reference']} of the reference"
            say(f"{what}; of its halves from each other {apart[name]['halves']:.2f}")
    for why, count in feet["missing"].items():
        say(f"Feet: {count} without a score, {why}")
    if "refused" in apart:
        say(f"Distances: {apart['refused']}")
    if warned := sum(bool(row["warnings"]) for row in content["dances"]):
        faulty = counted(warned, "dance has", "dances have")
        say(f"{faulty} faults: `motionmusic check DANCE` says which")
    if content["others"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in content["others"].items())
        say(f"Neither dance nor music of one: {kinds}")
    if unread := content["not_read"] | apart.get("not_read", {}):
        say(f"{len(unread)} not read:")
        for path, why in list(unread.items())[:SHOWN]:
            say(f"  {shown(f'{path}: {why}')}")
