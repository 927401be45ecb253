"""Every mistake in a config gives a sentence with the file, the key and what to do."""

from pathlib import Path

import pytest

from vlmeter.config.load import RESERVED_NAMES, load_config, read_yaml
from vlmeter.errors import UserError

# The key to set, its value, and the sentence after "my.yaml: ".
MISTAKES = [
    ("stdy", "x", 'unknown key "stdy"; did you mean "study"?'),
    ("models.tiny.sourc", {}, 'models.tiny: unknown key "sourc"; did you mean "source"?'),
    (
        "models.tiny.source.pth",
        "x",
        'models.tiny.source: unknown key "pth"; did you mean "path"?',
    ),
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
    ("base.batchsize", 2, 'base: unknown key "batchsize"; did you mean "batch_size"?'),
    ("sections.0.vari", {}, 'sections[0]: unknown key "vari"; did you mean "vary"?'),
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
    ("layers.grid", [], 'layers: unknown key "grid"; did you mean "grids"?'),
    (
        "measure",
        {"repeat": 2},
        'measure: unknown key "repeat"; did you mean "repeats"?',
    ),
    (
        "measure",
        {"energy": {"window": 2}},
        'measure.energy: unknown key "window"; did you mean "window_s"?',
    ),
    ("report", {"titel": "x"}, 'report: unknown key "titel"; did you mean "title"?'),
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
        "sections.0.datasets",
        ["photo"],
        'sections[0] (batches).datasets: "photo" is not defined; did you mean "photos"?',
    ),
    (
        "layers.dataset",
        "exam",
        'layers.dataset: "exam" is not defined; did you mean "exams"?',
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
    (
        "sections.0.datasets",
        ["photos", "photos"],
        "sections[0]: a data set is named twice: ['photos', 'photos']",
    ),
    (
        "sections.1.name",
        "batches",
        'sections: two have the name "batches"; a section needs a name of its own',
    ),
    (
        "sections.1.name",
        "aggregate",
        'sections[1].name: "aggregate" names a part of the workflow itself; choose another',
    ),
    (
        "study",
        "a/b",
        'study: "a/b" is no name: letters, digits, ".", "_" and "-" alone make one',
    ),
    ("sections", [], "sections: List should have at least 1 item after validation, not 0"),
    ("measure", None, "measure: should be a table of keys, not empty"),
    ("base", 3, "base: should be a table of keys, not 3"),
    ("base.device", "cude", 'base.device: "cude" is not known; did you mean "cuda"?'),
    (
        "base.optimization",
        "fast",
        'base.optimization: "fast" is not defined; known here: compile, eager, '
        "flash_attention_2, flex_attention, fp8, int4, int8, sdpa, static_cache",
    ),
    (
        "optimizations",
        {"mine": {"quantization": "int3"}},
        'optimizations.mine.quantization: "int3" is not known; did you mean "int8"?',
    ),
    (
        "optimizations",
        {"mine": {"quantization": {"text": "nf4"}}},
        'optimizations.mine.quantization.text: "nf4" is not known; known here: fp8, int4, int8',
    ),
    (
        "optimizations",
        {"mine": {"quantization": {}}},
        "optimizations.mine.quantization: names no part to quantise; give one, such as text: int4",
    ),
    (
        "optimizations",
        {"mine": {"quantization": {"qformer": "int8"}}},
        'optimizations.mine.quantization: unknown key "qformer"; known here: connector, text, '
        "vision",
    ),
    (
        "optimizations",
        {"mine": {"attention": {"vison": "sdpa"}}},
        'optimizations.mine.attention: unknown key "vison"; did you mean "vision"?',
    ),
    (
        "optimizations",
        {"mine": {"sdpa_backend": "math"}},
        "optimizations.mine: sdpa_backend is one of sdpa: add attention: sdpa",
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
    (
        "models.tiny.source.hub",
        "maker/tiny",
        "models.tiny.source: give either `hub` or `path`",
    ),
    ("models.tiny.source", {}, "models.tiny.source: give either `hub` or `path`"),
    (
        "models.tiny.source.revision",
        "abc",
        "models.tiny.source: `revision` goes with `hub`; a local folder has none",
    ),
    (
        "models.huge.weights",
        "random",
        "models.huge: weights: random needs source.path, a folder with a config.json",
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


@pytest.mark.parametrize(
    ("key", "value", "sentence"), MISTAKES, ids=[f"{key}={value}" for key, value, _ in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(config, key, value, sentence):
    with pytest.raises(UserError) as refusal:
        config.set(key, value).checked()
    assert str(refusal.value) == f"my.yaml: {sentence}"


def test_a_data_set_without_templates_needs_the_familys_prompt(config):
    config.drop("datasets.photos.prompts").drop("datasets.exams.prompts")
    with pytest.raises(
        UserError, match=r'"bare" is not among datasets\.photos\.prompts; known here'
    ):
        config.checked()
    study = config.set("base.prompt", "family").study()
    assert {study.build_cell_setup(cell).template for cell in study.cells} == {None}
    assert {study.build_cell_setup(cell).task for cell in study.cells} == {"vqa", "multiple_choice"}


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


def test_two_mistakes_give_two_sentences(config):
    with pytest.raises(UserError) as refusal:
        config.set("base.batch_size", 0).set("study", "").checked()
    assert len(str(refusal.value).splitlines()) == 2


@pytest.mark.parametrize("key", ["study", "models", "datasets", "base", "sections"])
def test_a_missing_key_is_named(config, key):
    with pytest.raises(UserError) as refusal:
        config.drop(key).checked()
    assert str(refusal.value) == f"my.yaml: {key}: this key is needed"


def test_a_repeated_key_is_refused_with_its_lines(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("study: a\nbase:\n  model: m\n  device: cpu\n  model: n\n")
    with pytest.raises(UserError) as refusal:
        read_yaml(file)
    assert str(refusal.value) == f'{file}: key "model" stands twice, in lines 3 and 5'


def test_braces_without_quotes_are_refused(tmp_path):
    file = tmp_path / "braces.yaml"
    file.write_text("prompts:\n  bare: {{question}}\n")
    with pytest.raises(UserError) as refusal:
        read_yaml(file)
    assert str(refusal.value) == (
        f"{file}: a table or list is the key in line 2; put braces in quotes"
    )


def test_a_yaml_anchor_may_be_overridden(tmp_path):
    file = tmp_path / "anchor.yaml"
    file.write_text("base: &base {a: 1, b: 2}\nx: {<<: *base, b: 3}\ny: {b: 4, <<: *base}\n")
    values = read_yaml(file)
    assert (values["x"], values["y"]) == ({"a": 1, "b": 3}, {"a": 1, "b": 4})


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "just words\n"])
def test_a_file_without_a_table_is_refused(tmp_path, text):
    file = tmp_path / "list.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as refusal:
        load_config(file)
    assert str(refusal.value) == f"{file} holds no table of keys: see config/README.md."


def test_a_file_that_is_not_yaml_is_refused(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("study: [a\n")
    with pytest.raises(UserError) as refusal:
        load_config(file)
    assert str(refusal.value) == (
        f"{file} is no valid YAML: expected ',' or ']', but got '<stream end>' in line 2."
    )


@pytest.mark.parametrize("data", [b"study: \xff\n", b"study: \x00\n"])
def test_a_file_that_is_not_text_is_refused(tmp_path, data):
    file = tmp_path / "binary.yaml"
    file.write_bytes(data)
    with pytest.raises(UserError, match=rf"^{file} [^\n]+$"):
        load_config(file)


def test_a_folder_in_place_of_a_config_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_config(tmp_path)


def test_a_missing_file_is_named():
    with pytest.raises(UserError) as refusal:
        load_config(Path("nowhere.yaml"))
    assert str(refusal.value) == "nowhere.yaml does not exist: give a config file."


def test_a_section_cannot_have_the_name_of_a_rule(repository):
    rules = {
        line.split()[1].rstrip(":")
        for file in [repository / "Snakefile", *repository.glob("workflow/rules/*.smk")]
        for line in file.read_text().splitlines()
        if line.startswith("rule ")
    }
    assert rules | {"forest", "layers", "tradeoff"} == RESERVED_NAMES


def test_a_synthetic_data_set_needs_no_columns_and_prompts(config):
    source = {"synthetic": {"text_tokens": 9}}
    block = config.set("datasets.photos", {"source": source}).checked().datasets["photos"]
    assert (block.task, block.prompts) == ("vqa", {"bare": "{question}"})
    assert block.columns.references == "answer"


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


@pytest.mark.parametrize(
    ("key", "place"),
    [("sections.1.datasets.1", "sections[1] (sizes)"), ("layers.dataset", "layers")],
)
def test_a_data_set_that_stands_nowhere_else_is_refused(config, key, place):
    with pytest.raises(UserError) as refusal:
        config.set(key, "nowhere").checked()
    name = f"{place}.datasets" if place != "layers" else "layers.dataset"
    assert str(refusal.value).startswith(f'my.yaml: {name}: "nowhere" is not defined')
