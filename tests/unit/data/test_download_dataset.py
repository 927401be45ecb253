"""From a source's rows to samples: an unusable sample is named and left out."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image
from stored_data import make_dataset_job

from vlmeter.data import hub_files
from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import DataSource, Synthetic
from vlmeter.data.manifests import read_samples_manifest
from vlmeter.data.parquet_files import Files
from vlmeter.data.samples import read_texts
from vlmeter.errors import UserError
from vlmeter.storage.files import file_sha256
from vlmeter.storage.parquet import read_table


@pytest.fixture
def download(tmp_path):
    """Write rows or a table to a parquet file and download it; return samples and manifest."""

    def run(rows, task="vqa", n=100, **columns):
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
        pq.write_table(table, tmp_path / "source.parquet")
        source = DataSource(path=str(tmp_path / "source.parquet"))
        samples, manifest = tmp_path / "data/samples.parquet", tmp_path / "data/samples.json"
        download_dataset(make_dataset_job(source, task, n, **columns), samples, manifest)
        described = read_samples_manifest(manifest)
        assert described.sha256 == file_sha256(samples)
        plain = json.loads(manifest.read_text(encoding="utf-8"))
        assert plain["place"] == "data/samples.json"
        return read_table(samples), described

    return run


def make_row(number, **fields):
    return {"image": f"image {number}".encode(), "answers": [f"a{number}"], **fields}


def list_reasons(manifest):
    return {sample.id: sample.reason for sample in manifest.bad_samples}


def test_every_column_of_a_sample_is_filled_from_the_configured_one(download):
    source = [{**make_row(0), "qid": 17, "ask": "Which?", "hint": None}]
    samples, manifest = download(
        source, references="answers", id="qid", question="ask", context="hint"
    )
    assert samples == [
        {
            "id": "17",
            "image": b"image 0",
            "file": None,
            "question": "Which?",
            "context": "",
            "choices": [],
            "answer_index": None,
            "references": ["a0"],
        }
    ]
    assert manifest.n == 1
    assert manifest.revision is None


def test_without_an_id_column_the_number_of_the_row_is_the_id(download):
    samples, _ = download([make_row(0), make_row(1)], references="answers")
    assert [sample["id"] for sample in samples] == ["row-0", "row-1"]


def test_a_sample_keeps_the_number_of_its_row_in_the_split(download):
    samples, _ = download([make_row(i) for i in range(50)], n=5, references="answers")
    ids = [sample["id"] for sample in samples]
    assert [sample["image"].decode() for sample in samples] == [
        id_.replace("row-", "image ") for id_ in ids
    ]
    assert len(ids) == 5


def test_a_repeated_id_is_refused(download):
    rows = [make_row(i, key=key) for i, key in enumerate(["a", "b", "a", "b"])]
    with pytest.raises(UserError) as raised:
        download(rows, references="answers", id="key")
    assert str(raised.value) == (
        'data set photos: the id "a" stands more than once, in Unicode\'s composed form (NFC); '
        "give datasets.photos.columns.id a unique column or leave it out."
    )


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
HANGUL = "\ud55c", "\u1112\u1161\u11ab"
OHM = "\u03a9", "\u2126"


@pytest.mark.parametrize("forms", [(COMPOSED, DECOMPOSED), HANGUL, OHM])
@pytest.mark.parametrize("usable", [True, False])
def test_ids_that_differ_in_their_unicode_form_alone_are_one(download, forms, usable):
    rows = [make_row(0, key=forms[0]), make_row(1, key=forms[1])]
    if not usable:
        rows[1]["image"] = None
    with pytest.raises(
        UserError, match=f'"{forms[0]}" stands more than once, in Unicode'
    ) as raised:
        download(rows, references="answers", id="key")
    assert "(NFC)" in str(raised.value)


def test_an_id_is_kept_in_its_composed_form(download):
    rows = [make_row(0, key=DECOMPOSED), make_row(1, key=f"{DECOMPOSED}s", image=None)]
    samples, manifest = download(rows, references="answers", id="key")
    assert [sample["id"] for sample in samples] == [COMPOSED]
    assert list(list_reasons(manifest)) == [f"{COMPOSED}s"]


def test_an_image_as_a_struct_of_bytes_and_path_is_its_bytes(download):
    rows = [make_row(0, image={"bytes": b"png", "path": "a.png"})]
    assert download(rows, references="answers")[0][0]["image"] == b"png"


def test_samples_without_an_image_are_named_and_left_out(download):
    rows = [
        make_row(0),
        make_row(1, image=None),
        make_row(2, image=b""),
    ]
    samples, manifest = download(rows, references="answers")
    assert [sample["id"] for sample in samples] == ["row-0"]
    assert list_reasons(manifest) == {"row-1": "has no image", "row-2": "has no image"}
    assert manifest.n == 1


def test_samples_without_a_reference_are_named_and_left_out(download):
    rows = [
        make_row(0, answers=["a", None, " "]),
        make_row(1, answers=[]),
        make_row(2, answers=None),
        make_row(3, answers=["", " \n"]),
    ]
    samples, manifest = download(rows, references="answers")
    assert [sample["references"] for sample in samples] == [["a"]]
    assert list_reasons(manifest) == dict.fromkeys(
        ("row-1", "row-2", "row-3"), "has no reference: every expected text is empty"
    )


def test_a_single_reference_may_be_a_plain_text(download):
    samples, _ = download([make_row(0, answers="a cat")], references="answers")
    assert samples[0]["references"] == ["a cat"]


def test_a_multiple_choice_is_checked(download):
    def make_choice(number, index, options=("cat", "dog")):
        return make_row(number, answer=index, options=None if options is None else list(options))

    rows = [
        make_choice(0, 1),
        make_choice(1, 2),
        make_choice(2, -1),
        make_choice(3, None),
        make_choice(4, 0, None),
        make_choice(5, 1, ("cat", " ")),
        make_choice(6, 1, (None, "dog")),
        make_choice(7, 1, ("cat",) * 27),
    ]
    samples, manifest = download(rows, "multiple_choice", choices="options", answer_index="answer")
    assert [(sample["choices"], sample["references"]) for sample in samples] == [
        (["cat", "dog"], ["dog"]),
        (["", "dog"], ["dog"]),
    ]
    assert list_reasons(manifest) == {
        "row-1": "answer index 2 is not among its 2 choices",
        "row-2": "answer index -1 is not among its 2 choices",
        "row-3": "has no number or letter of its right option",
        "row-4": "answer index 0 is not among its 0 choices",
        "row-5": "has an empty text as its right choice 1",
        "row-7": "has 27 choices, and there are 26 letters",
    }


@pytest.mark.parametrize(
    ("answers", "rights"),
    [
        (["A", "b", " C ", "(D)"], ["lunch", "taxi", "east", "west"]),
        (["a.", "D)", "0", "3.0"], ["lunch", "west", "lunch", "west"]),
        ([0, 3, 1.0, 2.0], ["lunch", "west", "taxi", "east"]),
    ],
)
def test_a_right_option_is_read_as_a_number_or_a_letter(download, answers, rights):
    options = ["lunch", "taxi", "east", "west"]
    rows = [make_row(i, answer=answer, options=options) for i, answer in enumerate(answers)]
    samples, _ = download(rows, "multiple_choice", choices="options", answer_index="answer")
    assert [sample["references"] for sample in samples] == [[right] for right in rights]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("lunch", 'has "lunch" in column answer: the right option is given by its number from 0'),
        ("AB", 'has "AB" in column answer'),
        ("1_0", 'has "1_0" in column answer'),
        ("0.5", 'has "0.5" in column answer'),
        (0.5, 'has "0.5" in column answer'),
        (True, "has a truth value in column answer"),
        ("E", "answer index 4 is not among its 2 choices"),
        ("9" * 9, "answer index 999999999 is not among its 2 choices"),
        ("9" * 5000, 'has "999'),
    ],
)
def test_a_right_option_that_cannot_be_read_is_shown(download, answer, reason):
    rows = [make_row(0, answer=answer, options=["cat", "dog"])]
    with pytest.raises(UserError, match=re.escape(reason)) as raised:
        download(rows, "multiple_choice", choices="options", answer_index="answer")
    assert len(str(raised.value)) < 300


def test_a_letter_that_is_also_the_text_of_another_option_is_ambiguous(download):
    rows = [
        make_row(0, answer="A", options=["B", "A"]),
        make_row(1, answer="B", options=["A", "B"]),
    ]
    samples, manifest = download(rows, "multiple_choice", choices="options", answer_index="answer")
    assert [sample["references"] for sample in samples] == [["B"]]
    assert 'the answer "A", which is one of its choices' in list_reasons(manifest)["row-0"]


@pytest.mark.parametrize("text", ["K", "\N{KELVIN SIGN}"])
def test_a_letter_is_also_the_text_that_unicode_composes_to_it(download, text):
    options = [*"0123456789", "y", text]
    rows = [make_row(0, answer="K", options=options), make_row(1, answer="B", options=options)]
    samples, manifest = download(rows, "multiple_choice", choices="options", answer_index="answer")
    assert [sample["references"] for sample in samples] == [["1"]]
    assert 'the answer "K", which is one of its choices' in list_reasons(manifest)["row-0"]


def test_a_text_is_no_list_of_choices(download):
    texts = [make_row(0, answer=0, options="cat or dog")]
    with pytest.raises(UserError, match="has one value as its choices, not a list: cat or dog"):
        download(texts, "multiple_choice", choices="options", answer_index="answer")


def test_a_data_set_without_a_usable_sample_is_refused(download):
    with pytest.raises(UserError) as raised:
        download([make_row(i, image=None) for i in range(3)], references="answers")
    assert str(raised.value) == (
        "data set photos: none of its 3 samples is usable; the first: sample row-0 has no image."
    )


def test_a_missing_column_is_named(download, tmp_path):
    with pytest.raises(UserError, match=r'source\.parquet has no column "answer"; it has: image, '):
        download([make_row(0)], references="answer")
    assert not (tmp_path / "data/samples.json").exists()


def test_synthetic_rows_are_the_same_for_the_same_seed(tmp_path):
    source = DataSource(synthetic=Synthetic(text_tokens=5, image_size=32))
    columns = {"id": "id", "question": "question", "references": "answer"}

    def make_samples(seed):
        job = make_dataset_job(source, n=3, seed=seed, **columns)
        download_dataset(job, tmp_path / "s.parquet", tmp_path / "s.json")
        return read_table(tmp_path / "s.parquet")

    first = make_samples(1)
    assert [sample["id"] for sample in first] == ["synthetic-0", "synthetic-1", "synthetic-2"]
    assert {len(sample["question"].split()) for sample in first} == {4}
    assert len({sample["image"] for sample in first}) == 3
    assert make_samples(1) == first
    assert make_samples(2)[0]["image"] != first[0]["image"]


def test_texts_are_read_without_images(download, tmp_path):
    rows = [make_row(i, ask=f"q{i}") for i in range(2)]
    download(rows, references="answers", question="ask")
    samples = tmp_path / "data/samples.parquet"
    assert [(text.id, text.question) for text in read_texts(samples)] == [
        ("row-0", "q0"),
        ("row-1", "q1"),
    ]


def test_a_missing_or_truncated_table_is_named(tmp_path):
    path = tmp_path / "samples.parquet"
    with pytest.raises(UserError, match=f"^{path} is missing: run the rule that makes it again"):
        read_table(path)
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match=rf"^{path} cannot be read as parquet \("):
        read_table(path)


FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize("kind", ["Image", "Audio", "Video", "Pdf", "Nifti"])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        {"bytes": None, "path": "{folder}/private.png"},
        {"bytes": None, "path": "http://127.0.0.1:9/private.png"},
        {"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "path": "a.eps"},
    ],
    ids=["a file elsewhere", "an address", "a program"],
)
def test_a_file_that_a_table_names_is_not_opened(download, tmp_path, kind, listed, value):
    """The features in a table's metadata decide what `datasets` opens, and with which reader."""
    Image.new("RGB", (8, 8)).save(tmp_path / "private.png")
    value = {**value, "path": value["path"].format(folder=tmp_path)}
    feature = {"_type": kind}
    features = {
        "image": {"_type": "Value", "dtype": "binary"},
        "answers": {"_type": "List", "feature": feature} if listed else feature,
    }
    table = pa.table(
        {
            "image": pa.array([b"image"]),
            "answers": pa.array([[value] if listed else value], pa.list_(FILE) if listed else FILE),
        }
    )
    metadata = json.dumps({"info": {"features": features}})

    # What was opened would be a picture, a sound or a document, and no table any more.
    with pytest.raises(UserError, match=r"tables? with the keys 'bytes', 'path' in column answers"):
        download(table.replace_schema_metadata({"huggingface": metadata}), references="answers")


@pytest.mark.parametrize(
    ("answer", "feature"),
    [
        (7, {"_type": "ClassLabel", "names": ["cat"]}),
        ("a", {"_type": "Value", "dtype": "__import__"}),
        ("a", {"_type": "os"}),
    ],
)
def test_features_that_do_not_match_are_reported_in_a_sentence(download, answer, feature):
    table = pa.table({"image": [b"image"], "answers": [answer]})
    metadata = json.dumps({"info": {"features": {"image": feature, "answers": feature}}})

    with pytest.raises(UserError, match="row group 0 cannot be read"):
        download(table.replace_schema_metadata({"huggingface": metadata}), references="answers")


@pytest.fixture
def take_commit(monkeypatch, tmp_path):
    """Download a repository of which this is the newest commit; return the commit that is read."""
    rows = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([make_row(0)]), rows)
    manifest = tmp_path / "data/samples.json"

    def run(newest, **source):
        def find_split(_source, revision, _retry_policy):
            return Files(LocalFileSystem(), (str(rows),), revision or newest)

        monkeypatch.setattr(hub_files, "find_split", find_split)
        job = make_dataset_job(DataSource(hub="a/b", **source), references="answers")
        download_dataset(job, manifest.with_suffix(".parquet"), manifest)
        return read_samples_manifest(manifest).revision

    return run


def test_a_source_without_a_revision_stays_at_the_commit_that_was_taken_first(take_commit):
    assert [take_commit(newest) for newest in ("first", "second", "third")] == ["first"] * 3


def test_another_source_takes_a_commit_of_its_own(take_commit):
    assert take_commit("first", split="train") == "first"
    assert take_commit("second", split="test") == "second"
    assert take_commit("third", split="test") == "second"


def test_a_revision_that_the_config_names_is_not_kept_for_others(take_commit):
    assert take_commit("newest", revision="named") == "named"
    assert take_commit("newest") == "newest"
