"""A mistake in the block of a data set is a sentence with the file, the key and what to do."""

import pytest

from vlmeter.errors import UserError

MISTAKES = [
    (
        "datasets.photos.colums",
        {},
        'datasets.photos: unknown key "colums"; did you mean "columns"?',
    ),
    (
        "datasets.photos.columns.label",
        "x",
        'datasets.photos.columns: unknown key "label"; '
        "known here: answer_index, choices, context, id, image, question, references",
    ),
    (
        "datasets.photos.sample",
        {"m": 3},
        'datasets.photos.sample: unknown key "m"; known here: n, seed',
    ),
    (
        "datasets.photos.source.hub",
        "maker/photos",
        "datasets.photos.source: give one of `hub`, `path` and `synthetic`",
    ),
    (
        "datasets.exams.source",
        {"hub": "maker/exams"},
        "datasets.exams.source: `split` is missing, such as split: validation",
    ),
    (
        "datasets.photos.source.split",
        "test",
        "datasets.photos.source: `config`, `split` and `revision` go with `hub` alone",
    ),
    (
        "datasets.photos.prompts.bare",
        "{questin}",
        "datasets.photos.prompts: prompts.bare has an unknown field {questin}; "
        'did you mean "question"?',
    ),
    (
        "datasets.photos.prompts.bare",
        "{context} {question}",
        "datasets.photos: prompts.bare uses {context}: columns.context is missing",
    ),
    (
        "datasets.photos.prompts.bare",
        "{question",
        "datasets.photos.prompts: prompts.bare: expected '}' before end of string; "
        "write {{ for a brace",
    ),
    (
        "datasets.photos.prompts.bare",
        "{question:d}",
        "datasets.photos.prompts: prompts.bare: a field is a name in braces, without : or !",
    ),
    (
        "datasets.photos.prompts.bare",
        "{question} {question}",
        "datasets.photos.prompts: prompts.bare uses a field twice: it could not be cut to a length",
    ),
    (
        "datasets.photos.prompts",
        {"family": "{question}"},
        "datasets.photos.prompts: family is the model family's own template; "
        "give this one another name",
    ),
    (
        "datasets.photos.prompts.bare",
        "{question} {options}",
        "datasets.photos: prompts.bare uses {options}: columns.choices is missing",
    ),
    (
        "datasets.photos.generation",
        {"length_penalty": -1},
        "datasets.photos.generation: length_penalty needs num_beams above 1: "
        "greedy decoding has no score",
    ),
    (
        "datasets.photos.generation",
        {"by_model": True, "num_beams": 3},
        "datasets.photos.generation: by_model leaves every setting to the model: give no other",
    ),
    (
        "datasets.photos.generation",
        {"min_new_tokens": 21},
        "datasets.photos: generation.min_new_tokens is more than max_new_tokens",
    ),
    (
        "datasets.photos.source.table",
        "../other.csv",
        "datasets.photos.source: `table` is a file or a pattern below `path`",
    ),
    (
        "datasets.exams.source.table",
        "a.csv",
        "datasets.exams.source: `table` goes with `path`",
    ),
    (
        "datasets.photos.task",
        "multiple_choice",
        "datasets.photos: multiple_choice needs columns.choices and columns.answer_index",
    ),
    (
        "datasets.photos.columns.references",
        None,
        "datasets.photos: task vqa needs columns.references",
    ),
    (
        "datasets.exams.columns.references",
        "answers",
        "datasets.exams: columns.references is not for multiple_choice: drop it",
    ),
]
"""The key to set, its value, and the sentence after `my.yaml: `."""


@pytest.mark.parametrize(
    ("key", "value", "sentence"), MISTAKES, ids=[f"{key}={value}" for key, value, _ in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(refuse, key, value, sentence):
    assert refuse(key, value) == f"my.yaml: {sentence}"


def test_a_data_set_without_templates_needs_the_familys_prompt(config):
    config.drop("datasets.photos.prompts").drop("datasets.exams.prompts")
    with pytest.raises(
        UserError, match=r'"bare" is not among datasets\.photos\.prompts; known here'
    ):
        config.checked()
    study = config.set("base.prompt", "family").study()
    assert {study.build_cell_setup(cell).template for cell in study.cells} == {None}
    assert {study.build_cell_setup(cell).task for cell in study.cells} == {"vqa", "multiple_choice"}


def test_a_synthetic_data_set_needs_no_columns_and_prompts(config):
    source = {"synthetic": {"text_tokens": 9}}
    block = config.set("datasets.photos", {"source": source}).checked().datasets["photos"]
    assert (block.task, block.prompts) == ("vqa", {"bare": "{question}"})
    assert block.columns.references == "answer"
