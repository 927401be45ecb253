"""Which files of images a sample depends on: those that its rows name, and nothing beside them."""

import base64
import io
import json

import pytest
from PIL import Image
from stored_data import make_dataset_job

from vlmeter.data.job import DataSource
from vlmeter.data.named_images import list_named_images


def make_png():
    data = io.BytesIO()
    Image.new("RGB", (4, 4)).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def list_images(tmp_path):
    """List the images that rows of a JSONL name, beside files that nobody names."""
    (tmp_path / "notes.txt").write_text("no data", encoding="utf-8")
    (tmp_path / "beside.png").write_bytes(make_png())

    def run(rows, table="rows.jsonl", n=100):
        path = tmp_path / table
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        job = make_dataset_job(DataSource(path=str(tmp_path)), n=n, question="question")
        return list_named_images(job)

    return run


def make_rows(*images):
    return [{"image": image, "question": "what ?"} for image in images]


def test_each_named_file_is_listed_once_whether_or_not_it_is_there(list_images):
    rows = make_rows("b.png", "sub/a.png", "b.png", "later.png")
    assert list_images(rows) == ["b.png", "later.png", "sub/a.png"]


def test_names_are_relative_to_the_folder_and_begin_at_the_table(list_images):
    rows = make_rows("a.png", "../b.png", "../../outside.png")
    assert list_images(rows, "sub/rows.jsonl") == ["b.png", "sub/a.png"]


def test_what_is_no_name_of_a_file_is_not_listed(list_images):
    inside = base64.b64encode(make_png()).decode()
    rows = make_rows("a.png", inside, None, 7, {"path": "c.png"})
    assert list_images(rows) == ["a.png", "c.png"]


def test_only_the_rows_that_are_drawn_count(list_images):
    rows = make_rows(*(f"{number}.png" for number in range(20)))
    assert len(list_images(rows, n=5)) == 5
