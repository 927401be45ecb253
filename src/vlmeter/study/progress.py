"""Says, while a study is measured, what each setting cost and how long the rest will take.

A handler of Snakemake's logger: its events name every job that begins and ends. What Snakemake says
itself, failures among it, stays as it is.
"""

import logging
import time
from collections.abc import Callable, Mapping

from vlmeter.cell.measurement import Measurement, read_measurement
from vlmeter.errors import UserError, one_line, shorten
from vlmeter.measure.result import Conditions, Memory
from vlmeter.reporting.settings import format_setting
from vlmeter.results.numbers import format_quantity
from vlmeter.storage.layout import CellKey
from vlmeter.study.duration import estimate_rest
from vlmeter.study.study import Study

_BEGINS, _ENDS = "job_info", "job_finished"
"""Snakemake's names of the two events; `snakemake_interface_logger_plugins.common.LogEvent`."""
_ENDING_RULES = ("run_inference", "gather_shards")
"""Each of their jobs leaves a setting measured and answered."""
_MEASURING_RULES = ("run_inference", "measure_costs", "answer_shard")
_LONGEST_REASON = 200


class ProgressLines(logging.Handler):
    """Writes a line after each setting that this run measures."""

    def __init__(
        self,
        study: Study,
        jobs: Mapping[str, int],
        write: Callable[[str], object] = print,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to count.

        Args:
            study: The study.
            jobs: How many jobs of each rule this run has.
            write: Takes a line.
            clock: Returns seconds.
        """
        super().__init__()
        self._study = study
        self._write = write
        self._clock = clock
        self._count = sum(jobs.get(rule, 0) for rule in _ENDING_RULES)
        self._measured = 0
        self._cells: dict[int, CellKey] = {}
        self._last_s: float | None = None
        """When the last setting ended, or the first one began."""
        self._taken_s: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event of Snakemake, and write a line where it ends a setting."""
        event = getattr(record, "event", None)
        if event == _BEGINS:
            self._begin(vars(record))
        elif event == _ENDS:
            key = self._cells.pop(vars(record)["job_id"], None)
            if key is not None:
                self._measured += 1
                self._write(self._describe(key))

    def _begin(self, job: Mapping[str, object]) -> None:
        rule, number, wildcards = job["rule_name"], job["jobid"], job["wildcards"]
        if self._last_s is None and rule in _MEASURING_RULES:
            self._last_s = self._clock()
        if rule in _ENDING_RULES and isinstance(number, int) and isinstance(wildcards, Mapping):
            self._cells[number] = CellKey(wildcards["dataset"], wildcards["cell"])

    def _describe(self, key: CellKey) -> str:
        cell = self._study.cell(key)
        setting = format_setting(cell.axes, self._study.base_axes)
        label = self._study.config.datasets[key.dataset].label
        dataset = (label.first if label else None) or key.dataset
        try:
            ended = describe_measurement(read_measurement(self._study.folder.cell(key).measurement))
        except UserError as error:
            ended = one_line(error)
        return (
            f"Setting {self._measured} of {self._count}: {dataset}, {setting}: {ended}"
            f"{self._estimate_rest()}"
        )

    def _estimate_rest(self) -> str:
        left = self._count - self._measured
        if self._last_s is None:
            return ""
        now_s = self._clock()
        self._taken_s.append(now_s - self._last_s)
        self._last_s = now_s
        return f" ({estimate_rest(self._taken_s, left)} left)" if left > 0 else ""


def describe_measurement(measurement: Measurement) -> str:
    """Return a setting's main costs, or how it ended, in words."""
    figures = measurement.figures
    if figures is None:
        status = measurement.ending.status.replace("_", " ")
        return f"{status}: {shorten(measurement.ending.reason or '', _LONGEST_REASON)}"
    parts = [f"{format_quantity(figures.latency_detail.latency_s, 's')} a batch"]
    energy = figures.energy_detail
    if energy.energy_j is not None:
        is_metered = all(component.kind == "measured" for component in energy.components)
        doubt = "" if is_metered else " (estimated)"
        parts.append(f"{format_quantity(energy.energy_j, 'J')} a sample{doubt}")
    if isinstance(figures.memory, Memory):
        memory = figures.memory
        on_gpu = memory.peak_reserved_bytes is not None
        peak = (memory.peak_allocated_bytes if on_gpu else None) or memory.peak_rss_bytes
        parts.append(f"{format_quantity(peak, 'B')} at most")
    if isinstance(figures.conditions, Conditions) and figures.conditions.disturbed:
        parts.append("disturbed by other programs")
    return ", ".join(parts)
