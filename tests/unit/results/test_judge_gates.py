"""Gates: the figure and the noise keep or break a limit; a missing figure breaks it."""

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from gate_factory import (
    BASE,
    COLUMNS,
    CUDA,
    SIXTEEN,
    edit_record,
    figures,
    judge,
    judge_limits,
    multiplied,
    multiply_latency,
    plan_gate,
    study,
)
from row_factory import make_row, metrics_of, rounds_of
from study_factory import MadeStudy
from study_steps import write_study

from vlmeter.axes import Axes
from vlmeter.results.check_study import describe_finding, describe_limit
from vlmeter.results.gates import Cause, LimitKind, Obstacle, Verdict
from vlmeter.results.repeatability import DeviceRepeats, Repeats, read_repeats, write_repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.write_tables import write_csv
from vlmeter.storage.files import read_json
from vlmeter.storage.layout import CellKey

__all__ = ["figures", "multiplied", "study"]


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"max": 1.01}, [True]),
        ({"max": 1.0}, [True]),
        ({"max": 0.99}, [False]),
        ({"min": 0.99}, [True]),
        ({"min": 1.01}, [False]),
        ({"min": 0.5, "max": 0.6}, [False, True]),
    ],
)
def test_an_absolute_limit_is_compared_with_the_figure(study, figures, limits, kept) -> None:
    latency = figures(BASE)["latency"]
    shares = {key: share * latency for key, share in limits.items()}
    verdicts = judge_limits(study, plan_gate("latency", BASE, **shares))
    assert [verdict.kept for verdict in verdicts] == kept
    assert {verdict.value for verdict in verdicts} == {latency}


def test_a_broken_limit_shows_the_limit_and_the_figure(study) -> None:
    (verdict,) = judge_limits(study, plan_gate("latency", BASE, max=0.001))
    assert describe_limit(verdict) == "latency at most 1.00 ms"
    assert (verdict.dataset, verdict.cell) == BASE
    assert describe_finding(verdict).endswith(" ms")


@pytest.mark.parametrize("metric", ["energy", "wer_value", "peak_memory_bytes", "vqa_accuracy"])
def test_every_kind_of_figure_can_be_gated(study, metric: str) -> None:
    broken, kept = judge_limits(
        study, plan_gate(metric, BASE, max=1e-6), plan_gate(metric, BASE, max=1e15)
    )
    assert (broken.kept, kept.kept) == (False, True)
    assert broken.value == kept.value > 0


@pytest.mark.parametrize(
    ("factor", "limits", "kept"),
    [
        # 25 % more than the baseline: beyond 10 % and beyond the noise.
        (0.8, {"max_increase_percent": 10}, False),
        (0.8, {"max_increase_percent": 30}, True),
        # 0.5 % more: beyond the allowance of nothing, and within the noise.
        (0.995, {"max_increase_percent": 0}, True),
        # less is no increase, and is a decrease
        (1.25, {"max_increase_percent": 0}, True),
        (1.25, {"max_decrease_percent": 10}, False),
        (1.25, {"max_decrease_percent": 30}, True),
    ],
)
def test_a_relative_limit_is_broken_beyond_the_allowance_and_the_noise(
    study, multiplied, factor: float, limits: dict[str, float], kept: bool
) -> None:
    baseline = multiplied(factor)
    (verdict,) = judge_limits(study, plan_gate("latency", SIXTEEN, baseline=baseline, **limits))
    assert verdict.kept is kept
    assert verdict.difference / verdict.base == pytest.approx(1 / factor - 1)
    assert verdict.low < verdict.difference < verdict.high


def test_a_summary_alone_is_enough_as_a_baseline(study, multiplied, tmp_path: Path) -> None:
    baseline = multiplied(0.8)
    alone = tmp_path / "kept.csv"
    shutil.copy(baseline, alone)
    limits = {"max_increase_percent": 10, "baseline": alone}
    latency, wer = judge_limits(
        study, plan_gate("latency", BASE, **limits), plan_gate("wer_value", BASE, **limits)
    )
    assert latency.kept is False
    assert describe_limit(latency) == f"latency at most 10 % above {alone}"
    assert wer.kept is True
    assert wer.low < 0 < wer.high


def test_quality_is_compared_sample_by_sample_where_the_samples_are_present(
    study, tmp_path: Path
) -> None:
    def better(record: dict[str, Any]) -> None:
        for metric in record["quality"]["metrics"]:
            if metric["name"] == "vqa_accuracy":
                metric |= {key: metric[key] * 1.05 for key in ("value", "low", "high")}

    baseline = edit_record(tmp_path / "base", better)
    alone = tmp_path / "kept.csv"
    shutil.copy(baseline, alone)
    paired, loose = (
        judge_limits(study, plan_gate("vqa_accuracy", BASE, baseline=path, max_decrease_percent=1))[
            0
        ]
        for path in (baseline, alone)
    )
    assert paired.difference == pytest.approx(loose.difference)
    assert paired.kept is False
    assert loose.kept is True


def test_without_an_interval_the_allowance_alone_decides(study, tmp_path: Path) -> None:
    def smaller(record: dict[str, Any]) -> None:
        record["memory"]["peak_rss_bytes"] = int(0.9 * record["memory"]["peak_rss_bytes"])

    baseline = edit_record(tmp_path / "base", smaller)
    strict, wide = judge_limits(
        study,
        plan_gate("peak_memory_bytes", BASE, baseline=baseline, max_increase_percent=5),
        plan_gate("peak_memory_bytes", BASE, baseline=baseline, max_increase_percent=15),
    )
    assert (strict.kept, wide.kept) == (False, True)
    assert describe_finding(strict).endswith("+11 % no interval")


def test_a_cell_that_was_not_measured_breaks_its_limits_with_its_reason(study, multiplied) -> None:
    baseline = multiplied(1)
    verdicts = judge_limits(
        study,
        plan_gate("latency", CUDA, max=1e9),
        plan_gate("wer_value", CUDA, baseline=baseline, max_increase_percent=50),
    )
    assert [verdict.kept for verdict in verdicts] == [False, False]
    assert {describe_finding(verdict) for verdict in verdicts} == {
        "not measured: unavailable: this machine has no cuda device"
    }


def test_a_figure_that_was_not_measured_breaks_its_limits_with_its_reason(tmp_path: Path) -> None:
    made = MadeStudy()
    made.take_weights_away()
    record = made.records[BASE]
    record["energy"] = None
    record["energy_detail"] |= {"energy_j": None, "energy_reason": "the window\nwas too short"}
    folder = write_study(made, tmp_path / "study")
    verdicts = judge_limits(
        folder, plan_gate("energy", BASE, max=1e9), plan_gate("vqa_accuracy", BASE, min=0)
    )
    assert [(verdict.kept, describe_finding(verdict)) for verdict in verdicts] == [
        (False, "not measured: the window was too short"),
        (False, "not measured: random weights"),
    ]


def test_a_cell_that_the_baseline_lacks_breaks_its_relative_limit(study, tmp_path: Path) -> None:
    made = MadeStudy()
    del made.records[BASE]
    baseline = write_study(made, tmp_path / "base") / "summary.csv"
    limits = {"baseline": baseline, "max_increase_percent": 50}
    missing, lost = judge_limits(
        study, plan_gate("latency", BASE, **limits), plan_gate("latency", CUDA, **limits)
    )
    assert (missing.kept, describe_finding(missing)) == (False, "the baseline has no such cell")
    assert describe_finding(lost).startswith("not measured: unavailable")


def test_a_baseline_that_cannot_be_read_breaks_its_limits_and_no_others(
    study, tmp_path: Path
) -> None:
    baseline = edit_record(tmp_path / "base", multiply_latency(1))
    baseline.write_text(baseline.read_text()[:-2])
    relative = {"baseline": baseline, "max_increase_percent": 1}
    limits = judge_limits(
        study, plan_gate("latency", BASE, **relative), plan_gate("latency", BASE, max=9)
    )
    assert [verdict.kept for verdict in limits] == [False, True]
    assert f"{baseline} is damaged" in describe_finding(limits[0])


def test_a_verdict_holds_values_and_no_sentence(study, multiplied) -> None:
    baseline = multiplied(0.8)
    limit = plan_gate("latency", SIXTEEN, baseline=baseline, max_increase_percent=10)
    verdict, _ = judge_limits(study, limit, plan_gate("wer_value", CUDA, max=1))
    assert (verdict.metric, verdict.unit, verdict.bound) == ("latency", "s", 10)
    repeats = read_repeats(study / "repeatability.json")
    assert verdict.repeatability == repeats.latency["cpu"].deviation
    (_, lost) = read_json(study.parent / "gates.json")["limits"]
    assert lost["obstacle"] == {
        "cause": "not_measured",
        "status": "unavailable",
        "reason": "this machine has no cuda device",
    }
    assert not {"limit", "found", "why_not"} & set(lost)


ROW = CellKey("coco", "m-bs1")
SHAKY = Repeats(latency={"cpu": DeviceRepeats(0.04, 8, 9, 1, 36, 0)})
"""A study whose latency varies by 4 % from process to process."""


def write_rows(folder: Path, *rows: SummaryRow, repeats: Repeats | None = None) -> Path:
    """Write a summary, with what the study says about its repeatability, and return its folder."""
    folder.mkdir(parents=True)
    write_csv(rows, SummaryRow, folder / "summary.csv")
    if repeats is not None:
        write_repeats(repeats, folder / "repeatability.json")
    return folder


def judge_row(
    folder: Path, row: SummaryRow, base: SummaryRow, metric: str, **limits: float
) -> tuple[Verdict, ...]:
    """Judge a row by limits against the row of a baseline."""
    study = write_rows(folder / "study", row, repeats=Repeats())
    baseline = write_rows(folder / "base", base) / "summary.csv"
    return judge_limits(study, plan_gate(metric, ROW, baseline=baseline, **limits))


@pytest.mark.parametrize(
    ("repeats", "base_repeats", "kept"),
    [
        (Repeats(), Repeats(), False),
        (SHAKY, SHAKY, True),
        # A baseline that does not say how well it repeats is taken to repeat as well.
        (SHAKY, None, True),
        (Repeats(), SHAKY, False),
        (SHAKY, Repeats(), False),
    ],
)
def test_what_repeated_computations_show_as_well_breaks_no_limit(
    tmp_path, repeats, base_repeats, kept
) -> None:
    row, base = (
        make_row(**rounds_of("latency", [seconds, seconds + 0.001, seconds - 0.001]))
        for seconds in (1.05, 1.0)
    )
    study = write_rows(tmp_path / "study", row, repeats=repeats)
    baseline = write_rows(tmp_path / "base", base, repeats=base_repeats) / "summary.csv"
    limit = plan_gate("latency", ROW, baseline=baseline, max_increase_percent=2)
    (verdict,) = judge_limits(study, limit)
    assert verdict.kept is kept
    assert (verdict.low < 0 < verdict.high) is kept
    assert verdict.repeatability == (0.04 if repeats is SHAKY else None)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(89, (True, False)), (90, (True, True)), (110, (True, True)), (111, (False, True))],
)
def test_what_is_just_allowed_is_kept(tmp_path, value: int, kept: tuple[bool, bool]) -> None:
    rows = make_row(peak_memory_bytes=value), make_row(peak_memory_bytes=100)
    limits = {"max_increase_percent": 10, "max_decrease_percent": 10}
    verdicts = judge_row(tmp_path, *rows, "peak_memory_bytes", **limits)
    assert [verdict.kind for verdict in verdicts] == [LimitKind.INCREASE, LimitKind.DECREASE]
    assert tuple(verdict.kept for verdict in verdicts) == kept
    assert {(verdict.base, verdict.difference) for verdict in verdicts} == {(100, value - 100)}
    assert {verdict.repeatability for verdict in verdicts} == {None}


@pytest.mark.parametrize(("percent", "kept"), [(4, False), (6, True)])
def test_an_allowance_is_a_share_of_the_size_of_a_negative_figure(
    tmp_path, percent: float, kept: bool
) -> None:
    row, base = (make_row(**metrics_of(log_likelihood=value)) for value in (-2.1, -2.0))
    (verdict,) = judge_row(tmp_path, row, base, "log_likelihood", max_decrease_percent=percent)
    assert verdict.kept is kept


def test_a_verdict_names_its_gate_and_only_a_relative_limit_its_baseline(tmp_path) -> None:
    study = write_rows(tmp_path / "study", make_row(latency=1.0), repeats=Repeats())
    limits = {"max": 2.0, "min": 1.5, "max_increase_percent": 5, "max_decrease_percent": 5}
    plan = [
        plan_gate("energy", ROW, max=1.0),
        plan_gate("latency", ROW, baseline=study / "summary.csv", **limits),
    ]
    verdicts = judge_limits(study, *plan)
    baseline = str(study / "summary.csv")
    assert [(verdict.gate, verdict.kind.value, verdict.baseline) for verdict in verdicts] == [
        (0, "max", None),
        (1, "max", None),
        (1, "min", None),
        (1, "increase", baseline),
        (1, "decrease", baseline),
    ]
    assert [verdict.bound for verdict in verdicts] == [1.0, 2.0, 1.5, 5, 5]
    assert [verdict.kept for verdict in verdicts] == [False, True, False, True, True]
    assert (judge(study, *plan).kept, judge(study, *plan).broken) == (3, 2)


@pytest.mark.parametrize(
    ("metric", "reasons", "reason"),
    [
        ("energy_net_j", {"energy_net_reason": "busy"}, "busy"),
        ("energy_per_token_j", {"energy_per_token_reason": "no tokens"}, "no tokens"),
        ("energy_low_j", {"energy_reason": "too short", "energy_net_reason": "busy"}, "too short"),
    ],
)
def test_a_figure_with_a_reason_of_its_own_breaks_its_limits_with_that(
    tmp_path, metric, reasons, reason
) -> None:
    (verdict,) = judge_row(
        tmp_path, make_row(**reasons), make_row(), metric, max_increase_percent=5
    )
    assert verdict.obstacle == Obstacle(Cause.NOT_MEASURED, None, reason)


MISSING = [
    ("peak_memory_bytes", {"memory_reason": "no counter"}, "no counter"),
    ("weights_bytes", {"memory_reason": "no counter"}, "no counter"),
    ("peak_reserved_bytes", {"memory_reason": "no counter"}, "the cell has no GPU"),
    ("peak_reserved_bytes", {"memory_reason": "no counter", "device": "cuda"}, "no counter"),
    ("gpu_power_limit_w", {"device": "cuda"}, "the system or the card does not report it"),
    ("load_end", {"conditions_reason": "lost"}, "lost"),
    ("wer_low", {"wer_note": "of one sample"}, "of one sample"),
    ("task_value", {"task_note": "none scored"}, "none scored"),
    ("tokens_per_s", {"generation_reason": "it fails"}, "it fails"),
    ("time_per_output_token_s", {}, "further tokens took no longer than the first"),
    ("idle_w", {"energy_net_reason": "busy"}, "busy"),
    ("power_cpu_w", {"energy_reason": "no counter"}, "no counter"),
    ("energy_gpu_j", {"energy_reason": "no counter"}, "the cell has no GPU"),
    ("flops_vision", {"flops_reason": "an operator"}, "an operator"),
    ("flops_qformer", {}, "its model has no such part"),
    ("weights_vision_bytes", {}, "its model has no such part"),
    ("utilisation", {}, "the peak rate of its device is not known"),
    ("graph_breaks", {}, "nothing was compiled"),
    ("quantized_layers", {}, "nothing was quantised"),
    ("vqa_accuracy", {}, "no answer was scored by it"),
]


@pytest.mark.parametrize(("metric", "values", "reason"), MISSING)
def test_a_figure_that_a_measured_cell_lacks_has_the_reason_of_its_kind(
    tmp_path, metric, values, reason
) -> None:
    row = make_row(**values)
    (verdict,) = judge_row(tmp_path, row, make_row(), metric, max_increase_percent=5)
    assert verdict.obstacle == Obstacle(Cause.NOT_MEASURED, None, reason)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_column_that_can_be_gated_says_why_it_is_empty(tmp_path, device) -> None:
    axes = {axis.name for axis in fields(Axes)}
    gated = [name for name in COLUMNS if name not in {*axes, "attempt"}]
    study = write_rows(tmp_path / "study", make_row(device=device), repeats=Repeats())
    verdicts = judge_limits(study, *(plan_gate(name, ROW, max=1e30) for name in gated))
    assert [verdict.metric for verdict in verdicts] == gated
    assert [verdict.metric for verdict in verdicts if not verdict.obstacle.reason] == []


@pytest.mark.parametrize(
    ("values", "obstacle"),
    [
        ({"status": "crashed", "reason": "killed\nby SIGKILL"}, ("crashed", "killed by SIGKILL")),
        ({"energy_reason": "no  counter"}, (None, "no counter")),
        ({}, (None, "its devices report none")),
    ],
)
@pytest.mark.parametrize("lacking", ["study", "baseline"])
def test_a_missing_figure_of_either_study_is_an_obstacle_with_its_reason(
    tmp_path, values, obstacle, lacking
) -> None:
    rows = {"study": make_row(energy=1.0), "baseline": make_row(energy=1.0)}
    rows[lacking] = make_row(**values)
    limits = {"max_increase_percent": 5}
    (verdict,) = judge_row(tmp_path, rows["study"], rows["baseline"], "energy", **limits)
    cause = Cause.NOT_MEASURED if lacking == "study" else Cause.BASELINE_NOT_MEASURED
    assert not verdict.kept
    assert verdict.obstacle == Obstacle(cause, *obstacle)
    assert verdict.value == (None if lacking == "study" else 1.0)
