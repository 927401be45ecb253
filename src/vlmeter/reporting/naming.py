"""How settings, and the groups in which they are judged, are called."""

from collections.abc import Mapping
from typing import Any

from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import say
from vlmeter.reporting.profiles import axis_words

Plain = Mapping[str, Any]


def group_title(outline: Plain, dataset: str, model: str) -> str:
    """Return a data set's name, with the model's where a study has several."""
    label = str(outline["datasets"][dataset]["label"])
    several = len(outline["models"]) > 1
    return f"{label} · {outline['models'][model]['label']}" if several else label


def setting_words(row: Row, base: Plain) -> str:
    """Return in what a cell differs from the base config, e.g. `batch 16, 448 px`."""
    axes = [axis for axis in base if axis != "model" and row[axis] != base[axis]]
    # The number format of a device is no choice of its own.
    if "device" in axes and "dtype" in axes:
        axes.remove("dtype")
    return ", ".join(axis_words(axis, row[axis]) for axis in axes) or say("answer.base_config")
