"""A mistake in any other block of a config is a sentence with the file and the key."""

import pytest

from vlmeter.config.load import RESERVED_NAMES
from vlmeter.errors import UserError

MISTAKES = [
    ("models.tiny.sourc", {}, 'models.tiny: unknown key "sourc"; did you mean "source"?'),
    (
        "models.tiny.source.pth",
        "x",
        'models.tiny.source: unknown key "pth"; did you mean "path"?',
    ),
    ("sections.0.vari", {}, 'sections[0]: unknown key "vari"; did you mean "vary"?'),
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
    (
        "sections.0.title",
        {"en": "x", "rus": "y"},
        'sections[0].title: unknown key "rus"; did you mean "ru"?',
    ),
    (
        "datasets.photos.label",
        {"fr": "x"},
        'datasets.photos.label: unknown key "fr"; known here: en, ru',
    ),
    (
        "report",
        {"title": ["x"]},
        "report.title: give a text, or a table of a text per language (en, ru)",
    ),
    (
        "models.tiny.label",
        3,
        "models.tiny.label: is a number for YAML (3), and a text is needed: put it in quotes",
    ),
    (
        "sections.0.note",
        {"ru": 3},
        "sections[0].note.ru: is a number for YAML (3), and a text is needed: put it in quotes",
    ),
    ("report", {"titel": "x"}, 'report: unknown key "titel"; did you mean "title"?'),
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
]
"""The key to set, its value, and the sentence after `my.yaml: `."""


@pytest.mark.parametrize(
    ("key", "value", "sentence"), MISTAKES, ids=[f"{key}={value}" for key, value, _ in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(refuse, key, value, sentence):
    assert refuse(key, value) == f"my.yaml: {sentence}"


def test_two_mistakes_give_two_sentences(config):
    with pytest.raises(UserError) as refusal:
        config.set("base.batch_size", 0).set("study", "").checked()
    assert len(str(refusal.value).splitlines()) == 2


@pytest.mark.parametrize("key", ["study", "models", "datasets", "base", "sections"])
def test_a_missing_key_is_named(config, key):
    with pytest.raises(UserError) as refusal:
        config.drop(key).checked()
    assert str(refusal.value) == f"my.yaml: {key}: this key is needed"


def test_a_section_cannot_have_the_name_of_a_rule(repository):
    rules = {
        line.split()[1].rstrip(":")
        for file in [repository / "Snakefile", *repository.glob("workflow/**/*")]
        if file.suffix == ".smk" or file.name == "Snakefile"
        for line in file.read_text().splitlines()
        if line.startswith("rule ")
    }
    assert rules | {"forest", "layers", "requests", "tradeoff"} == RESERVED_NAMES


@pytest.mark.parametrize(
    ("key", "place"),
    [("sections.1.datasets.1", "sections[1] (sizes)"), ("layers.dataset", "layers")],
)
def test_a_data_set_that_stands_nowhere_else_is_refused(config, key, place):
    with pytest.raises(UserError) as refusal:
        config.set(key, "nowhere").checked()
    name = f"{place}.datasets" if place != "layers" else "layers.dataset"
    assert str(refusal.value).startswith(f'my.yaml: {name}: "nowhere" is not defined')
