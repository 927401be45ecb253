"""What is no config is refused in a sentence with the file and the line."""

from pathlib import Path

import pytest

from vlmeter.config.load import load_config, read_yaml
from vlmeter.errors import UserError


def test_an_unknown_key_is_refused_with_the_one_nearest_by_name(refuse):
    assert refuse("stdy", "x") == 'my.yaml: unknown key "stdy"; did you mean "study"?'


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
