"""The answers of a cell and of its shards: the same to each sample, whoever asks it."""

from dataclasses import replace

import pytest
from job_factory import make_cell_job
from stored_data import write_samples

from vlmeter.cell.worker.answers import answer_samples
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.storage.parquet import read_table

QUESTIONS = ("what colour", "is <image> red ?", "cat", "dog", "a <image>")
"""Two of them hold a special token, which is no text: they are left out."""


@pytest.fixture(scope="module")
def answered(inputs, pictures, tmp_path_factory):
    """Return a shard's counts and rows by its borders."""
    folder = tmp_path_factory.mktemp("answers")
    rows = [
        {"id": f"s{index}", "image": picture, "question": question}
        for index, (question, picture) in enumerate(zip(QUESTIONS, pictures, strict=True))
    ]
    manifest = write_samples(folder / "samples.parquet", rows)
    images = folder / "img28/images.json"
    preprocess_images(manifest, 28, images.with_suffix(".parquet"), images)
    cell = make_cell_job().cell

    def answer(start, stop):
        path = folder / "answered.parquet"
        counts = answer_samples(cell, replace(inputs, images=images), path, start, stop)
        return counts, read_table(path)

    return {borders: answer(*borders) for borders in ((0, 5), (0, 2), (2, 4), (4, 5))}


def test_shards_answer_what_the_whole_answers(answered):
    whole = answered[0, 5][1]
    assert [row["id"] for row in whole] == ["s0", "s2", "s3"]
    assert [row for borders in ((0, 2), (2, 4), (4, 5)) for row in answered[borders][1]] == whole


def test_a_shard_counts_its_answers_and_what_it_leaves_out(answered):
    assert {borders: counts for borders, (counts, _) in answered.items()} == {
        (0, 5): (3, 2),
        (0, 2): (1, 1),
        (2, 4): (2, 0),
        (4, 5): (0, 1),
    }
