"""What YAML makes of a word, a number or brackets is told in a sentence that says what to do."""

import copy
import sys

import pytest
import yaml

from vlmeter.config.load import check_config, load_config, read_yaml
from vlmeter.errors import UserError


def refuse(values, **changes):
    """The sentences about a config with these changes; a dotted name is a place in it."""
    values = copy.deepcopy(values)
    for place, value in changes.items():
        *parents, key = place.split("__")
        block = values
        for parent in parents:
            block = block[int(parent)] if isinstance(block, list) else block.setdefault(parent, {})
        block[key] = value
    with pytest.raises(UserError) as raised:
        check_config(values, "my.yaml")
    return str(raised.value).splitlines()


def load_word(word):
    return yaml.safe_load(f"a: {word}")["a"]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("yes", "true"),
        ("no", "false"),
        ("NO", "false"),
        ("on", "true"),
        ("2024", "a number"),
        ("1.5", "a number"),
        ("2024-01-01", "a date"),
        ("~", "empty"),
        ("null", "empty"),
    ],
)
@pytest.mark.parametrize("place", ["study", "sections__0__name", "base__model"])
def test_a_word_that_yaml_reads_as_something_else_is_named_with_the_remedy(
    values, word, kind, place
):
    shown = place.replace("__0__", "[0].").replace("__", ".")
    [sentence] = [
        each for each in refuse(values, **{place: load_word(word)}) if f" {shown}: " in each
    ]
    assert f"is {kind}" in sentence
    assert "in quotes" in sentence


@pytest.mark.parametrize(("word", "key"), [("yes", "true"), ("no", "false"), ("2024", "2024")])
def test_a_key_is_named_as_a_key_and_not_as_a_place_of_a_list(values, word, key):
    sentences = refuse(values, datasets__photos__prompts={load_word(word): "{question}"})
    assert any(f"datasets.photos.prompts.{key}: is " in each for each in sentences)
    assert not any("prompts[" in each for each in sentences)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize(
    "place", ["measure__window_s", "measure__max_warmup_s", "measure__energy__window_s"]
)
def test_a_number_that_is_not_finite_is_refused(values, value, place):
    [sentence] = refuse(values, **{place: load_word(value)})
    assert sentence.endswith("should be a finite number")


@pytest.mark.parametrize(
    ("code", "meant"),
    [("GER", "DEU (Germany)"), ("SWI", "CHE (Switzerland)"), ("DE", "DEU (Germany)"),
     ("POR", "PRT (Portugal)"), ("usa", "USA (United States)")],
)  # fmt: skip
def test_an_unknown_country_is_refused_with_the_nearest_by_name(values, code, meant):
    [sentence] = refuse(values, measure__energy__country_iso_code=code)
    assert f'no figure for "{code}"' in sentence
    assert meant in sentence


@pytest.mark.parametrize("code", ["XKX", "ATA", "", "Z" * 1000])
def test_a_country_without_a_figure_is_refused_with_what_to_give_instead(values, code):
    [sentence] = refuse(values, measure__energy__country_iso_code=code)
    assert "give measure.energy.grid_kg_per_kwh" in sentence
    assert len(sentence) < 400


def test_norway_without_quotes_is_named_as_what_yaml_takes_it_for(values):
    [sentence] = refuse(values, measure__energy__country_iso_code=load_word("NO"))
    assert "is false for YAML" in sentence


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "a: " + "[" * 400 + "]" * 400, "a: " + "{a: " * 400 + "1" + "}" * 400],
)
@pytest.mark.parametrize("limit", [1000, 10_000])
def test_brackets_without_end_are_refused(tmp_path, text, limit):
    path = tmp_path / "my.yaml"
    path.write_text(text, "utf-8")
    before = sys.getrecursionlimit()
    # As torch raises it when it is imported.
    sys.setrecursionlimit(max(before, limit))
    try:
        with pytest.raises(UserError, match="its brackets are nested too deeply"):
            read_yaml(path)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("place", ["study", "sections__0__title", "base__device", "models"])
def test_a_value_of_many_levels_is_refused_in_a_few_words(values, tmp_path, place):
    deep = "deep"
    for _ in range(100):
        deep = [deep]
    assert all(len(each) < 300 for each in refuse(values, **{place: deep}))
    path = tmp_path / "my.yaml"
    path.write_text(f"study: {'[' * 80}{']' * 80}", "utf-8")
    with pytest.raises(UserError, match="study: "):
        load_config(path)


@pytest.mark.parametrize(
    "place", ["study", "base__model", "base__dtype", "sections__0__name", "report__published"]
)
def test_a_word_without_end_is_shortened(values, place):
    assert all(len(each) < 400 for each in refuse(values, **{place: "word " * 10_000}))
