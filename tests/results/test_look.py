from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import look as stage
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from matplotlib.text import Text

from motionmusic.results.figures import png
from motionmusic.results.look import Look, data_picture

ROOT = Path(__file__).parents[1]
RATE = 25.0


def example(piece: str = "C_1", *, name: str = "Cha-cha", height: float = 1.0) -> Look:
    """A dance of 30 s whose energy at frame t is t · height; music every 0.5 s, steps every 2 s."""
    rng = np.random.default_rng(0)
    return Look(
        piece=piece, class_name=name, log_mel=rng.uniform(size=(750, 96)).astype(np.float32),
        energy=np.arange(750.0) * height, music_beats=np.arange(0.25, 30, 0.5),
        motion_beats=np.arange(1, 30, 2.0), rate_hz=RATE, start_s=10.0, duration_s=9.0,
        alignment=0.314, chance=0.272,
    )  # fmt: skip


def drawn(*pieces: Look) -> Figure:
    figure = data_picture(pieces, "A title", "A caption with some words. " * 8)
    figure.canvas.draw()
    return figure


def texts_of(figure: Figure) -> list[Text]:
    found = [artist for artist in figure.findobj(Text) if isinstance(artist, Text)]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def test_two_panels_a_piece_on_one_time_axis() -> None:
    figure = drawn(example(), example("R_1", name="Rumba"))
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert axes.get_xlim() == (10, 19)
    for music, motion in (figure.axes[:2], figure.axes[2:]):
        above, below = music.get_position(), motion.get_position()
        assert (above.x0, above.x1) == (below.x0, below.x1)
        assert above.y0 > below.y1


def test_beats_are_where_they_should_be() -> None:
    look = example()
    music, motion = drawn(look).axes
    for axes in (music, motion):
        upright = [np.asarray(line.get_xdata()) for line in axes.lines]
        lines = [x[0] for x in upright if len(x) == 2 and x[0] == x[1]]
        np.testing.assert_allclose(lines, look.music_beats)
    (markers,) = [line for line in motion.lines if line.get_marker() == "v"]
    x, y = np.asarray(markers.get_data())
    np.testing.assert_allclose(x, look.motion_beats)
    # on the curve: the energy at t seconds is 25 t
    np.testing.assert_allclose(y, RATE * look.motion_beats)


def test_a_column_of_log_mel_is_centred_on_its_time() -> None:
    look = example()
    look.log_mel[:] = 0
    look.log_mel[300] = 1  # 12 s
    (image,) = drawn(look).axes[0].images
    left, right, bottom, top = image.get_extent()
    values = np.asarray(image.get_array())
    assert (bottom, top) == (0, 96) == (0, values.shape[0])
    column = int(values[0].argmax())
    centre = left + (column + 0.5) * (right - left) / values.shape[1]
    assert centre == pytest.approx(12)
    assert image.origin == "lower"


def test_all_pieces_have_one_scale_of_energy() -> None:
    axes = drawn(example(), example("W_1", name="Waltz", height=16.0)).axes
    limits = {axes[1].get_ylim(), axes[3].get_ylim()}
    assert len(limits) == 1
    ((low, high),) = limits
    # of what is shown: frame 475 of 16 t
    assert low == 0
    assert 475 * 16 <= high <= 1.2 * 475 * 16


def test_what_is_said() -> None:
    texts = [text.get_text() for text in texts_of(drawn(example()))]
    for text in ("A title", "Cha-cha  (C_1)", "beat of the music", "kinetic energy"):
        assert text in texts
    (summary,) = [text for text in texts if "alignment" in text]
    # of 10…19 s: 18 beats of the music in 9 s, motion at 11, 13, 15, 17
    assert "music 2.0, motion 0.4" in summary
    assert "alignment 0.31 (chance 0.27)" in summary


@pytest.mark.parametrize("number", [1, 4, 10])
def test_no_text_is_clipped_or_on_another(number: int) -> None:
    figure = drawn(*(example(f"gMH_sBM_cAll_d22_mMH3_ch{n:02}", name="Middle hip hop")
                     for n in range(number)))  # fmt: skip
    boxes = [(text, text.get_window_extent()) for text in texts_of(figure)]
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0
        assert inside, text.get_text()
        assert box.x1 <= figure.bbox.x1, text.get_text()
        assert box.y1 <= figure.bbox.y1, text.get_text()
    for (one, first), (other, second) in combinations(boxes, 2):
        assert not first.overlaps(second), (one.get_text(), other.get_text())


def test_music_may_end_early_and_nothing_may_move() -> None:
    look = example()
    short = replace(look, log_mel=look.log_mel[:300], energy=np.zeros(750))
    silent = replace(short, log_mel=look.log_mel[:100], music_beats=np.zeros(0))
    figure = drawn(short, silent)
    (image,) = figure.axes[0].images
    assert image.get_extent()[1] == pytest.approx(300 / RATE - 0.5 / RATE)
    assert not figure.axes[2].images


def test_equal_arguments_give_equal_bytes_and_none_an_error() -> None:
    assert png(drawn(example())) == png(drawn(example()))
    with pytest.raises(ValueError, match="at least one"):
        data_picture([], "t", "c")


# The stage


def test_stage_shows_the_first_piece_of_every_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["datasets"]["folder"]["labels"] = {"C": "Cha-cha", "R": "Rumba"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    data = tmp_path / "data" / "folder"
    frames = {"R_2": 600, "C_3": 600, "C_2": 300, "C_1": 300, "R_1": 600}
    rng = np.random.default_rng(0)
    for kind in ("joints", "music"):
        (data / kind).mkdir(parents=True)
    for piece, length in frames.items():
        np.save(data / "joints" / f"{piece}.npy", rng.normal(size=(length, 5, 3)))
        if piece != "C_1":  # danced without music
            np.save(data / "music" / f"{piece}.npy", rng.uniform(size=(length, 96)))
    pieces = pd.DataFrame(
        {"piece": list(frames), "label": [1, 0, 0, 0, 1], "frames": list(frames.values()),
         "motion_rate_hz": RATE}
    )  # fmt: skip
    pieces.to_csv(data / "pieces.csv", index=False)
    grid = np.arange(0.5, 12, 0.5)
    parts = [
        pd.DataFrame({"piece": piece, "kind": kind, "time_s": grid})
        for piece in frames
        for kind in ("music", "motion_mint", "motion_bailando")
    ]
    pd.concat(parts).to_parquet(data / "beats.parquet", index=False)
    monkeypatch.chdir(tmp_path)
    shown: list[Look] = []

    def keep(looks: list[Look], title: str, caption: str) -> Figure:
        shown.extend(looks)
        return data_picture(looks, title, caption)

    monkeypatch.setattr(stage, "data_picture", keep)
    stage.main(["folder"])
    assert (tmp_path / "plots" / "folder" / "look.png").read_bytes().startswith(b"\x89PNG")
    assert [(look.piece, look.class_name) for look in shown] == [
        ("C_2", "Cha-cha"),
        ("R_1", "Rumba"),
    ]
    # 12 s are too short to start at the tenth second
    assert [(look.start_s, look.duration_s) for look in shown] == [(0, 9), (10, 9)]
    assert all(look.alignment == 1 for look in shown)
    assert all(0.1 < look.chance < 0.4 for look in shown)
