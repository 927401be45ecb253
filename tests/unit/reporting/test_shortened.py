"""The page of a large study begins with what its first screen and its figures lead to."""

from row_factory import make_difference, make_row, rounds_of
from simulated_study import DATASET, make_outline_of
from study_factory import AXES

from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.figures.plot_forest import MOST_KNOBS
from vlmeter.reporting.figures.points import MOST_POINTS
from vlmeter.reporting.first_screen import build_first_screen
from vlmeter.reporting.shortened import list_first
from vlmeter.results.difference_row import FromBase, list_values
from vlmeter.results.repeatability import Repeats
from vlmeter.storage.layout import CellKey, DifferenceKey


def make_cell(cell: str, seconds: float, **axes: object):
    latency = rounds_of("latency", [seconds, seconds * 1.001, seconds * 0.999])
    values = {**AXES, "dataset": DATASET, **latency, **axes}
    return make_row(**values, cell=cell)


def compare(row, seconds: float):
    key = DifferenceKey(DATASET, row.cell, "base")
    change = Difference(seconds, seconds - 0.001, seconds + 0.001)
    return key, make_difference(key, **list_values("sample_time", FromBase(0.1, change)))


def test_what_a_reader_is_led_to_comes_first():
    # The slower, the stronger the effect; none of them is on a front or among the fastest.
    slow = [make_cell(f"s{n}", 0.1 + n / 100, max_input_len=n) for n in range(1, MOST_POINTS + 50)]
    rows = [make_cell("base", 0.1), *slow]
    summary = {CellKey(DATASET, row.cell): row for row in rows}
    differences = dict(compare(row, n / 100) for n, row in enumerate(slow, start=1))
    outline = make_outline_of("base")
    screen = build_first_screen(outline, summary, differences, Repeats())
    cells = [key.cell for key in list_first(outline, summary, differences, screen)]
    named = [key.cell for key in screen.named]
    assert cells[: len(named)] == named
    assert "base" in named
    strongest = cells[len(named) : len(named) + MOST_KNOBS]
    assert strongest == [row.cell for row in slow[-MOST_KNOBS:]]
    assert cells[len(named) + MOST_KNOBS :] == [row.cell for row in rows[:MOST_POINTS]]
