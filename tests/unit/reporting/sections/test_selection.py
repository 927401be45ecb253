"""A section with hundreds of settings stays readable, and says what it leaves out."""

from typing import Any

from study_factory import MadeStudy, make_outline, make_section
from study_steps import render_all

from vlmeter.reporting.sections.selection import MOST_SETTINGS, left_out, shortened
from vlmeter.results.tables import read_summary

LENGTHS = list(range(10, 10 + 10 * (MOST_SETTINGS + 5), 10))


def make_rows(block: dict[str, Any], times_s: dict[int, float | None]) -> dict[Any, dict[str, Any]]:
    """Make a row per cell of the section, with a time by the length of the input."""
    return {
        (entry["dataset"], entry["cell"]): {
            "latency": times_s[entry["values"]["max_input_len"]],
            "latency_low_s": None,
            "latency_high_s": None,
            "batch_size": 1,
        }
        for entry in block["cells"]
    }


def list_lengths(block: dict[str, Any]) -> list[int]:
    return list(dict.fromkeys(entry["values"]["max_input_len"] for entry in block["cells"]))


def make_long_section(datasets: list[str], values: list[int]) -> dict[str, Any]:
    return make_section("input_length", "Input Length", datasets, {}, "max_input_len", values)


def test_a_short_section_stays_as_it_is():
    block = make_long_section(["coco", "textvqa"], LENGTHS[:MOST_SETTINGS])
    assert shortened(block, {}) is block
    assert left_out(block, block) is None


def test_of_many_settings_the_first_and_the_fastest_are_kept_in_their_order():
    block = make_long_section(["coco", "textvqa"], LENGTHS)
    # Longer inputs are faster here, so that the first setting is the slowest.
    shown = shortened(block, make_rows(block, {length: 1 / length for length in LENGTHS}))
    assert list_lengths(shown) == [LENGTHS[0], *LENGTHS[-MOST_SETTINGS + 1 :]]
    assert len(shown["cells"]) == 2 * MOST_SETTINGS
    assert left_out(block, shown) == (
        f"Of {len(LENGTHS)} settings {MOST_SETTINGS} are shown: the first, and those that take the "
        "least time per sample. All are in summary.csv."
    )


def test_settings_with_figures_are_preferred_to_settings_without():
    block = make_long_section(["coco"], LENGTHS)
    lost = set(LENGTHS[1:4])
    times = {length: None if length in lost else float(length) for length in LENGTHS}
    assert not lost & set(list_lengths(shortened(block, make_rows(block, times))))


def test_where_nothing_was_measured_the_first_settings_are_kept():
    block = make_long_section(["coco"], LENGTHS)
    assert list_lengths(shortened(block, {})) == LENGTHS[:MOST_SETTINGS]


def test_table_and_figure_of_a_long_section_say_what_they_leave_out(tmp_path):
    outline = make_outline()
    outline["sections"] = [make_long_section(["textvqa"], LENGTHS)]
    files = render_all(MadeStudy(outline), tmp_path)
    words = f"Of {len(LENGTHS)} settings {MOST_SETTINGS} are shown"
    assert words in (tmp_path / "report.md").read_text()
    assert words in (tmp_path / "study.html").read_text()
    assert "are shown" in files.figure("input_length").read_text()
    assert len(read_summary(files.summary)) == len(LENGTHS)
