"""``motionmusic``: music for a dance, without DVC.

Everything slow to import (torch, librosa, PyAV) is imported by the command that needs it, so that
``--help`` is there at once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from motionmusic import errors
from motionmusic.app import conduct, study, sync
from motionmusic.app.arguments import (
    DanceArgument,
    LayoutOption,
    RateOption,
    StartOption,
    only_folder,
)
from motionmusic.errors import UserError
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.models.methods import Method

if TYPE_CHECKING:
    from motionmusic.app.catalogue import Catalogue, Track
    from motionmusic.data.own import OwnDance
    from motionmusic.files import Float32
    from motionmusic.models.matcher import About, Matcher

# Those of matching.matcher, which imports torch; a test holds the two together.
DEFAULT_METHOD: Method = "contrastive"
SOUND_RATE = 48_000  # Hz, of videos
SHOWN_S = 20.0  # seconds of the dance that --render shows with each candidate
_LISTED = 20  # broken files that are named on the terminal

app = typer.Typer(
    name="motionmusic",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(conduct.conduct)
app.command()(sync.sync)
app.add_typer(study.app, name="study")


@app.callback()
def motionmusic() -> None:
    """Find music for a dance, hear and see it.

    **Examples**

    - `motionmusic models`
    - `motionmusic recommend dances/DANCE_C_1 --catalogue ~/Music`
    - `motionmusic render dances/DANCE_C_1 dance.mp4`

    A mistake in files or arguments is said in one message and ends with exit status 2.
    """


@app.command()
def recommend(
    dance: DanceArgument,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Trained matchers: a folder data/DATASET/matchers."
            " Default: the only one under ./data.",
            show_default=False,
        ),
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Music to choose from: a folder of mp3, wav, flac and ogg, searched with its"
            " subfolders. Default: the music of the model's own data set.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="How music is chosen. *category* draws at random among tracks of the predicted"
            " category, as the paper does; all others rank every track."
        ),
    ] = DEFAULT_METHOD,
    top: Annotated[int, typer.Option(min=1, help="How many tracks.")] = 3,
    render: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.mp4",
            help=f"Also write a video of the dance (its first {SHOWN_S:g} s) with each track.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="OUT.json", help="Where everything is written as JSON.")
    ] = Path("recommendation.json"),
    include_own: Annotated[
        bool,
        typer.Option(
            "--include-own",
            help="Let the dance's own music be recommended. It is left out otherwise, known by the"
            " content of its file.",
        ),
    ] = False,
    layout: LayoutOption = None,
    rate: RateOption = None,
) -> None:
    """Recommend music for a dance: print a table, write JSON, and a video on request.

    The first run on a catalogue decodes every track, one or two seconds each; later runs only what
    is new. What is kept of them is in the user's cache folder, or in $MOTIONMUSIC_CACHE.

    A track's category is read off its file's name or its folders': a class (`Waltz/`), its code, a
    MusicToDance folder (`DANCE_W_8/`) or an AIST track (`mBR0.wav`). Tracks without one are ranked
    all the same.

    **Examples**

    - `motionmusic recommend dances/DANCE_C_1`
    - `motionmusic recommend dances/DANCE_C_1 --catalogue ~/Music --top 5 --render dance.mp4`
    - `motionmusic recommend joints.npy --layout aist --rate 60 --model data/aist/matchers`
    """
    from motionmusic.app.catalogue import cache_folder, content_hash, index
    from motionmusic.data.own import fitted, read_own
    from motionmusic.files import write_json
    from motionmusic.models.matcher import load

    own = read_own(dance, layout, rate)
    folder = model or only_folder(
        {path.parent.parent for path in Path().glob("data/*/matchers/*/matcher.json")}, _no_model()
    )
    trained = _matchers_in(folder)
    chosen = _choose(folder, trained, method)
    matcher = load(chosen)
    about = matcher.about
    query = fitted(own, about.layout, about.motion_rate_hz, SEGMENT_FRAMES)
    segments = _segments(query, about)
    classifiers = [path for path, each in trained if each.method == "category"]
    classifier = load(classifiers[0]) if classifiers else None
    predicted = None if classifier is None else _predict(classifier, query)

    music = catalogue or folder.resolve().parent / "raw"
    if catalogue is None and not music.is_dir():
        raise UserError(
            music, "", f"the music of the model's data set {about.task}", "no such folder",
            "name a folder with music with --catalogue DIR",
        )  # fmt: skip
    found = index(music, matcher, cache_folder())
    own_hash = None if own.music_file is None else content_hash(own.music_file)
    same = {n for n, track in enumerate(found.tracks) if track.digest == own_hash}
    exclude = set() if include_own else same
    if len(exclude) == len(found.tracks):
        raise UserError(
            music, "", "music other than the dance's own", "no other",
            "add music, or allow it with --include-own",
        )  # fmt: skip

    if method == "category":
        assert predicted is not None
        picks = _drawn(found, predicted["name"], top, about, own.name, exclude)
    else:
        picks = _ranked(found, matcher, segments, top, exclude)
    rows = [_row(found.tracks[n], score, start) for n, score, start in picks]

    _print(own, predicted, rows, method, found, bool(exclude), out)
    write_json(
        out,
        {
            "dance": {
                "path": str(dance),
                "name": own.name,
                "layout": own.layout,
                "rate_hz": own.rate_hz,
                "frames": len(own.joints),
                "seconds": own.seconds,
                "music_file": None if own.music_file is None else str(own.music_file),
                "music_start_s": own.music_start_s,
            },
            "predicted": predicted,
            "method": method,
            "recommended": rows,
            "catalogue": {
                "folder": str(music),
                "tracks": len(found.tracks),
                "own_track_left_out": [str(found.tracks[n].path) for n in sorted(exclude)],
                "broken": [{"path": str(path), "reason": reason} for path, reason in found.broken],
            },
            "model": {"path": str(chosen), "digest": matcher.digest, **about.model_dump()},
            "classifier": classifier
            and {"digest": classifier.digest, **classifier.about.model_dump()},
        },
    )
    print(f"Written to {out}")
    if render is not None:
        _render_candidates(render, own, music, rows)
        print(f"Written to {render}")


@app.command()
def models() -> None:
    """List the trained models under ./data: folder (for --model), classes, methods, seeds."""
    from motionmusic.models.matcher import trained

    found = trained(Path())
    if not found:
        raise _no_model()
    table = Table()
    table.add_column("model", no_wrap=True)
    for title in ("classes", "methods", "seeds"):
        table.add_column(title)
    for folder, group in groupby(found, key=lambda pair: pair[0].parent):
        abouts = [about for _, about in group]
        table.add_row(
            str(folder),
            ", ".join(abouts[0].labels.values()),
            ", ".join(dict.fromkeys(about.method for about in abouts)),
            ", ".join(map(str, sorted({about.seed for about in abouts}))),
        )
    _console().print(table)


@app.command()
def render(
    dance: DanceArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="The video.", show_default=False)],
    music: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Other music: mp3, wav, flac or ogg. Default: the dance's own.",
            show_default=False,
        ),
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
    from motionmusic.render.clip import Panel, video

    own = read_own(dance, layout, rate)
    file = music or own.music_file
    if file is None:
        raise UserError(
            dance, "", "a dance with music beside it", "none", "name music with --music FILE"
        )
    own_start = own.music_start_s if music is None else 0.0
    start_s = own_start if start is None else start
    sound = read_audio(file, SOUND_RATE, start_s=start_s, duration_s=own.seconds)
    panel = Panel(own.in_the_room(), own.layout, own.name, f"{file.name}, from {_clock(start_s)}")
    video(out, [panel], sound, SOUND_RATE, own.rate_hz)
    print(f"Written to {out}")


def main() -> None:
    """Entry point of ``motionmusic``."""
    errors.run(lambda arguments: app(args=list(arguments), prog_name="motionmusic"))


# Models


def _no_model() -> UserError:
    return UserError(
        "data/*/matchers", "", "a trained model", "none",
        "make one with `make setup` and `dvc repro recommend@m2d_mini`, or run from the folder that"
        " has data/, or name one with --model DIR",
    )  # fmt: skip


def _matchers_in(folder: Path) -> list[tuple[Path, About]]:
    """Every matcher in a folder of trained matchers, by seed."""
    from motionmusic.models.matcher import read_about

    found = [(path.parent, read_about(path.parent)) for path in folder.glob("*/matcher.json")]
    if not found:
        raise UserError(
            folder, "", "a folder of trained matchers, data/DATASET/matchers", "no matcher in it",
            "`motionmusic models` lists what is trained; `dvc repro recommend@m2d_mini` trains",
        )  # fmt: skip
    return sorted(found, key=lambda each: (each[1].seed, each[0]))


def _choose(folder: Path, trained: Sequence[tuple[Path, About]], method: str) -> Path:
    """The folder of a method's matcher, that of the lowest seed."""
    for path, about in trained:
        if about.method == method:
            return path
    methods = sorted({about.method for _, about in trained})
    raise UserError(
        folder, "--method", f"a method that was trained: {', '.join(methods)}", method,
        "choose one of them, or train it with `dvc repro`",
    )  # fmt: skip


# The dance


def _segments(query: OwnDance, about: About) -> Float32:
    """The segments (n, 3, 25, v) of a dance that fits the model, scaled as the model's own are."""
    from motionmusic.data.own import motion_segments
    from motionmusic.features.motion import normalise_joints

    joints = normalise_joints(
        query.joints, query.center, centering=about.joints.center, scale=about.joints.scale
    )
    return motion_segments(joints, SEGMENT_FRAMES)


def _predict(classifier: Matcher, query: OwnDance) -> dict[str, Any]:
    """The category that most segments vote for, and its share of them."""
    from motionmusic.scoring.accuracy import vote

    classes = list(classifier.about.labels.values())
    logits = classifier.logits(_segments(query, classifier.about))
    votes = [int(n) for n in logits.argmax(axis=1)]
    winner, counts = vote(votes), Counter(votes)
    return {
        "name": classes[winner],
        "share": counts[winner] / len(votes),
        "segments": len(votes),
        "votes": {name: counts[n] for n, name in enumerate(classes)},
    }


# The music

_Pick = tuple[int, float | None, int]  # track, score, the window that its music starts from


def _drawn(
    found: Catalogue, predicted: str, top: int, about: About, name: str, exclude: set[int]
) -> list[_Pick]:
    """The paper's draw; the same dance draws the same tracks. Music starts at its beginning."""
    from motionmusic.scoring.recommend import draw
    from motionmusic.streams import stream

    categories = [track.category for track in found.tracks]
    random = stream(about.seed, "recommend", name)
    return [(n, None, 0) for n in draw(categories, predicted, top, random, exclude)]


def _ranked(
    found: Catalogue, matcher: Matcher, segments: Float32, top: int, exclude: set[int]
) -> list[_Pick]:
    """The tracks of highest score; music starts where it fits best."""
    from motionmusic.app import search
    from motionmusic.app.catalogue import windows
    from motionmusic.scoring.recommend import best_start, top_tracks

    motion = [matcher.motion_code(window) for window in windows(segments, matcher.about)]

    def scores(track: int) -> Float32:
        return matcher.scores(motion, list(found.tracks[track].codes))

    if matcher.about.method == "synchrony":  # scores pairs; its codes are no vectors to search
        means = np.array([scores(n).mean(dtype=np.float64) for n in range(len(found.tracks))])
        best = [(n, float(means[n])) for n in top_tracks(means, top, exclude)]
    else:  # the mean of all pairs of windows is the inner product of the mean codes
        query = np.stack(motion).mean(axis=0, keepdims=True, dtype=np.float32)
        values, tracks = search.top(found.vectors(), query, top + len(exclude), found.kept)
        pairs = zip(tracks[0].tolist(), values[0].tolist(), strict=True)
        best = [(n, value) for n, value in pairs if n >= 0 and n not in exclude][:top]
    return [(n, score, best_start(scores(n))) for n, score in best]


def _row(track: Track, score: float | None, start: int) -> dict[str, Any]:
    return {
        "path": str(track.path),
        "category": track.category,
        "score": score,
        "start_s": float(track.starts_s[start]),
        "bpm": track.bpm,
        "seconds": track.seconds,
        "sha256": track.digest,
    }


# What is shown


def _console() -> Console:
    # names of files are shown as they are: no colours, and [brackets] and :colons: have no meaning
    return Console(highlight=False, markup=False, emoji=False)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _print(
    own: OwnDance,
    predicted: dict[str, Any] | None,
    rows: Sequence[dict[str, Any]],
    method: Method,
    found: Catalogue,
    own_left_out: bool,
    out: Path,
) -> None:
    console = _console()
    console.print(f"Dance: {own.name}, {own.seconds:.1f} s")
    if predicted is None:
        console.print("Predicted category: not known, the model has no matcher `category`")
    else:
        console.print(
            f"Predicted category: {predicted['name']} ({100 * predicted['share']:.0f} % of"
            f" {predicted['segments']} segments)"
        )
    left_out = ", the dance's own left out" if own_left_out else ""
    table = Table(
        title=f"Method {method}, {len(found.tracks)} tracks{left_out}", title_justify="left"
    )
    table.add_column("#", justify="right")
    table.add_column("track", overflow="fold")
    table.add_column("category")
    for name in ("score", *(["sync error"] if method == "synchrony" else [])):
        table.add_column(name, justify="right")
    for name in ("start", "bpm", "length"):
        table.add_column(name, justify="right")
    for number, row in enumerate(rows, 1):
        score = row["score"]
        cells = ["drawn" if score is None else f"{score:.3f}"]
        if method == "synchrony":
            cells.append(f"{1 - score:.3f}")
        bpm = "–" if np.isnan(row["bpm"]) else f"{row['bpm']:.0f}"
        table.add_row(
            str(number), row["path"], row["category"] or "–", *cells,
            _clock(row["start_s"]), bpm, _clock(row["seconds"]),
        )  # fmt: skip
    console.print(table)
    if found.broken:
        console.print(f"{len(found.broken)} files could not be read:")
        for path, reason in found.broken[:_LISTED]:
            name = os.fsencode(path).decode("utf-8", "replace")
            console.print(f"  {name}: {reason}", soft_wrap=True)
        if len(found.broken) > _LISTED:
            console.print(f"  and {len(found.broken) - _LISTED} more, all of them in {out}")


def _render_candidates(
    path: Path, own: OwnDance, music: Path, rows: Sequence[dict[str, Any]]
) -> None:
    from motionmusic.features.audio import read_audio
    from motionmusic.render.clip import Candidate, side_by_side

    frames = min(len(own.joints), round(SHOWN_S * own.rate_hz))
    seconds = frames / own.rate_hz
    candidates = [
        Candidate(
            f"{number}. {'/'.join(Path(row['path']).with_suffix('').parts[-2:])}",
            f"{row['category'] or 'no category'}, from {_clock(row['start_s'])}",
            read_audio(music / row["path"], SOUND_RATE, start_s=row["start_s"], duration_s=seconds),
        )
        for number, row in enumerate(rows, 1)
    ]
    joints: NDArray[np.float64] = own.in_the_room()[:frames]
    side_by_side(path, joints, own.layout, own.rate_hz, candidates, SOUND_RATE, own.name)


if __name__ == "__main__":
    main()
