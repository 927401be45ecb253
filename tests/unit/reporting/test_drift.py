"""A machine that drifted, and one that did not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vlmeter.reporting.drift import TimedCell, describe_drift, read_timed_cell
from vlmeter.reporting.language import use_language
from vlmeter.reporting.remark import Remark
from vlmeter.results.repeatability import DeviceRepeats, Repeats
from vlmeter.storage.files import write_json
from vlmeter.storage.typed import from_plain

NO_REPEATS = Repeats()
ON_CPU = DeviceRepeats(
    deviation=0.021, freedom=5, cells=7, computations=2, pairs=9, false_differences=0
)


def make_timed(latency_s: float, *, rounds: list[float] | None = None) -> TimedCell:
    spread = [latency_s * 0.99, latency_s, latency_s * 1.01] if rounds is None else rounds
    return make_ended("ok", None, {"latency_s": latency_s, "rounds_s": spread})


def make_ended(status: str, reason: str | None, latency: dict[str, Any] | None) -> TimedCell:
    content = {"status": status, "reason": reason, "cell": {"device": "cpu"}}
    return from_plain(TimedCell, {**content, "latency_detail": latency}, Path("record.json"))


def test_a_measurement_which_names_no_cell_is_read_as_the_second_one(tmp_path):
    latency = {"latency_s": 0.02, "rounds_s": [0.02, 0.02]}
    write_json(
        tmp_path / "measurement.json", {"status": "ok", "reason": None, "latency_detail": latency}
    )
    control = read_timed_cell(tmp_path / "measurement.json")
    assert control.rounds_s == [0.02, 0.02]
    assert describe_drift(control, make_timed(0.02), NO_REPEATS) is not None


def test_a_machine_that_stayed_the_same_did_not_drift():
    remark = describe_drift(make_timed(0.0202), make_timed(0.02), NO_REPEATS)
    assert remark == Remark(
        "The machine did not drift measurably: the base setting took 20.0 ms at the beginning, "
        "20.2 ms at the end (+1.0 % [-2.5 %, +4.6 %]).",
        warning=False,
        anchor="drift",
    )


@pytest.mark.parametrize(("second", "change"), [(0.022, "+10 %"), (0.018, "-10 %")])
def test_a_change_beyond_the_noise_is_a_warning(second, change):
    remark = describe_drift(make_timed(second), make_timed(0.02), NO_REPEATS)
    assert remark is not None
    assert remark.warning
    assert remark.text.startswith(
        "The machine drifted: the base setting took 20.0 ms at the beginning"
    )
    assert f"({change} [" in remark.text


@pytest.mark.parametrize(
    ("first", "second"), [([0.02, 0.021], [0.02, 0.18]), ([0.02, 0.3], [0.02, 0.021])]
)
def test_a_large_change_within_the_noise_is_not_called_none(first, second):
    remark = describe_drift(
        make_timed(0.02, rounds=second), make_timed(0.02, rounds=first), NO_REPEATS
    )
    assert remark is not None
    assert remark.warning
    assert remark.text.startswith("Drift cannot be judged: the base setting took")


def test_a_change_that_repeated_computations_show_as_well_is_no_drift():
    repeats = Repeats(latency={"cpu": replace(ON_CPU, deviation=0.08, freedom=10)})
    remark = describe_drift(make_timed(0.022), make_timed(0.02), repeats)
    assert remark is not None
    assert not remark.warning
    assert remark.text.startswith("The machine did not drift measurably")


def test_drift_is_judged_by_an_interval_of_all_looks():
    first, second = [1.0, 1.001, 0.999], [1.006, 1.007, 1.005]
    texts = []
    for looks in (1, 3):
        base, control = (
            make_ended(
                "ok", None, {"latency_s": rounds[0], "rounds_s": rounds, "end": {"looks": looks}}
            )
            for rounds in (first, second)
        )
        texts.append(describe_drift(control, base, NO_REPEATS).warning)
    assert texts == [True, False]


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_measurement_that_failed_is_said(which):
    lost = make_ended("out_of_memory", "1 GB was missing", None)
    pair = {"first": make_timed(0.02), "second": make_timed(0.02), which: lost}
    assert describe_drift(pair["second"], pair["first"], NO_REPEATS) == Remark(
        f"Drift cannot be judged: the {which} measurement of the base setting has no latency "
        "(out of memory: 1 GB was missing).",
        warning=True,
        anchor="drift",
    )


def test_a_single_round_shows_no_drift():
    remark = describe_drift(
        make_timed(0.03, rounds=[0.03]), make_timed(0.02, rounds=[0.02]), NO_REPEATS
    )
    assert remark is not None
    assert not remark.warning
    assert "one round is too few to judge" in remark.text


def test_without_a_second_measurement_nothing_is_said():
    assert describe_drift(None, make_timed(0.02), NO_REPEATS) is None
    assert describe_drift(make_timed(0.02), None, NO_REPEATS) is None


def test_why_the_drift_is_not_known_is_said_in_the_reader_s_language():
    ended = make_ended("crashed", "killed by SIGKILL", None)
    with use_language("ru"):
        remark = describe_drift(ended, make_timed(0.02), NO_REPEATS)
    assert remark is not None
    assert "(аварийно завершено: процесс остановлен сигналом SIGKILL)" in remark.text
