"""``motionmusic sync``: how well a dance and a music go together, and at which offset best."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motionmusic.app.arguments import (
    DanceArgument,
    LayoutOption,
    RateOption,
    StartOption,
    only_folder,
    read_music,
)
from motionmusic.errors import UserError

if TYPE_CHECKING:
    from motionmusic.data.own import OwnDance
    from motionmusic.models.m2s_net import SyncNetwork
    from motionmusic.scoring.offsets import Floats

SHORTEST_S = 2.0  # of a dance

_NETWORKS = "fold*_synchrony.safetensors"
_TRAIN = "`dvc repro conduct@m2d_mini-0` trains them"


def sync(
    dance: DanceArgument,
    music: Annotated[
        Path,
        typer.Argument(
            metavar="MUSIC",
            help="A sound file: mp3, wav, flac or ogg, up to 90 minutes.",
            show_default=False,
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Trained networks: a folder data/DATASET/conductors/SEED."
            " Default: the only one under ./data.",
            show_default=False,
        ),
    ] = None,
    start: StartOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            help="The picture. Default: DANCE.sync.png in this folder. Numbers (.json) get its"
            " name.",
            show_default=False,
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
    if out is not None and out.suffix != ".png":
        raise UserError("command line", "--out", "a name ending in .png", f"{out}", "correct it")
    if start is not None and not math.isfinite(start):
        raise UserError("command line", "--start", "a number of seconds", f"{start}", "correct it")
    # what is quick to find wrong comes before what is slow to import
    if not music.is_file():
        raise UserError(music, "", "a sound file", "no such file", "correct the name")
    folder = model or only_folder(
        {path.parent for path in Path().glob(f"data/*/conductors/*/{_NETWORKS}")}, _no_networks()
    )

    from motionmusic.app.catalogue import content_hash
    from motionmusic.data.own import read_own
    from motionmusic.files import write_bytes, write_json
    from motionmusic.models.conductor_weights import load_sync_network, read
    from motionmusic.models.generator import FRAMES
    from motionmusic.render.offset_picture import offset_picture
    from motionmusic.results.figures import png
    from motionmusic.scoring.offsets import OFFSETS_S, value_at

    files = _networks_in(folder)
    own = read_own(dance, layout, rate)
    if own.seconds < SHORTEST_S:
        raise UserError(
            dance, "", f"a dance of at least {SHORTEST_S:g} s",
            f"{len(own.joints)} frames at {own.rate_hz:g} a second, {own.seconds:.2f} s",
            "take a longer dance",
        )  # fmt: skip
    piece, files = _not_trained_on(own.name, folder, files)
    networks = [load_sync_network(read(file), file) for file in files.values()]
    its_own = own.music_file is not None and own.music_file.resolve() == music.resolve()
    start_s = start if start is not None else own.music_start_s if its_own else 0.0

    curves = _curves(networks, own, music, start_s)
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
            f"{own.name} with {music.name} from {_clock(start_s)}",
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
    _print(
        f"Dance: {own.name}, {own.seconds:.1f} s; music: {music.name} from {_clock(start_s)}",
        f"Networks: {folder}, fold {', '.join(map(str, files))}{unseen}",
        f"Sync error at this start: {sync_error:.3f}",
        found,
        conclusion,
    )
    typer.echo(f"Written to {picture} and .json")


# Networks


def _no_networks() -> UserError:
    return UserError(
        "data/*/conductors/*", "", "networks trained on dances", "none",
        f"{_TRAIN}; or run from the folder that has data/, or name them with --model DIR",
    )  # fmt: skip


def _networks_in(folder: Path) -> dict[int, Path]:
    """The file of every fold's network, by fold."""
    found = {}
    for path in folder.glob(_NETWORKS):
        match = re.fullmatch(r"fold([0-9]+)_synchrony", path.stem)
        if match:
            found[int(match[1])] = path
    if not found:
        raise UserError(
            folder, "", f"networks, {_NETWORKS}, as in a folder data/DATASET/conductors/SEED",
            "none", _TRAIN,
        )  # fmt: skip
    return dict(sorted(found.items()))


def _not_trained_on(
    dance: str, folder: Path, files: Mapping[int, Path]
) -> tuple[str | None, dict[int, Path]]:
    """The data set's piece that a dance of this name is, and the networks that do not know it.

    All networks, and None, where it is none of their pieces, or nothing says what they know.
    """
    from motionmusic.files import read_json

    file = folder / "conductor.json"
    if not file.exists():
        return None, dict(files)
    again = "train the networks again with `dvc repro`"
    content = read_json(file, again)
    try:
        known = {
            number: {
                str(piece)
                for part in ("train", "validation")
                for piece in content["folds"][str(number)].get(part, ())
            }
            for number in files
        }
    except (KeyError, TypeError, AttributeError):
        raise UserError(
            file, "folds", "each fold's pieces, {train: […], validation: […]}",
            f"nothing of the kind for fold {', '.join(map(str, files))}", again,
        ) from None  # fmt: skip
    pieces = set().union(*known.values())
    piece = next((each for each in sorted(pieces) if _is_piece(dance, each)), None)
    if piece is None:
        return None, dict(files)
    unseen = {number: path for number, path in files.items() if piece not in known[number]}
    if not unseen:
        raise UserError(
            folder, "", f"a network that was not trained on {piece}",
            f"only such as were ({len(files)})",
            "choose another model with --model; or rename the dance, if it is another one",
        )  # fmt: skip
    return piece, unseen


def _is_piece(dance: str, piece: str) -> bool:
    """A piece C_1 lies in a folder ANY_C_1; other data sets' have the name of their file."""
    return dance == piece or dance.endswith(f"_{piece}")


# Comparing


def _curves(
    networks: Sequence[SyncNetwork], own: OwnDance, music: Path, start_s: float
) -> dict[str, Floats]:
    """(121,) each: mean votes of the networks, and beat alignment by its two definitions."""
    import numpy as np
    from tqdm import tqdm

    from motionmusic.features.beats import motion_beats, music_beats
    from motionmusic.features.keypoints import keypoints
    from motionmusic.features.mel import SAMPLE_RATE, mel_from
    from motionmusic.models.generator import FRAMES
    from motionmusic.scoring.offsets import LARGEST_S, alignment_curve, vote_curve

    samples = read_music(music, SAMPLE_RATE)
    motion = keypoints(own.joints, own.layout, own.rate_hz)
    left_s = len(samples) / SAMPLE_RATE - start_s
    if 2 * int(left_s * FRAMES) < len(motion):
        raise UserError(
            music, f"from {start_s:g} s on",
            f"music for at least half of the dance's {own.seconds:.1f} s",
            f"{max(0, left_s):.2f} s", "take longer music, or an earlier --start",
        )  # fmt: skip
    # the tempo of what is danced, not of an album
    first_s = max(0, start_s - LARGEST_S)
    last_s = start_s + own.seconds + LARGEST_S
    beats, _ = music_beats(
        samples[round(first_s * SAMPLE_RATE) : round(last_s * SAMPLE_RATE)], SAMPLE_RATE
    )
    music_s = beats + first_s - start_s

    mel, start_frame = mel_from(samples, start_s)
    del samples
    votes = [
        vote_curve(network, mel, motion, start_frame)
        for network in tqdm(networks, "compare", unit="network", disable=None)
    ]
    curves = {"votes": np.mean(votes, axis=0)}
    for definition in ("mint", "bailando"):
        motion_s = motion_beats(own.joints, own.rate_hz, definition)
        curves[definition] = alignment_curve(motion_s, music_s, own.seconds, definition)
    return curves


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


# What is shown


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"


def _print(
    dance: str, model: str, error: str, found: Mapping[str, Mapping[str, Any]], conclusion: str
) -> None:
    from rich.console import Console
    from rich.table import Table

    # names of files are shown as they are: no colours, and [brackets] and :colons: have no meaning
    console = Console(highlight=False, markup=False, emoji=False)
    for line in (dance, model, error):
        console.print(line, soft_wrap=True)
    table = Table()
    table.add_column("")
    for title in ("at 0", "best", "at", "next best", "at"):
        table.add_column(title, justify="right")
    for name, facts in found.items():
        table.add_row(
            name,
            *(
                "–"
                if math.isnan(value)
                else f"{value:+.2f} s"
                if key.endswith("_s")
                else f"{value:.3f}"
                for key, value in facts.items()
            ),
        )
    console.print(table)
    console.print(conclusion, soft_wrap=True)
