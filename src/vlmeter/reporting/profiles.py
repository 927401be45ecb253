"""Layer profiles as findings, tables and figures need them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vlmeter.errors import UserError
from vlmeter.files import read_json
from vlmeter.record import Status
from vlmeter.reporting.formats import listed, value_label
from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import say

OTHER_KIND = "other"
_WORDED = frozenset({"batch_size", "image_size", "max_input_len"})
"""Axes whose bare values do not say what they are."""
_DECODE = "decode"
_STAGES = ("vision", "qformer", "connector", "prefill")
_INDEX = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True)
class Profile:
    """One profiled forward pass, or decode step: a cell of the layers section with its modules."""

    cell: str
    label: str
    """What sets it apart from the other profiles of the study, e.g. `batch 4`."""
    axes: Mapping[str, Any]
    status: str
    reason: str | None
    pixel_shape: tuple[int, ...] | None
    overhead_share: float | None
    """What the hooks added, as a share of the pass without them."""
    rows: tuple[Row, ...] = field(repr=False)
    """The modules of the forward pass; decode steps are no part of it."""
    decode: "Profile | None" = field(default=None, repr=False)
    """The same cell's decode step, with the modules of the language model."""

    @property
    def measured(self) -> bool:
        """Whether there is a time to show."""
        return self.total_ms > 0

    @property
    def total_ms(self) -> float:
        """Time of one forward pass."""
        return sum(row["time_ms"] or 0.0 for row in self.rows)

    @property
    def flops(self) -> float:
        """Floating-point operations of one forward pass."""
        return sum(row["flops"] or 0.0 for row in self.rows)

    def ms_by_kind(self) -> dict[str, float]:
        """Return the time of each kind of layer, the longest first."""
        return _sums(self.rows, "kind", "time_ms")

    def ms_by_stage(self) -> dict[str, float]:
        """Return the time of each stage, the longest first."""
        return _sums(self.rows, "stage", "time_ms")

    def flops_by_kind(self) -> dict[str, float]:
        """Return the operations of each kind of layer, the most first."""
        return _sums(self.rows, "kind", "flops")

    def parameters_by_kind(self) -> dict[str, float]:
        """Return the parameters of each kind of layer, the most first."""
        return _sums(self.rows, "kind", "parameters")


@dataclass(frozen=True)
class ModuleGroup:
    """Modules that stand at the same place of repeated blocks."""

    name: str
    """With `*` for the block's number."""
    modules: int
    kind: str
    stage: str
    time_ms: float
    share: float
    flops: float
    parameters: float


def read_profiles(
    outline: Mapping[str, Any] | None, rows: Sequence[Row], layer_records: Sequence[Path]
) -> list[Profile]:
    """Return the profiles of a study in its order.

    Args:
        outline: The `layers` block of the study's outline; None where it has none.
        rows: `layers.csv`.
        layer_records: The JSON beside each profile's table.

    Raises:
        UserError: a profile of the outline has no record.
    """
    if outline is None:
        return []
    records = {path.stem: read_json(path) for path in layer_records}
    labels = _labels([entry["axes"] for entry in outline["cells"]])
    by_cell: dict[str, list[Row]] = {}
    for row in rows:
        if row["dataset"] == outline["dataset"]:
            by_cell.setdefault(row["cell"], []).append(row)
    profiles = []
    for entry, label in zip(outline["cells"], labels, strict=True):
        name = entry["cell"]
        if name not in records:
            raise UserError(f"the layer profile {name} has no record: run its profile again.")
        record = records[name]
        given = record.get("input")
        shape = given.get("pixel_shape") if isinstance(given, dict) else None
        own = by_cell.get(name, [])
        step = tuple(row for row in own if row["stage"] == _DECODE)
        forward = Profile(
            cell=name,
            label=label,
            axes=entry["axes"],
            status=str(record.get("status")),
            reason=_words(record.get("reason")),
            pixel_shape=tuple(shape) if shape else None,
            overhead_share=_overhead(record),
            rows=tuple(row for row in own if row["stage"] != _DECODE),
        )
        decode = replace(
            forward,
            reason=_words(record.get("decode_reason")),
            overhead_share=_overhead(record.get("decode")),
            rows=step,
        )
        profiles.append(replace(forward, decode=decode))
    return profiles


def decode_steps(profiles: Iterable[Profile]) -> list[Profile]:
    """Return the decode steps of profiles that have one to show."""
    return measured(one.decode for one in profiles if one.decode is not None)


def _words(reason: object) -> str | None:
    return None if reason is None else str(reason)


def _overhead(block: object) -> float | None:
    share = block.get("overhead_share") if isinstance(block, dict) else None
    return share if isinstance(share, float) else None


def module_groups(profile: Profile) -> list[ModuleGroup]:
    """Return a profile's modules with those of repeated blocks added up, the longest first."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in profile.rows:
        name = _INDEX.sub("*", row["module"] or "")
        groups.setdefault((name, row["kind"] or "", row["stage"] or ""), []).append(row)
    found = [
        ModuleGroup(
            name=name,
            modules=len(rows),
            kind=kind,
            stage=stage,
            time_ms=_total(rows, "time_ms"),
            share=_total(rows, "time_ms") / profile.total_ms if profile.total_ms else 0.0,
            flops=_total(rows, "flops"),
            parameters=_total(rows, "parameters"),
        )
        for (name, kind, stage), rows in groups.items()
    ]
    return sorted(found, key=_longest_first)


def measured(profiles: Iterable[Profile]) -> list[Profile]:
    """Return the profiles that ended well and have times."""
    return [profile for profile in profiles if profile.status == Status.OK and profile.measured]


def kinds_of(profiles: Iterable[Profile]) -> list[str]:
    """Return every kind of layer, by its time in the first profile that has it; `other` last."""
    kinds = dict.fromkeys(kind for one in profiles for kind in one.ms_by_kind())
    return sorted(kinds, key=OTHER_KIND.__eq__)


def stages_of(profiles: Iterable[Profile]) -> list[str]:
    """Return every stage in the model's order, as far as it is known; `other` last."""
    stages = dict.fromkeys(stage for one in profiles for stage in one.ms_by_stage())
    return sorted(stages, key=_stage_order)


def _stage_order(stage: str) -> int:
    return _STAGES.index(stage) if stage in _STAGES else len(_STAGES) + (stage == OTHER_KIND)


def batch_series(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the profiles that differ from the first one in the batch size only, by that size."""
    if not profiles:
        return []
    base = without(profiles[0].axes, "batch_size")
    same = [one for one in profiles if without(one.axes, "batch_size") == base]
    return sorted(same, key=batch_of)


def batch_of(profile: Profile) -> int:
    """Return a profile's batch size."""
    return int(profile.axes["batch_size"])


def without(axes: Mapping[str, Any], axis: str) -> dict[str, Any]:
    """Return the values of all axes but one."""
    return {name: value for name, value in axes.items() if name != axis}


def _longest_first(group: ModuleGroup) -> tuple[float, str]:
    return -group.time_ms, group.name


def _total(rows: Iterable[Row], column: str) -> float:
    return float(sum(row[column] or 0.0 for row in rows))


def _sums(rows: Iterable[Row], by: str, column: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for row in rows:
        sums[row[by] or OTHER_KIND] = sums.get(row[by] or OTHER_KIND, 0.0) + (row[column] or 0.0)
    return dict(sorted(sums.items(), key=_largest_first))


def _largest_first(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]


def _labels(axes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each profile by the axes that differ among them."""
    names = sorted(axes[0], key=_batch_first) if axes else []
    varied = [axis for axis in names if len({str(one[axis]) for one in axes}) > 1]
    return [listed_axes(one, varied) for one in axes]


def _batch_first(axis: str) -> bool:
    return axis != "batch_size"


def axis_words(axis: str, value: object) -> str:
    """Return a value of an axis so that it speaks for itself, e.g. `batch 4`."""
    label = value_label(axis, value)
    return say(f"axis_words.{axis}", value=label) if axis in _WORDED else label


def listed_axes(axes: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return values of some axes in words, e.g. `batch 4, 224 px`."""
    parts = [axis_words(name, axes[name]) for name in names]
    return ", ".join(parts) or listed([str(axes.get("model", ""))])
