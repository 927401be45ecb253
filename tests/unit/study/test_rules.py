"""What Snakemake is answered for the wildcards of a job."""

import re
from types import SimpleNamespace

import pytest

from vlmeter.study.rules import Rules, list_catalogues, translate_figures

CELL = "tiny-bs1-img224-len200-fp32-eager-cpu"
WILDCARDS = SimpleNamespace(dataset="photos", cell=CELL)


@pytest.fixture(autouse=True)
def _folder_without_results(tmp_path, monkeypatch, repository):
    (tmp_path / "workflow").symlink_to(repository / "workflow")
    monkeypatch.chdir(tmp_path)


def make_rules(study, cores=8, gpus=None, on_cluster=False):
    return Rules(study, cores=cores, gpus=gpus, on_cluster=on_cluster)


def list_names(paths):
    return [str(path).removeprefix("results/small/") for path in paths]


def test_a_cell_reads_its_images_and_its_model(config):
    inputs = make_rules(config.study()).list_cell_inputs(WILDCARDS)
    assert dict(zip(inputs, list_names(inputs.values()), strict=True)) == {
        "images": "data/photos/img224/images.json",
        "model": "models/tiny-fp32.json",
    }


def test_a_cell_whose_device_is_missing_reads_no_model(config):
    study = config.set("base.device", "cuda").study()
    (cell, *_) = study.cells
    wildcards = SimpleNamespace(dataset=cell.dataset, cell=cell.id)
    assert set(make_rules(study).list_cell_inputs(wildcards)) == {"images"}
    # On a cluster the node has the device, for all that is known here.
    assert set(make_rules(study, on_cluster=True).list_cell_inputs(wildcards)) == {
        "images",
        "model",
    }


def test_the_control_and_the_layers_read_as_their_cell_does(config):
    rules = make_rules(config.study())
    assert rules.list_control_inputs(None) == rules.list_cell_inputs(WILDCARDS)
    assert rules.list_layer_inputs(WILDCARDS) == rules.list_cell_inputs(WILDCARDS)


def test_params_are_those_of_the_job(config):
    study = config.study()
    rules = make_rules(study)
    (cell, *_) = study.cells
    assert rules.build_cell_params(WILDCARDS) == rules.jobs.build_measurement(cell)
    assert rules.build_score_params(WILDCARDS) == rules.jobs.build_score(cell)
    shard = SimpleNamespace(dataset="photos", cell=CELL, number="2", shards="3")
    assert rules.build_shard_params(shard) == rules.jobs.build_shard(cell, 2, 3)
    assert rules.build_image_params(
        SimpleNamespace(dataset="photos", size="224")
    ) == rules.jobs.build_images("224")


def test_a_cell_on_the_cpu_has_every_core(config):
    rules = make_rules(config.study(), cores=8, gpus=4)
    assert (rules.count_cell_gpus(WILDCARDS), rules.count_cell_threads(WILDCARDS)) == (0, 8)


@pytest.mark.parametrize(
    ("cores", "limit", "threads"), [(8, 4, 4), (8, None, 8), (8, 1, 8), (1, 4, 1)]
)
def test_cells_on_gpus_share_the_cores(config, cores, limit, threads):
    study = config.set("models.tiny.gpus", 2).set("base.device", "cuda").study()
    (cell, *_) = study.cells
    wildcards = SimpleNamespace(dataset=cell.dataset, cell=cell.id)
    rules = make_rules(study, cores=cores, gpus=limit)
    assert (rules.count_cell_gpus(wildcards), rules.count_cell_threads(wildcards)) == (2, threads)


def test_on_a_cluster_the_machine_is_described_where_the_largest_cell_runs(config):
    study = config.set("models.tiny.gpus", 2).set("base.device", "cuda").study()
    assert make_rules(study).count_machine_gpus(None) == 0
    assert make_rules(study, on_cluster=True).count_machine_gpus(None) == 2


def test_a_data_set_has_one_of_two_rules(config):
    rules = make_rules(config.set("datasets.photos.shards", 2).study())
    assert (rules.gathered, rules.whole) == ("photos", "exams")
    assert list_names(rules.list_answers(WILDCARDS)) == [
        f"shards/photos/{CELL}/{number}-of-2.json" for number in (1, 2)
    ]


def test_no_name_matches_where_no_data_set_is_divided(config):
    assert re.fullmatch(make_rules(config.study()).gathered, "") is None


LENGTHS = {"name": "lengths", "datasets": ["photos"], "vary": {"new_tokens": [8, 16, 64]}}


@pytest.mark.parametrize("shards", [1, 2])
def test_cells_that_differ_in_the_length_of_a_generation_alone_are_answered_once(config, shards):
    config.set("datasets.photos.shards", shards)
    rules = make_rules(config.set("sections.0", LENGTHS).study())
    ids = {8: f"{CELL}-new8", 16: CELL, 64: f"{CELL}-new64"}
    by_rule = {
        name: [
            length
            for length, cell in ids.items()
            if re.fullmatch(
                f"cells/(?P<dataset>{pattern})/(?P<cell>[A-Za-z0-9_.-]+)/measurement.json",
                f"cells/photos/{cell}/measurement.json",
            )
        ]
        for name, pattern in (("whole", rules.whole), ("gathered", rules.gathered))
    }
    whole = [16] if shards == 1 else []
    assert by_rule == {"whole": whole, "gathered": [it for it in ids if it not in whole]}
    assert rules.has_costs_apart
    other = SimpleNamespace(dataset="photos", cell=ids[64])
    assert rules.list_answers(other) == rules.list_answers(WILDCARDS)
    assert list_names(rules.list_answers(other)) == (
        [f"cells/photos/{CELL}/measurement.json"]
        if shards == 1
        else [f"shards/photos/{CELL}/{number}-of-2.json" for number in (1, 2)]
    )
    params = rules.build_costs_params(other)
    assert (params["cost_only"], params["cell"]["axes"]["new_tokens"]) == (True, 64)


def test_without_the_base_s_length_the_first_cell_answers(config):
    lengths = {**LENGTHS, "vary": {"new_tokens": [32, 8]}, "fix": {"batch_size": 3}}
    study = config.set("sections.0", lengths).study()
    first, second = (cell for cell in study.cells if cell.axes.batch_size == 3)
    assert study.find_answering_cell(second) == study.find_answering_cell(first) == first
    assert [study.has_costs_apart(cell) for cell in (first, second)] == [False, True]
    exams = next(cell for cell in study.cells if cell.dataset == "exams")
    assert study.find_answering_cell(exams) == exams


def test_a_section_makes_its_records_and_describes_the_machine(config):
    assert list_names(make_rules(config.study()).list_section_targets("batches")) == [
        "machine.noted",
        f"cells/photos/{CELL}/record.json",
        f"cells/photos/{CELL.replace('bs1', 'bs4')}/record.json",
    ]


def test_the_report_reads_what_the_study_has(config):
    rules = make_rules(config.study())
    assert list_names(rules.list_control()) == ["control/measurement.json"]
    assert list_names(rules.list_control_base()) == [f"cells/photos/{CELL}/record.json"]
    assert list_names(rules.list_sample_manifests()) == [
        "data/photos/samples.json",
        "data/exams/samples.json",
    ]
    assert list(rules.list_figures()) == [
        "tradeoff",
        "forest",
        "batches",
        "sizes",
        "requests",
        "layers",
    ]
    assert (rules.list_gates(), rules.list_published()) == ([], [])
    assert (
        list_names(translate_figures(*rules.list_figures().values()))[0]
        == "figures/ru/tradeoff.svg"
    )
    assert [path.name for path in list_catalogues()] == ["en.yaml", "ru.yaml"]


def test_a_study_without_a_control_or_layers_leaves_them_out(config):
    for index in (0, 1):
        config.set(f"sections.{index}.fix", {"max_input_len": 99})
    rules = make_rules(config.set("layers", None).study())
    assert (rules.list_control(), rules.list_control_base(), rules.list_layer_tables()) == (
        [],
        [],
        [],
    )
    assert "layers" not in rules.list_figures()
