import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vlmeter.errors import UserError
from vlmeter.metrics.base import Example
from vlmeter.metrics.drift import Answers
from vlmeter.metrics.evaluate import evaluate
from vlmeter.metrics.scores import write_scores
from vlmeter.metrics.uncertainty import Difference


def write_scored(path, predictions):
    examples = [Example(id_, text, ("a b c d e f g h",)) for id_, text in predictions.items()]
    write_scores(path, evaluate("caption", examples, seed=0, resamples=10), list(predictions))
    return path


def test_cells_are_compared_over_their_common_samples(tmp_path):
    cell = write_scored(tmp_path / "a.parquet", {"1": "a b c d", "2": "a b c d", "only": "x"})
    base = write_scored(tmp_path / "b.parquet", {"2": "a b c d e f g h", "1": "a b c d e f g h"})
    paired = Answers(seed=0, resamples=100).compare_quality(cell, base, "wer")
    assert paired.samples == 2
    assert paired.difference.estimate == 0.5
    assert paired.difference.significant


def test_a_median_is_compared_as_a_median(tmp_path):
    texts = {str(index): "a b c d" for index in range(2)}
    cell = write_scored(tmp_path / "a.parquet", texts | {"2": ""})
    base = write_scored(tmp_path / "b.parquet", texts | {"2": "a b c d e f g h"})
    assert (
        Answers(seed=0, resamples=100).compare_quality(cell, base, "wer_median").difference.estimate
        == 0.0
    )


def test_cells_without_a_common_sample_are_not_compared(tmp_path):
    cell, base = (
        write_scored(tmp_path / "a.parquet", {"1": "a"}),
        write_scored(tmp_path / "b.parquet", {}),
    )
    assert Answers(seed=0, resamples=100).compare_quality(cell, base, "wer") is None


def test_a_missing_figure_is_named(tmp_path):
    cell = write_scored(tmp_path / "a.parquet", {"1": "a"})
    with pytest.raises(UserError, match=r"a\.parquet lacks the column anls"):
        Answers(seed=0, resamples=100).compare_quality(cell, cell, "anls")


def test_changed_predictions_are_counted_over_common_samples(tmp_path):
    for name, texts in {"a": ["x", "y", "z"], "b": ["x", "Y"]}.items():
        table = {"id": [str(index) for index in range(len(texts))], "prediction": texts}
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    assert Answers(seed=0, resamples=100).count_changed(
        tmp_path / "a.parquet", tmp_path / "b.parquet"
    ) == (
        1,
        2,
    )


def test_samples_meet_by_ids_in_another_unicode_form(tmp_path):
    """Two studies of one data set, from a disk that composes names and from another."""
    forms = {"a": "caf\u00e9", "b": "cafe\u0301"}
    for name, id_ in forms.items():
        table = {"id": [id_], "prediction": [f"of {name}"]}
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    answers = Answers(seed=0, resamples=100)
    assert answers.count_changed(tmp_path / "a.parquet", tmp_path / "b.parquet") == (1, 1)
    cell, base = (
        write_scored(tmp_path / f"{name}-scores.parquet", {id_: "a b c d"})
        for name, id_ in forms.items()
    )
    assert answers.compare_quality(cell, base, "wer").samples == 1


def test_an_answer_in_another_unicode_form_is_the_same_answer(tmp_path):
    for name, text in {"a": "caf\u00e9", "b": "cafe\u0301"}.items():
        table = {"id": ["1"], "prediction": [text]}
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    assert Answers(seed=0, resamples=100).count_changed(*paths) == (0, 1)


def test_scores_are_paired_by_id_and_not_by_place(tmp_path):
    """Each sample changes by another amount, so any other pairing gives another interval."""
    cell = {"1": "a b c d e f g h", "2": "a b c d", "3": "", "4": "a b"}
    base = {"4": "a b", "3": "", "1": "a b c d e f g h", "2": "a b c d"}
    written = write_scored(tmp_path / "a.parquet", cell), write_scored(tmp_path / "b.parquet", base)
    difference = Answers(seed=0, resamples=200).compare_quality(*written, "wer").difference
    assert difference == Difference(0.0, 0.0, 0.0)


def test_a_file_is_read_once_however_often_it_is_compared(tmp_path):
    cell = write_scored(tmp_path / "a.parquet", {"1": "a b c d", "2": "x", "3": "a"})
    base = write_scored(tmp_path / "b.parquet", {"1": "a b c d", "2": "a b", "3": "a"})
    answers = Answers(seed=0, resamples=100)
    first = answers.compare_quality(cell, base, "wer")
    cell.unlink()
    assert answers.compare_quality(cell, base, "wer") == first
    assert Answers(seed=0, resamples=100).compare_quality(base, base, "wer") == (
        Difference(0.0, 0.0, 0.0),
        3,
    )


def test_a_sample_without_a_score_has_no_value_in_the_table(tmp_path):
    examples = [Example("a", "x", ("x",)), Example("b", "x", ("?!",))]
    write_scores(
        tmp_path / "s.parquet", evaluate("vqa", examples, seed=0, resamples=10), ["a", "b"]
    )
    table = pq.read_table(tmp_path / "s.parquet")
    assert table.column("wer").to_pylist() == [0.0, None]
    assert table.column("wer_weight").to_pylist()[1] is None
