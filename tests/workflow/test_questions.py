"""Three questions of docs/questions.md, run shortened to where their answers stand."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_study import CONFIG, STUDY
from studytree import REPOSITORY, Tree

Answer = Callable[[str], list[dict[str, str]]]


@pytest.fixture
def answer(fresh: Tree) -> Answer:
    """Run the config of a question up to a table of it, and read that."""

    def run(question: str, table: str) -> list[dict[str, str]]:
        page = (REPOSITORY / "docs/questions.md").read_text("utf-8")
        (text,) = re.findall(
            rf"^## {re.escape(question)}\n.*?^```yaml\n(.*?)^```", page, re.M | re.S
        )
        values: dict[str, Any] = yaml.safe_load(text)
        for dataset in values["datasets"].values():
            dataset |= {"sample": {"n": 4, "seed": 0}, "max_new_tokens": 4}
        values["base"] |= {"dtype": "fp32", "new_tokens": 2}
        values["measure"], values["report"] = STUDY["measure"], STUDY["report"]
        if "layers" in values:
            values["layers"]["iterations"] = 1
        fresh.write_config(values, CONFIG)
        place = Path("results") / values["study"] / table
        outcome = fresh.run(str(place))
        assert outcome.code == 0, outcome.text
        with fresh.path(str(place)).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return run


def test_batching_says_how_many_answers_changed(answer: Answer) -> None:
    rows = answer("Does batching change answers?", "differences.csv")

    assert [int(row["changed_predictions"]) in range(5) for row in rows] == [True]


def test_time_is_known_by_module_at_each_batch_size(answer: Answer) -> None:
    rows = answer("Where does the time go?", "layers.csv")

    assert len({row["cell"] for row in rows}) == 2
    assert len({row["module"] for row in rows}) > 20
    for cell in {row["cell"] for row in rows}:
        times = [float(row["time_ms"]) for row in rows if row["cell"] == cell]
        assert sum(times) > max(times) > 0


def test_a_larger_image_is_more_work_where_its_size_stays(answer: Answer) -> None:
    rows = answer("Is 448 px worth it?", "summary.csv")

    flops = {row["image_size"]: float(row["flops"]) for row in rows}
    assert set(flops) == {"224", "448"}
    assert flops["448"] > flops["224"]
