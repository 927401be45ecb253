"""What the report says of one cell: the four figures of the published study, or why they lack."""

from dataclasses import dataclass

from vlmeter.reporting.formats import format_json_block
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.sections.table import get_wer_or_reason
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status


@dataclass(frozen=True)
class CellView:
    """A cell as the report shows it."""

    dataset: str
    """The data set's label."""
    status: str
    json: str | None
    """The four main figures as JSON, or None where nothing was measured."""
    reason: str | None
    """Why the cell has no figures, or not all of them."""


def build_cell_view(row: SummaryRow | None, dataset: str) -> CellView:
    """Return what the report says of a cell.

    Args:
        row: Its row of `summary.csv`; None where it has no record.
        dataset: The label of its data set.
    """
    if row is None:
        return CellView(dataset, "no_record", None, say("section.no_record"))
    four = (get_wer_or_reason(row), row.latency, row.energy, row.flops_text)
    block = None if four == (None,) * 4 else format_json_block(*four)
    reason = translate(row.reason) if row.reason else None
    if row.status == Status.OK and row.energy is None and row.energy_reason:
        reason = say("section.no_energy", reason=translate(row.energy_reason))
    return CellView(dataset, row.status, block, reason)
