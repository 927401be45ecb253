"""What the cells of each data set and model are compared with."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlmeter.study import Axes, Cell


def reference_cells(
    cells: Iterable["Cell"], base_of: Callable[[str], "Axes"]
) -> dict[tuple[str, str], "Cell"]:
    """Return the reference of each data set and model.

    It is the cell with the base's values but for the model; where a study has none, the first.

    Args:
        cells: The study's cells, in its order.
        base_of: The base's values with a model in place of its own.
    """
    found: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        key = (cell.dataset, cell.axes.model)
        if cell.axes == base_of(cell.axes.model):
            found[key] = cell
        found.setdefault(key, cell)
    return found


def by_dataset(references: dict[tuple[str, str], "Cell"]) -> dict[str, dict[str, str]]:
    """Return the references' ids by data set and model, as plain data."""
    found: dict[str, dict[str, str]] = {}
    for (dataset, model), cell in references.items():
        found.setdefault(dataset, {})[model] = cell.id
    return found
