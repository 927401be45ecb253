"""A config, a table and a folder may write one name in different forms of Unicode."""

import io
import json
import unicodedata
from dataclasses import asdict

import pytest
from cell_tables import write_table
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from stored_data import make_dataset_job

from vlmeter.data.describe_columns import describe_columns
from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.guess_columns import guess_columns
from vlmeter.data.job import Columns, DataSource
from vlmeter.data.manifests import read_samples_manifest
from vlmeter.data.source import check_source, open_source
from vlmeter.errors import UserError
from vlmeter.storage.parquet import read_table
from vlmeter.study.sources import SourceDigests

FORMS = ("NFC", "NFD")
TABLES = ("parquet", "jsonl", "csv", "tsv")
NAMES = st.text("éñôḗÅΩﬁ²a_", min_size=1, max_size=4)


def write(form, text):
    return unicodedata.normalize(form, text)


def make_png(grey=0):
    data = io.BytesIO()
    Image.new("L", (4, 4), grey).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms") / "set"
    folder.mkdir()
    (folder / "a.png").write_bytes(make_png())
    return folder


def read(folder, table, **columns):
    """Check a source as before a run, and download it; return its samples and why none others."""
    source = DataSource(path=str(folder), table=table)
    check_source(source, Columns("image", **columns))
    samples, manifest = folder.parent / "samples.parquet", folder.parent / "samples.json"
    download_dataset(make_dataset_job(source, **columns), samples, manifest)
    bad = {each.id: each.reason for each in read_samples_manifest(manifest).bad_samples}
    return read_table(samples), bad


@pytest.mark.parametrize("form", TABLES)
@given(name=NAMES, written=st.sampled_from(FORMS), asked=st.sampled_from(FORMS))
@settings(max_examples=6, deadline=None)
def test_a_column_and_a_field_are_read_in_either_form(folder, form, name, written, asked):
    held = write(written, f"x{name}")
    table = folder / f"t.{form}"
    row = {"image": "a.png", held: "why", "it": [{held: "a", "n": "b"}], "n": {held: {held: "c"}}}
    write_table(table, [row])
    path = write(asked, f"x{name}")

    flat, _ = read(folder, table.name, question=path, references=f"it.{path}")
    deep, _ = read(folder, table.name, question=f"n.{path}.{path}", references=f"it.{path}")

    assert [(each["question"], each["references"]) for each in flat] == [("why", ["a"])]
    assert deep[0]["question"] == "c"


@pytest.mark.parametrize("form", TABLES)
@pytest.mark.parametrize(("held", "asked"), [("ﬁn", "fin"), ("x²", "x2"), ("é", "e")])
def test_a_column_that_only_looks_alike_is_no_such_column(folder, form, held, asked):
    write_table(folder / f"t.{form}", [{"image": "a.png", held: "a", "it": {held: "a"}}])
    with pytest.raises(UserError, match=f'no column "{asked}"'):
        read(folder, f"t.{form}", references=asked)
    with pytest.raises(UserError, match=rf'no field "it\.{asked}"'):
        read(folder, f"t.{form}", references=f"it.{asked}")


@pytest.mark.parametrize("form", TABLES)
def test_two_columns_that_differ_in_their_form_alone_are_refused(folder, form):
    both = {write(each, "réponse"): "a" for each in FORMS}
    write_table(folder / f"t.{form}", [{"image": "a.png", **both}])
    with pytest.raises(UserError) as refusal:
        read(folder, f"t.{form}", references="réponse")
    assert f"t.{form}" in str(refusal.value)
    assert '"réponse"' in str(refusal.value)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_two_fields_that_differ_in_their_form_alone_are_refused(folder, form):
    both = {write(each, "réponse"): "a" for each in FORMS}
    write_table(folder / f"t.{form}", [{"image": "a.png", "it": both}])
    with pytest.raises(UserError, match=r'two names there are "réponse" in Unicode'):
        read(folder, f"t.{form}", references="it.réponse")


@pytest.mark.parametrize("asked", FORMS)
@pytest.mark.parametrize("written", FORMS)
def test_an_image_is_read_by_a_name_in_either_form(tmp_path, asked, written):
    folder = tmp_path / "set"
    (folder / write(written, "été")).mkdir(parents=True)
    (folder / write(written, "été/café.png")).write_bytes(make_png(7))
    row = {"image": write(asked, "été/café.png"), "answer": "a"}
    write_table(folder / "t.csv", [row])
    job = make_dataset_job(DataSource(path=str(folder)), references="answer")
    digest = SourceDigests(tmp_path / "digests.json").digest_dataset

    samples, bad = read(folder, "t.csv", references="answer")
    before = digest(job)
    (folder / write(written, "été/café.png")).write_bytes(make_png(8))

    assert ([each["image"] for each in samples], bad) == ([make_png(7)], {})
    assert digest(job) != before


@pytest.mark.parametrize("asked", FORMS)
def test_an_image_whose_name_two_files_have_is_left_out(tmp_path, asked):
    folder = tmp_path / "set"
    folder.mkdir()
    for form in FORMS:
        (folder / write(form, "café.png")).write_bytes(make_png())
    (folder / "b.png").write_bytes(make_png())
    rows = [{"image": write(asked, "café.png"), "answer": "a"}, {"image": "b.png", "answer": "a"}]
    text = "\n".join(json.dumps(row) for row in rows)
    (folder / "t.jsonl").write_text(text, encoding="utf-8")
    samples, bad = read(folder, "t.jsonl", references="answer")
    assert [each["id"] for each in samples] == ["row-1"]
    assert "may be several files" in bad["row-0"]


def test_no_file_outside_is_read_by_a_name_in_another_form(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (tmp_path / write("NFD", "café.png")).write_bytes(make_png())
    (folder / write("NFD", "né.png")).symlink_to(tmp_path / write("NFD", "café.png"))
    rows = [{"image": name, "answer": "a"} for name in ("../café.png", "né.png", "b.png")]
    (folder / "b.png").write_bytes(make_png())
    text = "\n".join(json.dumps(row) for row in rows)
    (folder / "t.jsonl").write_text(text, encoding="utf-8")
    samples, bad = read(folder, "t.jsonl", references="answer")
    assert [each["id"] for each in samples] == ["row-2"]
    assert all("lies outside of set/" in reason for reason in bad.values())


@pytest.mark.parametrize("asked", FORMS)
@pytest.mark.parametrize("written", FORMS)
@pytest.mark.parametrize("pattern", ["début.csv", "d*ut.csv", "é/d?but.csv", "**/début.csv"])
def test_a_table_and_its_folder_are_found_in_either_form(tmp_path, asked, written, pattern):
    folder = tmp_path / write(written, "données")
    below = "é/" if "/" in pattern else ""
    table = folder / write(written, f"{below}début.csv")
    table.parent.mkdir(parents=True)
    (folder / "other.csv").write_text("image,answer\n", encoding="utf-8")
    (table.parent / "a.png").write_bytes(make_png())
    write_table(table, [{"image": "a.png", "answer": "a"}])

    samples, bad = read(tmp_path / write(asked, "données"), write(asked, pattern),
                        references="answer")  # fmt: skip

    assert ([each["references"] for each in samples], bad) == ([["a"]], {})


def test_parts_of_a_table_that_differ_in_their_form_alone_are_refused(tmp_path):
    for form in FORMS:
        write_table(tmp_path / write(form, "é-1.parquet"), [{"image": "a.png", "answer": "a"}])
    for table in (None, "é-*.parquet"):
        with pytest.raises(UserError, match=r'two names there are "é-1\.parquet"'):
            open_source(DataSource(path=str(tmp_path), table=table))


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("asked", FORMS)
def test_a_guess_takes_a_column_that_is_given_in_either_form(folder, form, asked):
    row = {"image": "a.png", write("NFD", "question posée"): "why", "answer": "a"}
    write_table(folder / f"t.{form}", [row])
    columns = describe_columns(open_source(DataSource(path=str(folder), table=f"t.{form}")))
    guess = guess_columns(columns, {"question": write(asked, "question posée")})
    assert guess.columns["question"] == "question posée"
    assert guess.unused == ()


def test_another_form_in_the_config_is_no_other_data_set(config):
    def make_job(form):
        columns = {"image": "é", "question": "q.é", "references": "réponses"}
        source = {"hub": "org/set", "split": "épreuve", "config": "français"}
        block = config.values["datasets"]["photos"]
        block["columns"] = {key: write(form, name) for key, name in columns.items()}
        block["source"] = {key: write(form, name) for key, name in source.items()}
        return asdict(config.study().dataset_job("photos"))

    assert make_job("NFD") == make_job("NFC")
