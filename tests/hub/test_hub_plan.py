"""`make plan` states what a study would fetch from the Hub, and fetches no weights and no rows."""

import copy

import pytest
import yaml
from hubcontent import MODEL, add_study
from studytree import REPOSITORY

from vlmeter.config.load import check_config
from vlmeter.study.plan import Plan, make_plan
from vlmeter.study.study import Study


@pytest.fixture
def published() -> dict:
    """The published config with a base that runs on a CPU."""
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    config["base"] |= {"device": "cpu", "dtype": "fp32"}
    return config


@pytest.fixture
def read(hub, fetcher, tmp_path, monkeypatch):
    add_study(hub, rows=10)
    monkeypatch.chdir(tmp_path)

    def read_plan(config) -> Plan:
        return make_plan(Study(check_config(copy.deepcopy(config), "a.yaml")), fetcher.retry_policy)

    return read_plan


@pytest.fixture
def plan(read):
    def list_lines(config) -> dict[str, list[str]]:
        made = read(config)
        assert made.problems == []
        return {line[:32].strip(): line[32:].split() for line in made.text.splitlines() if line}

    return list_lines


def test_the_sizes_are_stated_and_nothing_is_fetched(hub, plan, published):
    lines = plan(published)

    assert lines["model blip2-opt-2.7b fp32"][-3:] == ["1.0", "M", "parameters"]
    files = hub.repos["models", MODEL].files
    size_bytes = sum(len(file.data) for path, file in files.items() if not path.endswith(".bin"))
    assert lines["model blip2-opt-2.7b fp32"][:2] == [f"{size_bytes / 1e6:.1f}", "MB"]
    assert lines["data set coco"][-2:] == ["21", "rows"]
    assert hub.count_sent_bytes(MODEL) == 0
    footer_bytes = 1 << 16
    assert all(request.sent_bytes <= footer_bytes for request in hub.requests)


def test_a_model_in_two_number_formats_is_fetched_once(plan, published):
    published["sections"][0]["vary"] = {"dtype": ["fp32", "bf16"]}

    lines = plan(published)

    assert lines["model blip2-opt-2.7b bf16"][:2] != ["0", "B"]
    assert lines["model blip2-opt-2.7b fp32"][:2] == ["0", "B"]


def test_an_error_of_the_hub_is_named_once_with_the_cells_of_its_source(hub, read, published):
    hub.repos["models", MODEL].private = True
    published["datasets"]["coco"]["source"]["split"] = "valid"

    made = read(published)

    assert made.text.count("cannot be had, see below") == 2
    of_dataset, of_model = made.problems
    assert of_dataset.startswith("data set coco (for ")
    assert of_dataset.endswith(
        'it has no split "valid"; it has: val, test. Correct datasets.*.source.split.'
    )
    assert of_model.startswith(
        f"model blip2-opt-2.7b fp32 (for 21 cells): model {MODEL}: the Hub has no such "
        "repository, or it is private"
    )
    assert "private" not in made.text


def test_without_the_hub_and_its_cache_nothing_else_is_said_of_a_source(
    read, published, monkeypatch, caplog
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    # Others may lie in the cache that all tests share.
    for name, block in (published["models"] | published["datasets"]).items():
        block["source"]["hub"] = f"maker/absent-{name}"

    made = read(published)

    assert sum("HF_HUB_OFFLINE is set" in problem for problem in made.problems) == 4
    assert "HF_HUB_OFFLINE" not in made.text
    assert caplog.messages == []
