from typing import Any

import pytest

from vlmeter.results.repeatability import describe_repeats, repeatability_of, rounds_of

AXES = {
    "dataset": "d",
    "model": "m",
    "dtype": "fp32",
    "device": "cpu",
    "batch_size": 1,
    "optimization": "eager",
    "image_size": 224,
}


def record(*rounds: float, digest: str | None = "same", **axes: Any) -> dict[str, Any]:
    return {
        "status": "ok",
        "cell": {**AXES, **axes},
        "input": {"shape_digest": digest},
        "latency": rounds[0] if rounds else None,
        "latency_detail": {"rounds_s": list(rounds)},
        "energy": None,
        "energy_detail": {"rounds_j": []},
    }


def test_cells_that_compute_the_same_tell_how_well_a_measurement_repeats():
    told = describe_repeats([record(1.0, 1.0), record(1.1, 1.1, image_size=336)])
    entry = told["latency"]["cpu"]
    assert entry["deviation"] == pytest.approx(0.0674, abs=1e-4)
    counts = {key: entry[key] for key in ("freedom", "cells", "computations", "pairs")}
    assert counts == {"freedom": 1, "cells": 2, "computations": 1, "pairs": 1}
    assert told["energy"] == {}


@pytest.mark.parametrize(
    "axis",
    [
        {"dataset": "e"},
        {"model": "n"},
        {"dtype": "bf16"},
        {"batch_size": 2},
        {"optimization": "sdpa"},
        {"digest": "other"},
        {"digest": None},
    ],
)
def test_cells_that_compute_something_else_tell_nothing(axis):
    assert describe_repeats([record(1.0), record(1.1, **axis)])["latency"] == {}


def test_each_device_has_its_own_repeatability():
    cells = [record(1.0), record(1.0), *(record(s, device="cuda") for s in (0.1, 0.2))]
    told = describe_repeats(cells)
    assert repeatability_of(told, "latency", "cpu").deviation == 0.0
    assert repeatability_of(told, "latency", "cuda").deviation > 0.4
    assert repeatability_of(told, "energy", "cuda") is None
    assert repeatability_of({}, "latency", "cpu") is None


def test_a_false_difference_between_equal_computations_is_counted():
    alike = [record(1.0 + 0.001 * number, 1.001 + 0.001 * number) for number in range(20)]
    entry = describe_repeats([*alike, record(1.5, 1.5)])["latency"]["cpu"]
    assert entry["pairs"] == 210
    assert entry["false_differences"] == 20


@pytest.mark.parametrize("rounds", [None, [], [0.0], [1.0, None], [1.0, float("nan")]])
def test_a_figure_without_sound_rounds_takes_no_part(rounds):
    broken = record(1.0)
    broken["latency_detail"] = {"rounds_s": rounds}
    assert rounds_of(broken, "latency") is None
    assert describe_repeats([record(1.0), broken])["latency"] == {}


def test_a_cell_that_failed_takes_no_part():
    lost = {**record(1.0), "status": "crashed"}
    assert describe_repeats([record(1.0), lost])["latency"] == {}
