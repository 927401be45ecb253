"""Names settings, and the groups in which settings are judged."""

from collections.abc import Mapping
from typing import Any

from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import say
from vlmeter.reporting.profiles import axis_words

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
