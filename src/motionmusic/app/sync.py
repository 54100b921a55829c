"""``motionmusic sync``: how well a dance and a music go together, and at which offset best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motionmusic.app.arguments import (
    DanceArgument,
    LayoutOption,
    MusicArgument,
    RateOption,
    StartOption,
    check_names,
    clock,
    console,
    music_seconds,
    only_folder,
    option,
    other_music,
)
from motionmusic.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from motionmusic.models.matcher import About
    from motionmusic.scoring.offsets import Floats

SHORTEST_S = 2.0  # of a dance

_FILE = "matcher.json"
_TRAIN = "`dvc repro pipeline/music/m2d_mini/dvc.yaml:synchrony` trains them"


def sync(
    dance: DanceArgument,
    music: MusicArgument,
    model: Annotated[
        Path | None,
        option(
            "DIR",
            "Trained networks: a folder data/TASK/synchrony/SEED. Default: the only one under"
            " ./data.",
        ),
    ] = None,
    start: StartOption = None,
    out: Annotated[
        Path | None,
        option(
            "OUT.png",
            "The picture. Default: DANCE.sync.png in this folder. Numbers (.json) get its name.",
        ),
    ] = None,
    layout: LayoutOption = None,
    rate: RateOption = None,
) -> None:
    """Say how well a dance and a music go together, and at which offset they do best.

    The music is moved by −2 s to 2 s against the dance. At every offset networks that were trained
    on dances here vote whether the two belong together, and beats are compared by two plain
    definitions (mint, bailando). Above 0 the music has to be read later than assumed.

    The sync error is 1 − the mean vote. It depends on the music: compare it between offsets, or
    between dances of one music. Every curve has a highest point, that of chance too; trust an
    offset only where all three agree, and then look at it with `motionmusic render --start`.

    **Examples**

    - `motionmusic sync dances/DANCE_C_1 dances/DANCE_C_1/audio.mp3`
    - `motionmusic sync dances/DANCE_C_1 waltz.mp3 --start 12.5 --out waltz.png`
    """
    if start is not None and not math.isfinite(start):
        raise UserError("command line", "--start", "a number of seconds", f"{start}", "correct it")
    check_names(music, out, ".png")
    folder = model or only_folder(
        {path.parent for path in Path().glob(f"data/**/synchrony/*/{_FILE}")}, _no_networks()
    )

    from motionmusic.app.catalogue import content_hash
    from motionmusic.data.own import fitted, read_own
    from motionmusic.features.motion import normalise_joints
    from motionmusic.files import write_bytes, write_json
    from motionmusic.models.matcher import load
    from motionmusic.render.offset_picture import offset_picture
    from motionmusic.results.figures import png
    from motionmusic.scoring.offsets import FRAMES, OFFSETS_S, value_at
    from motionmusic.scoring.planted import curves as curves_of

    own = read_own(dance, layout, rate)
    if own.seconds < SHORTEST_S:
        raise UserError(
            dance, "", f"a dance of at least {SHORTEST_S:g} s",
            f"{len(own.joints)} frames at {own.rate_hz:g} a second, {own.seconds:.2f} s",
            "take a longer dance",
        )  # fmt: skip
    about = _about_in(folder)
    piece, folds = _not_trained_on(own.name, folder, about)
    query = fitted(own, about.layout, about.motion_rate_hz, 1)
    files = {fold: folder / f"fold{fold}.safetensors" for fold in folds}
    networks = [load(folder, fold).network for fold in folds]
    its_own = own.music_file is not None and own.music_file.resolve() == music.resolve()
    start_s = start if start is not None else own.music_start_s if its_own else 0.0
    left_s = music_seconds(music) - start_s
    if 2 * left_s < own.seconds:
        raise UserError(
            music, f"from {start_s:g} s on",
            f"music for at least half of the dance's {own.seconds:.1f} s",
            f"{max(0, left_s):.2f} s", "take longer music, or an earlier --start",
        )  # fmt: skip
    joints = normalise_joints(
        query.joints, query.center, centering=about.joints.center, scale=about.joints.scale
    )
    with other_music():
        curves = curves_of(networks, joints, about.motion_rate_hz, music, start_s, about.music)
    found = {name: _facts(curve) for name, curve in curves.items()}
    sync_error = 1 - value_at(curves["votes"], 0)
    conclusion = _conclusion([each["best_s"] for each in found.values()])

    picture = Path(f"{own.name}.sync.png") if out is None else out
    titles = {
        "votes": f"votes of {len(networks)} network{'s' if len(networks) > 1 else ''}",
        "mint": "beat alignment by mint, over the dance’s beats",
        "bailando": "beat alignment by bailando, over the music’s beats",
    }
    drawn = png(
        offset_picture(
            {titles[name]: curve for name, curve in curves.items()},
            f"{own.name} with {music.name} from {clock(start_s, 2)}",
            f"Dashed: the start as given; orange: the best offset. {conclusion}",
        )
    )
    write_json(
        picture.with_suffix(".json"),
        {
            "dance": {
                "path": str(dance),
                "name": own.name,
                "layout": own.layout,
                "rate_hz": own.rate_hz,
                "seconds": own.seconds,
            },
            "music": {"path": str(music), "sha256": content_hash(music), "start_s": start_s},
            "model": {
                "path": str(folder),
                "folds": {
                    number: {"path": str(file), "sha256": content_hash(file)}
                    for number, file in files.items()
                },
                "not_trained_on": piece,
            },
            "sync_error": sync_error,
            "found": found,
            "conclusion": conclusion,
            "rate_hz": FRAMES,
            "offsets_s": OFFSETS_S,
            "curves": curves,
        },
    )
    write_bytes(picture, drawn)

    unseen = "" if piece is None else f", not trained on {piece}"
    screen = console()
    for line in (
        f"Dance: {own.name}, {own.seconds:.1f} s; music: {music.name} from {clock(start_s, 2)}",
        f"Networks: {folder}, fold {', '.join(map(str, files))}{unseen}",
        f"Sync error at this start: {sync_error:.3f}",
    ):
        screen.print(line, soft_wrap=True)
    screen.print(_table(found))
    screen.print(conclusion, soft_wrap=True)
    typer.echo(f"Written to {picture} and .json")


def _no_networks() -> UserError:
    return UserError(
        "data/**/synchrony/*", "", "networks trained on dances", "none",
        f"{_TRAIN}; or run from the folder that has data/, or name them with --model DIR",
    )  # fmt: skip


def _about_in(folder: Path) -> About:
    """What the networks of a folder are."""
    from motionmusic.models.matcher import read_about

    about = read_about(folder) if (folder / _FILE).exists() else None
    if about is None or about.method != "synchrony":
        raise UserError(
            folder, "", "synchrony networks, as in a folder data/TASK/synchrony/SEED",
            "none" if about is None else f"a matcher of the method {about.method}", _TRAIN,
        )  # fmt: skip
    return about


def _not_trained_on(dance: str, folder: Path, about: About) -> tuple[str | None, list[int]]:
    """The piece of the networks' task that a dance of this name is, and the folds that do not know it.

    All folds, and None, where it is none of their pieces.
    """
    pieces = {piece for known in about.knows.values() for piece in known}
    # a piece C_1 lies in a folder ANY_C_1; other data sets' have the name of their file
    piece = next((name for name in sorted(pieces) if f"_{dance}".endswith(f"_{name}")), None)
    unseen = [fold for fold, known in sorted(about.knows.items()) if piece not in known]
    if not unseen:
        raise UserError(
            folder, "", f"a network that was not trained on {piece}",
            f"only networks that were ({len(about.knows)})",
            "choose another model with --model; or rename the dance, if it is another one",
        )  # fmt: skip
    return piece, unseen


def _facts(curve: Floats) -> dict[str, float]:
    from motionmusic.scoring.offsets import best, rival, value_at

    best_s, next_s = best(curve), rival(curve)
    return {
        "at_0": value_at(curve, 0),
        "best": value_at(curve, best_s),
        "best_s": best_s,
        "next": value_at(curve, next_s),
        "next_s": next_s,
    }


def _conclusion(best_s: Sequence[float]) -> str:
    """What a user may take from the best offsets of votes, mint and bailando, in s."""
    import numpy as np

    from motionmusic.scoring.offsets import agree

    if np.isnan(best_s).any():
        return "Not all three have a best offset: nothing can be concluded."
    if not agree(best_s):
        return "The three do not agree within 0.1 s: do not rely on any of these offsets."
    middle = float(np.median(best_s))
    if abs(middle) < 0.05:
        what = "the start as given is likely right"
    else:
        side = "later" if middle > 0 else "earlier"
        what = f"the music likely has to be read {abs(middle):.2f} s {side} than given"
    return f"The three agree within 0.1 s: {what}. Now and then chance does that too."


def _table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table()
    table.add_column("")
    for title in ("at 0", "best", "at", "next best", "at"):
        table.add_column(title, justify="right")
    for name, facts in found.items():
        cells = [
            f"{value:+.2f} s" if key.endswith("_s") else f"{value:.3f}"
            for key, value in facts.items()
        ]
        table.add_row(name, *("–" if "nan" in cell else cell for cell in cells))
    return table
