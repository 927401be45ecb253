"""A folder of images with a table becomes samples; a row that cannot be used is named."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from stored_data import make_dataset_job

from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import DataSource
from vlmeter.data.manifests import read_images_manifest, read_samples_manifest
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.errors import UserError, shorten
from vlmeter.storage.parquet import read_table


def encode_png(red=0):
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (red, 0, 0)).save(out, format="PNG")
    return out.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A folder with two images, the second of them in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / "a.png").write_bytes(encode_png(1))
    (folder / "more/b.png").write_bytes(encode_png(2))
    return folder


@pytest.fixture
def read(tmp_path, folder):
    """Download from the folder; return the samples and the reasons of the unusable ones, by id."""

    def run(task="vqa", table=None, n=100, path=folder, **columns):
        columns = columns or {"question": "ask", "references": "answer"}
        source = DataSource(path=str(path), table=table)
        samples, manifest = tmp_path / "out/samples.parquet", tmp_path / "out/samples.json"
        download_dataset(make_dataset_job(source, task, n, **columns), samples, manifest)
        bad_samples = read_samples_manifest(manifest).bad_samples
        return read_table(samples), {bad.id: bad.reason for bad in bad_samples}

    return run


def write_csv(folder, *lines, name="labels.csv", encoding="utf-8"):
    (folder / name).write_bytes("\n".join(["image,ask,answer", *lines]).encode(encoding))


def test_a_csv_names_images_relative_to_itself(folder, read):
    write_csv(
        folder, "a.png,What is it?,a cat", 'more/b.png,"Red, or blue?","[""red"", ""dark red""]"'
    )
    samples, bad = read()
    assert bad == {}
    assert [(s["id"], s["file"], s["image"], s["question"], s["references"]) for s in samples] == [
        ("row-0", "a.png", encode_png(1), "What is it?", ["a cat"]),
        ("row-1", "more/b.png", encode_png(2), "Red, or blue?", ["red", "dark red"]),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_may_have_a_byte_order_mark_any_line_end_and_empty_lines(folder, read, encoding, end):
    lines = ["", "image,ask,answer", "", "a.png,où ?,là", ",,", "   ", "more/b.png,,b", ""]
    (folder / "labels.csv").write_bytes(end.join(lines).encode(encoding))
    samples, bad = read()
    assert [(s["question"], s["references"]) for s in samples] == [("où ?", ["là"]), ("", ["b"])]
    assert bad == {}


def test_cells_in_quotes_may_hold_separators_quotes_and_line_breaks(folder, read):
    write_csv(folder, 'a.png,"one,\n""two""\u2028three",x')
    assert read()[0][0]["question"] == 'one,\n"two"\u2028three'


@pytest.mark.parametrize(("name", "separator"), [("labels.tsv", "\t"), ("labels.csv", ";")])
def test_tabs_and_semicolons_separate_too(folder, read, name, separator):
    lines = [["image", "ask", "answer"], ["a.png", "this, or that?", "x"]]
    (folder / name).write_text("\n".join(map(separator.join, lines)))
    assert read()[0][0]["question"] == "this, or that?"


def test_jsonl_holds_lists_as_they_are_and_may_leave_out_keys(folder, read):
    rows = [
        {"image": "a.png", "ask": "q\u2028r", "answer": ["x", "y"]},
        {"image": "more/b.png", "answer": '["z"]'},
        {"image": "a.png", "answer": "[z]"},
    ]
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "labels.jsonl").write_text(f"\ufeff{text}\n")
    samples, bad = read()
    assert [(s["question"], s["references"]) for s in samples] == [
        ("q\u2028r", ["x", "y"]),
        ("", ["z"]),
    ]
    assert list(bad) == ["row-2"]
    assert "has a cell [z] in column answer that is no JSON list of texts" in bad["row-2"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a b.png",
            "é.png",
            "e\u0301.png",
            "字.png",
            "-rf.png",
            "$(id).png",
            "'q\".png",
            "#%20?.png",
        ),
        *("{a}.png", "sub folder/..png", "a.b.c", "no extension", "~.png", "*.png", "a;b.png"),
    ],
)
def test_an_image_may_have_any_name(folder, read, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(encode_png(7))
    quoted = name.replace('"', '""')
    write_csv(folder, f'"{quoted}",What is it?,a cat')
    samples, bad = read()
    assert bad == {}
    assert [(sample["file"], sample["image"]) for sample in samples] == [(name, encode_png(7))]


def test_a_parquet_table_may_name_images(folder, read):
    rows = [{"image": "a.png", "answer": ["x"]}, {"image": "nowhere.png", "answer": ["y"]}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "labels.parquet")
    samples, bad = read("caption", references="answer")
    assert [s["image"] for s in samples] == [encode_png(1)]
    assert bad == {"row-1": "has no image: the file nowhere.png is missing"}


def test_a_table_in_a_subfolder_names_images_relative_to_itself_within_the_folder(folder, read):
    write_csv(folder / "more", "b.png,q,x", "../a.png,q,y")
    assert [s["image"] for s in read()[0]] == [encode_png(2), encode_png(1)]


def test_multiple_choice_from_a_csv(folder, read):
    (folder / "labels.csv").write_text(
        "image;ask;options;right\n"
        'a.png;Which?;"[""red"", ""blue""]";1\n'
        'a.png;Which?;"[""red"", ""blue""]";1.0\n'
        'a.png;Which?;"[""red"", ""blue""]";0.5\n'
        "a.png;Which?;red or blue;0\n"
        "a.png;Which?;['red', 'blue'];0\n"
    )
    samples, bad = read("multiple_choice", question="ask", choices="options", answer_index="right")
    assert [(s["choices"], s["references"]) for s in samples] == [(["red", "blue"], ["blue"])] * 2
    assert bad == {
        "row-2": 'has "0.5" in column right: the right option is given by its number from 0 or '
        "its letter from A",
        "row-3": "has one value as its choices, not a list: red or blue",
        "row-4": "has a cell ['red', 'blue'] in column options that is no JSON list of texts, "
        'such as ["a", "b"]',
    }


def test_a_cell_in_brackets_that_is_no_json_list_of_texts_is_named(folder, read):
    write_csv(folder, "a.png,[sic],x", "a.png,q,[1]", 'a.png,q,"[""[1]""]"')
    samples, bad = read()
    assert [(s["question"], s["references"]) for s in samples] == [("[sic]", ["x"]), ("q", ["[1]"])]
    assert list(bad) == ["row-1"]


def test_images_that_are_missing_or_outside_the_folder_are_named(folder, read, tmp_path):
    (tmp_path / "secret.png").write_bytes(encode_png(9))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "out").symlink_to(tmp_path)
    (folder / "round.png").symlink_to(folder / "round.png")
    (folder / "inner.png").symlink_to(folder / "a.png")
    (folder / "empty.png").write_bytes(b"")
    with (folder / "hole.png").open("wb") as file:
        file.truncate(1 << 40)
    expected = {
        "gone.png": "the file gone.png is missing",
        "../secret.png": "../secret.png lies outside of photos/",
        "more/../../secret.png": "more/../../secret.png lies outside of photos/",
        "link.png": "link.png lies outside of photos/",
        "out/secret.png": "out/secret.png lies outside of photos/",
        f"{folder}/a.png": f"{shorten(f'{folder}/a.png')} is an absolute path; "
        "a file is named relative to the table",
        "C:\\a.png": "C:\\a.png is an absolute path; a file is named relative to the table",
        "https://there/a.png": "https://there/a.png is an address; "
        "only files beside the table are read",
        "more": "more is no file",
        "empty.png": "the file empty.png is empty",
        "hole.png": "the file hole.png has 1099511627776 bytes, more than 1073741824",
        "x." * 150: f"the file {'x.' * 39}x… cannot be read (File name too long)",
        "null\0.png": "the file null\ufffd.png cannot be read (embedded null byte)",
    }
    rows = [{"image": name, "answer": "x"} for name in ("inner.png", *expected)]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    samples, bad = read("caption", references="answer")
    assert [s["file"] for s in samples] == ["inner.png"]
    reasons = [reason.removeprefix("has no image: ") for reason in bad.values()]
    assert reasons == list(expected.values())


def test_a_circle_of_links_is_named(folder, read):
    (folder / "round.png").symlink_to(folder / "round.png")
    write_csv(folder, "round.png,q,x", "a.png,q,x")
    samples, bad = read()
    assert [s["file"] for s in samples] == ["a.png"]
    assert "round.png" in bad["row-0"]


def test_a_damaged_image_is_named_by_its_file(folder, read, tmp_path):
    (folder / "broken.png").write_bytes(encode_png(1)[:40])
    (folder / "text.png").write_text("no picture")
    write_csv(folder, "broken.png,q,x", "text.png,q,x", "a.png,q,x")
    read()
    out = tmp_path / "out"
    preprocess_images(out / "samples.json", 4, out / "i.parquet", out / "i.json")
    broken, text = read_images_manifest(out / "i.json").bad_samples
    assert (broken.id, text.id) == ("row-0", "row-1")
    assert broken.reason.startswith("broken.png cannot be decoded (")
    assert text.reason == "text.png cannot be decoded (no known image format)"


REFUSED = {
    "latin-1": (
        "image,ask,answer\na.png,q,x\na.png,o\xf9,x".encode("latin-1"),
        "is not UTF-8 in line 3",
    ),
    "utf-16": ("image,ask,answer\n".encode("utf-16"), "is not UTF-8 in line 1"),
    "empty": (b"\n\n", "is empty: its first line names the columns"),
    "a cell too many": (b"image,ask,answer\na.png,one, two,x", "line 2 has 4 cells, the header 3"),
    "an open quote": (b'image,ask,answer\na.png,"q,x\n', "is no CSV: unexpected end of data"),
    "a name twice": (b"image,ask,ask\n", 'two columns have the name "ask"'),
    "no such column": (b"image,ask,reply\n", 'has no column "answer"; it has: image, ask, reply'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_csv_that_cannot_be_read_is_refused_with_its_line(folder, read, name):
    content, message = REFUSED[name]
    (folder / "labels.csv").write_bytes(content)
    with pytest.raises(UserError) as raised:
        read()
    assert str(raised.value).startswith(str(folder / "labels.csv"))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is no JSON"),
        ("[1]", "line 2 is no JSON object"),
        ('{"a": 1, "a": 2}', "twice"),
    ],
)
def test_jsonl_that_cannot_be_read_is_refused_with_its_line(folder, read, line, message):
    (folder / "labels.jsonl").write_text(f'{{"image": "a.png", "ask": "", "answer": "x"}}\n{line}')
    with pytest.raises(UserError, match=message):
        read()


def test_several_tables_are_refused_until_the_config_names_a_table(folder, read):
    write_csv(folder, "a.png,q,train", name="train.csv")
    write_csv(folder, "a.png,q,test", name="test.csv")
    write_csv(folder, "a.png,q,hidden", name=".train.csv")
    with pytest.raises(UserError) as raised:
        read()
    assert str(raised.value) == (
        f"{folder} holds several tables (test.csv, train.csv): "
        "say which with datasets.*.source.table."
    )
    assert read(table="test.csv")[0][0]["references"] == ["test"]
    assert [s["references"] for s in read(table="t*.csv")[0]] == [["test"], ["train"]]
    with pytest.raises(UserError, match=r"is named dev\.csv; check datasets\.\*\.source\.table"):
        read(table="dev.csv")
    with pytest.raises(UserError, match=r"a\*\*b"):
        read(table="a**b")


def test_a_pattern_picks_a_split_of_a_local_data_set(folder, read):
    for split in ("train", "test"):
        rows = [{"image": {"bytes": encode_png(3), "path": f"{split}.png"}, "answer": [split]}]
        (folder / "data").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / f"data/{split}-00000.parquet")
    samples, _ = read("caption", table="data/test-*.parquet", references="answer")
    assert [(s["file"], s["references"]) for s in samples] == [("test.png", ["test"])]


def test_the_path_of_a_csv_and_a_saved_data_set_are_refused_with_what_to_do(folder, read):
    write_csv(folder, "a.png,q,x")
    with pytest.raises(UserError, match=r"give the folder that holds it and them.*labels\.csv as"):
        read(path=folder / "labels.csv")
    (folder / "labels.csv").rename(folder / "data.arrow")
    with pytest.raises(
        UserError, match="as save_to_disk writes them: write the data set as parquet"
    ):
        read()


def test_the_path_of_a_file_goes_with_no_pattern_of_tables(tmp_path, read):
    pq.write_table(pa.Table.from_pylist([{"answer": "x"}]), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet is a file: datasets\.\*\.source\.table goes"):
        read("caption", path=tmp_path / "t.parquet", table="*.parquet", references="answer")


def test_a_parquet_file_without_its_folder_has_no_image_files(tmp_path, read):
    pq.write_table(
        pa.Table.from_pylist([{"image": "a.png", "answer": "x"}]), tmp_path / "t.parquet"
    )
    with pytest.raises(UserError, match="has to be the folder that holds the table and its images"):
        read("caption", path=Path(tmp_path / "t.parquet"), references="answer")


def test_a_sample_of_a_csv_is_drawn_by_its_seed(folder, read):
    write_csv(folder, *(f"a.png,q,{number}" for number in range(50)))
    samples, _ = read(n=5)
    assert len(samples) == 5
    assert [f"row-{s['references'][0]}" for s in samples] == [s["id"] for s in samples]
    assert read(n=5)[0] == samples
