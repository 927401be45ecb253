"""Names settings, and the groups in which settings are judged."""

from collections.abc import Mapping, Sequence
from typing import Any

from vlmeter.axes import AXES
from vlmeter.reporting.formats import listed, value_label
from vlmeter.reporting.language import say
from vlmeter.results.tables import Row

_WORDED = frozenset(axis.name for axis in AXES if axis.is_number)
"""Axes whose bare values need a word beside them."""


def axis_words(axis: str, value: object) -> str:
    """Return a value of an axis that needs no context, e.g. `batch 4`."""
    label = value_label(axis, value)
    return say(f"axis_words.{axis}", value=label) if axis in _WORDED else label


def listed_axes(axes: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the values of the axes `names`, e.g. `batch 4, 224 px`."""
    parts = [axis_words(name, axes[name]) for name in names]
    return ", ".join(parts) or listed([str(axes.get("model", ""))])


Plain = Mapping[str, Any]


def format_group_title(outline: Plain, dataset: str, model: str) -> str:
    """Return a data set's name, with the model's where a study has several."""
    label = str(outline["datasets"][dataset]["label"])
    several = len(outline["models"]) > 1
    return f"{label} · {outline['models'][model]['label']}" if several else label


def format_setting(row: Row, base: Plain) -> str:
    """Return the axis values that differ from the base config, e.g. `batch 16, 448 px`."""
    axes = [axis for axis in base if axis != "model" and row[axis] != base[axis]]
    # The number format follows from the device.
    if "device" in axes and "dtype" in axes:
        axes.remove("dtype")
    return ", ".join(axis_words(axis, row[axis]) for axis in axes) or say("answer.base_config")
