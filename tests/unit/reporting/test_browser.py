"""The page in a browser without a network: it fits, loads nothing, and does what it offers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Tab, start_browser
from page_faults import DRAW_CHARTS, OPEN_ALL, list_faults
from study_files import Files

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
DESK_PX, PHONE_PX = 1280, 390
SCREEN_PX = 800
SAMPLE = Path(__file__).parents[3] / "docs/sample"
HINT = "docs/sample is longer: see what the page opens with, then `make demo sample pictures`"
ROWS = "[...document.querySelectorAll('#all-settings tbody tr[data-keys]')]"
SHOWN_ROWS = f"{ROWS}.filter((row) => row.checkVisibility()).length"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """An empty page of the one browser of this file."""
    with start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser.open_tab()


@pytest.fixture
def desk(tab: Tab, rendered: Files) -> Tab:
    """The page of the made-up study in a wide window."""
    tab.resize(DESK_PX)
    tab.open((rendered.folder / "study.html").as_uri())
    return tab


@pytest.mark.parametrize(
    ("which", "language", "width_px", "colours"),
    [
        ("rendered", "en", DESK_PX, "light"),
        ("rendered", "ru", PHONE_PX, "dark"),
        ("hostile", "en", PHONE_PX, "light"),
        ("hostile", "ru", DESK_PX, "dark"),
    ],
)
def test_the_page_fits_loads_nothing_and_is_accessible(
    which, language, width_px, colours, tab, request
):
    folder = request.getfixturevalue(which).folder
    page = folder / ("study.html" if language == "en" else "study.ru.html")
    assert list_faults(tab, page, width_px, colours) == []
    assert tab.evaluate("document.querySelectorAll('figure svg').length") >= 5
    assert tab.evaluate("Math.min(...[...document.images].map((each) => each.naturalWidth))") > 0


def test_faults_of_a_page_are_noticed(tab, tmp_path):
    """Shows that the test above can fail: each part of this page has a fault."""
    page = tmp_path / "study.html"
    page.write_text(
        '<!doctype html><html><main><div style="width: 2000px">wide</div>'
        '<p style="color: #ccc">pale</p><figure><svg><text fill="#ddd">faint</text></svg></figure>'
        '<figure class="scroll" style="overflow: auto"><svg style="width: 2000px"><text y="9" '
        'font-size="5">tiny</text></svg></figure>'
        '</main><img src="http://example.org/a.png">'
        '<script>console.error("heard")</script>',
        encoding="utf-8",
    )
    faults = "\n".join(list_faults(tab, page, DESK_PX, "light"))
    for words in (
        "heard",
        "asks for http://example.org/a.png",
        "wider than the window: DIV.",
        "pale in a chart: faint",
        "a figure scrolls: ",
        "too small in a chart: tiny",
    ):
        assert words in faults
    for rule in ("scrolls to 20", "color-contrast", "image-alt", "html-has-lang"):
        assert rule in faults


def test_a_heading_sorts_the_settings_both_ways(desk):
    place = desk.evaluate(
        "[...document.querySelectorAll('#all-settings thead th')]"
        ".findIndex((head) => head.dataset.column === 'latency')"
    )
    values = f"{ROWS}.map((row) => row.cells[{place}].dataset.value).filter(Boolean).map(Number)"
    head = f"document.querySelectorAll('#all-settings thead th')[{place}]"
    unsorted = desk.evaluate(values)
    for order, reverse in (("ascending", False), ("descending", True)):
        desk.evaluate(f"{head}.querySelector('button').click()")
        assert desk.evaluate(values) == sorted(unsorted, reverse=reverse)
        assert desk.evaluate(f"{head}.getAttribute('aria-sort')") == order
    assert unsorted not in (sorted(unsorted), sorted(unsorted, reverse=True))
    # Settings without a value come last either way.
    assert desk.evaluate(f"{ROWS}.at(-1).cells[{place}].dataset.value") == ""


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [("dataset", "COCO", 1), ("state", "unsupported", 1), ("batch_size", "4", 1)],
)
def test_a_filter_leaves_what_it_names(name, value, left, desk):
    every = desk.evaluate(SHOWN_ROWS)
    desk.choose(f"#settings-filters [name={name}]", value)
    assert desk.evaluate(SHOWN_ROWS) == left < every
    count = "document.getElementById('settings-count').textContent"
    assert desk.evaluate(count) == f"{left} of {every} rows"
    desk.choose(f"#settings-filters [name={name}]", "")
    assert desk.evaluate(SHOWN_ROWS) == every


def test_a_reader_chooses_the_columns(desk):
    shown = (
        "[...new Set([...document.querySelectorAll('#all-settings [data-column]')]"
        ".filter((cell) => cell.checkVisibility()).map((cell) => cell.dataset.column))]"
    )
    before = desk.evaluate(shown)
    assert {"quality", "latency"} <= set(before)
    assert "first_token" not in before
    desk.evaluate(OPEN_ALL)
    for name in ("first_token", "memory"):
        desk.evaluate(f"document.querySelector('#settings-columns [value={name}]').click()")
    assert set(desk.evaluate(shown)) == {*before, "first_token"} - {"memory"}


def test_a_row_opens_its_record_by_keyboard_and_closes_it_again(desk):
    opened = "document.querySelector('#all-settings tr.opened')?.textContent ?? ''"
    desk.evaluate(f"{ROWS}[1].querySelector('button').focus()")
    desk.press("Enter")
    text = desk.evaluate(opened)
    assert '"wer_value"' in text
    assert "Attention" in text
    assert desk.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    desk.press("Enter")
    assert desk.evaluate(opened) == ""
    # What was shown in the table is back among all records.
    assert desk.evaluate("document.querySelectorAll('#records .record').length") == 21


def test_the_gallery_is_filtered_by_what_changed_and_by_setting(desk):
    samples = (
        "[...document.querySelectorAll('#gallery .sample')].filter((each) => !each.hidden).length"
    )
    every = desk.evaluate(samples)
    desk.choose("#gallery-filters [name=kind]", "changed")
    changed = desk.evaluate(samples)
    assert 0 < changed < every
    desk.choose("#gallery-filters [name=kind]", "")
    setting = desk.evaluate(
        "document.querySelector('#gallery-filters [name=setting]').options[2].value"
    )
    desk.choose("#gallery-filters [name=setting]", setting)
    named = desk.evaluate(
        "[...document.querySelectorAll('#gallery .answer')].filter((each) => !each.hidden)"
        ".map((each) => JSON.parse(each.dataset.settings))"
    )
    assert named
    assert all(setting in settings for settings in named)
    # What a filter leaves can be seen, where it was folded too.
    assert desk.evaluate(
        "[...document.querySelectorAll('#gallery .sample:not([hidden])')]"
        ".every((each) => each.checkVisibility())"
    )


def test_the_answer_follows_the_limits_that_a_reader_sets(desk):
    answer = "document.getElementById('limits-answer').textContent"
    goals = "[...document.querySelectorAll('#limits-answer b')].map((each) => each.textContent)"
    desk.choose("#limits [name=contest]", "0")
    table = desk.evaluate("document.querySelector('.goals tbody td a').textContent")
    free = desk.evaluate(goals)
    assert table in free
    desk.slide("#limits [name=latency]", 10)
    assert desk.evaluate("document.querySelector('#limits output').value").startswith("≤ ")
    limited = desk.evaluate(goals)
    # Only the first setting replies that fast.
    assert set(limited) == {"base setting"} != set(free)
    desk.slide("#limits [name=latency]", 0)
    desk.slide("#limits [name=quality]", 100)
    assert desk.evaluate(answer)


def test_a_best_setting_leads_to_its_row(desk):
    link = "document.querySelector('.goals a')"
    cell = desk.evaluate(f"{link}.dataset.cell")
    desk.evaluate(f"{link}.click()")
    keys = desk.evaluate("JSON.parse(document.querySelector('tr.chosen').dataset.keys)")
    assert cell in {name for names in keys.values() for name in names}


def test_a_point_of_the_chart_leads_to_its_row_and_says_its_values(desk):
    point = "#figure-tradeoff .mark-symbol path"
    desk.wait_until("document.getElementById('figure-tradeoff').chart")
    box = desk.evaluate(
        f"(() => {{ const each = document.querySelector({point!r});"
        "each.scrollIntoView({block: 'center'}); const box = each.getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2] })()"
    )
    desk.point_at(*box)
    desk.wait_until("document.querySelector('#vg-tooltip-element.visible')")
    words = desk.evaluate("document.querySelector('#vg-tooltip-element').textContent")
    assert "Latency" in words
    desk.click_at(*box)
    assert desk.evaluate("document.querySelectorAll('tr.chosen').length") == 1


@pytest.mark.parametrize(
    ("keys", "words", "chosen"),
    [
        ("{}", "The table of all settings has no row of this point: summary.csv has it.", 0),
        (None, "", 1),
    ],
)
def test_a_point_leads_to_its_row_or_says_that_it_has_none(keys, words, chosen, desk):
    """A large study's table leaves rows out."""
    chart = "document.getElementById('figure-image_size')"
    point = f"{chart}.querySelector('.mark-symbol path')"
    if keys is not None:
        desk.evaluate(f"{ROWS}.forEach((row) => {{ row.dataset.keys = {keys!r} }})")
    desk.evaluate("document.getElementById('s-image_size').open = true")
    # A chart is drawn once it comes into view.
    desk.evaluate(f"{chart}.scrollIntoView()")
    desk.wait_until(f"{chart}.chart")
    desk.evaluate(f"{point}.scrollIntoView({{block: 'center'}})")
    box = desk.evaluate(f"{point}.getBoundingClientRect().toJSON()")
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desk.point_at(*place)
    desk.click_at(*place)
    desk.wait_until(f"{chart}.querySelector('[role=status]')")
    assert desk.evaluate(f"{chart}.querySelector('[role=status]').textContent") == words
    assert desk.evaluate("document.querySelectorAll('tr.chosen').length") == chosen


def test_closed_parts_stand_in_pairs_and_an_open_one_has_the_whole_width(desk):
    box = "document.querySelectorAll('#knobs .folds > details')[{0}].getBoundingClientRect()"
    first, second = (desk.evaluate(f"({box.format(n)}).toJSON()") for n in (0, 1))
    assert first["top"] == second["top"]
    assert first["right"] < second["left"]
    desk.evaluate("document.querySelector('#knobs .folds > details').open = true")
    opened, second = (desk.evaluate(f"({box.format(n)}).toJSON()") for n in (0, 1))
    assert opened["width"] > 2 * first["width"]
    assert second["top"] >= opened["bottom"]


def test_the_demo_s_page_takes_seven_screens_before_anything_is_opened(tab):
    tab.resize(DESK_PX)
    tab.open((SAMPLE / "study.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollHeight") <= 7 * SCREEN_PX, HINT


def test_the_russian_page_takes_no_more_screens_than_the_english(tab, rendered):
    tab.resize(DESK_PX)
    heights = []
    for page in ("study.html", "study.ru.html"):
        tab.open((rendered.folder / page).as_uri())
        heights.append(tab.evaluate("document.documentElement.scrollHeight"))
    # Of the demo's seven screens one word that wraps is less than a hundredth.
    assert heights[1] <= 1.015 * heights[0]


@pytest.mark.parametrize("page", ["study.html", "study.ru.html"])
def test_all_links_of_the_bar_are_seen_in_a_wide_window(page, tab, rendered):
    tab.resize(DESK_PX)
    tab.open((rendered.folder / page).as_uri())
    # The one of published values, which this study lacks, has its room too.
    tab.evaluate(
        "document.querySelector('nav .inner').append("
        "Object.assign(document.createElement('a'), {textContent: 'Опубликованное'}))"
    )
    assert tab.evaluate("document.querySelectorAll('nav a').length") == 10
    bar = "document.querySelector('nav .inner')"
    assert tab.evaluate(f"{bar}.scrollWidth") <= tab.evaluate(f"{bar}.clientWidth")


def test_on_a_phone_every_panel_of_the_forest_names_its_knobs(tab, rendered):
    tab.resize(PHONE_PX)
    tab.open((rendered.folder / "study.html").as_uri())
    tab.evaluate(DRAW_CHARTS)
    texts = tab.evaluate(
        "[...document.querySelectorAll('#figure-forest svg text')].map((each) => each.textContent)"
    )
    panels = {"Time per sample", "Energy per sample", "Quality (difference)"}
    assert panels <= set(texts)
    assert texts.count("batch 16") == len(panels)


def test_an_address_opens_the_part_that_it_names(desk):
    for part in ("s-image_size", "energy", "lost", "changes"):
        desk.evaluate(f"location.hash = '{part}'")
        desk.evaluate("new Promise(requestAnimationFrame)")
        assert desk.evaluate(f"document.getElementById('{part}').checkVisibility()"), part
        assert desk.evaluate(
            f"document.getElementById('{part}').closest('details')?.open ?? true"
        ), part


def test_every_part_can_be_read_without_script(tab, rendered):
    tab.resize(DESK_PX)
    tab.emulate(script=False)
    try:
        tab.open((rendered.folder / "study.html").as_uri())
        shown = "(each) => each.checkVisibility()"
        assert not tab.evaluate(f"[...document.querySelectorAll('.script')].some({shown})")
        assert tab.evaluate(
            f"[...document.querySelectorAll('#all-settings td, #all-settings th')].every({shown})"
        )
        assert tab.evaluate("document.querySelectorAll('button').length") == 0
        tab.evaluate(OPEN_ALL)
        assert tab.evaluate(f"[...document.querySelectorAll('.record, .sample')].every({shown})")
    finally:
        tab.emulate(script=True)


def test_print_opens_every_part_and_cuts_nothing(desk):
    desk.emulate(media="print")
    desk.resize(700)
    assert not desk.evaluate("document.querySelector('details').open")
    parts = ".record, .sample, #about li, #s-image_size table"
    heights = f"[...document.querySelectorAll('{parts}')].map((each) => each.offsetHeight)"
    assert min(desk.evaluate(heights)) > 0
    cut = (
        "[...document.querySelectorAll('.scroll, pre')]"
        ".filter((box) => getComputedStyle(box).overflowX !== 'visible').length"
    )
    assert desk.evaluate(cut) == 0
    assert desk.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
