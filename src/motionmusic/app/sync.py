"""``motionmusic sync``: whether a dance is in time with a music, and if not, by how much."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motionmusic.app.arguments import (
    DanceArgument,
    ForceOption,
    JsonOption,
    LayoutOption,
    MusicArgument,
    NamesOption,
    QuietOption,
    RateOption,
    StartOption,
    UpOption,
    VerboseOption,
    check_dance,
    check_music,
    clock,
    music_seconds,
    option,
    other_music,
    print_json,
    tell_short,
)
from motionmusic.app.outputs import check_input, check_output
from motionmusic.errors import UserError
from motionmusic.terminal import Volume, note, say

if TYPE_CHECKING:
    from motionmusic.scoring.beat_phase import Verdict

SHORTEST_S = 5.0  # of a dance
OWN = (
    "the package's own, learned from 190 street dances of AIST++ retargeted; of 33 in time, of new"
    " dancers, that it judged, it called 3 out of time"
)


def sync(
    dance: DanceArgument,
    music: MusicArgument,
    start: StartOption = None,
    model: Annotated[
        Path | None,
        option(
            "FILE.npz",
            "A model of the beat, such as data/on_beat_mini/in_time.npz. Default: the program's own.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        option(
            "OUT.png",
            "The picture. Default: DANCE.sync.png in this folder. Numbers (.json) get its name.",
        ),
    ] = None,
    layout: LayoutOption = None,
    rate: RateOption = None,
    up: UpOption = None,
    names: NamesOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Say whether a dance is in time with a music, and if not, how much later to read the music.

    A small model, which comes with this program, hears nothing: from how joints move it says where
    the beat lies. It was trained on street dances and can tell of a third of such dances; of others
    it says that it cannot tell, unless you name a model that knows them. If the dance keeps the
    music's tempo, the answer is yes or no and by how much, up to whole beats; if it keeps another
    tempo, no.

    Exit status: 0 in time, 1 not in time or cannot tell, 2 a mistake.

    **Examples**

    - `motionmusic sync dance.mp4 song.mp3`
    - `motionmusic sync dances/DANCE_C_1 waltz.mp3 --start 12.5 --model data/on_beat_mini/in_time.npz`
    """
    check_dance(dance, names)
    check_input(music, "", "a sound file")
    if model is not None:
        check_input(model, "--model", "a file in_time.npz")
    folder = dance if dance.is_dir() else dance.parent
    named = (
        dance.stem if dance.is_file() and dance.name != "skeletons.json" else folder.resolve().name
    )
    picture = out or Path(f"{named}.sync.png")
    check_output(picture, "--out", [dance, names, music, model], force, (".png", ".json"))
    check_music(music)

    from motionmusic.app.catalogue import content_hash
    from motionmusic.app.genre import guess
    from motionmusic.app.open_dance import facts, fit_dance, open_dance, start_in
    from motionmusic.features.audio import read_audio
    from motionmusic.features.beats import music_beats
    from motionmusic.features.song_tempo import SAMPLE_RATE, song_tempo
    from motionmusic.files import write_bytes, write_json
    from motionmusic.render.sync_picture import sync_picture
    from motionmusic.results.figures import png
    from motionmusic.scoring.beat_phase import RATE_HZ, SHIPPED, BeatPhase, judge_song

    phase = BeatPhase.read(model or SHIPPED)  # before minutes go by with a video
    own = open_dance(dance, layout, rate, up, names)
    if own.seconds < SHORTEST_S:
        raise UserError(
            dance, "", f"a dance of at least {SHORTEST_S:g} s",
            f"{len(own.joints)} frames at {own.rate_hz:g} a second, {own.seconds:.2f} s",
            "take a longer dance",
        )  # fmt: skip
    known = model is not None or guess(own).known
    query, own = fit_dance(own, "musictodance", RATE_HZ, 1)
    start_s = start_in(music, own) if start is None else start
    left_s = music_seconds(music) - start_s
    if left_s < SHORTEST_S:
        raise UserError(
            music, f"from {start_s:g} s on", f"music for at least {SHORTEST_S:g} s",
            f"{max(0, left_s):.2f} s", "take longer music, or an earlier --start",
        )  # fmt: skip
    with other_music():
        audio = read_audio(music, SAMPLE_RATE, start_s=start_s, duration_s=own.seconds)
    compared_s = len(audio) / SAMPLE_RATE
    tell_short(music, compared_s, own.seconds)
    _, tracked = music_beats(audio, SAMPLE_RATE)
    if math.isnan(tracked):
        raise UserError(
            music, f"from {start_s:g} s on", "music with a beat", "none found", "take other music"
        )
    song = song_tempo(audio, tracked)
    joints = query.joints if query.center is None else query.joints + query.center[:, None]
    piece = phase.piece_of(own.name)
    predicted = phase.predict(joints[: round(compared_s * RATE_HZ)], piece)
    verdict, beat_hz = judge_song(predicted, song, phase.limits)
    if not known:
        verdict = replace(verdict, answer="cannot tell", late_s=math.nan, dance_bpm=math.nan)
    conclusion = conclude(verdict, beat_hz, known)

    title = f"{own.name} with {music.name} from {clock(start_s, 2)}"
    drawn = png(sync_picture(predicted, beat_hz, song.first_beat_s, verdict, title, conclusion))
    content = {
        "dance": {**facts(dance, own), "not_trained_on": piece},
        "music": {
            "path": str(music),
            "sha256": content_hash(music),
            "start_s": start_s,
            "bpm": song.bpm,
            "first_beat_s": song.first_beat_s,
            "tracker_bpm": song.tracker_bpm,
            "flags": song.flags,
        },
        "model": str(model or OWN),
        "known": known,
        "compared_s": compared_s,
        "beats_compared_bpm": 60 * beat_hz,
        **vars(verdict),
        "conclusion": conclusion,
    }
    write_json(picture.with_suffix(".json"), content)
    write_bytes(picture, drawn)
    if json:
        print_json(content)
    elif Volume.level > 0:
        doubt = f" ({song.flags}: listen to it)" if song.flags else ""
        say(conclusion)
        say(f"Dance: {own.name}, {own.seconds:.1f} s")
        say(f"Model: {model or OWN}")
        say(f"Music: {music.name} from {clock(start_s, 2)}, {song.bpm:.1f} beats a minute{doubt}")
        say(f"Fit at the music's tempo {verdict.fit:.2f}, best at any other {verdict.rival:.2f}")
    note(f"Written to {picture} and .json")
    if verdict.answer != "yes":
        raise typer.Exit(1)


def conclude(verdict: Verdict, beat_hz: float, known: bool = True) -> str:
    """The verdict in a sentence; ``known``: whether the model knows dances like this one."""
    if not known:
        return (
            "Cannot tell: this dance is unlike the street dances that the model knows; another one can"
            " be named with --model."
        )
    if verdict.answer == "cannot tell":
        return "Cannot tell: the model sees no beat in this dance. A longer one shows more."
    if math.isnan(verdict.late_s):
        bpm = 60 * beat_hz  # may be counted half or double
        bpm *= 2.0 ** round(math.log2(verdict.dance_bpm / bpm))
        return (
            f"Not in time: the dance keeps {verdict.dance_bpm:.0f} beats a minute, the music"
            f" {bpm:.0f}."
        )
    if verdict.answer == "yes":
        return f"In time, within {max(abs(verdict.late_s), 0.01):.2f} s, up to whole beats."
    side = "later" if verdict.late_s > 0 else "earlier"
    return (
        f"Not in time: same tempo, but the music has to be read {abs(verdict.late_s):.2f} s {side}"
        f" (or that and whole beats of {1 / beat_hz:.2f} s)."
    )
