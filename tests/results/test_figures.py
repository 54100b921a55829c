from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from motionmusic.results.paper import printed_confusion
from numpy.typing import NDArray

from motionmusic.results.figures import confusion_figure, draw_confusion

ROOT = Path(__file__).parents[1]
CAPTION = "Counts of test segments, summed over 5 seeds. " * 4


def example(k: int) -> tuple[NDArray[np.int64], list[str]]:
    counts, names = printed_confusion("figure4" if k <= 4 else "figure5")
    return 99 * counts[:k, :k], names[:k]


def shown(k: int, names: list[str] | None = None, title: str = "A title " * 12) -> list[Text]:
    counts, own = example(k)
    figure = draw_confusion(counts, names or own, title, CAPTION)
    figure.canvas.draw()
    return texts_of(figure)


def texts_of(figure: Figure) -> list[Text]:
    found = [artist for artist in figure.findobj(Text) if isinstance(artist, Text)]
    return [text for text in found if text.get_visible() and text.get_text()]


@pytest.mark.parametrize("names", [None, ["A quite long name of a dance", "B"]])
@pytest.mark.parametrize("k", [3, 4, 10])
def test_no_text_is_clipped_or_on_another(k: int, names: list[str] | None) -> None:
    texts = shown(k, None if names is None else [*names, *"CDEFGHIJ"][:k])
    figure = texts[0].figure
    assert figure is not None
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        inside = (
            box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        )
        assert inside, text.get_text()
    # the boxes of slanted names overlap where their letters do not
    level = [(t, b) for t, b in zip(texts, boxes, strict=True) if t.get_rotation() in (0, 90)]
    slanted = [(t, b) for t, b in zip(texts, boxes, strict=True) if t.get_rotation() == 45]
    for (one, first), (other, second) in [
        *combinations(level, 2),
        *((a, b) for a in level for b in slanted),
    ]:
        assert not first.overlaps(second), (one.get_text(), other.get_text())


def test_counts_shares_axes_and_accuracy_are_said() -> None:
    counts, names = printed_confusion("figure4")
    figure = draw_confusion(counts, names, "Figure 4", "One seed.")
    figure.canvas.draw()
    texts = [text.get_text() for text in texts_of(figure)]
    for text in (
        "88\n97.8 %",
        "2\n2.2 %",
        "111\n94.9 %",
        "true class",
        "predicted class",
        "Figure 4",
    ):
        assert text in texts
    assert "414 predictions, 406 right: 98.07 %. One seed." in texts
    # rows are the true class: waltz taken for cha-cha five times, lower left
    wrong = next(text for text in texts_of(figure) if text.get_text() == "5\n4.3 %")
    assert wrong.get_position() == (0, 3)


def test_equal_arguments_give_equal_bytes() -> None:
    counts, names = example(4)
    first = confusion_figure(counts, names, "t", "c")
    assert first == confusion_figure(counts, names, "t", "c")
    assert first != confusion_figure(counts + 1, names, "t", "c")
    assert b"tEXtSoftware" not in first
    assert b"tIME" not in first


def test_an_empty_row_is_no_error_and_a_wrong_shape_is() -> None:
    confusion_figure(np.zeros((3, 3), int), ["a", "b", "c"], "t", "c")
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        confusion_figure(np.zeros((3, 3), int), list("abcd"), "t", "c")


def rows(counts: NDArray[np.int64], names: list[str], rev: str) -> list[dict[str, Any]]:
    """As DVC reads them from a CSV file: everything is text."""
    pairs = [(a, p) for a, p in np.ndindex(counts.shape) for _ in range(counts[a, p])]
    return [
        {"actual": names[a], "predicted": names[p], "actual_order": str(a),
         "predicted_order": str(p), "rev": rev}
        for a, p in pairs
    ]  # fmt: skip


def filled() -> dict[str, Any]:
    vega = pytest.importorskip("dvc_render.vega", reason="dvc is not installed")
    counts, names = printed_confusion("figure5")
    counts[:, 0] += counts[:, 4]
    counts[:, 4] = 0  # krump is never predicted and must have its column
    data = rows(counts, names, "HEAD") + rows(
        counts.T * 0 + np.eye(10, dtype=int), names, "workspace"
    )
    renderer = vega.VegaRenderer(
        data, "confusion", x="predicted", y="actual", template="confusion", title="Figure 5",
        template_dir=str(ROOT / ".dvc" / "plots"),
    )  # fmt: skip
    result: dict[str, Any] = renderer.get_filled_template()
    return result


def test_dvc_fills_the_template() -> None:
    assert "<DVC_METRIC" not in json.dumps(filled())


def test_the_template_renders_all_cells_in_the_order_of_the_classes() -> None:
    vl_convert = pytest.importorskip(
        "vl_convert", reason="vl-convert-python, which renders Vega-Lite, is not installed"
    )
    spec = filled()
    assert vl_convert.vegalite_to_png(spec, vl_version="5.8").startswith(b"\x89PNG")
    svg = vl_convert.vegalite_to_svg(spec, vl_version="5.8")
    labels = [part.split("</text>")[0] for part in svg.split(">") if part.endswith("</text")]
    labels = [label.removesuffix("</text") for label in labels]
    _, names = printed_confusion("figure5")
    # once for the rows, and once for the columns of each of two revisions
    assert sorted(label for label in labels if label in names) == sorted(names * 3)
    for place in pd.Series(labels).eq("Break").to_numpy().nonzero()[0]:
        assert labels[place : place + 10] == names
    assert sum(label.isdigit() for label in labels) == 200
