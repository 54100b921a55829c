"""`motionmusic study make`: the folder, the orders, what it refuses, and a study in a browser."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from motionmusic.app import cli
from motionmusic.app.study import app
from motionmusic.app.study_kit import order
from motionmusic.errors import UserError
from motionmusic.scoring.rating_files import read_ratings

HEAD = "dataset,category,dance,music,clip\n"
# a comma and quotes for CSV, and what would be HTML; the list has it as CSV
NASTY = '</script><b>"A, B"'
ROWS = [
    "demo,Waltz,W_1,own,own.mp4",
    "demo,Waltz,W_1,x,x.mp4",
    'demo,Waltz,W_1,"</script><b>""A, B""",y.mp4',
    "demo,Tango,W_1,x,x.mp4",  # another category's dance of the same name
    "demo,Tango,W_1,own,own.mp4",
    "demo,Tango,W_1,z,z.webm",
]
ITEMS = {
    ("Waltz", "W_1 with x"), ("Waltz", f"W_1 with {NASTY}"),
    ("Tango", "W_1 with x"), ("Tango", "W_1 with z"),
}  # fmt: skip


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("own.mp4", "x.mp4", "y.mp4", "z.webm"):
        (folder / name).write_bytes(name.encode())
    return listed(*ROWS)


def listed(*rows: str) -> Path:
    path = Path("clips/clips.csv")
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def make(*arguments: str | Path) -> Path:
    result = CliRunner().invoke(app, ["make", *map(str, arguments)])
    if result.exception:
        raise result.exception
    return Path("study_kit")


def study(folder: Path) -> dict[str, Any]:
    text = (folder / "study_data.js").read_text("ascii")
    assert text.startswith("const STUDY = ")
    assert text.endswith(";\n")
    found: dict[str, Any] = json.loads(text.removeprefix("const STUDY = ").removesuffix(";\n"))
    return found


def test_the_folder_has_all_that_the_page_needs(clips: Path) -> None:
    folder = make(clips)
    assert [path.name for path in folder.glob("*.html")] == ["index.html"]
    page = (folder / "index.html").read_text("utf-8")
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(needed) == 6
    for name in needed:
        assert name == "data:," or (folder / name).is_file(), name
    assert "MIT" in (folder / "jspsych" / "LICENSE.txt").read_text("utf-8")
    for path in folder.rglob("*.*"):  # nothing is loaded from elsewhere
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text("utf-8")
            assert not re.search(r"""(src|href)=["'](https?:)?//|@import|sourceMappingURL""", text)
    assert not list(Path().glob(".study_kit*"))


def test_every_clip_is_there_under_a_name_that_tells_nothing(clips: Path) -> None:
    folder = make(clips)
    data = study(folder)
    assert {(d["category"], c["item"]) for d in data["dances"] for c in d["candidates"]} == ITEMS
    waltz, tango = data["dances"]
    content = {
        "own.mp4": [waltz["own"], tango["own"]],
        "x.mp4": [waltz["candidates"][0]["clip"], tango["candidates"][0]["clip"]],
        "y.mp4": [waltz["candidates"][1]["clip"]],
        "z.webm": [tango["candidates"][1]["clip"]],
    }
    for name, places in content.items():
        for place in places:
            assert re.fullmatch(r"clips/\d{3}\.(mp4|webm)", place)
            assert (folder / place).read_bytes() == name.encode()
    assert len(list((folder / "clips").iterdir())) == 6


def test_the_same_arguments_give_the_same_folder_and_another_clip_another_study(
    clips: Path,
) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    first = content(make(clips))
    make(clips, "--out", "again")
    assert content(Path("again")) == first
    make(clips, "--out", "seed", "--seed", "1")
    assert {n for n, c in content(Path("seed")).items() if c != first[n]} == {"study_data.js"}
    (clips.parent / "x.mp4").write_bytes(b"other")
    make(clips, "--out", "other")
    # so that what a browser keeps of the first one is no answer to the other
    before, after = study(Path("study_kit")), study(Path("other"))
    assert after.pop("id") != before.pop("id")
    assert after == before


def test_every_subject_sees_everything_once_in_an_order_of_their_own(clips: Path) -> None:
    orders = study(make(clips, "--subjects", "7"))["orders"]
    assert len(orders) == 7
    for each in orders:
        assert sorted(dance for dance, _ in each) == [0, 1]
        assert all(sorted(candidates) == [0, 1] for _, candidates in each)
    orders = [order([3] * 11, 0, subject) for subject in range(1, 31)]
    assert len({str(each) for each in orders}) == 30
    assert order([3] * 11, 1, 1) != orders[0]
    firsts = Counter(
        candidates[0] for subject in range(300) for _, candidates in order([3] * 10, 0, subject)
    )
    # no candidate is favoured: of 3000 draws 1000 each, standard deviation 26
    assert all(abs(firsts[n] - 1000) < 5 * 26 for n in range(3))


@pytest.mark.parametrize(
    ("rows", "where", "expected", "got"),
    [
        ([], "", "clips", "no row"),
        (["demo,Waltz,W_1,own,own.mp4"], "Waltz, W_1", "recommended music", "none"),
        (["demo,Waltz,W_1,x,x.mp4"], "Waltz, W_1", "its own music", "none"),
        ([*ROWS, "demo,Waltz,W_1,own,x.mp4"], "line 8, music", "once with each", "own again"),
        ([*ROWS, "demo,Waltz,W_1,x,z.webm"], "line 8, music", "once with each", "x again"),
        (
            [*ROWS, "demo,Waltz,W_1 with x,z,x.mp4", "demo,Waltz,W_1,x with z,x.mp4"],
            "line 9, music",
            "known together",
            "W_1 with x with z twice",
        ),
        ([*ROWS, "demo,Waltz,W_1,q,q.mp4"], "line 8, clip", "a video", "no such file"),
        ([*ROWS, "demo,Waltz,W_1,q,clips.csv"], "line 8, clip", "a video", "browsers may not"),
        ([*ROWS, "demo,Waltz,W_1,q,empty.mp4"], "line 8, clip", "a video", "an empty file"),
        ([*ROWS, "", "demo,,W_1,q,x.mp4"], "line 9, category", "a text", "nothing"),
        ([*ROWS, "demo,Waltz,W_1,q"], "line 8", "5 fields", "4"),
        ([*ROWS, 'demo,Waltz,W_1,"q,x.mp4'], "line 8", "CSV", "unexpected end"),
    ],
)
def test_a_bad_list(clips: Path, rows: list[str], where: str, expected: str, got: str) -> None:
    (clips.parent / "empty.mp4").touch()
    listed(*rows)
    with pytest.raises(UserError) as caught:
        make(clips)
    error = caught.value
    assert (error.file, error.where) == (clips, where)
    assert expected in error.expected
    assert got in error.got
    assert not list(Path().glob("*study_kit*"))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("none.csv", None),
        ("clips", None),
        ("empty.csv", b""),
        ("columns.csv", b"dance,music,clip\nW_1,own,own.mp4\n"),
        ("latin.csv", b"dataset,category,dance,music,clip\nd,\xe4,W_1,own,own.mp4\n"),
    ],
)
def test_what_is_no_list(clips: Path, path: str, content: bytes | None) -> None:
    if content is not None:
        Path(path).write_bytes(content)
    with pytest.raises(UserError, match=path):
        make(path)
    assert not Path("study_kit").exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_folder_that_exists_stays_as_it_is(clips: Path, kind: str) -> None:
    there = Path("study_kit")
    if kind == "file":
        there.write_text("mine")
    else:
        there.mkdir()
    with pytest.raises(UserError, match="not there yet"):
        make(clips)
    assert there.read_text() == "mine" if kind == "file" else not list(there.iterdir())


@pytest.mark.parametrize("option", [["--subjects", "0"], ["--seed", "-1"]])
def test_numbers_out_of_range(clips: Path, option: list[str]) -> None:
    assert CliRunner().invoke(app, ["make", str(clips), *option]).exit_code == 2
    assert not Path("study_kit").exists()


def test_a_full_disk_leaves_nothing(
    clips: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    before = sorted(Path().iterdir())
    monkeypatch.setattr(sys, "argv", ["motionmusic", "study", "make", str(clips)])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert "No space left" in error
    assert sorted(Path().iterdir()) == before


# In a browser


class Hands:
    """A subject who has a keyboard and no mouse."""

    def __init__(self, page: Any) -> None:
        self.page, self.press = page, page.keyboard.press

    def tab_to(self, selector: str) -> None:
        for _ in range(40):
            if self.page.evaluate("name => document.activeElement.matches(name)", selector):
                return
            self.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {selector}")

    def heading(self) -> str:
        """Which page is shown: its heading, and the place in the study."""
        shown = "[...document.querySelectorAll('h1, .place')].filter((e) => e.offsetParent)"
        return str(self.page.evaluate(f"{shown}.map((e) => e.innerText).join(' / ')"))

    def answer(self, name: str, value: str) -> None:
        """Choose with the arrow keys, as radio buttons are used."""
        self.tab_to(f"[name={name}]")
        self.press("Space")
        for _ in range(6):
            if self.page.locator(f"[name={name}]:checked").input_value() == value:
                return
            self.press("ArrowDown")
        raise AssertionError(f"no answer {value} of {name}")

    def watch(self) -> None:
        self.page.wait_for_function("document.querySelector('video').readyState == 4")
        self.tab_to("video")
        self.press("Space")
        self.page.wait_for_function("document.querySelector('video').ended")

    def submit(self) -> None:
        self.tab_to("[type=submit]")
        self.press("Space")

    def go_on(self) -> None:
        """To the next page, which puts the focus on its heading."""
        self.submit()
        self.page.wait_for_function("document.activeElement.tagName == 'H1'")


def test_nobody_begins_before_they_agree(clips: Path, browser: Any) -> None:
    Path("consent.txt").write_text("The study is <b>anonymous</b>.\n\nYou may stop.\n", "utf-8")
    folder = make(clips, "--title", "Tango & <i>you", "--consent", "consent.txt")
    page = browser.new_page()
    page.goto((folder / "index.html").resolve().as_uri())
    assert page.title() == page.locator("#start h1").inner_text() == "Tango & <i>you"
    paragraphs = page.locator("#consent p").all_inner_texts()
    assert paragraphs == ["The study is <b>anonymous</b>.", "You may stop."]
    page.fill("#subject", "1")
    page.check("[value=dance]")
    page.click("[type=submit]")
    assert page.locator("#start").is_visible()
    page.check("[name=agreed]")
    page.click("[type=submit]")
    assert page.locator("#start").is_hidden()


@pytest.mark.parametrize("content", [b" \n\n", b"\xff\xfe"])
def test_a_consent_without_text(clips: Path, content: bytes) -> None:
    Path("consent.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"consent\.txt: expected"):
        make(clips, "--consent", "consent.txt")
    assert not Path("study_kit").exists()


@pytest.mark.slow
def test_a_whole_study_by_keyboard(clips: Path, tmp_path: Path, browser: Any) -> None:
    from motionmusic.render.page import Panel, video

    steps = np.cumsum(np.random.default_rng(0).normal(0, 0.3, (10, 23, 3)), axis=0)
    for name in ("own.mp4", "x.mp4", "y.mp4"):
        sound = np.zeros(48_000, np.float32)
        video(clips.parent / name, steps, "musictodance", 25.0, [Panel("", "", sound)])
    listed(*(row.replace("z.webm", "y.mp4") for row in ROWS))
    folder = make(clips, "--subjects", "3")
    seen = study(folder)["orders"][1]  # of subject 2
    dances = study(folder)["dances"]
    page = browser.new_page(viewport={"width": 900, "height": 900})
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "index.html").resolve().as_uri())
    hands = Hands(page)

    def shown() -> str:
        source = str(page.evaluate("document.querySelector('video').src"))
        return str(Path(source.removeprefix("file://")).relative_to(folder.resolve()))

    hands.tab_to("#subject")
    hands.press("4")
    hands.answer("major", "dance")
    hands.submit()
    assert hands.heading() == "Dance and music"  # there are three subjects
    hands.tab_to("#subject")
    hands.press("Backspace")
    hands.press("2")
    hands.go_on()

    given: dict[tuple[str, str], tuple[str, str, str]] = {}
    choices = itertools.cycle([("1", "5", "0"), ("4", "2", "1"), ("3", "3", "1")])
    turns = itertools.cycle([("q3", "q2", "q1"), ("q1", "q3", "q2"), ("q1", "q2", "q3")])
    for place, (number, candidates) in enumerate(seen, 1):
        dance = dances[number]
        assert hands.heading() == f"Dance {place} of 2 / A dance with its own music"
        assert shown() == dance["own"]
        hands.submit()  # without watching
        assert "to its end" in page.locator("#notice").inner_text()
        hands.watch()
        hands.go_on()
        for nth, each in enumerate(candidates, 1):
            at = f"Dance {place} of 2, other music {nth} of 2 / The same dance with other music"
            assert hands.heading() == at
            assert shown() == dance["candidates"][each]["clip"]
            hands.watch()
            answers = next(choices)
            *first, left = [(name, answers[int(name[1]) - 1]) for name in next(turns)]
            for name, value in first:
                hands.answer(name, value)
            hands.submit()  # one question is open, each in its turn
            assert hands.heading() == at
            hands.answer(*left)
            hands.go_on()
            given[dance["category"], dance["candidates"][each]["item"]] = answers
            if nth == 1:
                page.reload()
                assert hands.heading() == "Dance and music"
                assert page.locator("#subject").input_value() == "2"
                hands.go_on()
                assert shown() == dance["own"]
                hands.watch()
                hands.go_on()
    assert hands.heading() == "Thank you"
    hands.tab_to("#save")
    with page.expect_download() as download:
        hands.press("Space")
    assert download.value.suggested_filename == "ratings_2.csv"
    file = tmp_path / "ratings_2.csv"
    download.value.save_as(file)
    page.close()
    assert file.read_text("utf-8").startswith("dataset,category,subject,major,q1,q2,q3,item\n")
    ratings = read_ratings([file])
    assert set(zip(ratings["category"], ratings["item"], strict=True)) == ITEMS
    for row in ratings.to_dict("records"):
        assert (row["dataset"], row["subject"], row["major"]) == ("demo", "2", "dance")
        q = tuple(str(row[name]) for name in ("q1", "q2", "q3"))
        assert q == given[row["category"], row["item"]]
    assert CliRunner().invoke(app, ["score", str(file)]).exit_code == 0
    assert wrong == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data", "blob"}
