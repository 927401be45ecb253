"""Describes the columns of tables, and lists those of `layers.csv` and `differences.csv`."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "integer", "flag"]


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    kind: Kind
    unit: str
    """Empty for texts, counts and rates."""
    description: str
    path: str = ""
    """Path of the value in a record, keys joined by dots; empty where it is derived."""


LAYER_COLUMNS = (
    Column("cell", "text", "", "The profiled cell's id."),
    Column("dataset", "text", "", "Name of the data set that was fed."),
    Column("module", "text", "", "Name of the module; `(other)` is what no module accounts for."),
    Column("kind", "text", "", "Kind of layer."),
    Column("stage", "text", "", "Stage of the model; `decode` in the rows of a decode step."),
    Column("calls", "number", "", "Calls in one forward pass, or one decode step."),
    Column("time_ms", "number", "ms", "Its own time in it, scaled to the time without hooks."),
    Column("share", "number", "", "Of the time of the whole pass or step."),
    Column("flops", "number", "FLOP", "Floating-point operations in it."),
    Column("parameters", "number", "", "Parameters of the module."),
)
"""A row per module of each profiled cell and phase. Rows of stage `decode` add up to a decode
step, which is a mean over the steps of a generation; the others add up to the forward pass."""

_PAIR = (
    Column("dataset", "text", "", "Name of the data set."),
    Column("cell", "text", "", "The cell that is compared."),
    Column("base", "text", "", "The cell it is compared with, on the same data set."),
)


def _make_difference_columns(name: str, unit: str, suffix: str, words: str) -> tuple[Column, ...]:
    return (
        Column(f"{name}_base{suffix}", "number", unit, f"{words} of the base."),
        Column(f"{name}_difference{suffix}", "number", unit, f"{words}: cell less base."),
        Column(f"{name}_difference_low{suffix}", "number", unit, "Lower end of its 95 % interval."),
        Column(
            f"{name}_difference_high{suffix}", "number", unit, "Upper end of its 95 % interval."
        ),
        Column(
            f"{name}_differs",
            "flag",
            "",
            "Whether the interval excludes zero; empty without an interval.",
        ),
    )


DIFFERENCE_COLUMNS = (
    *_PAIR,
    *_make_difference_columns("latency", "s", "_s", "Mean over rounds of the median latency"),
    *_make_difference_columns(
        "sample_time", "s", "_s", "Mean over rounds of the median latency, per sample of the batch"
    ),
    *_make_difference_columns("energy", "J", "_j", "Mean energy per sample over rounds"),
    *_make_difference_columns("wer", "", "", "Word error rate over the samples that both scored"),
    Column("task_metric", "text", "", "Name of the task's own metric."),
    *_make_difference_columns("task", "", "", "Task metric over the samples that both scored"),
    Column("changed_predictions", "integer", "", "Answers that are not the same text."),
    Column("shared_predictions", "integer", "", "Samples that both cells answered."),
)
"""A row per pair of a cell and the cell that it is compared with."""
