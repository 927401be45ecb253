"""What a terminal shows of each setting while a study is measured."""

import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from figures_factory import make_conditions, make_figures
from record_factory import AXES, make_cell
from snakemake_interface_logger_plugins.common import LogEvent

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Figures, Measurement
from vlmeter.status import Status
from vlmeter.storage.files import write_json
from vlmeter.study.progress import ProgressLines, describe_measurement
from vlmeter.study.study import Cell, Study

WELL = Ending(Status.OK, None, None, 1)


class Run:
    """A run of a study, as Snakemake's logger tells of it."""

    def __init__(self, study: Study, rules: dict[str, int]) -> None:
        self.study = study
        self.lines: list[str] = []
        self.now_s = 0.0
        self._numbers = count(1)
        self._logger = logging.Logger("snakemake")
        handler = ProgressLines(study, rules, self.lines.append, lambda: self.now_s)
        self._logger.addHandler(handler)

    def run_job(self, rule: str, wildcards: dict[str, str] | None, seconds: float) -> None:
        number = next(self._numbers)
        begins = {"rule_name": rule, "jobid": number, "wildcards": wildcards}
        self._logger.info("Rule", extra={"event": LogEvent.JOB_INFO, **begins})
        self.now_s += seconds
        self._logger.info("Finished", extra={"event": LogEvent.JOB_FINISHED, "job_id": number})

    def measure(self, cell: Cell, seconds: float, measurement: Measurement) -> None:
        write_json(self.study.folder.cell(cell.key).measurement, measurement.as_plain())
        self.run_job("run_inference", {"dataset": cell.dataset, "cell": cell.id}, seconds)


@pytest.fixture
def run(config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path):
    monkeypatch.chdir(tmp_path)
    return lambda rules: Run(config.study(), rules)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return make_figures(make_cell("cell", "scienceqa", AXES), 0.25)


def test_each_setting_has_a_line_with_its_number_its_costs_and_the_time_left(
    run: Callable[[dict[str, int]], Run], figures: Figures
) -> None:
    running = run({"run_inference": 3, "score_predictions": 9, "total": 20})
    first, second, third = running.study.cells[:3]
    running.run_job("download_dataset", {"dataset": first.dataset}, 500)
    running.measure(first, 120, Measurement(WELL, figures, {}))
    running.run_job("score_predictions", {"dataset": first.dataset, "cell": first.id}, 0)
    refused = Ending(Status.UNSUPPORTED, "fp16 is not for a CPU", None, 1)
    running.measure(second, 60, Measurement(refused, None, {}))
    running.measure(third, 60, Measurement(WELL, figures, {}))
    assert [line.split(":")[0] for line in running.lines] == [
        "Setting 1 of 3",
        "Setting 2 of 3",
        "Setting 3 of 3",
    ]
    costs, ended, last = running.lines
    assert ": 250 ms a batch, " in costs
    # Two more, each as long as the first; then one, between the shorter and far above the longer.
    assert costs.endswith(" (about 4 min left)")
    assert ended.endswith(": unsupported: fp16 is not for a CPU (about 1 min to 3 min left)")
    assert "left" not in last


def test_a_setting_is_named_by_what_differs_from_the_base(
    run: Callable[[dict[str, int]], Run], figures: Figures
) -> None:
    running = run({"run_inference": 2})
    base = next(iter(running.study.base_cells.values()))
    other = next(cell for cell in running.study.cells if cell.axes != base.axes)
    for cell in (base, other):
        running.measure(cell, 1, Measurement(WELL, figures, {}))
    assert ", base setting: " in running.lines[0]
    assert ", batch " in running.lines[1] or " px" in running.lines[1]


def test_a_divided_setting_ends_when_its_shards_are_gathered(
    run: Callable[[dict[str, int]], Run], figures: Figures
) -> None:
    running = run({"gather_shards": 2, "measure_costs": 2, "answer_shard": 6})
    cell = running.study.cells[0]
    place = {"dataset": cell.dataset, "cell": cell.id}
    write_json(
        running.study.folder.cell(cell.key).measurement, Measurement(WELL, figures, {}).as_plain()
    )
    running.run_job("measure_costs", place, 200)
    running.run_job("answer_shard", {**place, "number": "1", "shards": "3"}, 400)
    assert not running.lines
    running.run_job("gather_shards", place, 0)
    assert len(running.lines) == 1
    assert running.lines[0].endswith(" (about 10 min left)")


def test_a_measurement_that_cannot_be_read_ends_no_run(
    run: Callable[[dict[str, int]], Run],
) -> None:
    running = run({"run_inference": 1})
    cell = running.study.cells[0]
    running.run_job("run_inference", {"dataset": cell.dataset, "cell": cell.id}, 1)
    assert str(running.study.folder.cell(cell.key).measurement) in running.lines[0]


def test_what_puts_a_cost_in_doubt_stands_beside_it(figures: Figures) -> None:
    modelled = replace(figures.energy_detail.components[0], kind="modelled")
    estimated = replace(figures.energy_detail, components=[modelled])
    disturbed = replace(make_conditions(), disturbed=True)
    doubtful = replace(figures, energy_detail=estimated, conditions=disturbed)
    words = describe_measurement(Measurement(WELL, doubtful, {}))
    assert " J a sample (estimated), " in words
    assert words.endswith("disturbed by other programs")
    metered = [replace(modelled, kind="measured")]
    sure = replace(figures, energy_detail=replace(figures.energy_detail, components=metered))
    words = describe_measurement(Measurement(WELL, sure, {}))
    assert "estimated" not in words
    assert "disturbed" not in words
