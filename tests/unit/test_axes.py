"""The table of axes: an entry is all that an axis needs, with its words in the catalogues."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from vlmeter.axes import AXES, Axes, write_cell_id

REPOSITORY = Path(__file__).parents[2]
CELL = Axes(
    model="tiny",
    prompt="bare",
    device="cpu",
    dtype="fp32",
    image_size=224,
    image_input="processor",
    max_image_tokens=0,
    batch_size=4,
    max_input_len=200,
    optimization="eager",
    new_tokens=16,
)
PAGE = (REPOSITORY / "docs/extending.md").read_text("utf-8")
PART = PAGE.split("\n## An axis\n")[1].split("\n## ")[0]
RUSSIAN = {
    "axis_label": {"padding": "Дополнение текстов"},
    "axis_heading": {"padding": "Дополнение"},
}


def read_block(language: str) -> str:
    """Return the only block of a language in the page's part on axes."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", PART, re.MULTILINE | re.DOTALL)
    return block


USE_OF_THE_AXIS = """
import json
import sys

from vlmeter.config.load import check_config
from vlmeter.errors import UserError
from vlmeter.reporting.formats import get_axis_label
from vlmeter.reporting.language import use_language
from vlmeter.reporting.sections.rows import collect_section_rows
from vlmeter.reporting.settings import format_setting
from vlmeter.results.columns import restore_row
from vlmeter.results.summary_row import SUMMARY_COLUMNS, SummaryRow
from vlmeter.study.outline import build_outline
from vlmeter.study.study import Study

values = json.loads(sys.argv[1])
values["sections"] = [
    {"name": "padding", "datasets": ["photos"], "vary": {"padding": ["longest", "max_length"]}},
    {"name": "fixed", "datasets": ["photos"], "fix": {"padding": "max_length"},
     "vary": {"batch_size": [2]}},
]
study = Study(check_config(values, "study.yaml"))
based = {**values, "base": {**values["base"], "padding": "max_length"}}
try:
    check_config({**values, "base": {**values["base"], "padding": "none"}}, "study.yaml")
except UserError as error:
    refusal = str(error)

summary = {
    cell.key: restore_row(SummaryRow, {
        **cell.axes.as_dict(), "cell": cell.id, "dataset": cell.dataset, "status": "crashed",
    })
    for cell in study.cells
}
outline = build_outline(study)
report = {}
for language in ("en", "ru"):
    with use_language(language):
        rows = collect_section_rows(outline.sections[0], outline.labels.datasets, summary)
        report[language] = {
            "axis_label": {"padding": get_axis_label("padding")},
            "axis_heading": {"padding": rows.make_lead()[0].heading},
        }
print(json.dumps({
    "ids": [cell.id for cell in study.cells],
    "base": Study(check_config(based, "study.yaml")).base_axes.padding,
    "refusal": refusal,
    "columns": [[column.name, column.kind] for column in SUMMARY_COLUMNS],
    "report": report,
    "setting": format_setting(list(summary.values())[1], outline.base),
}))
"""


def test_an_id_lists_the_values_in_its_own_order():
    assert write_cell_id(CELL, CELL.as_dict()) == "tiny-bs4-img224-len200-fp32-eager-cpu"


def test_an_id_says_what_is_not_usual():
    native = replace(CELL, image_input="native", prompt="asked")
    name = "tiny-bs4-img224-len200-fp32-eager-cpu-native-prompt_asked"
    assert write_cell_id(native, CELL.as_dict()) == name
    # The default is the same in every study, the base's prompt is not.
    assert write_cell_id(native, native.as_dict()) == name.removesuffix("-prompt_asked")


def test_no_two_axes_have_the_same_place_in_an_id():
    assert len({axis.id_place for axis in AXES}) == len(AXES)


def test_an_axis_follows_the_device_where_its_default_does():
    assert [axis.name for axis in AXES if axis.follows_device] == ["dtype"]


def test_numbers_have_bounds():
    numbers = [axis for axis in AXES if axis.is_number]
    assert [axis.name for axis in numbers] == [
        *("image_size", "max_image_tokens", "batch_size", "max_input_len", "new_tokens")
    ]
    assert all(axis.at_least is not None and axis.at_most is not None for axis in numbers)


@pytest.fixture
def words() -> dict[str, dict[str, dict[str, str]]]:
    """The names of the new axis by language and group of the catalogue."""
    return {"en": yaml.safe_load(read_block("yaml")), "ru": RUSSIAN}


@pytest.fixture
def copy_with_an_axis(tmp_path: Path, words) -> Path:
    """Copy the package and the catalogues, with the axis of the page."""
    shutil.copytree(REPOSITORY / "src", tmp_path / "src")
    shutil.copytree(REPOSITORY / "report", tmp_path / "report")
    table = tmp_path / "src/vlmeter/axes.py"
    before, after = table.read_text("utf-8").split("\n    def as_dict")
    entry = textwrap.indent(read_block("python"), "    ")
    table.write_text(f"{before}\n{entry}\n    def as_dict{after}", "utf-8")
    for language, groups in words.items():
        catalogue = tmp_path / f"report/locales/{language}.yaml"
        text = catalogue.read_text("utf-8")
        for group, names in groups.items():
            text = text.replace(f"{group}:\n", f"{group}:\n  padding: {names['padding']}\n")
        catalogue.write_text(text, "utf-8")
    return tmp_path


def test_an_entry_and_its_words_add_an_axis(copy_with_an_axis: Path, values, words) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE_OF_THE_AXIS, json.dumps(values)],
        cwd=copy_with_an_axis,
        env={**os.environ, "PYTHONPATH": str(copy_with_an_axis / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)

    usual = "tiny-bs{}-img224-len200-fp32-eager-cpu"
    assert outcome["ids"] == [
        usual.format(1),
        f"{usual.format(1)}-pad_max_length",
        f"{usual.format(2)}-pad_max_length",
    ]
    assert outcome["base"] == "max_length"
    assert outcome["refusal"].startswith('study.yaml: base.padding: "none" is not known')
    assert ["padding", "text"] in outcome["columns"]
    assert outcome["report"] == words
    assert outcome["setting"] == "max_length"
