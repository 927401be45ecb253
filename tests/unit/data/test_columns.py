"""A column, or a field of its tables, is named by a path."""

import pytest

from vlmeter.errors import UserError

VQA = [{"answer": "lunch", "answer_id": 1}, {"answer": "brunch", "answer_id": 2}]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv", "tsv"])
@pytest.mark.parametrize(
    ("value", "path", "kept"),
    [
        (VQA, "answers.answer", ["lunch", "brunch"]),
        (VQA, "answers.answer_id", ["1", "2"]),
        ({"text": ["a", "b"], "start": [1, 2]}, "answers.text", ["a", "b"]),
        ({"en": {"short": "a"}}, "answers.en.short", ["a"]),
    ],
)
def test_a_field_of_a_struct_is_named_by_its_path(read, check, form, value, path, kept):
    rows = [{"image": "a.png", "answers": value}]
    check(rows, form, references=path)
    assert read(rows, form, references=path)[0][0]["references"] == kept


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("answers.anser", 'has no field "answers.anser"; there are: answer, answer_id.'),
        ("answers.answer.text", "has a text where column answers.answer.text names a field"),
        ("anser.answer", 'has no column "anser.answer"; it has: image, answers.'),
    ],
)
def test_a_field_that_is_not_there_is_refused_before_the_run(check, form, path, words):
    with pytest.raises(UserError) as raised:
        check([{"image": "a.png", "answers": VQA}], form, references=path)
    assert words in str(raised.value)


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_a_column_with_a_dot_in_its_name_is_no_field(read, form):
    rows = [{"image": "a.png", "a.b": "column", "a": {"b": "field"}}]
    assert read(rows, form, references="a.b")[0][0]["references"] == ["column"]


def test_a_field_that_one_object_lacks_is_missing_there(read):
    rows = [{"image": "a.png", "it": each} for each in ({"text": "a"}, {}, {"other": "b"})]
    samples, bad = read(rows, "jsonl", references="it.text")
    assert [each["references"] for each in samples] == [["a"]]
    assert list(bad) == ["row-1", "row-2"]
