from pathlib import Path

import pytest

from vlmeter.config.load import check_config, load_config, read_yaml
from vlmeter.results.comparisons import Comparisons
from vlmeter.scripting import pack, unpack
from vlmeter.study.comparisons import plan_comparisons
from vlmeter.study.outline import build_outline
from vlmeter.study.study import Study

CONFIG = Path(__file__).parents[3] / "config" / "config.yaml"


@pytest.fixture
def study() -> Study:
    return Study(load_config(CONFIG))


def bases_of(study: Study, dataset: str, ending: str) -> set[str]:
    return {
        pair.base.removeprefix("blip2-opt-2.7b-")
        for pair in plan_comparisons(study).pairs
        if pair.dataset == dataset and pair.cell.endswith(ending)
    }


def test_a_cell_is_compared_with_the_first_of_its_section_and_with_the_base(study):
    base, first = "bs1-img224-len200-fp16-eager-cuda", "bs16-img224-len200-fp16-eager-cuda"
    assert bases_of(study, "textvqa", "bs16-img336-len200-fp16-eager-cuda") == {first, base}
    assert bases_of(study, "textvqa", "bs4-img224-len200-fp16-eager-cuda") == {base}
    assert bases_of(study, "textvqa", "-cpu") == {base}


def test_a_data_set_without_a_base_cell_is_compared_within_its_sections(study):
    first = "bs16-img224-len200-fp16-eager-cuda"
    assert bases_of(study, "scienceqa", "-compile-cuda") == {first}
    assert study.base_cells.keys() == {"textvqa"}
    assert build_outline(study).base_cells == {"textvqa": study.base_cells["textvqa"].id}


def test_no_cell_is_compared_with_itself_and_no_pair_stands_twice(study):
    pairs = plan_comparisons(study).pairs
    assert len(pairs) == len(set(pairs)) == 22
    assert all(cell != base for _, cell, base in pairs)


def test_another_order_of_sections_changes_nothing(study):
    values = read_yaml(CONFIG)
    values["sections"] = list(reversed(values["sections"]))
    turned = Study(check_config(values, "turned.yaml"))
    assert plan_comparisons(turned) == plan_comparisons(study)


def test_the_bootstrap_is_the_study_s(study):
    comparisons = plan_comparisons(study)
    assert (comparisons.seed, comparisons.resamples) == (0, 1000)


def test_the_parameter_of_the_rule_gives_the_comparisons_back(study):
    comparisons = plan_comparisons(study)
    assert unpack(Comparisons, pack(comparisons)) == comparisons
