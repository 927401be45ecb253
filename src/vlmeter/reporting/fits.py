"""Says which batch fits which memory."""

from collections.abc import Iterator, Sequence

from vlmeter.axes import AXIS_NAMES
from vlmeter.reporting.answer_costs import count_reasons
from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.settings import format_group_title, format_values, list_changed_axes
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.fits import FitRow
from vlmeter.results.numbers import DASH, Scale
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Summary
from vlmeter.storage.layout import CellKey

MOST_ROWS = 24
"""Most rows of the table: the first of the study."""
_SETTING_AXES = tuple(axis for axis in AXIS_NAMES if axis != "batch_size")


def tabulate_fits(outline: Outline, summary: Summary, fits: Sequence[FitRow]) -> Table | None:
    """Return a row per setting and memory of which the largest batch is known; None without any.

    Args:
        outline: The study.
        summary: The rows of `summary.csv`.
        fits: The rows of `fits.csv`.
    """
    shown = [fit for fit in fits if fit.largest_batch is not None][:MOST_ROWS]
    if not shown:
        return None
    rows = [summary[CellKey(fit.dataset, fit.cell)] for fit in shown]
    scale = Scale.of([fit.sample_bytes for fit in shown], "B")
    return build_table(
        [
            TextColumn(
                say("table.dataset"),
                [format_group_title(outline.labels, row.dataset, row.model) for row in rows],
            ),
            TextColumn(say("table.setting"), [_name_setting(row, outline) for row in rows]),
            TextColumn(say("budget.memory"), [fit.memory for fit in shown]),
            TextColumn(
                say("budget.largest_batch"), [_format_batch(fit) for fit in shown], numeric=True
            ),
            TextColumn(
                say("budget.measured_batches"), [fit.measured_batches or DASH for fit in shown]
            ),
            TextColumn(
                say("budget.sample_bytes", unit=scale.unit),
                [scale.format(fit.sample_bytes) for fit in shown],
                numeric=True,
            ),
        ]
    )


def _name_setting(row: SummaryRow, outline: Outline) -> str:
    """Name a setting apart from its batch size."""
    changed = [axis for axis in list_changed_axes(row, outline.base) if axis in _SETTING_AXES]
    values = {axis: getattr(row, axis) for axis in changed if axis != "model"}
    return format_values(values) or say("answer.base_config")


def _format_batch(fit: FitRow) -> str:
    mark = f" {say('budget.extrapolated')}" if fit.extrapolated else ""
    return f"{fit.largest_batch}{mark}"


def describe_fits(outline: Outline, summary: Summary, fits: Sequence[FitRow]) -> Iterator[str]:
    """Say of each reference which of its batches fits each memory."""
    for dataset, by_model in outline.references.items():
        for cell in by_model.values():
            reference = summary.get(CellKey(dataset, cell))
            own = [
                fit
                for fit in fits
                if fit.largest_batch is not None
                and reference is not None
                and _get_setting(summary[CellKey(fit.dataset, fit.cell)]) == _get_setting(reference)
            ]
            if own and reference is not None:
                parts = [
                    say("budget.fit", memory=fit.memory, batch=_format_batch(fit)) for fit in own
                ]
                yield say(
                    "budget.reference_fits",
                    group=format_group_title(outline.labels, dataset, reference.model),
                    parts=join_words(parts),
                )


def _get_setting(row: SummaryRow) -> tuple[object, ...]:
    return (row.dataset, *(getattr(row, axis) for axis in _SETTING_AXES))


def list_fit_notes(fits: Sequence[FitRow]) -> Iterator[str]:
    """Say of how many settings no largest batch could be said, and why."""
    by_setting = {(fit.dataset, fit.cell): fit.reason for fit in fits}
    yield from count_reasons("budget.no_fit", by_setting.values())
