"""Samples and predictions meet by id, and texts that look equal compare as equal."""

import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vlmeter.errors import UserError
from vlmeter.metrics.evaluate import evaluate
from vlmeter.metrics.pairing import read_pairs


def write_pair(folder, texts, predictions, choices=None, answer_index=None):
    """Write samples with one reference each, and their predictions in the order of their ids."""
    ids = [str(index) for index in range(len(texts))]
    samples = {
        "id": ids,
        "references": [[text] for text in texts] if choices is None else [[] for _ in texts],
        "choices": pa.array([choices or []] * len(texts), pa.list_(pa.string())),
        "answer_index": pa.array([answer_index] * len(texts), pa.int64()),
    }
    pq.write_table(pa.table(samples), folder / "samples.parquet")
    table = {"id": ids, "prediction": predictions}
    pq.write_table(pa.table(table), folder / "predictions.parquet")
    return read_pairs(folder / "samples.parquet", folder / "predictions.parquet")


WORDS = ["café", "naïve Ångström", "한국어", "Việt"]


@pytest.mark.parametrize(("of_sample", "of_model"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("task", ["vqa", "ocr", "caption"])
def test_composed_and_decomposed_texts_are_equal(tmp_path, task, of_sample, of_model):
    texts = [unicodedata.normalize(of_sample, text) for text in WORDS]
    predictions = [unicodedata.normalize(of_model, text) for text in WORDS]
    assert texts != predictions
    pairs = write_pair(tmp_path, texts, predictions)
    evaluation = evaluate(task, pairs.examples, seed=0, resamples=10)
    assert evaluation.value_of("wer") == 0
    assert evaluation.value_of("cer") == 0
    if task != "caption":
        assert evaluation.value_of("exact_match") == 1


def test_an_option_is_read_whatever_form_its_text_has(tmp_path):
    choices = [unicodedata.normalize("NFD", text) for text in WORDS]
    pairs = write_pair(tmp_path, ["q"], [unicodedata.normalize("NFC", WORDS[1])], choices, 1)
    evaluation = evaluate("multiple_choice", pairs.examples, seed=0, resamples=10)
    assert evaluation.value_of("accuracy") == 1


def test_references_of_a_sample_with_options_stay_the_references(tmp_path):
    table = {"id": ["0"], "references": [["a vixen"]], "choices": [["a red fox", "an owl"]]}
    pq.write_table(pa.table({**table, "answer_index": [1]}), tmp_path / "samples.parquet")
    pq.write_table(pa.table({"id": ["0"], "prediction": ["x"]}), tmp_path / "predictions.parquet")
    pairs = read_pairs(tmp_path / "samples.parquet", tmp_path / "predictions.parquet")
    assert [example.references for example in pairs.examples] == [("a vixen",)]


@pytest.mark.parametrize("answer_index", [None, -1, 2])
def test_without_a_right_option_there_is_no_reference(tmp_path, answer_index):
    choices = ["a red fox", "an owl"]
    [example] = write_pair(tmp_path, ["q"], ["a red fox"], choices, answer_index).examples
    assert example.references == ()


def test_of_the_options_the_right_one_alone_is_the_reference(tmp_path):
    choices = ["a red fox", "an owl"]
    [example] = write_pair(tmp_path, ["q"], ["a red fox"], choices, 1).examples
    assert example.references == ("an owl",)


@pytest.mark.parametrize(("of_sample", "of_model"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_sample_meets_its_prediction_by_an_id_in_another_form(tmp_path, of_sample, of_model):
    write_pair(tmp_path, WORDS, WORDS)
    for name, form in (("samples", of_sample), ("predictions", of_model)):
        path = tmp_path / f"{name}.parquet"
        ids = [unicodedata.normalize(form, f"{word}.jpg") for word in WORDS]
        pq.write_table(pq.read_table(path).set_column(0, "id", pa.array(ids)), path)
    pairs = read_pairs(tmp_path / "samples.parquet", tmp_path / "predictions.parquet")
    assert pairs.strays == []
    assert len(pairs.examples) == len(WORDS)
    assert pairs.count_samples([unicodedata.normalize("NFD", f"{WORDS[0]}.jpg")]) == 1


def test_two_forms_of_one_id_are_refused(tmp_path):
    write_pair(tmp_path, WORDS[:2], WORDS[:2])
    path = tmp_path / "samples.parquet"
    ids = [unicodedata.normalize(form, WORDS[0]) for form in ("NFC", "NFD")]
    pq.write_table(pq.read_table(path).set_column(0, "id", pa.array(ids)), path)
    with pytest.raises(UserError, match=r"more than one sample of id 'café', in Unicode.*\(NFC\)"):
        read_pairs(path, tmp_path / "predictions.parquet")


def test_predictions_in_another_order_meet_their_own_samples(tmp_path):
    write_pair(tmp_path, ["a", "b", "c"], ["x", "y", "z"])
    table = {"id": ["2", "0", "1"], "prediction": ["of c", "of a", "of b"]}
    pq.write_table(pa.table(table), tmp_path / "predictions.parquet")
    pairs = read_pairs(tmp_path / "samples.parquet", tmp_path / "predictions.parquet")
    assert [(example.references[0], example.prediction) for example in pairs.examples] == [
        ("a", "of a"),
        ("b", "of b"),
        ("c", "of c"),
    ]


def test_what_has_no_partner_is_named_and_lies_with_no_metric(tmp_path):
    samples = {"id": ["a", "b"], "references": [["x"], ["y"]], "choices": [[], []]}
    columns = {**samples, "answer_index": pa.array([None, None], pa.int64())}
    pq.write_table(
        pa.table({**columns, "choices": pa.array([[], []], pa.list_(pa.string()))}),
        tmp_path / "samples.parquet",
    )
    predictions = pa.table({"id": ["a", "c"], "prediction": ["x", "z"]})
    pq.write_table(predictions, tmp_path / "predictions.parquet")
    strays = read_pairs(tmp_path / "samples.parquet", tmp_path / "predictions.parquet").strays
    assert [(stray.id, stray.metrics) for stray in strays] == [("b", ()), ("c", ())]
