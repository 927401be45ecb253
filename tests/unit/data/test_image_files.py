"""A cell holds an image in one of many ways, or the name of its file, or is refused."""

import base64

import pytest
from cell_tables import PNG, encode

from vlmeter.errors import UserError

PLAIN = base64.b64encode(PNG).decode()
IMAGES = {
    "plain": PLAIN,
    "an address": f"data:image/png;base64,{PLAIN}",
    "an address in capitals": f" DATA:IMAGE/PNG;charset=utf-8;base64, {PLAIN}",
    "lines": "\n".join(PLAIN[at : at + 76] for at in range(0, len(PLAIN), 76)),
    "no padding": PLAIN.rstrip("="),
    "for an address": base64.urlsafe_b64encode(PNG).decode(),
    "one in a list": [PLAIN],
    "a struct": {"bytes": PLAIN, "path": None},
    "a name in a list": ["a.png"],
    "a name in a struct": {"path": "a.png"},
}


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv", "tsv"])
@pytest.mark.parametrize("name", IMAGES)
def test_base64_and_a_list_of_one_are_an_image(read, check, form, name):
    rows = [{"image": IMAGES[name], "answer": "a"}]
    check(rows, form, references="answer")
    assert read(rows, form, references="answer")[0][0]["image"] == PNG


@pytest.mark.parametrize("form", ["JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_base64_of_every_format_is_an_image(read, form):
    data = encode(40, form)
    rows = [{"image": base64.b64encode(data).decode(), "answer": "a"}]
    assert read(rows, "jsonl", references="answer")[0][0]["image"] == data


@pytest.mark.parametrize(
    "start",
    [
        *(b"P%d\n4 4\n" % number for number in range(1, 7)),
        *(b"\xff\x4f\xff\x51\0\x2f", b"\0\0\0\x0cjP  \r\n", b"\0\0\0\x1cftypavif", b"BM\x46\0"),
        *(
            b"II*\0",
            b"MM\0*",
            b"\x89PNG\r\n",
            b"\xff\xd8\xff\xe0",
            b"GIF89a",
            b"RIFF\x30\0\0\0WEBP",
        ),
    ],
)
@pytest.mark.parametrize("length", [45, 190])
def test_base64_that_may_be_a_name_is_an_image_where_it_begins_like_one(read, start, length):
    data = start.ljust(length, b"1")
    rows = [{"image": base64.b64encode(data).decode(), "answer": "a"}]
    assert read(rows, "jsonl", references="answer")[0][0]["image"] == data


@pytest.mark.parametrize("head", ["", " data:image/png;base64,"])
def test_bytes_that_are_base64_are_an_image(read, head):
    rows = [{"image": f"{head}{PLAIN}".encode(), "answer": "a"}]
    assert read(rows, references="answer")[0][0]["image"] == PNG


def test_a_list_of_structs_of_one_image_is_an_image(read):
    rows = [{"image": [{"bytes": PNG, "path": "b.png"}], "answer": "a"}]
    sample = read(rows, references="answer")[0][0]
    assert (sample["image"], sample["file"]) == (PNG, "b.png")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["a.png", "b.png"], "has a list of 2 images in column image, where one is needed"),
        ([PLAIN] * 3, "has a list of 3 images in column image"),
        ([[0, 255], [3, 4]], "has a list of 2 images in column image"),
        ([["a.png"]], "has a list of texts in column image, where an image is needed"),
        (7, "has a number in column image, where an image is needed"),
        ({"url": "x"}, "has a table with the keys 'url' in column image"),
        ("data:image/png;base64,@@@@", "has a text in Base64 in column image that is damaged"),
        ("A" * 1001, "has a text in Base64 in column image that is damaged"),
        ([], "has no image"),
    ],
)
def test_what_is_no_image_is_refused_in_a_short_sentence(read, value, words):
    rows = [{"image": value, "answer": "a"}]
    with pytest.raises(UserError) as raised:
        read(rows, "jsonl", references="answer")
    assert words in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_name_in_letters_of_base64_is_a_name(read, folder):
    name = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    (folder / name).write_bytes(PNG)
    rows = [{"image": name, "answer": "a"}]
    assert read(rows, "jsonl", references="answer")[0][0]["file"] == name
