"""Samples are read from disk as they are needed, with prompts that are fitted once."""

from dataclasses import astuple

import pytest

from vlmeter.data.samples import IMAGES, SAMPLES, StoredSamples
from vlmeter.models.items import split_by_place
from vlmeter.models.samples import Items
from vlmeter.storage.parquet import write_table

QUESTIONS = ("what colour", "is the cat red ? one two", "", "what is the dog ?", "cat cat cat")
TEMPLATES = ("question : {question} answer :", "{question}")


@pytest.fixture
def stored(tmp_path, pictures):
    stored = StoredSamples(tmp_path / "samples.parquet", tmp_path / "images.parquet")
    pairs = list(enumerate(zip(QUESTIONS, pictures, strict=True)))
    rows = [{"id": str(n), "question": asked, "image": image} for n, (asked, image) in pairs]
    write_table(stored.samples, rows, SAMPLES)
    images = (
        {"id": row["id"], "image": row["image"], "width": 28 + int(row["id"]) % 2, "height": 28}
        for row in rows
    )
    write_table(stored.images, images, IMAGES)
    return stored


def template_of(text):
    return TEMPLATES[int(text.id) % 2]


class Counting:
    """A feeder that counts how often a prompt is fitted."""

    def __init__(self, feeder):
        self._feeder = feeder
        self.fits = 0

    def fit(self, template, text):
        self.fits += 1
        return self._feeder.fit(template, text)


def test_items_are_what_fitting_each_prompt_gives(loaded, make_feeder, stored, pictures):
    feeder = Counting(make_feeder(loaded, max_input_len=7))
    items = Items(stored, feeder, template_of)
    assert len(items) == feeder.fits == 5
    read = [*items.read(0, 2), *items.read(2)]
    assert [(item.id, *astuple(item.prompt)) for item in read] == [
        ("0", "question : what colour answer :", 7, False),
        ("1", "is the cat red ? one", 7, True),
        ("2", "question :  answer :", 5, False),
        ("3", "what is the dog ?", 6, False),
        ("4", "question : cat cat answer :", 7, True),
    ]  # fmt: skip
    assert [item.image for item in read] == pictures
    assert feeder.fits == 5, "reading makes the prompts without a tokenizer"
    assert items.templates == {TEMPLATES[0]: 3, TEMPLATES[1]: 2}
    assert (items.text_tokens, items.truncated, items.longest().id) == (7, 2, "0")


def test_a_run_of_samples_is_a_part_of_all(feeder, stored):
    everything = list(Items(stored, feeder, template_of).read())
    run = Items(stored, feeder, template_of, 1, 4)
    assert len(run) == 3
    assert list(run.read()) == everything[1:4]
    assert list(run.read(1, 2)) == everything[2:3]
    assert run.longest() == everything[1]


def test_a_prompt_that_cannot_fit_is_left_out_by_its_sample(loaded, make_feeder, stored):
    items = Items(stored, make_feeder(loaded, max_input_len=4), template_of)
    assert [(sample.id, sample.reason) for sample in items.left_out] == [
        (id_, "has a prompt of 5 text tokens without question and context already, more than "
         "max_input_len 4") for id_ in ("0", "2", "4")
    ]  # fmt: skip
    assert [(item.id, item.place) for item in items.read()] == [("1", 1), ("3", 3)]
    assert [item.id for item in items.read(1)] == ["3"]
    assert items.templates == {TEMPLATES[1]: 2}


def test_what_is_left_out_leaves_the_other_batches_as_they_are(loaded, make_feeder, stored):
    """A shard begins where a batch of the whole does, whatever is left out before it."""
    feeder = make_feeder(loaded, max_input_len=4)
    whole = list(split_by_place(Items(stored, feeder, template_of).read(), 2))
    assert [[item.id for item in batch] for batch in whole] == [["1"], ["3"]]
    shard = list(split_by_place(Items(stored, feeder, template_of, 2, 5).read(), 2))
    assert shard == whole[1:]
    assert not list(Items(stored, feeder, template_of, 4, 5).read())


def test_samples_are_picked_by_the_size_of_their_image(loaded, make_feeder, stored):
    feeder = make_feeder(loaded)
    items = Items(stored, feeder, template_of)
    assert items.count_sizes() == {(28, 28): 3, (29, 28): 2}
    assert [item.id for item in items.read_of_sizes({(29, 28)})] == ["1", "3"]
    assert [item.id for item in items.read_of_sizes({(28, 28), (29, 28)})] == list("01234")


def test_a_sample_whose_image_is_refused_is_left_out_with_the_reason(loaded, make_feeder, stored):
    items = Items(
        stored, make_feeder(loaded), template_of, refused={(29, 28): "has a form that nobody takes"}
    )
    assert [item.id for item in items.read()] == ["0", "2", "4"]
    assert [(sample.id, sample.reason) for sample in items.left_out] == [
        ("1", "has a form that nobody takes"),
        ("3", "has a form that nobody takes"),
    ]
