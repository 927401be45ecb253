"""Each column of the summary holds the value of its own name, and of no other."""

from dataclasses import replace

from figures_factory import make_figures
from record_factory import make_cell, make_metric, make_quality, make_record
from study_factory import AXES

from vlmeter.results.summary_row import SUMMARY_COLUMNS, build_summary_row

CELL = make_cell("shown", "textvqa", AXES)
BLOCKS = {
    "latency_detail": "latency_",
    "generation": "",
    "energy_detail": "energy_",
    "flops_detail": "flops_",
    "memory": "",
    "conditions": "",
}
"""Parts of a record, by what stands before the name of a value in the summary."""


def number_every_value():
    """Return a record in which no two numbers are alike, and by column the number that it holds."""
    figures = make_figures(CELL, 0.1)
    number, expected = 100, {}
    for block, prefix in BLOCKS.items():
        part, changes = getattr(figures, block), {}
        for name, value in vars(part).items():
            if not isinstance(value, int | float | None) or isinstance(value, bool):
                continue
            if name in AXES:
                continue
            if value is None and not name.endswith(("_j", "_w", "_s", "_g", "_bytes", "_mhz")):
                continue
            number += 1
            changes[name] = number
            expected[prefix + name] = expected[name] = number
        figures = replace(figures, **{block: replace(part, **changes)})
    return make_record(CELL, figures, make_quality(CELL)), expected


def test_a_column_holds_the_value_that_it_is_called_by():
    record, expected = number_every_value()
    row = build_summary_row(record)
    names = {column.name for column in SUMMARY_COLUMNS}
    checked = {name: getattr(row, name) for name in names & set(expected)}
    assert checked == {name: expected[name] for name in checked}
    ends = {"latency_low_s", "latency_high_s", "energy_low_j", "energy_high_j"}
    percentiles = {"latency_p50_s", "latency_p90_s", "latency_p99_s"}
    others = {"tokens_per_s", "samples_per_s", "time_to_first_token_s", "weights_bytes"}
    assert ends | percentiles | others | {"energy_net_j", "co2e_g", "idle_w"} <= set(checked)
    assert (row.latency, row.energy) == (expected["latency_s"], expected["energy_j"])


def test_the_quality_s_columns_hold_each_their_own_figure_and_its_own_ends():
    quality = replace(
        make_quality(CELL),
        metrics=(
            replace(make_metric("wer", "WER", 0.5, 0, higher_is_better=False), low=0.4, high=0.7),
            replace(make_metric("mer", "MER", 0.3, 0, higher_is_better=False), low=0.2, high=0.35),
            replace(make_metric("anls", "ANLS", 0.6, 0, higher_is_better=True), low=0.5, high=0.9),
        ),
    )
    row = build_summary_row(make_record(CELL, make_figures(CELL, 0.1), quality))
    assert (row.wer_value, row.wer_low, row.wer_high) == (0.5, 0.4, 0.7)
    assert (row.task_metric, row.task_value, row.task_low, row.task_high) == ("anls", 0.6, 0.5, 0.9)
