"""A row of `layers.csv`: one module of a profiled cell, in one phase."""

from dataclasses import dataclass

from vlmeter.results.columns import column, list_columns


@dataclass(frozen=True)
class LayerRow:
    """A module in one phase.

    Rows of stage `decode` add up to a decode step, which is a mean over the steps of a generation;
    the others add up to the forward pass, and those of a stage to the stage.
    """

    cell: str = column("", "The profiled cell's id.")
    dataset: str = column("", "Name of the data set that was fed.")
    module: str = column(
        "", "Name of the module; `(other)` is what no module of the stage accounts for."
    )
    kind: str = column("", "Kind of layer.")
    stage: str | None = column(
        "", "Stage of the model, empty for what is of none; `decode` in a decode step."
    )
    calls: float = column("", "Calls in one forward pass, or one decode step.")
    time_ms: float = column("ms", "Its own time in it, scaled to that of the stage without hooks.")
    share: float = column("", "Of the time of the whole pass or step.")
    flops: float | None = column("FLOP", "Floating-point operations in it.")
    parameters: float | None = column("", "Parameters of the module.")


LAYER_COLUMNS = list_columns(LayerRow)
