"""Which cells of a study are compared with which."""

from collections.abc import Iterator

from vlmeter.results.comparisons import Comparisons
from vlmeter.storage.layout import DifferenceKey
from vlmeter.study.study import Cell, Section, Study


def plan_comparisons(study: Study) -> Comparisons:
    """Return which cells are compared with which, and how; no order of sections changes it.

    A cell is compared with the first of its data set in each section where it stands, with the
    cell of its data set that has the base's values, where the study has one, and with the
    reference of its data set and model.
    """
    pairs = {pair for section in study.sections for pair in _pair_with_first(section)}
    pairs |= {
        (cell, study.base_cells[cell.dataset])
        for cell in study.cells
        if cell.dataset in study.base_cells
    }
    pairs |= {(cell, study.reference_cells[cell.dataset, cell.axes.model]) for cell in study.cells}
    keys = {DifferenceKey(cell.dataset, cell.id, base.id) for cell, base in pairs if cell != base}
    return Comparisons(
        pairs=tuple(sorted(keys)),
        seed=study.config.measure.seed,
        resamples=study.config.report.bootstrap_resamples,
    )


def _pair_with_first(section: Section) -> Iterator[tuple[Cell, Cell]]:
    first: dict[str, Cell] = {}
    for entry in section.cells:
        yield entry.cell, first.setdefault(entry.cell.dataset, entry.cell)
