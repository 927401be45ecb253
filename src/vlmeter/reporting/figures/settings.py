"""The settings of a study as points of a chart, and what the chart's axes may show of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vlmeter.reporting.figures.values import MEASURES, Interval, choose_direction
from vlmeter.reporting.settings import format_setting
from vlmeter.results.outline import SettingsPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status


@dataclass(frozen=True)
class Setting:
    """A setting that was measured on a data set: a point."""

    group: str
    """The panel that it belongs to: a data set with a model."""
    dataset: str
    """Name of the data set, which decides the look."""
    cell: str
    """Id of the cell, by which the page finds its row."""
    label: str
    """The setting in words."""
    values: Mapping[str, Interval]
    """What was measured, by measure (`MEASURES`), in SI units."""
    disturbed: bool
    quality_label: str
    """The metric that `quality` is, empty without one."""
    higher_is_better: bool
    """Whether more of that metric is better."""


def list_choices(settings: Iterable[Setting]) -> tuple[list[str], list[str]]:
    """Return the measures that may stand across and upwards: those that any setting has."""
    present = {name for setting in settings for name in setting.values}
    return (
        [name for name, measure in MEASURES.items() if measure.is_cost and name in present],
        [name for name, measure in MEASURES.items() if not measure.is_cost and name in present],
    )


def list_settings(rows: Iterable[SummaryRow], plan: SettingsPlan) -> list[Setting]:
    """Return what was measured of each cell that has status ok."""
    settings = []
    for row in rows:
        values = {name: measure.read(row) for name, measure in MEASURES.items()}
        present = {name: value for name, value in values.items() if value is not None}
        if row.status == Status.OK and present:
            label, higher_is_better = choose_direction(row)
            settings.append(
                Setting(
                    group=name_group(row.dataset, row.model),
                    dataset=row.dataset,
                    cell=row.cell,
                    label=format_setting(row, plan.base),
                    values=present,
                    disturbed=bool(row.disturbed),
                    quality_label=label,
                    higher_is_better=higher_is_better,
                )
            )
    return settings


def name_group(dataset: str, model: str) -> str:
    """Return the id of a panel."""
    return f"{dataset}/{model}"
