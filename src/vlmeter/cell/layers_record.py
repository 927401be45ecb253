"""What the layer profile of a cell leaves beside its table."""

from dataclasses import asdict, dataclass

from vlmeter.axes import Axes
from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import InputBlock
from vlmeter.measure.layers.result import ProfiledPass


@dataclass(frozen=True)
class LayersFigures(ProfiledPass):
    """The blocks of a profile that ended well: the forward pass, and a decode step."""

    flops_reason: str | None
    """Why the rows of the forward pass have no count."""
    decode: ProfiledPass | None
    decode_reason: str | None
    """Why no decode step was profiled."""
    input: InputBlock


@dataclass(frozen=True)
class LayersRecord:
    """The content of a profile's JSON."""

    ending: Ending
    id: str
    """Of the cell, as the next two."""
    dataset: str
    axes: Axes
    figures: LayersFigures | None
    """None where the profile did not end well."""
    files: dict[str, str]
    """SHA-256 of the table, by name."""

    def as_plain(self) -> dict[str, object]:
        """Return what is written: one flat table."""
        cell = {"id": self.id, "dataset": self.dataset, **self.axes.as_dict()}
        figures = {} if self.figures is None else asdict(self.figures)
        return {**asdict(self.ending), "cell": cell, **figures, "files": self.files}
