"""Cells follow from the config alone: which there are, what they are called, what they need."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.cell.job import CellSetup
from vlmeter.config.load import check_config, load_config
from vlmeter.errors import UserError
from vlmeter.models.decoding import Decoding
from vlmeter.models.optimization import EAGER
from vlmeter.results.outline import DatasetInfo, Outline
from vlmeter.scripting import pack, unpack
from vlmeter.storage.layout import CellKey
from vlmeter.study.outline import build_outline
from vlmeter.study.study import Study

GPU_CELLS = [
    "textvqa/blip2-opt-2.7b-bs1-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs4-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs8-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs16-img224-len200-fp16-eager-cuda",
    "coco/blip2-opt-2.7b-bs16-img224-len200-fp16-eager-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img224-len200-fp16-eager-cuda",
    "coco/blip2-opt-2.7b-bs16-img336-len200-fp16-eager-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img336-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs16-img336-len200-fp16-eager-cuda",
    "coco/blip2-opt-2.7b-bs16-img448-len200-fp16-eager-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img448-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs16-img448-len200-fp16-eager-cuda",
    "coco/blip2-opt-2.7b-bs16-img224-len100-fp16-eager-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img224-len100-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs16-img224-len100-fp16-eager-cuda",
    "coco/blip2-opt-2.7b-bs16-img224-len50-fp16-eager-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img224-len50-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs16-img224-len50-fp16-eager-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img224-len200-fp16-compile-cuda",
    "scienceqa/blip2-opt-2.7b-bs16-img224-len200-fp16-flash_attention_2-cuda",
    "textvqa/blip2-opt-2.7b-bs1-img224-len200-fp32-eager-cpu",
]
GPU_LAYERS = [
    "textvqa/blip2-opt-2.7b-bs1-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs4-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs8-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs16-img224-len200-fp16-eager-cuda",
    "textvqa/blip2-opt-2.7b-bs1-img448-len200-fp16-eager-cuda",
]


DEMO_CELLS = [
    "textvqa/tiny-blip2-bs16-img224-len200-fp32-eager-cpu-prompt_family",
    "lettering/tiny-blip2-bs16-img448-len200-fp32-eager-cpu",
    "lettering/tiny-blip2-bs16-img448-len200-fp32-eager-cpu-native",
    "textvqa/tiny-blip2-bs16-img224-len200-fp32-eager-cpu-new32",
]


def on_the_cpu(name):
    """Return what a cell of the published study is called in the tiny one."""
    base, tiny = name.replace("blip2-opt-2.7b", "tiny-blip2"), "fp32-eager-cuda"
    if base.endswith("-cpu"):
        return base.replace("fp32-eager-cpu", tiny)
    return base.replace("fp16", "fp32").replace("-cuda", "-cpu")


def names(cells):
    return [f"{cell.dataset}/{cell.id}" for cell in cells]


@pytest.mark.parametrize(
    ("file", "cells", "layers"),
    [
        ("config.yaml", GPU_CELLS, GPU_LAYERS),
        (
            "demo.yaml",
            [*map(on_the_cpu, GPU_CELLS), *DEMO_CELLS],
            [*map(on_the_cpu, GPU_LAYERS)],
        ),
    ],
)
def test_the_published_study_has_exactly_its_cells_and_the_demo_four_more(
    repository, file, cells, layers
):
    study = Study(load_config(repository / "config" / file))
    assert names(study.cells) == cells
    assert names(study.layer_cells) == layers
    assert names([study.control_cell]) == cells[:1]


def test_the_study_at_full_size_asks_gpu_and_cpu_another_question(repository):
    study = Study(load_config(repository / "config/blip2-architecture.yaml"))
    assert {cell.dataset for cell in study.cells[-2:]} == {"textvqa_first"}
    assert (len(study.cells[:-2]), len(study.layer_cells)) == (20, 5)


def test_a_cell_that_stands_in_two_sections_is_one_cell(config):
    study = config.study()
    placed = [entry.cell.id for section in study.sections for entry in section.cells]
    assert placed.count("tiny-bs1-img224-len200-fp32-eager-cpu") == 3
    assert names(study.cells) == [
        "photos/tiny-bs1-img224-len200-fp32-eager-cpu",
        "photos/tiny-bs4-img224-len200-fp32-eager-cpu",
        "exams/tiny-bs1-img224-len200-fp32-eager-cpu",
        "photos/tiny-bs1-img448-len200-fp32-eager-cpu",
        "exams/tiny-bs1-img448-len200-fp32-eager-cpu",
    ]


def test_layer_grids_that_overlap_are_profiled_once(config):
    config.set("layers.grids", [{"vary": {"batch_size": [1, 2]}}, {"vary": {"batch_size": [2]}}])
    assert names(config.study().layer_cells) == [
        "photos/tiny-bs1-img224-len200-fp32-eager-cpu",
        "photos/tiny-bs2-img224-len200-fp32-eager-cpu",
    ]


def test_the_number_format_follows_the_device(config):
    config.set("base.dtype", {"cuda": "bf16", "cpu": "fp32"})
    config.set("sections.0.vary", {"device": ["cuda", "cpu"]})
    section = config.study().section("batches")
    assert [entry.cell.axes.dtype for entry in section.cells] == ["bf16", "fp32"]


def test_a_number_format_for_all_devices_holds_for_all(config):
    config.set("base.dtype", "bf16").set("sections.0.vary", {"device": ["cuda", "cpu"]})
    section = config.study().section("batches")
    assert [entry.cell.axes.dtype for entry in section.cells] == ["bf16", "bf16"]


def test_a_section_may_set_the_number_format_itself(config):
    config.set("sections.0.fix", {"dtype": "fp16"})
    assert {entry.cell.axes.dtype for entry in config.study().section("batches").cells} == {"fp16"}


def test_several_varied_axes_give_every_combination_in_order(config):
    config.set("sections.0.vary", {"batch_size": [1, 4], "max_input_len": [10, 20]})
    section = config.study().section("batches")
    assert [entry.label for entry in section.cells] == ["1 · 10", "1 · 20", "4 · 10", "4 · 20"]


def test_a_cell_says_what_is_not_usual_about_it(config):
    config.set("sections.0.vary", {"prompt": ["asked"], "image_input": ["native"]})
    assert config.study().section("batches").cells[0].cell.id == (
        "tiny-bs1-img224-len200-fp32-eager-cpu-native-prompt_asked"
    )


def test_two_cells_that_would_share_a_name_are_refused(config):
    cell = "bs1-img224-len200-fp32-eager-cpu"
    model = {"source": {"path": "x"}}
    config.set("models", {"m": model, f"m-{cell}-prompt_z": model}).set("base.model", "m")
    config.set("datasets.photos.prompts", {"bare": "", f"z-{cell}": ""})
    named = {"datasets": ["photos"], "vary": {"batch_size": [1]}}
    config.set("sections.0", {**named, "name": "first", "fix": {"prompt": f"z-{cell}"}})
    config.set("sections.1", {**named, "name": "second", "fix": {"model": f"m-{cell}-prompt_z"}})
    with pytest.raises(UserError) as refusal:
        config.study()
    assert str(refusal.value).startswith(
        f"two cells would share the name m-{cell}-prompt_z-{cell}: rename a model or a prompt"
    )


def test_a_study_in_which_every_section_fixes_something_has_no_control(config):
    for index in (0, 1):
        config.set(f"sections.{index}.fix", {"max_input_len": 99})
    assert config.study().control_cell is None


def test_every_data_set_has_its_base_cell_where_a_section_measures_it(config):
    study = config.study()
    assert {name: cell.id for name, cell in study.base_cells.items()} == dict.fromkeys(
        ("photos", "exams"), "tiny-bs1-img224-len200-fp32-eager-cpu"
    )
    assert study.control_cell == study.base_cells["photos"]


def test_an_unknown_cell_is_a_key_error(config):
    with pytest.raises(KeyError):
        config.study().cell(CellKey("photos", "nothing"))


def test_results_lie_below_the_name_of_the_study(config):
    assert config.study().folder.root == Path("results/small")


axis_values = {
    "batch_size": st.integers(1, 65536),
    "image_size": st.integers(16, 4096),
    "max_input_len": st.integers(1, 10_000),
    "dtype": st.sampled_from(["fp32", "fp16", "bf16"]),
    "device": st.sampled_from(["cpu", "cuda"]),
    "optimization": st.sampled_from(["eager", "sdpa", "compile", "flash_attention_2"]),
    "image_input": st.sampled_from(["processor", "native"]),
    "max_image_tokens": st.integers(0, 1_000_000),
    "prompt": st.sampled_from(["bare", "asked"]),
    "model": st.sampled_from(["tiny", "huge"]),
}


@settings(max_examples=40)
@given(mine=st.fixed_dictionaries(axis_values), other=st.fixed_dictionaries(axis_values))
def test_a_cells_name_depends_on_its_own_values_alone(values, mine, other):
    def section(name, cell):
        fixed = {axis: value for axis, value in cell.items() if axis != "batch_size"}
        vary = {"batch_size": [cell["batch_size"]]}
        return {"name": name, "datasets": ["photos"], "fix": fixed, "vary": vary}

    def cells(*sections):
        return Study(check_config({**values, "sections": list(sections)}, "f")).cells

    (own,) = cells(section("mine", mine))
    beside = cells(section("other", other), section("mine", mine))
    assert own in beside
    assert len(set(names(beside))) == (1 if mine == other else 2)


def test_a_cell_s_setup_is_what_its_jobs_need_and_nothing_else(config):
    study = config.study()
    cell = study.cells[1]
    assert study.build_cell_setup(cell) == CellSetup(
        id="tiny-bs4-img224-len200-fp32-eager-cpu",
        dataset="photos",
        axes=cell.axes,
        gpus=0,
        optimization=EAGER,
        task="vqa",
        template="{question}",
        decoding=Decoding(
            max_new_tokens=20,
            num_beams=1,
            length_penalty=1.0,
            min_new_tokens=0,
            repetition_penalty=1.0,
            by_model=False,
        ),
        seed=0,
        cpu_threads=None,
    )


def describe(study, cell):
    """Return all that a cell's measurement depends on of its config."""
    return study.build_cell_setup(cell), study.measure_settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("datasets.exams.sample", {"n": 7}),
        ("datasets.photos.label", "Photos"),
        ("datasets.photos.prompts.asked", "{question}?"),
        ("models.tiny.label", "Tiny"),
        ("sections.0.title", "Batches"),
        ("sections.0.vary.batch_size", [1, 4, 8]),
        ("measure", {"max_attempts": 5, "energy": {"idle_window_s": 1.0}}),
        ("report", {"title": "A report"}),
        ("layers", None),
    ],
)
def test_what_is_no_part_of_a_measurement_leaves_it_alone(config, key, value):
    before = config.study()
    kept = [describe(before, cell) for cell in before.cells]
    after = config.set(key, value).study()
    assert [describe(after, cell) for cell in before.cells] == kept


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("datasets.photos.prompts.bare", "{question}?"),
        ("datasets.photos.max_new_tokens", 3),
        ("datasets.photos.generation", {"num_beams": 5}),
        ("measure", {"energy": {"cpu_power_w": 65.0}}),
    ],
)
def test_what_is_part_of_a_measurement_changes_it(config, key, value):
    before = config.study()
    kept = describe(before, before.cells[0])
    after = config.set(key, value).study()
    assert describe(after, before.cells[0]) != kept


def test_a_data_sets_sample_does_not_depend_on_its_prompts(config):
    kept = config.study().dataset_job("photos")
    after = config.set("datasets.photos.prompts.bare", "{question}!").study()
    assert after.dataset_job("photos") == kept


def test_the_outline_holds_what_the_report_shows(config):
    outline = build_outline(config.study())
    assert outline.title == "somewhere/tiny"
    assert outline.datasets["exams"] == DatasetInfo("exams", "multiple_choice", "maker/exams", None)
    assert [section.name for section in outline.sections] == ["batches", "sizes"]
    assert outline.sections[0].varied == {"batch_size": (1, 4)}
    assert unpack(Outline, pack(outline)) == outline
    assert [entry.cell for entry in outline.layers.cells] == [
        "tiny-bs1-img224-len200-fp32-eager-cpu"
    ]


def test_a_model_s_cells_on_cuda_ask_for_its_gpus_and_those_on_a_cpu_for_none(config):
    config.set("models.tiny.gpus", 2).set("sections.0.vary.device", ["cuda", "cpu"])
    study = config.study()

    asked = {cell.axes.device: study.gpus(cell) for cell in study.cells}

    assert asked == {"cuda": 2, "cpu": 0}
