"""Reads layer profiles, for findings, tables and figures."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vlmeter.axes import Axes
from vlmeter.errors import UserError
from vlmeter.reporting.settings import format_axes
from vlmeter.results.layer_row import LayerRow
from vlmeter.results.outline import LayersOutline
from vlmeter.status import Status
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_plain

OTHER_KIND = "other"
_DECODE = "decode"
_STAGES = ("vision", "qformer", "connector", "prefill")
_INDEX = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True)
class Profile:
    """A profiled forward pass, or a decode step: a cell of the layers section with its modules."""

    cell: str
    label: str
    """What distinguishes it from the other profiles of the study, e.g. `batch 4`."""
    axes: Axes
    status: str
    reason: str | None
    pixel_shape: tuple[int, ...] | None
    overhead_share: float | None
    """Time that the hooks added, as a share of the pass without them."""
    rows: tuple[LayerRow, ...] = field(repr=False)
    """The modules of the forward pass, without decode steps."""
    stages_reason: str | None = None
    """Why its stages were not timed apart, if so."""
    decode: "Profile | None" = field(default=None, repr=False)
    """The same cell's decode step, with the modules of the language model."""

    @property
    def measured(self) -> bool:
        """Whether there is a time to show."""
        return self.total_ms > 0

    @property
    def total_ms(self) -> float:
        """Time of the forward pass or the decode step."""
        return _add_up(self.rows, _get_ms)

    @property
    def flops(self) -> float:
        """Floating-point operations of the forward pass or the decode step."""
        return _add_up(self.rows, _get_flops)

    def sum_ms_by_kind(self) -> dict[str, float]:
        """Return the time of each kind of layer, the longest first."""
        return _add_up_by(self.rows, _get_kind, _get_ms)

    def sum_ms_by_stage(self) -> dict[str, float]:
        """Return the time of each stage, the longest first."""
        return _add_up_by(self.rows, _get_stage, _get_ms)

    def sum_flops_by_kind(self) -> dict[str, float]:
        """Return the operations of each kind of layer, the most first."""
        return _add_up_by(self.rows, _get_kind, _get_flops)

    def sum_parameters_by_kind(self) -> dict[str, float]:
        """Return the parameters of each kind of layer, the most first."""
        return _add_up_by(self.rows, _get_kind, _get_parameters)


@dataclass(frozen=True)
class ModuleGroup:
    """Modules at the same place in repeated blocks."""

    name: str
    """The modules' name, with `*` in place of the block's number."""
    modules: int
    kind: str
    stage: str
    time_ms: float
    share: float
    flops: float
    parameters: float


@dataclass(frozen=True)
class _PassRecord:
    """What a profile's JSON says of a pass or a decode step."""

    overhead_share: float | None = None


@dataclass(frozen=True)
class _InputRecord:
    pixel_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _ProfileRecord(_PassRecord):
    """What the report reads of a profile's JSON."""

    status: str = ""
    reason: str | None = None
    input: _InputRecord | None = None
    stages_reason: str | None = None
    decode: _PassRecord | None = None
    decode_reason: str | None = None


def read_profiles(
    outline: LayersOutline | None, rows: Sequence[LayerRow], layer_records: Sequence[Path]
) -> list[Profile]:
    """Return the profiles of a study in its order.

    Args:
        outline: The study's layer profiles; None where it has none.
        rows: `layers.csv`.
        layer_records: The JSON beside each profile's table.

    Raises:
        UserError: a profile of the outline has no record.
    """
    if outline is None:
        return []
    records = {
        path.stem: from_plain(_ProfileRecord, read_json(path), path) for path in layer_records
    }
    labels = _label_profiles([entry.axes for entry in outline.cells])
    by_cell: dict[str, list[LayerRow]] = {}
    for row in rows:
        if row.dataset == outline.dataset:
            by_cell.setdefault(row.cell, []).append(row)
    profiles = []
    for entry, label in zip(outline.cells, labels, strict=True):
        record = records.get(entry.cell)
        if record is None:
            raise UserError(f"the layer profile {entry.cell} has no record: run its profile again.")
        own = by_cell.get(entry.cell, [])
        forward = Profile(
            cell=entry.cell,
            label=label,
            axes=entry.axes,
            status=record.status,
            reason=record.reason,
            pixel_shape=None if record.input is None else record.input.pixel_shape or None,
            overhead_share=record.overhead_share,
            rows=tuple(row for row in own if row.stage != _DECODE),
            stages_reason=record.stages_reason,
        )
        decode = replace(
            forward,
            reason=record.decode_reason,
            stages_reason=None,
            overhead_share=None if record.decode is None else record.decode.overhead_share,
            rows=tuple(row for row in own if row.stage == _DECODE),
        )
        profiles.append(replace(forward, decode=decode))
    return profiles


def list_decode_steps(profiles: Iterable[Profile]) -> list[Profile]:
    """Return the decode steps that were measured."""
    return list_measured(profile.decode for profile in profiles if profile.decode is not None)


def group_modules(profile: Profile) -> list[ModuleGroup]:
    """Return a profile's modules, summed over repeated blocks, the longest first."""
    groups: dict[tuple[str, str, str], list[LayerRow]] = {}
    for row in profile.rows:
        name = _INDEX.sub("*", row.module)
        groups.setdefault((name, row.kind, row.stage or ""), []).append(row)
    modules = [
        ModuleGroup(
            name=name,
            modules=len(rows),
            kind=kind,
            stage=stage,
            time_ms=_add_up(rows, _get_ms),
            share=_add_up(rows, _get_ms) / profile.total_ms if profile.total_ms else 0.0,
            flops=_add_up(rows, _get_flops),
            parameters=_add_up(rows, _get_parameters),
        )
        for (name, kind, stage), rows in groups.items()
    ]
    return sorted(modules, key=_order_longest_first)


def list_measured(profiles: Iterable[Profile]) -> list[Profile]:
    """Return the profiles that have status ok and times."""
    return [profile for profile in profiles if profile.status == Status.OK and profile.measured]


def list_kinds(profiles: Iterable[Profile]) -> list[str]:
    """Return every kind of layer, by its time in the first profile that has it; `other` last."""
    kinds = dict.fromkeys(kind for profile in profiles for kind in profile.sum_ms_by_kind())
    return sorted(kinds, key=OTHER_KIND.__eq__)


def list_stages(profiles: Iterable[Profile]) -> list[str]:
    """Return every stage in the model's order, then stages without a place in it; `other` last."""
    stages = dict.fromkeys(stage for profile in profiles for stage in profile.sum_ms_by_stage())
    return sorted(stages, key=_get_stage_order)


def _get_stage_order(stage: str) -> int:
    return _STAGES.index(stage) if stage in _STAGES else len(_STAGES) + (stage == OTHER_KIND)


def select_batch_series(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the profiles that differ from the first in batch size alone, by batch size."""
    if not profiles:
        return []
    base = drop_axis(profiles[0].axes, "batch_size")
    same = [profile for profile in profiles if drop_axis(profile.axes, "batch_size") == base]
    return sorted(same, key=get_batch_size)


def get_batch_size(profile: Profile) -> int:
    """Return a profile's batch size."""
    return profile.axes.batch_size


def drop_axis(axes: Axes, axis: str) -> dict[str, str | int]:
    """Return the values of all axes but `axis`."""
    return {name: value for name, value in axes.as_dict().items() if name != axis}


def _order_longest_first(group: ModuleGroup) -> tuple[float, str]:
    return -group.time_ms, group.name


def _get_ms(row: LayerRow) -> float:
    return row.time_ms


def _get_flops(row: LayerRow) -> float | None:
    return row.flops


def _get_parameters(row: LayerRow) -> float | None:
    return row.parameters


def _get_kind(row: LayerRow) -> str:
    return row.kind


def _get_stage(row: LayerRow) -> str | None:
    return row.stage


def _add_up(rows: Iterable[LayerRow], get_value: Callable[[LayerRow], float | None]) -> float:
    return sum((get_value(row) or 0.0 for row in rows), 0.0)


def _add_up_by(
    rows: Iterable[LayerRow],
    get_group: Callable[[LayerRow], str | None],
    get_value: Callable[[LayerRow], float | None],
) -> dict[str, float]:
    sums: dict[str, float] = {}
    for row in rows:
        group = get_group(row) or OTHER_KIND
        sums[group] = sums.get(group, 0.0) + (get_value(row) or 0.0)
    return dict(sorted(sums.items(), key=_order_largest_first))


def _order_largest_first(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]


def _label_profiles(cells: Sequence[Axes]) -> list[str]:
    """Name each profile by the axes that differ among them."""
    names = sorted(cells[0].as_dict(), key=_order_batch_first) if cells else []
    varied = [axis for axis in names if len({getattr(cell, axis) for cell in cells}) > 1]
    return [format_axes(cell, varied) for cell in cells]


def _order_batch_first(axis: str) -> bool:
    return axis != "batch_size"
