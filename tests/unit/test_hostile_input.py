"""Names, texts and templates that mean harm, found by a search."""

import copy
import html
import os
import re
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader
from markdown_it import MarkdownIt

from vlmeter.config.load import check_config, load_config, read_yaml
from vlmeter.data.prompts import render
from vlmeter.data.row_files import describe_row_table
from vlmeter.data.samples import Text
from vlmeter.errors import UserError
from vlmeter.escaping import csv_original, csv_text, markdown, one_line, printable
from vlmeter.reporting.environments import make_html_environment
from vlmeter.study.jobs import Jobs
from vlmeter.study.study import Study

NASTY = (
    *("..", ".", "/", "/etc/passwd", "../../x", "a/../../b", "~root", "-rf", "a\nb", "a\x00b", ""),
    *("$(id)", "`id`", "; rm -rf .", "{wildcards}", "{{7*7}}", "{% raw %}", "a" * 300, "CON", "ä"),
    *("<script>alert(1)</script>", "](javascript:alert(1))", "'; DROP TABLE", "%2e%2e%2f", "a b"),
)
NAMES = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
TEXTS = st.one_of(st.sampled_from(NASTY), st.text())
PLACES = ("study", "model", "dataset", "prompt", "section", "published")


def with_name(values, place, name):
    """A config in which a name is replaced by this one, wherever it is used."""
    values = copy.deepcopy(values)
    if place == "study":
        values["study"] = name
    elif place == "model":
        values["models"] = {name: values["models"]["tiny"]}
        values["base"]["model"] = name
    elif place == "dataset":
        values["datasets"] = {name: values["datasets"]["photos"]}
        values["layers"]["dataset"] = name
        values["sections"] = [{**values["sections"][0], "datasets": [name]}]
    elif place == "prompt":
        values["datasets"]["photos"]["prompts"][name] = "{question}"
        values["sections"][0]["vary"]["prompt"] = [name]
    elif place == "section":
        values["sections"][0]["name"] = name
    else:
        values["report"] = {"published": name}
    return values


def paths_of(study):
    """Every place below the results that follows from a name."""
    folder = study.folder
    jobs = Jobs(study)
    for cell in (*study.cells, *study.layer_cells):
        yield folder.cell(cell.key).record
        yield folder.dataset(cell.dataset).manifest
        yield folder.model_manifest(cell.axes.model, cell.axes.dtype)
        yield Path(jobs.build_measurement(cell)["attempt"]["note"])
    for section in study.sections:
        yield folder.figure(section.name)


@given(place=st.sampled_from(PLACES), name=NAMES)
def test_no_name_leads_out_of_the_results_folder(values, place, name):
    try:
        study = Study(check_config(with_name(values, place, name), "my.yaml"))
    except UserError as error:
        assert "my.yaml" in str(error) or "name" in str(error)
        return
    results = Path("results").absolute()
    for path in paths_of(study):
        inside = Path(os.path.normpath(path.absolute()))
        assert inside.is_relative_to(results / study.name)
        assert len(inside.relative_to(results).parts) > 1
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", str(path)), path
        assert all(len(part) < 256 for part in path.parts)
    published = study.config.report.published
    assert published is None or "/" not in published


@given(template=st.one_of(NAMES, st.text(alphabet="{}!:.[]question_")), question=TEXTS)
def test_a_template_is_refused_or_shows_a_sample_as_it_is(values, template, question):
    values = copy.deepcopy(values)
    values["datasets"]["photos"]["prompts"]["bare"] = template
    try:
        config = check_config(values, "my.yaml")
    except UserError as error:
        assert "prompts" in str(error)
        return
    kept = config.datasets["photos"].prompts["bare"]
    shown = render(kept, Text("a", question, "", ()))
    if "question" in [field for _, field, _, _ in string.Formatter().parse(kept)]:
        # What a sample says is no template: braces in it stay braces.
        assert question in shown


@pytest.mark.parametrize("template", ["{question.__class__}", "{question[0]}", "{0}", "{}"])
def test_a_template_reaches_into_no_object(values, template):
    values = copy.deepcopy(values)
    values["datasets"]["photos"]["prompts"]["bare"] = template
    with pytest.raises(UserError, match="prompts"):
        check_config(values, "my.yaml")


@given(text=TEXTS)
def test_markdown_shows_any_text_as_it_is(text):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown(text))
    children = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {child.type for child in children} <= {"text"}
    assert "".join(child.content for child in children) == one_line(text)


@given(text=TEXTS)
def test_a_page_shows_any_text_as_it_is_and_takes_none_for_a_template(text):
    environment = make_html_environment(Path("nowhere"))
    environment.loader = DictLoader({"page": "<p title='{{ text }}'>{{ text }}</p>"})
    page = environment.get_template("page").render(text=text)
    shown = re.fullmatch(r"<p title='([^'<>]*)'>([^<>]*)</p>", page, re.DOTALL)
    assert shown is not None, page
    assert html.unescape(shown[2]) == printable(text)


@given(text=TEXTS)
def test_a_table_holds_any_text_and_no_spreadsheet_runs_it(text):
    kept = csv_text(text)
    assert not kept.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert csv_original(kept) == printable(text)


REPEATED = "\n".join(
    [
        "- &a0 [x, x, x, x, x, x, x, x, x, x]",
        *(f"- &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)),
    ]
)
"""A kilobyte of YAML that stands for a terabyte of it."""


@pytest.mark.parametrize("key", ["sections", "models", "gates"])
def test_a_config_that_unfolds_to_terabytes_is_refused_in_a_few_words(tmp_path, values, key):
    file = tmp_path / "my.yaml"
    rest = {name: value for name, value in values.items() if name != key}
    file.write_text(f"{yaml.safe_dump(rest)}{key}:\n{REPEATED}\n")

    with pytest.raises(UserError) as raised:
        load_config(file)
    assert len(str(raised.value)) < 10_000


@pytest.mark.parametrize(
    "text",
    [
        *("a: 2024-99-99", f"a: {'9' * 5000}", "a: !!bool x", "a: !!float x", "a: !!timestamp x"),
        *("a: !!python/object/apply:os.getcwd []", f"a: {'[' * 3000}", "&a [*a]", "a: !!binary x"),
    ],
)
def test_yaml_of_any_kind_is_a_table_or_refused_in_a_sentence(tmp_path, text):
    file = tmp_path / "my.yaml"
    file.write_text(text)

    with pytest.raises(UserError, match=r"my\.yaml (is no valid YAML|holds no table)"):
        read_yaml(file)


@pytest.mark.parametrize("revision", ["a/../../b", "..", "a/..", "a//b", "/a", "a/", "refs/../x"])
def test_a_revision_is_no_way_out_of_a_folder(values, revision):
    values = copy.deepcopy(values)
    values["models"]["tiny"]["source"] = {"hub": "maker/model", "revision": revision}
    with pytest.raises(UserError, match="revision"):
        check_config(values, "my.yaml")


@pytest.mark.parametrize(
    "revision", ["refs/convert/parquet", "v1.0", "main", "a" * 40, "refs/pr/1"]
)
def test_a_branch_or_commit_is_a_revision(values, revision):
    values = copy.deepcopy(values)
    values["models"]["tiny"]["source"] = {"hub": "maker/model", "revision": revision}
    assert check_config(values, "my.yaml").models["tiny"].source.revision == revision


def test_json_without_end_is_refused_with_its_line(tmp_path):
    file = tmp_path / "table.jsonl"
    file.write_text('{"a": 1}\n{"a": ' + "[" * 10_000 + "\n")

    with pytest.raises(UserError, match="line 2 is no JSON"):
        describe_row_table(file)
