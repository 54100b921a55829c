"""The report's folder: what its page says, of what it is made, and what it does without."""

from __future__ import annotations

import base64
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from motionmusic.results.report.markdown import Table, Text, parse
from report_results import CLASSES, PIECES, WRONG, data_of, make_results, written

from motionmusic.errors import UserError
from motionmusic.files import read_json, write_json
from motionmusic.results.report import curves, excerpts
from motionmusic.results.report.contents import clips, shades

SECTIONS = [
    "glance", "tables", "confusion", "curves", "leakage", "data", "matching", "recommendations",
    "clips", "conducting", "ratings", "provenance",
]  # fmt: skip
FILES = ["index.html", "style.css", "script.js"]


class Page(HTMLParser):
    """Start tags with their attributes, and all texts outside of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "script":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    make_results(folder)
    return folder


@pytest.fixture(scope="module")
def files(workspace: Path) -> dict[str, bytes]:
    return written(workspace)


@pytest.fixture(scope="module")
def html(files: dict[str, bytes]) -> str:
    return files["index.html"].decode()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_structure(page: Page) -> None:
    assert len(page.all("h1")) == 1
    assert [section["id"] for section in page.all("section")] == SECTIONS
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    assert set(SECTIONS) <= set(links) <= set(ids)
    named = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(named) <= set(ids)
    assert all(image["alt"] for image in page.all("img"))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("table")) >= 14
    assert not [a for a in page.all("p") if a.get("class") == "missing"]


def test_numbers_have_their_protocol_interval_baseline_and_chance(page: Page) -> None:
    # 36 of 144 segments are of the first class, a third of them wrong: 132 right
    assert "MCLEMCD-FC with CL, fused 91.7 [" in page.text
    assert "best baseline: majority, joints 91.7 [" in page.text
    assert "chance: guessing evenly 25.0 25.0" in page.text
    for fact in ("144 segments, 16 excerpts", "8 pieces", "protocol by_piece, 3 folds", "one seed"):
        assert fact in page.text
    assert "what CL adds, in points 0.0 [0.0, 0.0]" in page.text
    # three of nine wrong leave every vote right
    assert "100.0 [100.0, 100.0]" in page.text


def test_behind_the_cells_are_the_excerpts_that_were_counted(html: str) -> None:
    data = data_of(html)
    assert [excerpt[:4] for excerpt in data["excerpts"]] == [
        [piece, excerpt, "CRTW".index(piece[-3]), 9]
        for piece in sorted(PIECES)
        for excerpt in (0, 1)
    ]
    assert set(data["behind"]) >= {"fc/fused", "alone/joints", "longer/merged", "majority/joints"}
    said = {}
    for excerpt, guess, count in data["behind"]["fc/fused"]:
        said[data["excerpts"][excerpt][0], data["excerpts"][excerpt][1], guess] = count
    assert {key: count for key, count in said.items() if key[0][-3] == "C"} == {
        (piece, excerpt, guess): count
        for piece in ("C_1", "<i>C_2") for excerpt in (0, 1)
        for guess, count in ((0, 9 - WRONG), (1, WRONG))
    }  # fmt: skip
    assert sum(said.values()) == 144
    assert len(data["motion"]) == len(data["excerpts"])
    # 229 frames of 25 Hz, every second one, 23 joints, two coordinates
    assert len(base64.b64decode(data["motion"][0])) == 115 * 23 * 2
    assert data["rate"] == 12.5


def test_names_are_text(html: str, page: Page) -> None:
    for tag in ("<b>Cha-cha", "<i>C_2", "T_<i>", "<b>&", "Rumba & co"):
        assert tag not in html
    assert "&lt;b&gt;Cha-cha&lt;/b&gt;" in html
    assert CLASSES[0] in page.text
    assert [r["category"] for r in data_of(html)["dances"]][:2] == [CLASSES[0]] * 2


def test_nothing_comes_from_elsewhere(files: dict[str, bytes], page: Page) -> None:
    for name in FILES:
        text = files[name].decode()
        assert not re.search(r"https?:|//cdn|@import|url\(|\bfetch\(|XMLHttpRequest", text), name
    wanted = [
        attributes[key]
        for _, attributes in page.tags
        for key in ("src", "href", "poster")
        if key in attributes and not attributes[key].startswith(("#", "data:"))
    ]
    assert {"style.css", "script.js", "clips/Tango_T_1_0_own.mp4", "look.png"} <= set(wanted)
    assert set(wanted) <= set(files)


def test_same_results_give_the_same_bytes(workspace: Path, files: dict[str, bytes]) -> None:
    assert written(workspace) == files


def test_clips_are_those_of_the_recommendations(files: dict[str, bytes], html: str) -> None:
    assert "clips/Tango_T_1_0_own.mp4" in files
    assert "clips/Tango_T_9_0_own.mp4" not in files
    of = {(e[0], e[1]): e[4] for e in data_of(html)["excerpts"]}
    assert of["T_1", 0] == "clip-Tango_T_1_0"
    assert of["T_1", 1] == ""


def test_motion_from_music_has_its_table_and_the_clips_that_are_listed(
    files: dict[str, bytes], page: Page
) -> None:
    assert "Motion from music. n = 16." in page.text
    assert "Less is <i>not</i> better." in page.text
    videos = [a["aria-label"] for a in page.all("video")]
    assert f"{CLASSES[0]}: <i>C_2, excerpt 1: motion from music" in videos
    sources = [a["src"] for a in page.all("source") if a["src"].startswith("conducting/")]
    assert sources == ["conducting/Tango_T_1_0_own.mp4"]
    assert [name for name in files if name.startswith("conducting/")] == sources
    assert "conducting.png" in files
    assert "data/synthetic/conducting_clips/Tango_T_1_0_own.mp4" in page.text


def test_a_piece_whose_name_ends_like_another_keeps_its_clips() -> None:
    found = pd.DataFrame({"piece": ["1", "C_1"], "excerpt": [0, 0], "category": ["Slow C", "Slow"]})
    names = ["Slow_C_1_0_own.mp4", "Slow_C_1_0_poses.png", "Slow_C_1_0_category.mp4", "x.mp4"]
    (group,) = clips([Path(name) for name in names], found)
    assert [kind for kind, _ in group.videos] == ["own", "category"]
    assert group.poses == "Slow_C_1_0_poses.png"


def test_provenance(page: Page, workspace: Path) -> None:
    assert "0123456789+" in page.text
    assert "4 in 6 seconds" in page.text
    assert "f" * 64 in page.text
    assert "metrics/synthetic/evaluation.json" in page.text
    assert "<b>" in page.text  # a parameter's value, as text


def test_without_the_optional_parts_every_section_says_what_makes_it(tmp_path: Path) -> None:
    make_results(tmp_path, optional=False)
    files = written(tmp_path)
    assert set(files) == set(FILES)
    page = Page(files["index.html"].decode())
    assert [section["id"] for section in page.all("section")] == SECTIONS
    for stage in (
        "curves", "leakage", "look", "matching", "recommend", "render", "conducting",
        "conducting_clips",
    ):  # fmt: skip
        assert f"dvc repro {stage}@synthetic" in page.text
    assert "dvc repro ratings" in page.text
    shutil.rmtree(tmp_path / "data")
    page = Page(written(tmp_path)["index.html"].decode())
    assert "the excerpts behind the cells are not listed" in page.text


def test_without_results_there_is_one_clear_error(tmp_path: Path) -> None:
    make_results(tmp_path, optional=False)
    (tmp_path / "metrics/synthetic/table3.md").unlink()
    (tmp_path / "metrics/synthetic/evaluation.json").unlink()
    with pytest.raises(UserError) as caught:
        written(tmp_path)
    assert caught.value.got == "no table3.md, evaluation.json"
    assert "dvc repro report@synthetic" in caught.value.remedy
    assert not (tmp_path / "report").exists()


def test_an_evaluation_of_other_predictions_is_refused(tmp_path: Path) -> None:
    make_results(tmp_path, optional=False)
    path = tmp_path / "metrics/synthetic/evaluation.json"
    evaluation = read_json(path, "")
    evaluation["cells"]["fc/joints"]["confusion"][0][0] += 1
    write_json(path, evaluation)
    with pytest.raises(UserError, match=r"fc/joints, confusion.*1 others"):
        written(tmp_path)
    assert not (tmp_path / "report/synthetic").exists()


def test_the_paper_stands_beside_where_it_can_be_compared(tmp_path: Path) -> None:
    make_results(tmp_path, "paper_time", optional=False)
    text = written(tmp_path, "paper_time")["index.html"].decode()
    page = Page(text)
    # Table 3: MCLEMCD-FC with CL, fused; Figure 4: 406 of 414
    assert "paper 98.07" in page.text
    assert "406 of 414 right (98.07 %)" in page.text
    assert any(table.get("id") == "paper-matrix" for table in page.all("table"))


def test_elsewhere_the_paper_is_left_out(page: Page) -> None:
    assert "They are not comparable and are not shown." in page.text
    assert "paper 98.07" not in page.text
    assert not any(table.get("id") == "paper-matrix" for table in page.all("table"))


MARKDOWN = """\
**Table 3.** One seed; in brackets
the interval.

|      | CL  | joints       | bones       |
| ---- | --- | ------------ | ----------- |
| both | no  | 73.9 [5, 94] | 97.2        |
|      |     | paper 77 / 8 | paper 92    |
|      |     | files – / 88 | –           |
| FC   | yes | –            | 1.0         |
|      |     | –            | paper 93.48 |
|      |     | –            | –           |

A note.
"""


def test_rows_of_the_paper_become_lines_of_the_row_above() -> None:
    table, note = parse(MARKDOWN, "x.md", beside=True)
    assert isinstance(table, Table)
    assert table.caption == ((True, "Table 3."), (False, " One seed; in brackets the interval."))
    assert table.head == ("", "CL", "joints", "bones")
    assert table.rows == (
        (("both",), ("no",), ("73.9 [5, 94]", "paper 77 / 8", "files – / 88"),
         ("97.2", "paper 92", "files –")),
        (("FC",), ("yes",), ("–", "paper –", "files –"), ("1.0", "paper 93.48", "files –")),
    )  # fmt: skip
    assert note == Text(((False, "A note."),))


def test_rows_that_need_the_row_above_are_not_sorted() -> None:
    (plain, _) = parse(MARKDOWN, "x.md")
    assert isinstance(plain, Table)
    assert len(plain.rows) == 6
    assert not plain.sortable


def test_a_cut_grid_is_refused() -> None:
    with pytest.raises(UserError, match=r"x\.md.*expected 2 cells, got 1"):
        parse("| a | b |\n|---|---|\n| 1 |\n", "x.md")


def test_motion_keeps_its_proportions() -> None:
    joints = np.zeros((10, 2, 3))
    joints[4:, 1] = [1, 2, 9]  # to the right and up; depth is not seen
    joints[..., 0] += np.arange(10)[:, None]  # a path to the right
    shown = base64.b64decode(excerpts.drawn_motion(joints, 2, 6, 3))
    points = np.frombuffer(shown, np.uint8).reshape(2, 2, 2)
    # frames 2 and 5, each about its middle: 2 high and 1 wide, so the width is half of the height
    assert points[0].tolist() == [[128, 255], [128, 255]]
    assert points[1].tolist() == [[64, 255], [191, 0]]


def test_motion_that_stands_still_is_no_division_by_zero() -> None:
    shown = base64.b64decode(excerpts.drawn_motion(np.ones((5, 1, 3)), 0, 5, 2))
    assert len(set(shown)) == 1


def test_curves_follow_each_other_on_one_axis() -> None:
    history = pd.DataFrame({"epoch": [1.0, 2.0], "accuracy": [0.0, 1.0], "pair_loss": [1.0, 0.01]})
    runs = {
        "motion-bones-0": history.drop(columns="pair_loss"),
        "cotrain-bones-fc-0": history,
        "music-plain-0": history[["epoch"]],
    }
    (panel,) = curves.panels(runs, "accuracy")
    assert panel.input == "bones"
    alone, together = panel.lines
    assert (alone.name, alone.last, together.name) == ("motion", "100.0", "fc")
    bottom, top = curves.HEIGHT - curves.BOTTOM, curves.TOP
    right = curves.WIDTH - curves.RIGHT
    assert alone.points.split()[0] == f"{curves.LEFT},{bottom}"
    assert alone.points.split()[1].split(",")[1] == f"{top}"
    assert together.points.split()[1] == f"{right},{top}"
    assert float(alone.points.split()[1].split(",")[0]) < panel.epochs_alone
    assert panel.epochs_alone < float(together.points.split()[0].split(",")[0])
    # two decades: 1 is at the top, 0.01 at the bottom
    (losses,) = curves.panels(runs, "pair_loss")
    assert [y.split(",")[1] for y in losses.lines[0].points.split()] == [f"{top}", f"{bottom}"]
    assert [text for _, text in losses.y_ticks] == ["0.01", "0.1", "1"]
    assert curves.panels(runs, "reconstruction_loss") == []


def test_a_loss_of_zero_is_at_the_foot_of_the_logarithm() -> None:
    history = pd.DataFrame({"epoch": [1.0, 2.0], "pair_loss": [1.0, 0.0]})
    (panel,) = curves.panels({"cotrain-joints-fc-0": history}, "pair_loss")
    assert panel.lines[0].points.split()[1].endswith(f",{curves.HEIGHT - curves.BOTTOM}")


def test_small_ticks_are_short() -> None:
    history = pd.DataFrame({"epoch": [1.0, 2.0], "pair_loss": [1.0, 0.0002]})
    (panel,) = curves.panels({"cotrain-joints-fc-0": history}, "pair_loss")
    assert [text for _, text in panel.y_ticks] == ["10⁻⁴", "10⁻³", "0.01", "0.1", "1"]


def test_shades_are_shares_of_the_row() -> None:
    assert shades([[3, 1], [0, 0]]) == [[(3, 75.0, 8), (1, 25.0, 2)], [(0, 0.0, 0), (0, 0.0, 0)]]


def test_ink_on_every_shade_and_colour_has_contrast(files: dict[str, bytes]) -> None:
    """WCAG 2: 4.5 for text; axe looks at what is on the page, this at every shade."""
    style = files["style.css"].decode()
    rules = re.findall(r"\.s\d+ \{ background: (#\w+); color: (#\w+); \}", style)
    assert len(rules) == 11
    for scheme in re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3}(?:[0-9a-f]{3})?);", scheme))
        rules += [(colours["paper"], colours[name]) for name in ("ink", "quiet", "link")]
        rules += [(colours["soft"], colours["ink"])]
        # lines need 3, but those of the drawing are text-like in their legend
        rules += [(colours["paper"], colours[n]) for n in ("plain", "dropout", "fc", "longer")]
    for background, ink in rules:
        assert _contrast(background, ink) >= 4.5, (background, ink)


def _contrast(a: str, b: str) -> float:
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
