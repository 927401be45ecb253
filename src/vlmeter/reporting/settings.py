"""Names settings, and the groups in which settings are judged."""

from collections.abc import Iterable, Mapping

from vlmeter.axes import AXES, Axes
from vlmeter.reporting.formats import OWN_TOKENS, get_value_label
from vlmeter.reporting.language import say
from vlmeter.results.outline import Labels
from vlmeter.results.summary_row import SummaryRow

_WITH_WORD = frozenset(axis.name for axis in AXES if axis.is_number) | {"prompt", "image_input"}
"""Axes whose bare values need a word beside them."""


def format_axis_value(axis: str, value: object) -> str:
    """Return a value of an axis that needs no context, e.g. `batch 4`."""
    if (axis, value) == OWN_TOKENS:
        return say("axis_value.own_tokens")
    label = get_value_label(axis, value)
    return say(f"axis_words.{axis}", value=label) if axis in _WITH_WORD else label


def format_values(values: Mapping[str, str | int]) -> str:
    """Return values of axes, e.g. `batch 4 · 224 px`."""
    return " · ".join(format_axis_value(axis, value) for axis, value in values.items())


def format_axes(cell: Axes | SummaryRow, names: Iterable[str]) -> str:
    """Return a cell's values of the axes `names`; its model's name where there are none."""
    return format_values({name: getattr(cell, name) for name in names}) or cell.model


def list_changed_axes(cell: Axes | SummaryRow, base: Axes) -> list[str]:
    """Return the axes on which a cell does not have the base's value."""
    return [axis for axis, value in base.as_dict().items() if getattr(cell, axis) != value]


def format_group_title(labels: Labels, dataset: str, model: str) -> str:
    """Return a data set's label, with the model's where a study has several."""
    label = labels.datasets[dataset]
    return f"{label} · {labels.models[model]}" if len(labels.models) > 1 else label


def format_setting(cell: Axes | SummaryRow, base: Axes) -> str:
    """Return the axis values that differ from the base config, e.g. `batch 16 · 448 px`."""
    axes = [axis for axis in list_changed_axes(cell, base) if axis != "model"]
    # The number format follows from the device.
    if "device" in axes and "dtype" in axes:
        axes.remove("dtype")
    return format_values({axis: getattr(cell, axis) for axis in axes}) or say("answer.base_config")
