from typing import Any

import pytest
from row_factory import make_row, rounds_of

from vlmeter.errors import UserError
from vlmeter.results.repeatability import (
    DeviceRepeats,
    Repeats,
    compute_cost_difference,
    describe_repeats,
    get_rounds,
    group_same_computations,
    read_repeats,
    write_repeats,
)
from vlmeter.results.summary_row import SummaryRow


def measure(cell: str, *rounds: float, **values: Any) -> SummaryRow:
    return make_row(
        cell=cell, **{"shape_digest": "same", **rounds_of("latency", list(rounds)), **values}
    )


def test_cells_that_compute_the_same_show_how_well_a_measurement_repeats():
    repeats = describe_repeats([measure("a", 1.0, 1.0), measure("b", 1.1, 1.1, image_size=336)])
    on_cpu = repeats.latency["cpu"]
    assert on_cpu.deviation == pytest.approx(0.0674, abs=1e-4)
    assert (on_cpu.freedom, on_cpu.cells, on_cpu.computations, on_cpu.pairs) == (1, 2, 1, 1)
    assert repeats.energy == {}


@pytest.mark.parametrize(
    "difference",
    [
        {"dataset": "e"},
        {"model": "n"},
        {"dtype": "bf16"},
        {"batch_size": 2},
        {"optimization": "sdpa"},
        {"shape_digest": "other"},
        {"shape_digest": None},
    ],
)
def test_cells_that_compute_something_else_show_nothing(difference):
    rows = [measure("a", 1.0), measure("b", 1.1, **difference)]
    assert group_same_computations(rows) == []
    assert describe_repeats(rows).latency == {}


def test_an_interval_that_was_looked_at_more_often_is_wider():
    rounds = ([1.006, 1.007, 1.005], [1.0, 1.001, 0.999])
    significant = [
        compute_cost_difference(
            measure("a", *rounds[0], latency_looks=looks),
            measure("b", *rounds[1], latency_looks=looks),
            "latency",
            repeats=(Repeats(), Repeats()),
            rounds=rounds,
        ).significant
        for looks in (None, 1, 3)
    ]
    assert significant == [True, True, False], "a study that is older looked once"


def test_a_cell_that_is_listed_twice_is_no_group():
    assert group_same_computations([measure("a", 1.0), measure("a", 1.0)]) == []


def test_each_device_has_its_own_repeatability():
    gpu = [measure(name, seconds, device="cuda") for name, seconds in (("c", 0.1), ("d", 0.2))]
    repeats = describe_repeats([measure("a", 1.0), measure("b", 1.0), *gpu])
    on_cpu, on_gpu = repeats.find("latency", "cpu"), repeats.find("latency", "cuda")
    assert on_cpu is not None
    assert on_gpu is not None
    assert on_cpu.deviation == 0.0
    assert on_gpu.deviation > 0.4
    assert repeats.find("energy", "cuda") is None
    assert Repeats().find("latency", "cpu") is None


def test_a_false_difference_between_equal_computations_is_counted():
    alike = [
        measure(f"c{place}", 1.0 + 0.001 * place, 1.001 + 0.001 * place) for place in range(20)
    ]
    on_cpu = describe_repeats([*alike, measure("odd", 1.5, 1.5)]).latency["cpu"]
    assert (on_cpu.pairs, on_cpu.false_differences) == (210, 20)


@pytest.mark.parametrize("rounds_json", [None, "[]", "[0.0]", "[1.0, null]", "[1.0, NaN]"])
def test_a_figure_without_sound_rounds_takes_no_part(rounds_json):
    broken = measure("b", 1.0, latency_rounds_s=rounds_json)
    assert get_rounds(broken, "latency") is None
    assert describe_repeats([measure("a", 1.0), broken]).latency == {}


def test_a_cell_that_failed_takes_no_part():
    lost = measure("b", 1.0, status="crashed")
    assert describe_repeats([measure("a", 1.0), lost]).latency == {}


def test_what_is_written_comes_back(tmp_path):
    repeats = describe_repeats([measure("a", 1.0, 1.1), measure("b", 1.1, 1.2)])
    write_repeats(repeats, tmp_path / "repeatability.json")
    assert read_repeats(tmp_path / "repeatability.json") == repeats


def test_a_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / "repeatability.json"
    path.write_text('{"latency": {"cpu": {"deviation": "small"}}, "energy": {}}')
    with pytest.raises(UserError, match=r"latency\.cpu\.deviation is 'small', not a number"):
        read_repeats(path)


def make_repeats(deviation: float) -> DeviceRepeats:
    return DeviceRepeats(deviation, 8, cells=9, computations=1, pairs=36, false_differences=0)


def test_each_study_repeats_on_the_device_of_its_own_cell():
    rounds = [1.0, 1.001, 0.999], [1.05, 1.051, 1.049]
    a, b = make_row(device="cpu"), make_row(device="cuda")
    steady, shaky = make_repeats(0.0001), make_repeats(0.04)

    def differs(repeats_b: Repeats, repeats_a: Repeats) -> bool:
        difference = compute_cost_difference(
            b, a, "latency", repeats=(repeats_b, repeats_a), rounds=(rounds[1], rounds[0])
        )
        assert difference.estimate == pytest.approx(0.05)
        return difference.significant

    calm = Repeats(latency={"cpu": steady, "cuda": steady})
    assert differs(calm, calm)
    assert not differs(Repeats(latency={"cpu": steady, "cuda": shaky}), calm)
    assert not differs(calm, Repeats(latency={"cpu": shaky, "cuda": steady}))
    # Of another device or another cost, or known of one study alone, it says nothing.
    assert differs(Repeats(latency={"cpu": shaky, "cuda": steady}), calm)
    assert differs(Repeats(energy={"cuda": shaky}), Repeats(energy={"cpu": shaky}))
    assert differs(Repeats(latency={"cuda": shaky}), Repeats())


def test_disturbed_measurements_say_nothing_about_the_others():
    calm = [measure("a", 1.0), measure("b", 1.02)]
    noisy = [measure(name, seconds, disturbed=True) for name, seconds in (("c", 5.0), ("d", 9.0))]
    assert describe_repeats([*calm, *noisy]).latency == describe_repeats(calm).latency
    # Where nothing else was repeated they are all there is.
    only = describe_repeats([calm[0], *noisy]).latency["cpu"]
    assert (only.cells, only.deviation > 0.5) == (3, True)


def test_generations_of_the_same_computation_repeat_too():
    rows = [measure("a", 1.0, samples_per_s=10.0), measure("b", 1.0, samples_per_s=11.0)]
    assert describe_repeats(rows).generation["cpu"].deviation == pytest.approx(0.0674, abs=1e-4)
    assert describe_repeats([measure("a", 1.0), measure("b", 1.0)]).generation == {}
