"""``motionmusic recommend``: music for a dance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from motionmusic.app.arguments import (
    BesideOption,
    DanceArgument,
    ForceOption,
    JsonOption,
    LayoutOption,
    NamesOption,
    QuietOption,
    RateOption,
    UpOption,
    VerboseOption,
    check_beside,
    check_dance,
    flag,
    option,
    other_music,
    print_json,
    print_table,
)
from motionmusic.app.outputs import (
    at_home,
    check_cache,
    check_input,
    check_input_folder,
    check_output,
    check_room,
)
from motionmusic.app.trained import choose, own_music
from motionmusic.errors import UserError
from motionmusic.methods import Method, Way
from motionmusic.terminal import Volume, note, say

if TYPE_CHECKING:
    from motionmusic.app.recommender import Recommendation

By = Literal["genre", "tempo", "timing", "all"]


def recommend(
    dance: DanceArgument,
    catalogue: Annotated[
        Path | None,
        option(
            "DIR",
            "Music to choose from: a folder of sound files, searched with its subfolders."
            " Default: the music of the dances that --model was trained on.",
        ),
    ] = None,
    by: Annotated[
        By,
        option(
            "WAY",
            "What --method practical orders tracks by: genre, tempo, timing or all. Default: all.",
        ),
    ] = "all",
    tempo: Annotated[
        float | None,
        option("BPM", "The dance's tempo, where you know it.", min=50, max=200),
    ] = None,
    tempo_range: Annotated[
        str | None,
        option("LOW-HIGH", "Only tracks of these beats a minute, half and double counted."),
    ] = None,
    method: Annotated[
        Way,
        option("METHOD", "How music is chosen: one of the list above. Default: practical."),
    ] = "practical",
    model: Annotated[
        Path | None,
        option(
            "PATH",
            "Trained model: a folder data/TASK/matchers. Default: the only one here. --method"
            " practical needs none; it takes the genre from a folder that you name, or the timing"
            " from a file in_time.npz.",
        ),
    ] = None,
    top: Annotated[int, option("N", "How many tracks. Default: 3.", min=1)] = 3,
    out: Annotated[Path | None, option("OUT.json", "Write everything as JSON.")] = None,
    render: Annotated[
        Path | None,
        option(
            "OUT.mp4",
            "Write a video: your own with the first track under it, or of other dances a drawn"
            " one of their first 20 s with each of up to six tracks.",
        ),
    ] = None,
    beside: BesideOption = False,
    include_own: Annotated[
        bool,
        flag("--include-own", "Let the dance's own music be recommended. Else it is left out."),
    ] = False,
    layout: LayoutOption = None,
    rate: RateOption = None,
    up: UpOption = None,
    names: NamesOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Recommend music for a dance: print a table; write JSON and a video on request.

    By genre, tempo and timing of the dance, each against the track's, with the start that fits best.
    A track's genre comes from its folders or tags, its tempo from its tags or its sound.

    **Methods**: `practical`, as above, is the default and needs no model. All others need a trained
    one (`motionmusic models` lists them):

    - `category`: tracks of the predicted category, drawn at random, as the paper does
    - `mapping`: nearest in the paper's learned space
    - `unmapped`: nearest in the networks' codes, before that space
    - `contrastive`: nearest of two small networks, trained on pairs of one category
    - `infonce`: the same, trained to find a dance's own second of music
    - `synchrony`: where beats of the track and of the dance fall together best
    - `deconfounded`: two variational autoencoders, adjusted for genre

    The first run on a catalogue decodes every track, about a second each; later runs only what is
    new. Results are kept in your cache folder, or in $MOTIONMUSIC_CACHE.

    **Examples**

    - `motionmusic recommend dance.mp4 --catalogue ~/Music --render out.mp4`
    - `motionmusic recommend dance.bvh --catalogue ~/Music --by tempo --tempo-range 110-124`
    - `motionmusic recommend joints.npy --layout coco17 --rate 60 --catalogue ~/Music --top 5`
    """
    practical = method == "practical"
    told = (
        ("--by", None if by == "all" else by),
        ("--tempo", tempo),
        ("--tempo-range", tempo_range),
    )
    for name, value in told:
        if value is not None and not practical:
            expected = "--method practical, which alone orders by genre, tempo and timing"
            raise UserError("command line", name, expected, method, "leave one of them out")
    within = None if tempo_range is None else _range(tempo_range)
    check_dance(dance, names)
    trained, timing = None, None
    if practical and model is not None and not model.is_dir():
        check_input(model, "--model", "a folder data/TASK/matchers, or a file in_time.npz")
        timing = model
    elif not practical or model is not None:
        trained = choose(model, "category" if practical else cast(Method, method))
    if catalogue is not None:
        music = at_home(catalogue)
    elif trained is not None:
        music = own_music(trained)
    else:
        remedy = "name it, such as --catalogue ~/Music"
        raise UserError("command line", "--catalogue", "a folder with music", "none", remedy)
    if music.is_dir() or not music.exists():
        check_input_folder(music, "--catalogue", "a folder with music, or one sound file")
    else:
        check_input(music, "--catalogue", "a folder with music, or one sound file")
    reads = [dance, names, music, timing or (trained and trained.folder)]
    for path, name, suffix in ((out, "--out", ".json"), (render, "--render", ".mp4")):
        if path is not None:
            check_output(path, name, reads, force, (suffix,))
    if beside and render is None:
        expected, remedy = "--render OUT.mp4 with it", "name the video, or leave --beside out"
        raise UserError("command line", "--beside", expected, "no --render", remedy)
    check_beside(dance, beside)
    if render is not None:
        check_room(render, 20.0 * min(top, 6))
    from motionmusic.app.open_dance import open_dance
    from motionmusic.app.sound_files import sound_files

    sound_files(music)  # before minutes go by with a video
    phase = None
    if timing is not None:
        from motionmusic.scoring.beat_phase import BeatPhase

        phase = BeatPhase.read(timing)
    check_cache()
    own = open_dance(dance, layout, rate, up, names)
    from motionmusic.app import practical as ours
    from motionmusic.app.picks import complaints, film
    from motionmusic.files import write_json

    found: ours.Practical | Recommendation
    if practical:
        if trained is None:
            genres = ours.of_package(own)
        else:
            from motionmusic.app.recommender import genres_of

            genres = genres_of(trained.model, own)
        if timing is not None:
            genres = genres._replace(model=f"{genres.model}; timing: {timing}")
        found = ours.recommend(own, music, genres, top, by, include_own, tempo, within, phase)
    else:
        from motionmusic.app.recommender import Recommender

        assert trained is not None
        recommender = Recommender(trained)
        note(f"model {trained.model} is loaded", level=2)
        found = recommender(own, music, top, include_own)
    content = found.as_json(dance)
    if out is not None:
        write_json(out, content)
        note(f"Written to {out}")
    try:
        if render is not None:
            with other_music():
                film(render, dance, found.dance, found.catalogue, found.tracks, beside)
            note(f"Written to {render}")
    finally:  # a video that fails takes no recommendation with it
        if json:
            print_json(content)
        elif Volume.level > 0:
            for line in found.heading():
                say(line)
            print_table(found.table())
            for line in complaints(found.catalogue, out):
                say(line)


def _range(text: str) -> tuple[float, float]:
    """Two numbers with a hyphen between them. Raises UserError."""
    try:
        low, high = map(float, text.split("-"))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 < low <= high:
        expected = "two tempi in beats a minute, such as 110-124"
        raise UserError("command line", "--tempo-range", expected, text, "correct it")
    return low, high
