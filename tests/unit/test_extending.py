"""docs/extending.md, done as it is written."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from vlmeter.config.load import check_config
from vlmeter.config.optimizations import BUILT_IN, OptimizationConfig
from vlmeter.metrics.base import Example
from vlmeter.metrics.evaluate import evaluate
from vlmeter.metrics.registry import TASK_METRICS
from vlmeter.results.summary_row import SUMMARY_COLUMNS
from vlmeter.study.gates import check_gates
from vlmeter.study.study import Study

PAGE = (Path(__file__).parents[2] / "docs/extending.md").read_text()


def part(heading: str) -> str:
    """The text below a heading."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def block(heading: str, language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", part(heading), re.MULTILINE | re.DOTALL)
    return text


def module(heading: str) -> ModuleType:
    made = ModuleType("written")
    exec(compile(block(heading, "python"), heading, "exec"), made.__dict__)
    return made


def line(heading: str) -> str:
    """The line for the table: the only indented line."""
    (text,) = re.findall(r"^    (\".*),$", part(heading), re.MULTILINE)
    return text


def test_a_model_family_is_a_class_and_a_line(monkeypatch, repository: Path) -> None:
    (file,) = re.findall(r"`src/(\S+/lantern)\.py`", part("A model family"))
    name = file.replace("/", ".")
    monkeypatch.setitem(sys.modules, name, module("A model family"))
    lines = (repository / f"src/{file}").with_name("__init__.py").read_text("utf-8").splitlines()
    start = lines.index("OWN_FAMILIES: dict[str, Family] = {")
    lines[start + 1 : start + 1] = [f"{line('A model family')},"]
    package: dict[str, Any] = {"__name__": "families"}
    exec("\n".join([f"from {name} import Lantern", *lines]), package)
    lantern = package["find_family"](SimpleNamespace(model_type="lantern"))
    assert lantern.name == "Lantern"
    names = ("eyes.layers.0", "lens", "language_model.layers.3.mlp", "")
    assert [lantern.stage_of(name) for name in names] == ["vision", "connector", "prefill", None]


def test_a_metric_is_a_module_and_a_line(monkeypatch) -> None:
    metric = module("A metric").METRIC
    monkeypatch.setitem(TASK_METRICS, "vqa", (*TASK_METRICS["vqa"], metric))
    examples = [
        Example(id=str(place), prediction=text, references=("a",))
        for place, text in enumerate(["yes", "no", "two words", "one"])
    ]
    quality = evaluate("vqa", examples, seed=0, resamples=100)
    (figure,) = [figure for figure in quality.figures if figure.name == "brevity"]
    assert (figure.value, figure.scored) == (0.75, 4)
    assert figure.low <= 0.75 <= figure.high
    assert "a single word" in quality.definition
    (column,) = [column for column in quality.columns if column.name == "brevity"]
    assert column.values.tolist() == [1.0, 1.0, 0.0, 1.0]


def test_a_data_set_is_a_block_of_the_config(values: dict[str, Any]) -> None:
    snippet = yaml.safe_load(block("A data set", "yaml"))
    sections = [{"name": "one", "datasets": list(snippet["datasets"]), "vary": {"batch_size": [1]}}]
    config = check_config({**values, **snippet, "sections": sections, "layers": None}, "my.yaml")
    assert [cell.dataset for cell in Study(config).cells] == ["shelf"]


def test_an_optimisation_is_a_name_in_the_config(values: dict[str, Any]) -> None:
    snippet = yaml.safe_load(block("An optimisation", "yaml"))
    (vary,) = re.findall(r"`vary: (\{.*?\})`", part("An optimisation"))
    sections = [{"name": "one", "datasets": ["photos"], "vary": yaml.safe_load(vary)}]
    study = Study(check_config({**values, **snippet, "sections": sections}, "my.yaml"))
    assert [cell.axes.optimization for cell in study.cells] == ["eager", "mixed"]


def test_an_optimisation_for_every_study_is_a_line(monkeypatch, values: dict[str, Any]) -> None:
    entry = eval(f"{{{line('An optimisation')}}}", {"OptimizationConfig": OptimizationConfig})
    monkeypatch.setitem(BUILT_IN, *next(iter(entry.items())))
    base = {**values["base"], "optimization": "mixed"}
    study = Study(check_config({**values, "base": base}, "my.yaml"))
    assert {cell.axes.optimization for cell in study.cells} == {"mixed"}


def test_a_column_can_be_gated(values: dict[str, Any]) -> None:
    column = next(column for column in SUMMARY_COLUMNS if column.kind == "number")
    gates = [{"metric": column.name, "max": 1}]
    check_gates(Study(check_config({**values, "gates": gates}, "my.yaml")), "my.yaml")


@pytest.mark.parametrize(
    ("name", "file"), re.findall(r"`(\w+)` (?:of|in|there|entry of)\s+`(src/[\w/.]+)`", PAGE)
)
def test_the_tables_that_are_named_are_there(repository: Path, name: str, file: str) -> None:
    assert re.search(rf"^{name}\b|^class {name}\b", (repository / file).read_text(), re.MULTILINE)


def test_the_tables_are_found() -> None:
    tables = re.findall(r"`(\w+)` (?:of|in|there|entry of)\s+`src/", PAGE)
    assert {"OWN_FAMILIES", "TASK_METRICS", "BUILT_IN", "CostColumns"} <= set(tables)
