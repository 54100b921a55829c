"""The page of a task: what it says, of what it is made, and what it does not do without."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_results import CLASSES, PIECES, WRONG, data_of, make_results, written

from motionmusic.errors import UserError
from motionmusic.report.build import _classes_table, behind, shades
from motionmusic.results.curves import curves_figure, svg
from motionmusic.results.table import read_tables
from motionmusic.scoring.evaluation import BEST

SHORT = ["dances", "tables", "leakage", "provenance"]
FULL = [*SHORT[:-1], "matching", "synchrony", "dance", "provenance"]


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
def short(workspace: Path) -> dict[str, bytes]:
    return written(workspace, "short")


@pytest.fixture(scope="module")
def full(workspace: Path) -> dict[str, bytes]:
    return written(workspace, "full")


@pytest.fixture(scope="module")
def page(full: dict[str, bytes]) -> Page:
    return Page(full["index.html"].decode())


@pytest.mark.parametrize(("kind", "sections"), [("short", SHORT), ("full", FULL)])
def test_structure(kind: str, sections: list[str], request: pytest.FixtureRequest) -> None:
    page = Page(request.getfixturevalue(kind)["index.html"].decode())
    assert len(page.all("h1")) == 1
    assert [section["id"] for section in page.all("section")] == sections
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    assert set(sections) <= set(links) <= set(ids)
    named = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(named) <= set(ids)
    assert all(image["alt"] for image in page.all("img"))
    assert page.all("html")[0]["lang"] == "en"


def test_every_table_and_picture_leads_to_its_file_and_stage(page: Page) -> None:
    figures = [a for a in page.all("figure") if a.get("class") in ("table", "picture")]
    links = [a for a in page.all("a") if a.get("aria-label", "").startswith("Source of ")]
    assert len(links) == len(figures) - 1  # the matrix to be clicked at
    files = [attributes["id"] for attributes in page.all("dt") if "id" in attributes]
    assert {link["href"][1:] for link in links} <= set(files)


def test_numbers_have_their_protocol_interval_baseline_and_chance(page: Page) -> None:
    # 36 of 144 segments are of the first class, a third of them wrong: 132 right
    for fact in (
        "MCLEMCD-FC with collaborative learning (CL), joints and bones fused, tells the dance type of"
        " 91.7 % [",
        "the best simple baseline, majority on joints, of 91.7 % [", "chance 25.0",
        "144 test segments, 16 excerpts, 8 pieces", "protocol by_piece, 2 folds", "one seed",
        "At equal epochs CL adds 0.0 [0.0, 0.0] points (fused MCLEMCD-FC): no effect is shown.",
        "On joints no network beats the best baseline: without CL 91.7, majority 91.7.",
        # three of nine wrong leave every vote right
        "segments (25 frames each) and 100.0 % [100.0, 100.0] of the excerpts",
        "100.0 [100.0, 100.0]", "Table 3. synthetic: accuracy per test segment", "best 100.0",
    ):  # fmt: skip
        assert fact in page.text, fact


@pytest.mark.parametrize(("name", "unit"), [("table3", "segment"), ("table5", "excerpt")])
def test_every_table_of_the_paper_has_its_own_file(workspace: Path, name: str, unit: str) -> None:
    (one,) = read_tables(workspace / f"metrics/synthetic/tables/{name}.json")
    assert one.title.startswith(f"Table {name[-1]}. synthetic: accuracy per test {unit}")


def test_behind_the_cells_are_the_excerpts_that_were_counted(short: dict[str, bytes]) -> None:
    data = data_of(short["index.html"].decode())
    assert [excerpt[:4] for excerpt in data["excerpts"]] == [
        [PIECES.index(piece), excerpt, "CRTW".index(piece[-3]), 9]
        for piece in sorted(PIECES)
        for excerpt in (0, 1)
    ]
    assert [dance["piece"] for dance in data["body"]["dances"]] == PIECES
    assert set(data["behind"]) >= {"fc/fused", "alone/joints", "longer/merged", "majority/joints"}
    said = {}
    for excerpt, guess, count in data["behind"]["fc/fused"]:
        said[data["excerpts"][excerpt][0], data["excerpts"][excerpt][1], guess] = count
    # pieces 0 and 1 are of the first class
    assert {key: count for key, count in said.items() if key[0] < 2} == {
        (piece, excerpt, guess): count
        for piece in (0, 1) for excerpt in (0, 1)
        for guess, count in ((0, 9 - WRONG), (1, WRONG))
    }  # fmt: skip
    assert sum(said.values()) == 144
    columns = ["cell", "piece", "excerpt", "label", "predicted", "segments"]
    two_seeds = pd.DataFrame([(BEST, "a", 0, 1, guess, 9) for guess in (1, 2)], columns=columns)
    assert behind(two_seeds, ["a"], 2)["excerpts"] == [[0, 0, 1, 9]]


def test_each_dance_has_its_file_and_the_full_page_its_recommended_music(
    short: dict[str, bytes], full: dict[str, bytes]
) -> None:
    text = short["dances/3.js"].decode()
    assert text.startswith("viewer.take(3, {")
    facts = json.loads(text.removeprefix("viewer.take(3, ").removesuffix(");\n"))
    body = data_of(short["index.html"].decode())["body"]
    points = np.frombuffer(base64.b64decode(facts["points"]), "<i2").reshape(50, -1, 3)
    assert points.shape[1] == 1 + max(end for bone in body["bones"] for end in bone[:2])
    assert facts["seconds"] == 4
    assert {f"dances/{n}.m4a" for n in range(7)} <= set(short)
    assert "dances/7.m4a" not in short  # which has no sound
    data = data_of(full["index.html"].decode())
    (tango,) = (dance for dance in data["body"]["dances"] if dance["tracks"])
    assert (tango["piece"], [track["method"] for track in tango["tracks"]]) == (
        "T_1", ["category", "contrastive"],
    )  # fmt: skip
    assert data["methods"]["category"] == "category, then any track (the paper)"


def test_names_are_text(full: dict[str, bytes], page: Page) -> None:
    html = full["index.html"].decode()
    for tag in ("<b>Cha-cha", "<i>C_2", "T_<i>", "<b>&", "Rumba & co", "is <i>not"):
        assert tag not in html
    assert "&lt;b&gt;Cha-cha&lt;/b&gt;" in html
    assert [dance["category"] for dance in data_of(html)["body"]["dances"]][:2] == [CLASSES[0]] * 2
    assert "Less is <i>not</i> better." in page.text


def test_nothing_comes_from_elsewhere(full: dict[str, bytes], page: Page) -> None:
    for name in ("index.html", "style.css", "viewer.js", "script.js"):
        text = full[name].decode()
        assert not re.search(r"https?:|//cdn|@import|url\(|\bfetch\(|XMLHttpRequest", text), name
    wanted = [
        attributes[key]
        for _, attributes in page.tags
        for key in ("src", "href", "poster")
        if key in attributes and not attributes[key].startswith(("#", "data:"))
    ]
    assert {"style.css", "script.js", "Tango_made.mp4", "Tango_made.jpg"} <= set(wanted)
    assert set(wanted) <= set(full)


def test_same_results_give_the_same_bytes(workspace: Path, full: dict[str, bytes]) -> None:
    assert written(workspace, "full") == full


def test_a_missing_result_is_one_clear_error(workspace: Path, tmp_path: Path) -> None:
    kept = shutil.ignore_patterns("report")
    shutil.copytree(workspace, tmp_path, dirs_exist_ok=True, ignore=kept)
    (tmp_path / "metrics/synthetic/tables/table3.json").unlink()
    with pytest.raises(UserError, match=r"table3\.json: expected a result that the page shows"):
        written(tmp_path, "short")
    with pytest.raises(UserError, match="expected short or full, got long"):
        written(tmp_path, "long")
    assert not (tmp_path / "report/synthetic/short").exists()


def test_shades_are_shares_of_the_row() -> None:
    assert shades([[3, 1], [0, 0]]) == [[(3, 75.0, 8), (1, 25.0, 2)], [(0, 0.0, 0), (0, 0.0, 0)]]


def test_classes_have_their_own_recall_and_precision() -> None:
    row = {"name": "a", "recall": 0.1, "precision": 0.2, "f1": 0.3, "n": 4}
    of = {"per_class": [row], "macro_f1": {"value": 0.5}}
    one = _classes_table({"cells": {BEST: of}, "chance": {"uniform": 0.25}})
    assert [column.head for column in one.columns] == [
        "class", "recall", "precision", "F1", "segments",
    ]  # fmt: skip
    assert list(one.texts()) == [[["a"], ["10.0"], ["20.0"], ["30.0"], ["4"]]]


def test_curves_follow_each_other_on_one_axis() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.0, 1.0]})
    cells = ["motion-bones-0", "cotrain-bones-fc-0", "cotrain-joints-plain-0", "music-0"]
    curves = pd.concat([history.assign(cell=name) for name in cells])
    curves.loc[curves["cell"] == "music-0", "accuracy"] = None
    figure = curves_figure(curves)
    (joints, bones, merged) = figure.axes
    lines = [len(axis.lines) for axis in (joints, bones, merged)]
    assert lines == [2, 3, 1]  # with where CL begins
    assert joints.get_legend_handles_labels()[1] == ["MCLEMCD, CL"]
    assert set(bones.get_legend_handles_labels()[1]) == {"without CL", "MCLEMCD-FC, CL"}
    ends = {tuple(np.asarray(line.get_xdata()).tolist()) for line in bones.lines}
    assert ends == {(1, 2), (2, 3, 4), (2, 2)}  # without a gap
    assert svg(figure) == svg(curves_figure(curves))


def test_ink_on_every_shade_and_colour_has_contrast(short: dict[str, bytes]) -> None:
    """WCAG 2: 4.5 for text; axe looks at what is on the page, this at every shade."""
    style = short["style.css"].decode()
    rules = re.findall(r"\.s\d+ \{ background: (#\w+); color: (#\w+); \}", style)
    assert len(rules) == 11
    for scheme in re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3}(?:[0-9a-f]{3})?);", scheme))
        inks = ("ink", "quiet", "link", "music")
        rules += [(colours["paper"], colours[name]) for name in inks if name in colours]
        rules += [(colours["soft"], colours["ink"])]
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
