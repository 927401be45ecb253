"""`make plan` states what a study would fetch from the Hub, and fetches no weights and no rows."""

import copy

import pytest
import yaml
from hubcontent import MODEL, add_study
from studytree import REPOSITORY

from vlmeter.config.load import check_config
from vlmeter.study.plan import make_plan
from vlmeter.study.study import Study


@pytest.fixture
def published() -> dict:
    """The published config with a base that runs on a CPU."""
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    config["base"] |= {"device": "cpu", "dtype": "fp32"}
    return config


@pytest.fixture
def plan(hub, fetcher, tmp_path, monkeypatch):
    add_study(hub, rows=10)
    monkeypatch.chdir(tmp_path)

    def read_plan(config, problems: int = 0) -> dict[str, list[str]]:
        made = make_plan(Study(check_config(copy.deepcopy(config), "a.yaml")), fetcher.retry_policy)
        assert len(made.problems) == problems
        return {line[:32].strip(): line[32:].split() for line in made.text.splitlines() if line}

    return read_plan


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


def test_an_error_of_the_hub_stands_in_the_line_of_its_source(hub, plan, published):
    hub.repos["models", MODEL].private = True
    published["datasets"]["coco"]["source"]["split"] = "valid"

    lines = plan(published, problems=2)

    assert " ".join(lines["model blip2-opt-2.7b fp32"]).startswith(
        f"unknown unknown model {MODEL}: the Hub has no such repository, or it is private"
    )
    assert " ".join(lines["data set coco"]).endswith(
        'it has no split "valid"; it has: val, test. Correct datasets.*.source.split.'
    )
