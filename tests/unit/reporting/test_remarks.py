import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from figures_factory import make_gpu_conditions
from machines import MACHINE
from row_factory import make_row
from study_factory import AXES, MadeStudy, cell_id
from study_steps import aggregate_study, render_all

from vlmeter.machine.description import Gpu, Machine
from vlmeter.reporting.remark import Remark
from vlmeter.reporting.remarks import list_remarks
from vlmeter.results.repeatability import DeviceRepeats, Repeats
from vlmeter.results.tables import read_summary

NO_REPEATS = Repeats()
ON_CPU = DeviceRepeats(
    deviation=0.021, freedom=5, cells=7, computations=2, pairs=9, false_differences=0
)


def make_repeats(**changes: int) -> Repeats:
    return Repeats(
        latency={"cpu": replace(ON_CPU, **changes)},
        energy={"cpu": replace(ON_CPU, deviation=0.04)},
    )


def test_how_well_costs_repeat_is_said():
    assert list_remarks([], MACHINE, make_repeats(), None, None) == (
        Remark(
            "7 measurements on cpu repeat 2 computations, each in its own process: their latencies "
            "vary by 2.1 % (standard deviation), energies by 4.0 %. Only a larger difference "
            "counts; of the 9 pairs of such measurements 0 would be called different.",
            warning=False,
            anchor="repeatability",
        ),
    )


@pytest.mark.parametrize(("wrong", "warning"), [(1, False), (2, True)])
def test_more_false_differences_than_chance_gives_are_a_warning(wrong, warning):
    (remark,) = list_remarks([], MACHINE, make_repeats(false_differences=wrong), None, None)
    assert remark.warning is warning


def test_where_nothing_was_repeated_that_is_said():
    (remark,) = list_remarks([], MACHINE, NO_REPEATS, None, None)
    assert remark.text.startswith("No computation was measured in two processes")


def test_intervals_that_stayed_wide_are_counted_with_the_widest():
    ends = {"latency_ended_by": "cap", "energy_ended_by": "target", "energy_half_width": 0.9}
    wide = {"target_missed": "latency: ± 0.07 instead of ± 0.02", **ends}
    rows = [
        make_row(cell="a", latency_half_width=0.07, **wide),
        make_row(cell="b", latency_half_width=0.03, **wide),
        make_row(cell="c", latency_half_width=0.01, latency_ended_by="target"),
    ]
    remarks = list_remarks(rows, MACHINE, NO_REPEATS, None, None)
    texts = [(remark.text, remark.warning) for remark in remarks]
    assert (
        "2 of 3 measurements ran out of time before their intervals were as narrow as asked for; "
        "the widest is ± 7.0 %. The column `target_missed` says which.",
        False,
    ) in texts
    sharp = list_remarks(rows[2:], MACHINE, NO_REPEATS, None, None)
    assert "narrow" not in " ".join(remark.text for remark in sharp)


def list_conditions(reasons: list[str] | None, **changes: Any) -> list[dict[str, Any]]:
    """Return the conditions of a cell's GPU, as a record holds them."""
    return [asdict(make_gpu_conditions(throttle_reasons=reasons, **changes))]


def list_all(study: MadeStudy, folder: Path, machine: Machine = MACHINE) -> Sequence[Remark]:
    rows = list(read_summary(aggregate_study(study, folder).summary).values())
    return list_remarks(rows, machine, NO_REPEATS, None, None)


def list_warnings(study: MadeStudy, folder: Path, machine: Machine = MACHINE) -> list[str]:
    return [remark.text for remark in list_all(study, folder, machine) if remark.warning]


def get_base_record(study: MadeStudy) -> dict[str, Any]:
    return study.records["textvqa", cell_id(AXES)]


def test_an_undisturbed_study_of_one_machine_has_no_warning(tmp_path):
    assert list_warnings(MadeStudy(), tmp_path) == []


def test_records_of_two_machines_are_a_warning(tmp_path):
    study = MadeStudy()
    get_base_record(study)["provenance"]["host"] = "e15e"
    get_base_record(study)["provenance"]["cpu"]["name"] = "Another CPU"
    assert list_warnings(study, tmp_path) == [
        "The records come from 2 machines (Another CPU and Example CPU @ 2.50GHz): compare costs "
        "within one of them only."
    ]


def test_records_of_two_kinds_of_gpu_are_a_warning(tmp_path):
    study = MadeStudy()
    measured = [record for record in study.records.values() if record["status"] == "ok"]
    for record, cards in zip(measured, (["Old"], ["New"], ["New", "New"]), strict=False):
        gpus = [
            Gpu(index, name, f"GPU-{index}", 80 << 30, "550") for index, name in enumerate(cards)
        ]
        record["provenance"]["gpus"] = [asdict(gpu) for gpu in gpus]
    assert list_warnings(study, tmp_path) == [
        "The records come from 2 kinds of GPU (New and Old): compare costs within one of them only."
    ]


def test_a_description_of_another_machine_is_a_warning(tmp_path):
    other = replace(MACHINE, host="e15e", cpu=replace(MACHINE.cpu, name="Another CPU"))
    assert list_warnings(MadeStudy(), tmp_path, other) == [
        "The settings were measured on another machine (Example CPU @ 2.50GHz) than the one that "
        "is described below (Another CPU)."
    ]


def test_records_of_two_commits_are_a_warning_that_says_whether_the_code_differs(tmp_path):
    study = MadeStudy()
    get_base_record(study)["provenance"]["git"]["commit"] = "fedcba9876543210"
    (text,) = list_warnings(study, tmp_path / "same")
    assert text.startswith("The records come from 2 commits (fedcba9876 and 0123abcdef)")
    assert text.endswith("the measuring code is the same in all of them.")
    get_base_record(study)["provenance"]["code"] = "another"
    (text,) = list_warnings(study, tmp_path / "other")
    assert text.endswith("the measuring code is not the same in all of them.")
    get_base_record(study)["provenance"]["git"] = None
    (text,) = list_warnings(study, tmp_path / "none")
    assert text == "The records come from 2 versions of the measuring code."


def test_what_ran_otherwise_than_asked_for_is_named(tmp_path):
    study = MadeStudy()
    get_base_record(study)["model"]["not_as_asked"] = [
        "qformer was to run with sdpa and ran with eager"
    ]
    (text,) = list_warnings(study, tmp_path)
    assert text.endswith(" was not all that ran: qformer was to run with sdpa and ran with eager.")


def test_disturbed_and_unsettled_cells_are_counted(tmp_path):
    study = MadeStudy()
    get_base_record(study)["conditions"]["disturbed"] = True
    for record in list(study.records.values())[:3]:
        record["latency_detail"]["steady"] = False
    assert list_warnings(study, tmp_path) == [
        "1 of 19 measurements was disturbed by other programs: its times and energy are "
        "unreliable.",
        "3 of 19 measurements began before the times had settled: their latencies are unreliable.",
    ]


@pytest.mark.parametrize(
    ("reasons", "cause"),
    [
        (["sw_thermal_slowdown"], "while heat or the power supply slowed its GPU down"),
        (["hw_power_brake_slowdown", "sw_power_cap"], "slowed its GPU down"),
        (["hw_slowdown"], "slowed its GPU down"),
        (["sw_power_cap"], "was disturbed by other programs"),
        (None, "was disturbed by other programs"),
    ],
)
def test_what_disturbed_a_cell_is_said_by_its_cause(tmp_path, reasons, cause):
    study = MadeStudy()
    get_base_record(study)["conditions"] |= {
        "disturbed": True,
        "gpus": list_conditions(reasons),
    }
    warnings = [remark.text for remark in list_all(study, tmp_path) if remark.warning]
    assert [text for text in warnings if "times and energy are unreliable" in text] == [
        text for text in warnings if cause in text
    ]
    assert len(warnings) == 1


def test_a_power_cap_is_named_and_puts_nothing_in_doubt(tmp_path):
    study = MadeStudy()
    measured = [record for record in study.records.values() if record["status"] == "ok"]
    for record, reasons in zip(measured, (["sw_power_cap"], ["gpu_idle"], None), strict=False):
        record["cell"] = {**record["cell"], "device": "cuda"}
        record["conditions"]["gpus"] = list_conditions(reasons, power_limit_w=350.0)
    made = list_all(study, tmp_path)
    (capped,) = [remark for remark in made if "power limit" in remark.text]
    assert capped.text == (
        "In 1 of 3 measurements on a GPU its power limit of 350 W held the clock down: the latency "
        "is that of the card at this limit."
    )
    assert not capped.warning


def test_a_power_cap_on_any_card_of_a_cell_counts(tmp_path):
    study = MadeStudy()
    get_base_record(study)["cell"] = {**get_base_record(study)["cell"], "device": "cuda"}
    get_base_record(study)["conditions"]["gpus"] = [
        *list_conditions(None),
        *list_conditions(["gpu_idle", "sw_power_cap"]),
    ]
    texts = [remark.text for remark in list_all(study, tmp_path)]
    assert any(
        text.startswith("In 1 of 1 measurements on a GPU its power limit held") for text in texts
    )


def test_warnings_stand_at_the_top_of_both_forms(tmp_path):
    study = MadeStudy()
    base = get_base_record(study)
    base["conditions"]["disturbed"] = True
    control = copy.deepcopy(base)
    paths = [tmp_path / "control.json", tmp_path / "base.json"]
    for path, record in zip(paths, (control, base), strict=True):
        path.write_text(json.dumps(record))
    files = render_all(study, tmp_path, draw=False, control=paths[0], base_record=paths[1])
    text = (files.folder / "report.md").read_text()
    top = text.split("\n### 1)")[0]
    assert "\n- **Warning**: 1 of 19 measurements was disturbed" in top
    assert "\n- The machine did not drift measurably: the base setting took" in top
    page = (files.folder / "study.html").read_text()
    assert '<li id="disturbed" class="warning">1 of 19 measurements was disturbed' in page
    assert '<li id="drift">The machine did not drift measurably: the base setting took' in page
