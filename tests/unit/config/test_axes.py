"""A mistake in the value of an axis, in the base or a section, is a sentence with its key."""

import pytest

from vlmeter.errors import UserError

MISTAKES = [
    ("base.batchsize", 2, 'base: unknown key "batchsize"; did you mean "batch_size"?'),
    (
        "sections.0.fix",
        {"imagesize": 3},
        'sections[0].fix: unknown key "imagesize"; did you mean "image_size"?',
    ),
    (
        "sections.0.vary",
        {"batch_sise": [1]},
        'sections[0].vary: unknown key "batch_sise"; did you mean "batch_size"?',
    ),
    ("base.batch_size", 0, "base.batch_size: Input should be greater than or equal to 1"),
    (
        "sections.0.vary.batch_size",
        [1, 0],
        "sections[0].vary.batch_size[1]: Input should be greater than or equal to 1",
    ),
    (
        "sections.0.vary.batch_size",
        4,
        "sections[0].vary.batch_size: Input should be a valid list",
    ),
    ("base.model", "tini", 'base.model: "tini" is not defined; did you mean "tiny"?'),
    (
        "sections.0.fix",
        {"model": "tini"},
        'sections[0] (batches).fix.model: "tini" is not defined; did you mean "tiny"?',
    ),
    (
        "sections.0.vary",
        {"model": ["tiny", "hugo"]},
        'sections[0] (batches).vary.model: "hugo" is not defined; did you mean "huge"?',
    ),
    (
        "sections.0.vary",
        {"prompt": ["bare", "aske"]},
        'sections[0] (batches).vary.prompt: "aske" is not among datasets.photos.prompts; '
        'did you mean "asked"?',
    ),
    (
        "sections.1.fix",
        {"prompt": "asked"},
        'sections[1] (sizes).fix.prompt: "asked" is not among datasets.exams.prompts; '
        "known here: bare, family",
    ),
    (
        "sections.0.fix",
        {"batch_size": 1},
        "sections[0]: batch_size is both fixed and varied",
    ),
    (
        "layers.grids.0.fix",
        {"batch_size": 2},
        "layers.grids[0]: batch_size is both fixed and varied",
    ),
    (
        "sections.0.vary.batch_size",
        [1, 4, 1],
        "sections[0].vary: batch_size names a value twice: [1, 4, 1]",
    ),
    ("sections.0.vary.batch_size", [], "sections[0].vary: batch_size has no values"),
    (
        "sections.0.vary",
        {},
        "sections[0].vary: names no axis; give at least one, such as batch_size: [1, 4]",
    ),
    ("base", 3, "base: should be a table of keys, not 3"),
    ("base.device", "cude", 'base.device: "cude" is not known; did you mean "cuda"?'),
    (
        "base.optimization",
        "fast",
        'base.optimization: "fast" is not defined; known here: compile, eager, '
        "flash_attention_2, flex_attention, fp8, int4, int8, sdpa, static_cache",
    ),
    ("base.dtype", "fp64", 'base.dtype: "fp64" is not known; did you mean "fp16"?'),
    ("base.dtype", {"cpu": "fp61"}, 'base.dtype.cpu: "fp61" is not known; did you mean "fp16"?'),
    ("base.dtype", {"gpu": "fp32"}, 'base.dtype.gpu: "gpu" is not known; did you mean "cpu"?'),
    (
        "base.dtype",
        {},
        "base.dtype: an empty table; give at least one device, such as {cpu: fp32}",
    ),
    (
        "base.dtype",
        {"cuda": "fp16"},
        "base.dtype: there is no value for the device cpu; add one",
    ),
]
"""The key to set, its value, and the sentence after `my.yaml: `."""


@pytest.mark.parametrize(
    ("key", "value", "sentence"), MISTAKES, ids=[f"{key}={value}" for key, value, _ in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(refuse, key, value, sentence):
    assert refuse(key, value) == f"my.yaml: {sentence}"


def test_the_familys_prompt_is_a_value_of_the_axis(config):
    config.set("sections.0.vary", {"prompt": ["bare", "family"]})
    section = config.study().sections[0]
    assert [entry.cell.id.partition("-cpu")[2] for entry in section.cells] == ["", "-prompt_family"]


def test_a_missing_prompt_of_the_base_is_reported_once_per_data_set(config):
    with pytest.raises(UserError) as refusal:
        config.set("base.prompt", "brae").checked()
    assert str(refusal.value).splitlines() == [
        'my.yaml: base.prompt: "brae" is not among datasets.photos.prompts; did you mean "bare"?',
        'my.yaml: base.prompt: "brae" is not among datasets.exams.prompts; did you mean "bare"?',
    ]


NAMED_AXES = {
    "model": "is not defined",
    "optimization": "is not defined",
    "prompt": "is not among datasets.photos.prompts",
}
PLACES = {
    "base": "base.{axis}",
    "sections.1.fix": "sections[1] (sizes).fix.{axis}",
    "sections.1.vary": "sections[1] (sizes).vary.{axis}",
    "layers.grids.1.fix": "layers.grids[1].fix.{axis}",
    "layers.grids.1.vary": "layers.grids[1].vary.{axis}",
}


@pytest.mark.parametrize("axis", NAMED_AXES)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_stands_nowhere_else_is_refused_wherever_an_axis_has_it(config, place, axis):
    config.set("layers.grids", [{"vary": {"batch_size": [1]}}, {"vary": {"batch_size": [2]}}])
    if place == "base":
        config.set(f"base.{axis}", "nowhere")
    else:
        config.set(place, {axis: ["nowhere"] if place.endswith("vary") else "nowhere"})
    with pytest.raises(UserError) as refusal:
        config.checked()
    sentences = str(refusal.value).splitlines()
    expected = f'my.yaml: {PLACES[place].format(axis=axis)}: "nowhere" {NAMED_AXES[axis]}'
    assert any(sentence.startswith(expected) for sentence in sentences), sentences
