"""A section with hundreds of settings stays readable, and says what it leaves out."""

from dataclasses import replace

from row_factory import make_row
from study_factory import MadeStudy, make_outline, make_section
from study_steps import render_all

from vlmeter.reporting.sections.selection import (
    MOST_SETTINGS,
    describe_left_out,
    share_settings,
    shorten_section,
)
from vlmeter.results.outline import SectionGrid, SectionOutline
from vlmeter.results.tables import Summary, read_summary

LENGTHS = list(range(10, 10 + 10 * (MOST_SETTINGS + 5), 10))


def make_rows(section: SectionGrid, times_s: dict[int, float | None]) -> Summary:
    """Make a row per cell of the section, with a time by the length of the input."""
    return {
        entry.key: make_row(latency=times_s[entry.axes.max_input_len]) for entry in section.cells
    }


def list_lengths(section: SectionGrid) -> list[int]:
    return list(dict.fromkeys(entry.axes.max_input_len for entry in section.cells))


def make_long_section(datasets: list[str], values: list[int]) -> SectionOutline:
    return make_section("input_length", "Input Length", datasets, {}, "max_input_len", values)


def test_a_short_section_stays_as_it_is():
    block = make_long_section(["coco", "textvqa"], LENGTHS[:MOST_SETTINGS])
    assert shorten_section(block, {}, MOST_SETTINGS) is block
    assert describe_left_out(block, block) is None


def test_of_many_settings_the_first_and_the_fastest_are_kept_in_their_order():
    block = make_long_section(["coco", "textvqa"], LENGTHS)
    # Longer inputs are faster here, so that the first setting is the slowest.
    times = {length: 1 / length for length in LENGTHS}
    shown = shorten_section(block, make_rows(block, times), MOST_SETTINGS)
    assert list_lengths(shown) == [LENGTHS[0], *LENGTHS[-MOST_SETTINGS + 1 :]]
    assert len(shown.cells) == 2 * MOST_SETTINGS
    assert describe_left_out(block, shown) == (
        f"Of {len(LENGTHS)} settings {MOST_SETTINGS} are shown: the first, and those that take the "
        "least time per sample. All are in summary.csv."
    )


def test_settings_with_figures_are_preferred_to_settings_without():
    block = make_long_section(["coco"], LENGTHS)
    lost = set(LENGTHS[1:4])
    times = {length: None if length in lost else float(length) for length in LENGTHS}
    shown = shorten_section(block, make_rows(block, times), MOST_SETTINGS)
    assert not lost & set(list_lengths(shown))


def test_where_nothing_was_measured_the_first_settings_are_kept():
    block = make_long_section(["coco"], LENGTHS)
    assert list_lengths(shorten_section(block, {}, MOST_SETTINGS)) == LENGTHS[:MOST_SETTINGS]


def test_the_sections_of_a_study_share_the_room_of_its_page():
    assert [share_settings(count) for count in (1, 3, 5, 10, 40)] == [20, 20, 12, 6, 5]
    block = make_long_section(["coco"], LENGTHS)
    assert list_lengths(shorten_section(block, {}, share_settings(10))) == LENGTHS[:6]


def test_table_and_figure_of_a_long_section_say_what_they_leave_out(tmp_path):
    outline = replace(make_outline(), sections=(make_long_section(["textvqa"], LENGTHS),))
    files = render_all(MadeStudy(outline), tmp_path)
    words = f"Of {len(LENGTHS)} settings {MOST_SETTINGS} are shown"
    assert words in (tmp_path / "report.md").read_text()
    assert words in (tmp_path / "study.html").read_text()
    assert "are shown" in files.figure("input_length").read_text()
    assert len(read_summary(files.summary)) == len(LENGTHS)
