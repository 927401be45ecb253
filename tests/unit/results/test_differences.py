import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from row_factory import make_row, metrics_of, rounds_of

from vlmeter.errors import UserError
from vlmeter.results.comparisons import Comparisons
from vlmeter.results.difference_row import DifferenceRow
from vlmeter.results.differences import compare_cells
from vlmeter.results.repeatability import DeviceRepeats, Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey, DifferenceKey

PAIR = DifferenceKey(dataset="d", cell="b", base="a")
COMPARISONS = Comparisons(pairs=(PAIR,), seed=0, resamples=200)


def make_cell(
    *, rounds: list[float] | None = None, wer: float | None = None, **values: Any
) -> SummaryRow:
    accuracy = None if wer is None else 1 - wer / 10
    return make_row(
        **{
            **rounds_of("latency", rounds or []),
            **metrics_of(wer=wer, wer_median=wer, accuracy=accuracy),
            **values,
        }
    )


def write_cell(folder: Path, errors: list[float], answers: list[str]) -> Path:
    folder.mkdir()
    ids = [f"q{number}" for number in range(len(errors))]
    ones = [1.0] * len(errors)
    scores = {"id": ids, "wer": errors, "wer_weight": ones, "accuracy": errors}
    pq.write_table(pa.table({**scores, "accuracy_weight": ones}), folder / "scores.parquet")
    pq.write_table(pa.table({"id": ids, "prediction": answers}), folder / "predictions.parquet")
    return folder


def compare(
    base: SummaryRow, cell: SummaryRow, folders: list[Path], repeats: Repeats | None = None
) -> DifferenceRow:
    keys = CellKey("d", "a"), CellKey("d", "b")
    (row,) = compare_cells(
        dict(zip(keys, (base, cell), strict=True)),
        dict(zip(keys, folders, strict=True)),
        COMPARISONS,
        repeats or Repeats(),
    )
    return row


@pytest.fixture
def same(tmp_path: Path) -> list[Path]:
    """Two cells with the same answers."""
    errors, answers = [0.0, 1.0, 2.0, 3.0], ["a", "b", "c", "d"]
    return [write_cell(tmp_path / name, errors, answers) for name in ("a", "b")]


def test_costs_are_compared_by_their_rounds(same):
    row = compare(make_cell(rounds=[1.0, 1.1, 0.9]), make_cell(rounds=[2.0, 2.1, 1.9]), same)
    assert row.latency_base_s == pytest.approx(1.0)
    assert row.latency_difference_s == pytest.approx(1.0)
    # Both means are off by a t of 2 degrees of freedom times 0.1 / sqrt(3), one of 1 s, one of 2 s.
    reach = math.hypot(4.3026527 * 0.1, 4.3026527 * 0.05) / math.sqrt(3)
    assert row.latency_difference_low_s == pytest.approx(2 * math.exp(-reach) - 1, abs=1e-6)
    assert row.latency_differs is True
    assert row.energy_difference_j is None


def test_the_time_of_a_sample_is_compared_over_the_batch_of_each_cell(same):
    base = make_cell(rounds=[2.0, 2.2, 1.8], batch_size=2, **rounds_of("energy", [4.0, 6.0]))
    cell = make_cell(rounds=[2.0, 2.2, 1.8], batch_size=8, **rounds_of("energy", [7.0, 9.0]))
    row = compare(base, cell, same)
    assert row.latency_difference_s == pytest.approx(0.0)
    assert row.sample_time_base_s == pytest.approx(1.0)
    assert row.sample_time_difference_s == pytest.approx(-0.75)
    # Both means are off by a t of 2 degrees of freedom times 10 % / sqrt(3).
    reach = 4.3026527 * 0.1 * math.sqrt(2 / 3)
    assert row.sample_time_difference_low_s == pytest.approx(0.25 * math.exp(-reach) - 1, abs=1e-6)
    assert row.sample_time_differs is True
    # The energy is per sample already.
    assert (row.energy_base_j, row.energy_difference_j) == (5.0, 3.0)


def test_a_difference_within_the_noise_is_none(same):
    row = compare(make_cell(rounds=[1.0, 1.1, 0.9]), make_cell(rounds=[1.05, 1.0, 1.1]), same)
    assert row.latency_differs is False


def test_a_difference_that_repeated_computations_show_as_well_is_none(same):
    base = make_cell(rounds=[1.0, 1.001, 0.999])
    cell = make_cell(rounds=[1.05, 1.051, 1.049])
    on_cpu = DeviceRepeats(0.04, 8, cells=9, computations=1, pairs=36, false_differences=0)
    assert compare(base, cell, same).latency_differs is True
    row = compare(base, cell, same, Repeats(latency={"cpu": on_cpu}))
    assert row.latency_differs is False
    # Printed quantiles: of the normal, and of chi-square for 8 degrees of freedom and one in ten.
    reach = 1.959964 * math.sqrt(8 / 3.4895391) * 0.04 * math.sqrt(2)
    assert row.latency_difference_high_s == pytest.approx(1.05 * math.exp(reach) - 1, abs=1e-6)


def test_one_round_cannot_tell(same):
    row = compare(make_cell(rounds=[1.0]), make_cell(rounds=[2.0]), same)
    assert row.latency_difference_s == 1.0
    assert row.latency_difference_low_s is None
    assert row.latency_differs is None


def test_a_cost_without_rounds_is_not_compared(same):
    odd = make_cell(latency=1.0)
    assert compare(make_cell(rounds=[1.0, 1.1]), odd, same).latency_difference_s is None


def test_a_cost_without_a_headline_figure_is_not_compared(same):
    lost = make_cell(rounds=[1.0, 2.0], latency=None)
    row = compare(lost, make_cell(rounds=[1.0, 1.1]), same)
    assert row.latency_difference_s is None


def test_the_same_answers_are_no_difference(same):
    row = compare(make_cell(wer=1.5), make_cell(wer=1.5), same)
    assert (row.wer_base, row.wer_difference, row.wer_differs) == (1.5, 0.0, False)
    assert (row.task_metric, row.task_difference) == ("accuracy", 0.0)
    assert (row.changed_predictions, row.shared_predictions) == (0, 4)


def test_answers_that_all_got_worse_are_a_difference(tmp_path):
    folders = [
        write_cell(tmp_path / "a", [0.0, 1.0, 2.0, 3.0], ["a", "b", "c", "d"]),
        write_cell(tmp_path / "b", [1.0, 2.0, 3.0, 4.0], ["a", "B", "C", "D"]),
    ]
    row = compare(make_cell(wer=1.5), make_cell(wer=2.5), folders)
    ends = row.wer_difference, row.wer_difference_low, row.wer_difference_high
    assert ends == (1.0, 1.0, 1.0)
    assert row.wer_differs is True
    assert (row.changed_predictions, row.shared_predictions) == (3, 4)


def test_random_weights_have_costs_to_compare_but_no_answers(tmp_path):
    folders = [write_cell(tmp_path / name, [], []) for name in ("a", "b")]
    row = compare(make_cell(rounds=[1.0, 1.1]), make_cell(rounds=[2.0, 2.1]), folders)
    assert row.latency_difference_s == pytest.approx(1.0)
    assert (row.wer_difference, row.task_difference, row.changed_predictions) == (None, None, None)


@pytest.mark.parametrize("lost", ["base", "cell"])
def test_a_cell_that_failed_needs_no_files(tmp_path, lost):
    failed = make_row(status="crashed")
    pair = {"base": make_cell(wer=1.0), "cell": make_cell(wer=1.0), lost: failed}
    row = compare(pair["base"], pair["cell"], [tmp_path / "no", tmp_path / "none"])
    filled = {name: value for name, value in vars(row).items() if value is not None}
    assert filled == PAIR._asdict()


def test_a_pair_without_a_record_has_no_row(same):
    key = CellKey("d", "a")
    assert compare_cells({key: make_cell()}, {key: same[0]}, COMPARISONS, Repeats()) == []


def test_missing_scores_are_named(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(UserError, match=r"gone/scores\.parquet is missing"):
        compare(make_cell(wer=1.0), make_cell(wer=1.0), [gone, gone])
