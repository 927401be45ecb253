"""Neighbouring goals for which one setting is best are one cell of the table."""

from vlmeter.reporting.verdict import GoalCell, GoalRow


def make_cell(goal: str, cell: str, *values: str, clear: bool = True) -> GoalCell:
    return GoalCell(goal, cell, cell, values, (), clear, disturbed=False)


def test_neighbours_with_one_setting_are_one_and_have_each_value_once():
    cells = (
        make_cell("quality", "a", "0.7"),
        make_cell("latency", "b", "5 ms", "0.7"),
        make_cell("throughput", "b", "9 /s", "0.7", clear=False),
        make_cell("balance", "a", "0.7"),
    )
    spans = GoalRow("d", "m", "D", cells, ()).spans
    assert [(span.best.cell, span.goals, span.values, span.clear) for span in spans] == [
        ("a", 1, ("0.7",), True),
        ("b", 2, ("5 ms", "0.7", "9 /s"), False),
        ("a", 1, ("0.7",), True),
    ]
