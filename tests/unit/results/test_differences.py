from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vlmeter.errors import UserError
from vlmeter.results.differences import compare_cells, task_metric

PLAN: dict[str, Any] = {
    "pairs": [{"dataset": "d", "cell": "b", "base": "a"}],
    "seed": 0,
    "resamples": 200,
}


def record(
    *, rounds: list[float] | None = None, wer: float | None = None, **changes: Any
) -> dict[str, Any]:
    value = None if wer is None else 1 - wer / 10
    return {
        "status": "ok",
        "cell": {"device": "cpu"},
        "latency": rounds and rounds[0],
        "energy": None,
        "latency_detail": {"rounds_s": rounds},
        "quality": {
            "metrics": [
                {"name": "wer", "value": wer},
                {"name": "wer_median", "value": wer},
                {"name": "accuracy", "value": value},
            ]
        },
        **changes,
    }


def write_cell(folder: Path, errors: list[float], answers: list[str]) -> Path:
    folder.mkdir()
    ids = [f"q{number}" for number in range(len(errors))]
    ones = [1.0] * len(errors)
    scores = {"id": ids, "wer": errors, "wer_weight": ones, "accuracy": errors}
    pq.write_table(pa.table({**scores, "accuracy_weight": ones}), folder / "scores.parquet")
    pq.write_table(pa.table({"id": ids, "prediction": answers}), folder / "predictions.parquet")
    return folder


def compare(
    base: dict[str, Any],
    cell: dict[str, Any],
    folders: list[Path],
    repeats: dict[str, Any] | None = None,
) -> dict[str, Any]:
    keys = ("d", "a"), ("d", "b")
    (row,) = compare_cells(
        dict(zip(keys, (base, cell), strict=True)),
        dict(zip(keys, folders, strict=True)),
        PLAN,
        repeats or {},
    )
    return row


@pytest.fixture
def same(tmp_path: Path) -> list[Path]:
    """Two cells with the same answers."""
    errors, answers = [0.0, 1.0, 2.0, 3.0], ["a", "b", "c", "d"]
    return [write_cell(tmp_path / name, errors, answers) for name in ("a", "b")]


def test_costs_are_compared_by_their_rounds(same):
    row = compare(record(rounds=[1.0, 1.1, 0.9]), record(rounds=[2.0, 2.1, 1.9]), same)
    assert row["latency_base_s"] == pytest.approx(1.0)
    assert row["latency_difference_s"] == pytest.approx(1.0)
    # Welch: standard error 0.1 * sqrt(2 / 3), 4 degrees of freedom.
    assert row["latency_difference_low_s"] == pytest.approx(1 - 2.7764451 * 0.0816497, abs=1e-6)
    assert row["latency_differs"] is True
    assert "energy_difference_j" not in row


def test_a_difference_within_the_noise_is_none(same):
    row = compare(record(rounds=[1.0, 1.1, 0.9]), record(rounds=[1.05, 1.0, 1.1]), same)
    assert row["latency_differs"] is False


def test_a_difference_that_repeated_computations_show_as_well_is_none(same):
    rounds = [1.0, 1.001, 0.999], [1.05, 1.051, 1.049]
    cells = [record(rounds=one) for one in rounds]
    repeats = {"latency": {"cpu": {"deviation": 0.04, "freedom": 8}}}
    assert compare(*cells, same)["latency_differs"] is True
    row = compare(*cells, same, repeats)
    assert row["latency_differs"] is False
    # 2.306 is the t quantile of 8 degrees of freedom.
    reach = 2.3060041 * 0.04 * (1.0**2 + 1.05**2) ** 0.5
    assert row["latency_difference_high_s"] == pytest.approx(0.05 + reach, abs=1e-6)


def test_one_round_cannot_tell(same):
    row = compare(record(rounds=[1.0]), record(rounds=[2.0]), same)
    assert row["latency_difference_s"] == 1.0
    assert row["latency_difference_low_s"] is None
    assert row["latency_differs"] is None


@pytest.mark.parametrize("rounds", [[], [1.0, None], "fast", None])
def test_rounds_that_are_not_all_known_are_not_compared(same, rounds):
    odd = record(latency=1.0, latency_detail={"rounds_s": rounds})
    assert "latency_difference_s" not in compare(record(rounds=[1.0, 1.1]), odd, same)


def test_a_cost_without_a_headline_figure_is_not_compared(same):
    lost = record(latency=None, latency_detail={"rounds_s": [1.0, 2.0]})
    assert "latency_difference_s" not in compare(lost, record(rounds=[1.0, 1.1]), same)


def test_the_same_answers_are_no_difference(same):
    row = compare(record(wer=1.5), record(wer=1.5), same)
    assert [row[f"wer_{name}"] for name in ("base", "difference", "differs")] == [1.5, 0.0, False]
    assert (row["task_metric"], row["task_difference"]) == ("accuracy", 0.0)
    assert (row["changed_predictions"], row["shared_predictions"]) == (0, 4)


def test_answers_that_all_got_worse_are_a_difference(tmp_path):
    folders = [
        write_cell(tmp_path / "a", [0.0, 1.0, 2.0, 3.0], ["a", "b", "c", "d"]),
        write_cell(tmp_path / "b", [1.0, 2.0, 3.0, 4.0], ["a", "B", "C", "D"]),
    ]
    row = compare(record(wer=1.5), record(wer=2.5), folders)
    ends = [row[f"wer_difference{part}"] for part in ("", "_low", "_high")]
    assert ends == [1.0, 1.0, 1.0]
    assert row["wer_differs"] is True
    assert (row["changed_predictions"], row["shared_predictions"]) == (3, 4)


def test_random_weights_have_costs_to_compare_but_no_answers(tmp_path):
    folders = [write_cell(tmp_path / name, [], []) for name in ("a", "b")]
    row = compare(record(rounds=[1.0, 1.1]), record(rounds=[2.0, 2.1]), folders)
    assert row["latency_difference_s"] == pytest.approx(1.0)
    assert not {"wer_difference", "task_difference", "changed_predictions"} & set(row)


@pytest.mark.parametrize("lost", ["base", "cell"])
def test_a_cell_that_failed_needs_no_files(tmp_path, lost):
    failed = {"status": "crashed", "latency": None, "energy": None, "quality": None}
    pair = {"base": record(wer=1.0), "cell": record(wer=1.0), lost: failed}
    row = compare(pair["base"], pair["cell"], [tmp_path / "no", tmp_path / "none"])
    assert row == PLAN["pairs"][0]


def test_a_pair_without_a_record_has_no_row(same):
    assert compare_cells({("d", "a"): record()}, {("d", "a"): same[0]}, PLAN, {}) == []


def test_missing_scores_are_named(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(UserError, match=r"gone/scores\.parquet is missing"):
        compare(record(wer=1.0), record(wer=1.0), [gone, gone])


def test_the_task_metric_is_the_first_that_is_no_word_error_rate():
    metric = task_metric(record(wer=1.0))
    assert metric is not None
    assert metric["name"] == "accuracy"
    assert task_metric({"quality": None}) is None
    assert task_metric({"quality": {"metrics": [{"name": "mer"}]}}) is None
