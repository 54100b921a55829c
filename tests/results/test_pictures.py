"""Pictures: what is where, nothing clipped or on another, the same bytes again."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from closure import ROOT
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from motionmusic.results.figures import Panel, confusion_figure, forest, pdf, png
from motionmusic.results.leakage_picture import leakage_picture, leakage_tables
from motionmusic.results.look import Look, data_picture, look_at
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.paper import printed_confusion

RATE = 25.0


def texts_of(figure: Figure) -> list[Text]:
    """What is shown, once it is laid out."""
    png(figure)
    found = [artist for artist in figure.findobj(Text) if isinstance(artist, Text)]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def nothing_clipped_or_on_another(figure: Figure) -> None:
    boxes = [(text, text.get_window_extent()) for text in texts_of(figure)]
    for text, box in boxes:
        assert box.x0 >= 0, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.x1 <= figure.bbox.x1, text.get_text()
        assert box.y1 <= figure.bbox.y1, text.get_text()
    # the boxes of slanted names overlap where their letters do not
    level = [each for each in boxes if each[0].get_rotation() in (0, 90)]
    for (one, first), (other, second) in combinations(level, 2):
        assert not first.overlaps(second), (one.get_text(), other.get_text())


def panel(percent: bool = True) -> Panel:
    rows = {
        f"a row with quite a long name {n}": {
            "ours": Interval(0.1 * n, 0.1 * n - 0.05, 0.1 * n + 0.08), "other": Interval(0.3),
        }
        for n in range(6)
    }  # fmt: skip
    return Panel(
        "what is measured", rows, percent=percent, chance=0.25, limits=(0, 60 if percent else 0.6)
    )


@pytest.mark.parametrize("panels", [1, 2, 4, 6])
def test_values_with_intervals(panels: int) -> None:
    series = {"ours": ("#1f5fa8", "o"), "other": ("0.5", "s"), "unused": ("0.1", "o")}
    figure = forest(
        [panel(), panel(False)] * (panels // 2) or [panel()], series, "A title", "note " * 8
    )
    nothing_clipped_or_on_another(figure)
    axis: Any = figure.axes[0]
    points = [np.asarray(line.get_xdata()) for line in axis.lines if line.get_marker() == "o"]
    assert [float(x[0]) for x in points] == pytest.approx([10 * n for n in range(6)])
    assert axis.get_xlabel() == "percent"
    bars = [np.array(of.get_segments())[0, :, 0] for of in axis.collections][::2]
    np.testing.assert_allclose(bars, [[10 * n - 5, 10 * n + 8] for n in range(6)])
    dashed = [line.get_xdata() for line in axis.lines if line.get_linestyle() == "--"]
    assert np.asarray(dashed).tolist() == [[25, 25]] * 6  # chance
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "other"]


def example(k: int) -> tuple[NDArray[np.int64], list[str]]:
    counts, names = printed_confusion("figure4" if k <= 4 else "figure5")
    return 99 * counts[:k, :k], names[:k]


@pytest.mark.parametrize("names", [None, ["A quite long name of a dance", "B"]])
@pytest.mark.parametrize("k", [3, 10])
def test_confusion_matrix_fits(k: int, names: list[str] | None) -> None:
    counts, own = example(k)
    given = own if names is None else [*names, *"CDEFGHIJ"][:k]
    nothing_clipped_or_on_another(confusion_figure(counts, given, "A title " * 8, "words " * 40))


def test_confusion_counts_shares_axes_and_accuracy() -> None:
    counts, names = printed_confusion("figure4")
    figure = confusion_figure(counts, names, "Figure 4", "One seed.")
    found = {text.get_text(): text for text in texts_of(figure)}
    for text in ("88\n97.8 %", "111\n94.9 %", "true class", "predicted class", "Figure 4",
                 "414 predictions, 406 right: 98.1 %. One seed."):  # fmt: skip
        assert text in found
    # rows are the true class: waltz taken for cha-cha five times, lower left
    assert found["5\n4.3 %"].get_position() == (0, 3)
    first, again = (png(confusion_figure(counts, names, "t", "c")) for _ in range(2))
    assert first == again
    assert b"tEXtSoftware" not in first
    printed, once_more = (pdf(confusion_figure(counts, names, "t", "c")) for _ in range(2))
    assert printed == once_more
    assert b"Matplotlib" not in printed
    png(confusion_figure(np.zeros((3, 3), int), ["a", "b", "c"], "t", "c"))


def test_leakage_picture() -> None:
    rng = np.random.default_rng(0)
    near, own = rng.random(50), np.where(rng.random(50) < 0.1, np.nan, rng.random(50))
    first = png(leakage_picture(near, own, 0.05, "demo", "by_piece"))
    assert first == png(leakage_picture(near, own, 0.05, "demo", "by_piece"))
    assert first != png(leakage_picture(near / 2, own, 0.05, "demo", "by_piece"))
    empty = np.zeros(0)
    assert png(leakage_picture(empty, empty, 0.05, "demo", "by_piece")) != first


def test_what_test_shares_in_tables() -> None:
    """Every number is another one, and in its own place."""
    distances = {"n": 9, "quantile_5": 0.1, "median": 0.2, "near": 0.3, "identical": 4}
    own = {"n": 8, "quantile_5": 0.5, "median": 0.6, "near": 0.7, "identical": 5}
    found = {
        "protocol": "by_piece", "promised_apart": ["piece"], "near_below": 0.05, "tested": 9,
        "dropped_over_folds": 2, "tested_with_shared": {"piece": 0.01, "body": 0.9},
        "nearest_in_train": distances, "nearest_in_own_piece": own,
        "one_nearest_neighbour": {"accuracy": 0.4, "chance": 0.25},
        "closest": [{"fold": 1, "test": "C_1/0/0", "train": "C_2/0/0", "distance": 0.01}],
    }  # fmt: skip
    names, nearest, closest = leakage_tables(found)
    assert [row.cells for row in names.rows] == [
        ("piece (a whole dance)", "yes", "1.0"), ("body", "no", "90.0"),
    ]  # fmt: skip
    assert [row.cells[1:] for row in nearest.rows] == [
        ("9", "0.1", "0.2", "30.0", "4"), ("8", "0.5", "0.6", "70.0", "5"),
    ]  # fmt: skip
    assert nearest.rows[0].cells[0] == "in train"
    assert "is right in 40.0 % (chance 25.0 %)" in nearest.caption
    assert closest.rows[0].cells == ("1", "C_1/0/0", "C_2/0/0", "0.01")


# The data


def looked(piece: str = "C_1", *, name: str = "Cha-cha", height: float = 1.0) -> Look:
    """A dance of 30 s whose energy at frame t is t · height; music every 0.5 s, steps every 2 s."""
    rng = np.random.default_rng(0)
    return Look(
        piece=piece, class_name=name, log_mel=rng.uniform(size=(750, 96)).astype(np.float32),
        energy=np.arange(750.0) * height, music_beats=np.arange(0.25, 30, 0.5),
        motion_beats=np.arange(1, 30, 2.0), rate_hz=RATE, start_s=10.0, duration_s=9.0,
        alignment=0.314, chance=0.272,
    )  # fmt: skip


def test_beats_are_where_they_should_be() -> None:
    look = looked()
    music, motion = data_picture([look], "A title").axes
    for axes in (music, motion):
        assert axes.get_xlim() == (10, 19)
        upright = [np.asarray(line.get_xdata()) for line in axes.lines]
        lines = [x[0] for x in upright if len(x) == 2 and x[0] == x[1]]
        np.testing.assert_allclose(lines, look.music_beats)
    (markers,) = [line for line in motion.lines if line.get_marker() == "v"]
    x, y = np.asarray(markers.get_data())
    np.testing.assert_allclose(x, look.motion_beats)
    # on the curve: the speed at t seconds is the root of 25 t
    np.testing.assert_allclose(y, np.sqrt(RATE * look.motion_beats))


def test_a_column_of_log_mel_is_centred_on_its_time() -> None:
    look = looked()
    look.log_mel[:] = 0
    look.log_mel[300] = 1  # 12 s
    (image,) = data_picture([look], "A title").axes[0].images
    left, right, bottom, top = image.get_extent()
    values = np.asarray(image.get_array())
    assert (bottom, top) == (0, 96) == (0, values.shape[0])
    column = int(values[0].argmax())
    centre = left + (column + 0.5) * (right - left) / values.shape[1]
    assert centre == pytest.approx(12)
    assert image.origin == "lower"


def test_all_pieces_have_one_scale_of_speed() -> None:
    axes = data_picture([looked(), looked("W_1", name="Waltz", height=16.0)], "A title").axes
    ((low, high),) = {axes[1].get_ylim(), axes[3].get_ylim()}
    # of what is shown: frame 475 of 16 t
    assert low == 0
    assert np.sqrt(475 * 16) <= high <= 1.2 * np.sqrt(475 * 16)


@pytest.mark.parametrize("number", [1, 10])
def test_the_data_fit_and_say_their_numbers(number: int) -> None:
    looks = [
        looked(f"gMH_sBM_cAll_d22_mMH3_ch{n:02}", name="Middle hip hop") for n in range(number)
    ]
    figure = data_picture(looks, "A title")
    nothing_clipped_or_on_another(figure)
    texts = [text.get_text() for text in texts_of(figure)]
    summary = next(text for text in texts if "alignment 0" in text)
    # of 10…19 s: 18 beats of the music in 9 s, motion at 11, 13, 15, 17
    assert "music 2.0, motion 0.4" in summary
    assert "alignment 0.31 (chance 0.27)" in summary


def test_music_may_end_early_and_nothing_may_move() -> None:
    short = replace(looked(), log_mel=looked().log_mel[:300], energy=np.zeros(750))
    silent = replace(short, log_mel=looked().log_mel[:100], music_beats=np.zeros(0))
    figure = data_picture([short, silent], "A title")
    (image,) = figure.axes[0].images
    assert image.get_extent()[1] == pytest.approx(300 / RATE - 0.5 / RATE)
    assert not figure.axes[2].images
    assert png(figure).startswith(b"\x89PNG")


def test_a_piece_is_looked_at_as_far_as_it_has_both(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for kind, shape in (("joints", (600, 5, 3)), ("music", (300, 96))):
        (tmp_path / "data" / "own" / kind).mkdir(parents=True)
        np.save(tmp_path / "data" / "own" / kind / "C_1.npy", rng.normal(size=shape))
    grid = np.arange(0.5, 24, 0.5)
    kinds = {"music": grid, "motion_mint": grid, "motion_bailando": grid + 0.2}
    beats = pd.concat(
        [pd.DataFrame({"piece": "C_1", "kind": k, "time_s": t}) for k, t in kinds.items()]
    )
    look = look_at("own", {"piece": "C_1", "motion_rate_hz": RATE}, "Cha-cha", beats)
    # 12 s are too short to start at the tenth second
    assert (look.start_s, look.duration_s) == (0, 9)
    assert look.music_beats.max() == 11.5
    assert look.alignment == 1
    # the mean of a Gaussian of 0.05 s over phases of half a second
    assert look.chance == pytest.approx(np.sqrt(2 * np.pi) * 0.05 / 0.5, abs=0.02)


# DVC's own drawing of a confusion matrix


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


def test_the_template_renders_all_cells_in_the_order_of_the_classes() -> None:
    vl_convert = pytest.importorskip(
        "vl_convert", reason="vl-convert-python, which renders Vega-Lite, is not installed"
    )
    spec = filled()
    assert "<DVC_METRIC" not in json.dumps(spec)
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
