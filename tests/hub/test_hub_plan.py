"""`make plan` tells what a study on the Hub would fetch, and fetches no weights and no rows."""

import copy

import pytest
import yaml
from hubcontent import MODEL, add_study
from studytree import REPOSITORY

from vlmeter.config.load import check_config
from vlmeter.plan import plan_text
from vlmeter.study import Study


@pytest.fixture
def published() -> dict:
    """The published config, whose cells all run here."""
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    config["base"] |= {"device": "cpu", "dtype": "fp32"}
    return config


@pytest.fixture
def plan(hub, fetching, tmp_path, monkeypatch):
    add_study(hub, rows=10)
    monkeypatch.chdir(tmp_path)

    def lines(config) -> dict[str, list[str]]:
        text = plan_text(Study(check_config(copy.deepcopy(config), "a.yaml")), fetching.patience)
        return {line[:32].strip(): line[32:].split() for line in text.splitlines() if line}

    return lines


def test_what_is_to_be_fetched_is_told_and_not_fetched(hub, plan, published):
    told = plan(published)

    assert told["model blip2-opt-2.7b fp32"][-3:] == ["1.0", "M", "parameters"]
    files = hub.repos["models", MODEL].files
    wanted = sum(len(file.data) for path, file in files.items() if not path.endswith(".bin"))
    assert told["model blip2-opt-2.7b fp32"][:2] == [f"{wanted / 1e6:.1f}", "MB"]
    assert told["data set coco"][-2:] == ["21", "rows"]
    assert hub.sent_of(MODEL) == 0
    footers = 1 << 16
    assert all(asked.sent <= footers for asked in hub.asked)


def test_a_model_in_two_number_formats_is_fetched_once(plan, published):
    published["sections"][0]["vary"] = {"dtype": ["fp32", "bf16"]}

    told = plan(published)

    assert told["model blip2-opt-2.7b bf16"][:2] != ["0", "B"]
    assert told["model blip2-opt-2.7b fp32"][:2] == ["0", "B"]


def test_what_the_hub_refuses_is_told_in_its_place(hub, plan, published):
    hub.repos["models", MODEL].private = True
    published["datasets"]["coco"]["source"]["split"] = "valid"

    told = plan(published)

    assert " ".join(told["model blip2-opt-2.7b fp32"]).startswith(
        f"unknown unknown model {MODEL}: the Hub has no such repository, or it is private"
    )
    assert " ".join(told["data set coco"]).endswith(
        'it has no split "valid"; it has: val, test. Correct datasets.*.source.split.'
    )
