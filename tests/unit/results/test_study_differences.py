"""A cell beside its partner of another study: figure by figure, with the right interval."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from row_factory import make_row, rounds_of

from vlmeter.errors import UserError
from vlmeter.metrics.figure import Figure
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.matching import Pair
from vlmeter.results.repeatability import Repeats
from vlmeter.results.study_differences import (
    compare_column,
    compare_cost,
    compare_quality,
    count_changed_answers,
)
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.files import file_sha256, write_json

NOWHERE = Path("no/study")


def make_scored(
    value: float | None, low: float | None = None, high: float | None = None, **values: Any
) -> SummaryRow:
    figure = Figure("wer", "WER", value, low, high, higher_is_better=False, scored=4)
    row = {"samples_sha256": "same", "metrics": json.dumps([vars(figure)])}
    return make_row(**{**row, **values})


def write_cell(folder: Path, values: list[float], answers: list[str]) -> Path:
    """Write a study with one cell, `m-bs1` on `coco`, and return its folder."""
    cell = folder / "cells/coco/m-bs1"
    cell.mkdir(parents=True)
    ids = [f"q{place}" for place in range(len(values))]
    scores = {"id": ids, "wer": values, "wer_weight": [1.0] * len(ids)}
    pq.write_table(pa.table(scores), cell / "scores.parquet")
    pq.write_table(pa.table({"id": ids, "prediction": answers}), cell / "predictions.parquet")
    digests = {name: file_sha256(cell / f"{name}.parquet") for name in ("scores", "predictions")}
    write_json(cell / "record.json", {"files": digests})
    return folder


@pytest.fixture
def studies(tmp_path: Path) -> tuple[Path, Path]:
    """Two studies; each sample of the second has one error more, and two answers are others."""
    return (
        write_cell(tmp_path / "a", [0.0, 1.0, 2.0, 3.0], ["a", "b", "c", "d"]),
        write_cell(tmp_path / "b", [1.0, 2.0, 3.0, 4.0], ["a", "B", "C", "d"]),
    )


@pytest.fixture
def scored() -> Pair:
    """Their cells, whose intervals overlap."""
    return Pair(make_scored(1.5, 0.5, 3.0), make_scored(2.5, 1.0, 4.5))


def test_figures_of_other_samples_have_the_arms_of_both_intervals():
    # Down: B falls by 3, A rises by 4. Up: B rises by 12, A falls by 5.
    a, b = make_scored(10.0, 5.0, 14.0), make_scored(20.0, 17.0, 32.0, samples_sha256="others")
    compared = compare_quality(Pair(a, b), "wer", NOWHERE, NOWHERE)
    assert compared.how == "unpaired"
    assert (compared.a, compared.b, compared.base) == (10.0, 20.0, 10.0)
    assert compared.difference == Difference(10.0, 5.0, 10.0 + math.hypot(12.0, 5.0))


@pytest.mark.parametrize("lacking", ["a", "b"])
def test_without_both_intervals_the_difference_has_none(lacking):
    whole, bare = make_scored(2.0, 1.0, 3.0), make_scored(2.0)
    pair = Pair(bare, whole) if lacking == "a" else Pair(whole, bare)
    compared = compare_quality(pair, "wer", NOWHERE, NOWHERE)
    assert compared.difference == Difference(0.0, None, None)


@pytest.mark.parametrize("values", [(None, 2.0), (2.0, None)])
def test_a_figure_that_one_study_lacks_is_not_compared(values):
    compared = compare_quality(Pair(*map(make_scored, values)), "wer", NOWHERE, NOWHERE)
    assert (compared.a, compared.b) == values
    assert (compared.difference, compared.how) == (None, "")
    unheard = compare_quality(Pair(*map(make_scored, values)), "mer", NOWHERE, NOWHERE)
    assert (unheard.a, unheard.b, unheard.difference) == (None, None, None)


def test_the_same_samples_are_compared_one_by_one(studies, scored):
    compared = compare_quality(scored, "wer", *studies)
    assert compared.how == "paired"
    assert compared.difference == Difference(1.0, 1.0, 1.0)
    assert (compared.a, compared.b, compared.base) == (1.5, 2.5, 1.5)


@pytest.mark.parametrize("lost", [0, 1])
def test_without_the_scores_of_both_the_intervals_are_combined(studies, scored, lost):
    (studies[lost] / "cells/coco/m-bs1/scores.parquet").unlink()
    assert compare_quality(scored, "wer", *studies).how == "unpaired"


@pytest.mark.parametrize("digest", ["others", None])
def test_other_samples_are_never_compared_one_by_one(studies, digest):
    pair = Pair(make_scored(1.5, samples_sha256=digest), make_scored(2.5, samples_sha256=None))
    assert compare_quality(pair, "wer", *studies).how == "unpaired"
    assert count_changed_answers(pair, *studies) is None


def test_changed_answers_are_counted_over_the_samples_of_both(studies, scored):
    assert count_changed_answers(scored, *studies) == (2, 4)
    (studies[1] / "cells/coco/m-bs1/predictions.parquet").unlink()
    assert count_changed_answers(scored, *studies) is None


def test_cells_without_answers_have_no_changed_ones(tmp_path, scored):
    studies = [write_cell(tmp_path / name, [], []) for name in ("a", "b")]
    assert count_changed_answers(scored, *studies) is None


@pytest.mark.parametrize("damaged", [0, 1])
@pytest.mark.parametrize("table", ["scores", "predictions"])
def test_a_damaged_table_of_either_study_is_named(studies, scored, table, damaged):
    path = studies[damaged] / f"cells/coco/m-bs1/{table}.parquet"
    other = write_cell(studies[0].parent / "other", [5.0] * 4, ["x"] * 4)
    path.write_bytes((other / f"cells/coco/m-bs1/{table}.parquet").read_bytes())
    with pytest.raises(UserError, match=f"{path} is damaged"):
        compare_quality(scored, "wer", *studies)
        count_changed_answers(scored, *studies)


def test_a_study_that_keeps_no_record_is_compared_all_the_same(studies, scored):
    for folder in studies:
        (folder / "cells/coco/m-bs1/record.json").unlink()
    assert compare_quality(scored, "wer", *studies).how == "paired"
    assert count_changed_answers(scored, *studies) == (2, 4)


def test_a_cost_is_compared_as_the_second_less_the_first():
    a, b = (make_row(**rounds_of("energy", rounds)) for rounds in ([4.0, 6.0], [8.0, 12.0]))
    compared = compare_cost(Pair(a, b), "energy", Repeats(), Repeats())
    # The headline figures, the difference of the means, and A's mean to relate it to.
    assert (compared.a, compared.b, compared.base) == (4.0, 8.0, 5.0)
    assert compared.difference.estimate == 5.0
    assert compared.difference.low < 5.0 < compared.difference.high


@pytest.mark.parametrize("rounds", [([], [1.0, 1.1]), ([1.0, 1.1], [])])
def test_a_cost_without_rounds_has_no_difference(rounds):
    pair = Pair(*(make_row(**rounds_of("latency", each)) for each in rounds))
    compared = compare_cost(pair, "latency", Repeats(), Repeats())
    assert compared.difference is None
    assert [compared.a, compared.b] == [each[0] if each else None for each in rounds]


def test_a_column_without_a_spread_has_a_difference_without_an_interval():
    a, b = make_row(weights_bytes=10), make_row(weights_bytes=7)
    compared = compare_column(Pair(a, b), "weights_bytes")
    assert (compared.a, compared.b, compared.base) == (10, 7, 10)
    assert compared.difference == Difference(-3, None, None)
    for pair in (Pair(a, make_row()), Pair(make_row(), b)):
        assert compare_column(pair, "weights_bytes").difference is None
