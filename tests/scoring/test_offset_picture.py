"""The picture of curves over offsets: what is drawn where, and that all of it is in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text

from motionmusic.render.offset_picture import offset_picture
from motionmusic.scoring.offsets import OFFSETS_S, Floats


def hill(at_s: float, height: float) -> Floats:
    return np.asarray(height * np.exp(-np.square(OFFSETS_S - at_s)))


def test_curves_from_zero_on_with_their_best_offsets() -> None:
    empty = np.full(101, np.nan)
    curves = {"first": hill(0.48, 0.8), "second": hill(-1.0, 0.02), "third": empty}
    figure = offset_picture(curves, "a dance", "a caption")
    assert len(figure.axes) == 3
    for axes, expected in zip(figure.axes, ([0, 0.48], [0, -1.0], [0]), strict=True):
        *upright, curve = (np.asarray(line.get_xdata(), float) for line in axes.lines)
        assert [x[0] for x in upright] == pytest.approx(expected)
        np.testing.assert_allclose(curve, OFFSETS_S)
        assert axes.get_xlim() == (-2, 2)
        assert axes.get_ylim()[0] == 0
    assert figure.axes[0].get_ylim()[1] >= 0.8
    assert figure.axes[1].get_ylim()[1] == pytest.approx(0.022)
    shown = {text.get_text() for text in figure.texts}
    assert {"best 0.800 at +0.48 s", "best 0.020 at −1.00 s", "no best offset"} <= shown


def test_long_names_stay_inside() -> None:
    name = "$dance_" + "a very long name of a dance " * 6 + "x" * 90 + "$"
    figure = offset_picture({"one": hill(-2, 1), "two": hill(2, 0.3)}, name, name * 2)
    figure.canvas.draw()
    box = figure.bbox
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip():
            extent = text.get_window_extent()
            assert box.x0 <= extent.x0
            assert extent.x1 <= box.x1
            assert box.y0 <= extent.y0
            assert extent.y1 <= box.y1
