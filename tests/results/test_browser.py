"""The report in a real browser: Debian's Chromium without a screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_results import CLASSES, make_results, written

# What a person with a keyboard must reach, by the rules of HTML; a video counts as one.
REACHABLE = (
    "a[href], button:not(:disabled), input, select, summary, video[controls], [tabindex='0']"
)


@pytest.fixture(scope="module")
def address(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    make_results(folder)
    written(folder, "full")
    return (folder / "report" / "synthetic" / "full" / "index.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, whose errors and requests are looked at when the test is over."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"{request.url}: {request.failure}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    page.close()
    # sound that is not played to its end is read in part only, so its request is broken off
    assert [text for text in said if not text.endswith("net::ERR_ABORTED")] == []
    folder = address.removesuffix("index.html")
    assert [url for url in asked if not url.startswith((folder, "data:"))] == []


def cell(page: Any, truth: int, said: int) -> Any:
    return page.locator(f"#matrix button[data-true='{truth}'][data-said='{said}']")


def drawn(page: Any, canvas: str = "dancer") -> str:
    """What is on a canvas."""
    return str(page.evaluate("id => document.getElementById(id).toDataURL()", canvas))


def changes(page: Any, before: str, canvas: str = "dancer") -> None:
    """Wait until a canvas shows something else."""
    shows = "([id, before]) => document.getElementById(id).toDataURL() !== before"
    page.wait_for_function(shows, arg=[canvas, before])


def late(page: Any) -> float:
    """Seconds from what is heard to what is shown, right after a picture was drawn."""
    return float(
        page.evaluate(
            """() => new Promise(say => requestAnimationFrame(() =>
            say(document.getElementById("time").value - document.getElementById("heard").currentTime)))"""
        )
    )


def second(page: Any) -> float:
    """Of the dance, which is shown."""
    return float(page.locator("#time").input_value())


def test_tables_and_pictures_are_there(page: Any) -> None:
    assert page.locator("table").count() >= 12
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_a_video_plays_and_its_clock_advances(page: Any) -> None:
    video = page.locator("video").first
    video.focus()
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('video').currentTime > 0.3")
    assert video.evaluate("video => video.videoWidth") > 0
    assert video.evaluate("video => video.error") is None


def test_a_dance_moves_from_the_start_without_sound(page: Any) -> None:
    page.wait_for_function("document.getElementById('play').textContent === 'Pause'")
    changes(page, drawn(page))
    assert page.evaluate("document.getElementById('heard').paused")
    assert not page.locator("#sound").is_checked()
    page.locator("#play").click()
    still = drawn(page), second(page)
    page.wait_for_timeout(300)
    assert (drawn(page), second(page)) == still


def test_a_chosen_cell_lists_its_excerpts_and_plays_one_with_its_sound(page: Any) -> None:
    cell(page, 0, 1).click()
    assert page.locator("#behind-name").inner_text() == (
        f"{CLASSES[0]}, taken for {CLASSES[1]}: 4 excerpts"
    )
    entries = page.locator("#behind button")
    assert entries.count() == 4
    assert entries.all_inner_texts()[0] == "<i>C_2, excerpt 0: 3 of 9 segments"
    entries.nth(1).click()
    page.wait_for_function("document.getElementById('heard').currentTime > 2.3")
    assert page.locator("#playing").inner_text().startswith("<i>C_2, excerpt 1")
    assert abs(late(page)) < 0.2  # the sound of that second
    cell(page, 3, 0).click()
    assert "0 excerpts" in page.locator("#behind-name").inner_text()


def test_other_music_is_chosen_while_it_plays(page: Any) -> None:
    cell(page, 2, 2).click()
    page.locator("#behind button", has_text="T_1, excerpt 0").click()
    page.wait_for_function("document.getElementById('heard').currentTime > 0.2")
    assert page.locator("#music optgroup").evaluate_all("all => all.map(one => one.label)") == [
        "category, then any track (the paper)", "contrastive, by label",
    ]  # fmt: skip
    beats = drawn(page, "strip")
    page.select_option("#music", "0")
    changes(page, beats, "strip")
    # this track's file begins at second 1 of the dance, and time goes on until then
    page.wait_for_function("document.getElementById('heard').currentTime > 0.2")
    assert page.evaluate("document.getElementById('heard').src").endswith("/tracks/category.m4a")
    assert abs(late(page) - 1) < 0.2


def test_turning_zooming_and_scrubbing_with_the_keyboard(page: Any) -> None:
    page.locator("#play").click()
    for slider in ("turn", "zoom", "time"):
        before = drawn(page)
        page.locator(f"#{slider}").focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        assert drawn(page) != before, slider
    assert page.locator("#turn").input_value() == "25"


def test_a_finger_turns_the_dancer(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800}, has_touch=True)
    page.goto(address)
    page.wait_for_function("document.getElementById('play').textContent === 'Pause'")
    page.locator("#dancer").scroll_into_view_if_needed()
    box = page.locator("#dancer").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 50, steps=4)
    page.mouse.up()
    assert int(page.locator("#turn").input_value()) > 60
    page.close()


def test_who_wants_no_motion_gets_none_unasked(browser: Any, address: str) -> None:
    page = browser.new_page(reduced_motion="reduce")
    page.goto(address)
    page.wait_for_function("!document.getElementById('play').disabled")
    assert page.locator("#play").inner_text() == "Play"
    still = drawn(page)
    page.wait_for_timeout(300)
    assert drawn(page) == still
    page.close()


def test_another_model_has_its_own_counts(page: Any) -> None:
    assert cell(page, 0, 1).inner_text().split() == ["12", "33.3", "%"]
    cell(page, 0, 1).click()
    page.select_option("#model", "majority/joints")
    assert page.locator("#matrix-name").inner_text() == "majority, joints"
    assert cell(page, 0, 0).inner_text().split() == ["24", "66.7", "%"]
    assert cell(page, 1, 1).inner_text().split() == ["36", "100.0", "%"]


def test_a_table_is_sorted_by_a_column_and_dashes_stay_last(page: Any) -> None:
    table = page.locator("#segments-1").locator("xpath=..").locator("table")

    def column() -> list[str]:
        return [
            text.split(" ")[0] for text in table.locator("tbody td:nth-child(4)").all_inner_texts()
        ]

    head = table.locator("thead th").nth(3)
    assert set(column()[5:]) == {"–"}
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    numbers = [float(text) for text in column() if text != "–"]
    assert numbers == sorted(numbers)
    assert column()[-1] == "–"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert column()[-1] == "–"
    assert table.locator("th[aria-sort]").count() == 1


def test_everything_is_reached_with_the_keyboard(page: Any) -> None:
    cell(page, 0, 1).click()
    page.evaluate("document.activeElement.blur()")
    page.evaluate("viewer.show(0, 0, false)")
    wanted = page.evaluate(
        """selector => {
          const all = [...document.querySelectorAll(selector)].filter(e => e.checkVisibility());
          all.forEach((each, place) => { each.dataset.place = place; });
          return all.length;
        }""",
        REACHABLE,
    )
    assert wanted > 45
    reached = set()
    # a browser puts several stops, its controls, into one video
    for _ in range(wanted + 20 * page.locator("video").count() + 5):
        page.keyboard.press("Tab")
        place, ring = page.evaluate(
            """() => {
              const at = document.activeElement;
              const style = getComputedStyle(at);
              return [at.dataset.place ?? "", at.tagName === "VIDEO" || style.outlineStyle !== "none"];
            }"""
        )
        if place:
            assert ring, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
            reached.add(int(place))
    assert reached == set(range(wanted))


def test_a_cell_is_chosen_with_the_keyboard(page: Any) -> None:
    cell(page, 0, 1).focus()
    page.keyboard.press("Enter")
    assert cell(page, 0, 1).get_attribute("aria-pressed") == "true"
    page.locator("#behind button").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.locator("#playing").inner_text().startswith("<i>C_2, excerpt 1")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1400, "light")])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe, of dev")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(address)
    cell(page, 0, 1).click()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    # the shadows at the sides of wide tables, behind which axe knows no colour
    page.add_style_tag(content=".scroll { background: none !important; }")
    found = axe.Axe().run(page, options={"resultTypes": ["violations", "passes"]})
    assert found.violations_count == 0, found.generate_report()
    passed = {rule["id"]: len(rule["nodes"]) for rule in found.response["passes"]}
    assert passed["color-contrast"] > 300  # texts whose contrast was measured
    assert len(passed) > 20
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


def test_on_paper_there_are_results_and_no_controls(page: Any, tmp_path: Path) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("nav", "video", ".behind", ".viewer", "#model", "summary"):
        assert page.locator(hidden).first.is_hidden(), hidden
    for shown in ("#segments-1", "#matrix", "#excerpts-1", ".paper img", ".still"):
        assert page.locator(shown).first.is_visible(), shown
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 without its margins
    assert page.evaluate("document.documentElement.scrollWidth") == 690
    # else no table has its head on its second page
    assert (
        page.locator("th button").first.evaluate("e => getComputedStyle(e).display") == "contents"
    )
    page.emulate_media(media="screen")
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
