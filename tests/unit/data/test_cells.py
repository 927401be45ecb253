"""A cell of any kind is a text, a list of texts, or refused by column and kind."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from cell_tables import PNG, write
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_data import make_dataset_job

from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import DataSource
from vlmeter.data.manifests import read_samples_manifest
from vlmeter.errors import UserError
from vlmeter.storage.parquet import read_table


def make_column(values, kind=None):
    count = len(values)
    return pa.table({"image": [PNG] * count, "answer": pa.array(values, kind)})


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
ANSWERS = st.one_of(
    TEXTS,
    st.integers(-(2**60), 2**60),
    st.floats(allow_infinity=False),
    st.none(),
    st.lists(TEXTS | st.none(), max_size=3),
    st.lists(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2), min_size=1, max_size=1),
)


@given(answers=ANSWERS, question=TEXTS)
@settings(max_examples=25, deadline=None)
def test_a_table_says_the_same_in_every_format_that_can_hold_it(read, answers, question):
    rows = [{"image": "a.png", "ask": question, "answer": each} for each in (answers, "kept")]
    # A CSV has no numbers: 3.0 is a text there, and pandas leaves a cell empty for NaN.
    forms = ["parquet", "jsonl", *([] if isinstance(answers, float) else ["csv", "tsv"])]
    outcomes = []
    for form in forms:
        # Each row is a table of its own: parquet has one kind in a column.
        outcome = []
        for row in rows:
            try:
                samples, _ = read([row], form, question="ask", references="answer")
                outcome.append([(each["question"], each["references"]) for each in samples])
            except UserError as error:
                outcome.append(str(error))
        outcomes.append(outcome)
    has_tables = isinstance(answers, list) and any(isinstance(each, dict) for each in answers)
    if has_tables and len(outcomes) > 2:
        # What a CSV holds of it is a text in brackets that is no list of texts.
        assert "is no JSON list of texts" in outcomes[2][0]
        del outcomes[2:]
    assert all(each == outcomes[0] for each in outcomes)


@pytest.mark.parametrize(
    ("value", "kind", "kept"),
    [
        (b"caf\xc3\xa9", pa.binary(), ["café"]),
        (b"a", pa.large_binary(), ["a"]),
        (b"a", pa.binary_view(), ["a"]),
        (b"abc", pa.binary(3), ["abc"]),
        ("a", pa.large_string(), ["a"]),
        ("a", pa.string_view(), ["a"]),
        ("a", pa.dictionary(pa.int8(), pa.string()), ["a"]),
        (["a", None], pa.list_(pa.string_view()), ["a"]),
        (["a", "b"], pa.large_list(pa.string()), ["a", "b"]),
        (["a"], pa.list_(pa.string(), 1), ["a"]),
        ([b"a", b"b"], pa.list_(pa.binary()), ["a", "b"]),
        (3, pa.int8(), ["3"]),
        (2**64 - 1, pa.uint64(), ["18446744073709551615"]),
        (3.0, pa.float64(), ["3"]),
        (-0.0, pa.float64(), ["0"]),
        (0.1, pa.float32(), ["0.1"]),
        (1e-7, pa.float32(), ["1e-07"]),
        ([1.0, 2.5, float("nan")], pa.list_(pa.float32()), ["1", "2.5"]),
        ('["a", null]', pa.string(), ["a"]),
        (b'["a", "b"]', pa.binary(), ["a", "b"]),
    ],
)
def test_a_type_of_parquet_that_holds_texts_or_numbers_is_read(read, value, kind, kept):
    samples, _ = read(make_column([value, None], kind), references="answer")
    assert [each["references"] for each in samples] == [kept]


POINT = pa.struct([("x", pa.string()), ("y", pa.string())])


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (True, pa.bool_(), "a truth value"),
        ([True], pa.list_(pa.bool_()), "a list with truth values"),
        (date(2024, 5, 1), pa.date32(), "a date or time"),
        (datetime(2024, 5, 1, tzinfo=UTC), pa.timestamp("us", "UTC"), "a date or time"),
        (datetime(2024, 5, 1), pa.timestamp("ns"), "a date or time"),
        (time(12, 30), pa.time64("us"), "a date or time"),
        (timedelta(1), pa.duration("s"), "a length of time"),
        (Decimal("1.50"), pa.decimal128(9, 2), "a decimal number"),
        ({"x": "a", "y": "b"}, POINT, "a table with the keys 'x', 'y'"),
        ([{"x": "a", "y": "b"}], pa.list_(POINT), "a list with tables with the keys 'x', 'y'"),
        ([["a"]], pa.list_(pa.list_(pa.string())), "a list with lists"),
        ([("k", 1)], pa.map_(pa.string(), pa.int64()), "a list with pairs of key and value"),
        (b"\xff\xfe", pa.binary(), "bytes that are no UTF-8"),
        ([b"\xff"], pa.list_(pa.binary()), "a list with bytes that are no UTF-8"),
        (float("inf"), pa.float64(), "a number that is not finite"),
    ],
)
def test_a_type_of_parquet_that_is_no_text_is_refused_before_the_run(check, value, kind, words):
    with pytest.raises(UserError) as raised:
        check(make_column([value, None], kind), references="answer")
    said = str(raised.value)
    assert f"table.parquet: each of its first samples has {words} in column answer, where " in said


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "a truth value"),
        ({"text": ["a"]}, "a table with the keys 'text'; name a field"),
        ([{"from": "human", "value": "a"}], "a list with tables with the keys 'from', 'value'"),
        ([["a"]], "a list with lists"),
        (float("inf"), "a number that is not finite"),
        ("\ud83d", "a text with half of a surrogate pair"),
        ("['a', 'b']", "a cell ['a', 'b'] in column answer that is no JSON list of texts"),
        ("[" * 2000 + "]" * 2000, "a cell [[["),
    ],
)
def test_a_value_of_json_that_is_no_text_is_refused_before_the_run(check, value, words):
    with pytest.raises(UserError) as raised:
        check([{"image": "a.png", "answer": value}] * 2, "jsonl", references="answer")
    said, (held, *hint) = str(raised.value), words.split(";")
    assert f"has {held}" in said
    assert all(each in said for each in hint)
    assert len(said) < 500


@pytest.mark.parametrize("field", ["question", "context", "id"])
@pytest.mark.parametrize("value", [["a"], {"en": "a"}, False])
def test_every_column_of_a_text_refuses_what_is_none(check, field, value):
    rows = [{"image": "a.png", "answer": "a", "other": value}]
    with pytest.raises(UserError, match="in column other, where a text is needed"):
        check(rows, "jsonl", references="answer", **{field: "other"})


def test_options_that_are_no_texts_are_refused(check):
    rows = [{"image": "a.png", "options": [{"label": "A", "text": "cat"}], "right": 0}]
    with pytest.raises(UserError, match=r"name a field, such as options\.label"):
        check(rows, "jsonl", choices="options", answer_index="right")


def test_one_row_of_another_kind_is_left_out_and_the_others_are_kept(read, check):
    rows = [
        {"image": "a.png", "answer": "a"},
        {"image": "a.png", "answer": {"text": "b"}},
        {"image": "a.png", "answer": True},
        {"image": 7, "answer": "c"},
    ]
    check(rows, "jsonl", references="answer")
    samples, bad = read(rows, "jsonl", references="answer")
    assert [each["id"] for each in samples] == ["row-0"]
    assert [reason.split(" in column")[0] for reason in bad.values()] == [
        "has a table with the keys 'text'",
        "has a truth value",
        "has a number",
    ]


DEEP = "[" * 5000 + "1" + "]" * 5000
RAW = {
    "a number of 5000 digits": ("7" * 5000, "a number of 5000 digits in column it"),
    "a negative one": ("-" + "7" * 5000, "a number of 5000 digits in column it"),
    "one in a list": (f'["b", {"7" * 5000}]', "a list with numbers of 5000 digits in column"),
    "a float beyond all floats": ("1e400", "a number that is not finite in column it"),
    "one below": ("[-1e400]", "a list with numbers that are not finite in column it"),
    "a list in lists": (DEEP, "a list with lists in column it"),
    "objects in objects": ('{"a":' * 5000 + "1" + "}" * 5000, "a table with the keys 'a' in"),
    "brackets in a text in lists": ('["]", ' * 5000 + '"]"' + "]" * 5000, "a list with lists"),
    "half of a pair": (r'"\ud83d"', "a text with half of a surrogate pair in column it"),
    "half of one as a key": (r'{"\udc00": 1}', "a table with the keys"),
    "infinity": ("-Infinity", "a number that is not finite in column it"),
}
"""A value as it stands in a JSONL, and what its sample is left out for."""


@pytest.fixture(scope="module")
def read_raw(folder):
    """Download three rows of a JSONL, of which the second has this value as it stands."""

    def run(value, **columns):
        values = ('"a"', value, '"c"')
        path = write(folder, [], "jsonl")
        path.write_text(
            "".join(f'{{"image": "a.png", "it": {each}, "sure": "yes"}}\n' for each in values),
            "utf-8",
        )
        job = make_dataset_job(DataSource(path=str(folder), table=path.name), **columns)
        samples, manifest = folder.parent / "raw.parquet", folder.parent / "raw.json"
        download_dataset(job, samples, manifest)
        assert [each["references"][0] for each in read_table(samples)] in (["a", "c"], ["yes"] * 2)
        [bad] = read_samples_manifest(manifest).bad_samples
        assert bad.id == "row-1"
        return bad.reason

    return run


@pytest.mark.parametrize("name", RAW)
def test_a_value_of_json_that_python_cannot_build_spoils_its_own_cell(read_raw, name):
    value, words = RAW[name]
    reason = read_raw(value, references="it")
    assert reason.startswith(f"has {words}")
    assert len(reason) < 300


@pytest.mark.parametrize("field", ["question", "context", "id"])
def test_such_a_value_spoils_its_own_cell_in_any_column(read_raw, field):
    reason = read_raw("7" * 5000, references="sure", **{field: "it"})
    assert reason == "has a number of 5000 digits in column it, where a text is needed"


def test_another_field_of_an_object_with_such_a_value_is_read(read):
    answers = f'[{{"answer": "lunch", "answer_id": {"7" * 5000}}}]'
    rows = [{"image": "a.png", "answers": answers}]
    for form in ("csv", "tsv"):
        assert read(rows, form, references="answers.answer")[0][0]["references"] == ["lunch"]


@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.date32(), pa.duration("s")])
def test_a_date_beyond_the_calendar_spoils_its_own_cell(read, kind):
    far = {pa.timestamp("ms"): 2**50, pa.date32(): 2**31 - 1, pa.duration("s"): 2**62}[kind]
    stored = pa.int32() if kind == pa.date32() else pa.int64()
    table = make_column(["a", "b", "c"]).append_column(
        "key", pa.array([None, far, None], stored).cast(kind)
    )
    samples, bad = read(table, references="answer", id="key")
    assert [each["references"] for each in samples] == [["a"], ["c"]]
    assert bad == {
        "row-1": f"has a {kind} out of range in column key, where a text is needed",
    }


def test_one_text_that_is_no_utf8_is_left_out_and_the_others_are_kept(read):
    marked = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    samples, bad = read(make_column(marked), references="answer")
    assert [each["references"] for each in samples] == [["a"], ["c"]]
    assert list(bad) == ["row-1"]


def test_what_is_missing_is_no_text(read):
    nan = float("nan")
    rows = [
        {"image": "a.png", "ask": nan, "answer": ["a", nan, None], "key": nan},
        {"image": "a.png", "ask": None, "answer": nan, "key": 3.0},
        {"image": nan, "ask": "q", "answer": "b", "key": "x"},
    ]
    samples, bad = read(rows, "jsonl", question="ask", references="answer", id="key")
    assert [(each["id"], each["question"], each["references"]) for each in samples] == [
        ("row-0", "", ["a"])
    ]
    assert bad == {"3": "has no reference: every expected text is empty", "x": "has no image"}
