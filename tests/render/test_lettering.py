"""Names in pictures: as they are typed, never maths, in letters that are there."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from closure import PACKAGE
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from motionmusic.lettering import FAMILIES, Figure
from motionmusic.render.conductor_clip import pictures
from motionmusic.render.page import Panel, key_poses, video
from motionmusic.render.sync_picture import sync_picture
from motionmusic.results.figures import Panel as Forest
from motionmusic.results.figures import confusion_figure, forest, png
from motionmusic.results.look import Look, data_picture
from motionmusic.scoring.beat_phase import Verdict
from motionmusic.scoring.intervals import Interval

RNG = np.random.default_rng(0)
NAMES = [
    "$pop$ & $\\frac$", "Under $5", "a $x_1$ b", "踊り 🎵", "한국어 中文 繁體", "👩‍🎤 ❤️", "\x1b[31mred\n",
    "gpj.\u202e3pm", "\U00010380 \u0e01 \U0001fae8", "A\udce9",
]  # fmt: skip


def joints(frames: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return RNG.normal(size=(frames, 23, 3))


def look(name: str) -> Figure:
    return data_picture([Look(
        piece=name, class_name=name, log_mel=np.zeros((300, 96), np.float32), energy=np.ones(300),
        music_beats=np.arange(9.0), motion_beats=np.arange(9.0), rate_hz=25.0, start_s=0.0,
        duration_s=9.0, alignment=0.5, chance=0.2,
    )], name)  # fmt: skip


def in_time(name: str) -> Figure:
    verdict = Verdict("yes", 0.0, 0.5, 0.2, 120.0)
    return sync_picture(RNG.normal(size=(250, 4)), 2.0, 0.0, verdict, name, name)


def intervals(name: str) -> Figure:
    panel = Forest(name, {name: {name: Interval(0.5, 0.4, 0.6)}})
    return forest([panel], {name: ("k", "o")}, name, name)


FIGURES: list[Callable[[str], Figure]] = [
    lambda name: confusion_figure(np.eye(2, dtype=int), [name, "Waltz"], name, name),
    intervals,
    look,
    in_time,
    lambda name: key_poses(joints(20), "musictodance", 25.0, name),
]  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "name"),
    [*((FIGURES[0], name) for name in NAMES),
     *((draw, name) for draw in FIGURES[1:] for name in (NAMES[0], "\x1b[31mred \u202e3pm"))],
)  # fmt: skip
def test_names_are_drawn_as_typed(
    draw: Callable[[str], Figure], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        figure = draw(name)
        png(figure)
    assert caplog.text == ""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    assert not any(text.get_parse_math() for text in texts)
    shown = " ".join(text.get_text() for text in texts)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    if name.isprintable():
        assert name in shown.replace("\n", " ")


def test_names_in_videos(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        panels = [Panel(name, name, np.zeros(480, np.float32)) for name in NAMES[:6]]
        video(tmp_path / "a.mp4", joints(2), "musictodance", 25.0, panels, " ".join(NAMES))
        for name in NAMES:
            next(iter(pictures(RNG.random((2, 13, 2)).astype(np.float32), name, name)))
    assert caplog.text == ""


def test_what_the_packaged_fonts_have() -> None:
    fonts = {path.stem: FT2Font(path) for path in (PACKAGE / "fonts").glob("*.ttf")}
    for name, text in (("cjk", "踊り舞ダンス한국어中文繁體，。！"), ("emoji", "🎵🎤❤💃🕺")):
        assert all(fonts[name].get_char_index(ord(letter)) for letter in text)
    for code in (0x1B, 0x10380, 0x10FFFD):  # a box for everything else
        assert fonts["box"].get_char_index(max(code, 0x20)) == 1
    assert fonts["box"].get_char_index(0x200D) == 2  # which takes no room
    for name in ("cjk", "emoji"):
        assert (PACKAGE / "fonts" / f"{name}.LICENSE.txt").stat().st_size > 4000


def test_no_font_of_the_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [
        each
        for each in fontManager.ttflist
        if "mpl-data" in each.fname or PACKAGE.name in each.fname
    ]
    monkeypatch.setattr(fontManager, "ttflist", own)
    for family in FAMILIES:
        found = fontManager.findfont(FontProperties(family=[family]), fallback_to_default=False)
        assert Path(found).name in ("DejaVuSans.ttf", "cjk.ttf", "emoji.ttf", "box.ttf")


def test_whoever_draws_has_these_letters() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.name != "lettering.py":
            assert "matplotlib.figure" not in path.read_text("utf-8"), path
