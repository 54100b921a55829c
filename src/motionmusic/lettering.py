"""How pictures write: names as they are typed, never maths, with letters of every kind.

What DejaVu Sans, matplotlib's own font, lacks comes from fonts/: Chinese, Japanese and Korean of the
national standards (a part of Droid Sans Fallback), emoji in one colour (Noto Emoji), and a box for
all the rest. So no picture depends on the fonts of the machine. Whoever draws takes ``Figure`` from
here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, ttfFontProperty
from matplotlib.ft2font import FT2Font

__all__ = ["FAMILIES", "Figure"]

_FILES = [Path(__file__).parent / "fonts" / f"{name}.ttf" for name in ("cjk", "emoji", "box")]
for _file in _FILES:
    _entry = ttfFontProperty(FT2Font(_file))
    # they have one weight; a heading is set in it without a warning
    fontManager.ttflist += [replace(_entry, weight=weight) for weight in (400, 700)]
FAMILIES = ["DejaVu Sans", *(FT2Font(_file).family_name for _file in _FILES)]
mpl.rcParams["font.family"] = FAMILIES
mpl.rcParams["text.parse_math"] = False
