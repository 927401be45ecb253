"""What Snakemake compares to decide that a job must run again."""

import json
from pathlib import Path

import pytest
from fake_nvml import GIB, gpu

from vlmeter.cell.attempts import Attempt, write_attempt
from vlmeter.machine import devices
from vlmeter.storage.files import write_json
from vlmeter.study.jobs import Jobs


@pytest.fixture(autouse=True)
def _folder_without_results(tmp_path, monkeypatch, repository):
    (tmp_path / "workflow").symlink_to(repository / "workflow")
    monkeypatch.chdir(tmp_path)


def all_params(study):
    """Return the params of every job, by rule and wildcards."""
    jobs = Jobs(study)
    cells = {(cell.dataset, cell.id): cell for cell in study.cells}
    return {
        **{("inference", *key): jobs.build_measurement(cell) for key, cell in cells.items()},
        **{("score", *key): jobs.build_score(cell) for key, cell in cells.items()},
        **{("layers", c.dataset, c.id): jobs.build_layers(c) for c in study.layer_cells},
        **{("dataset", name): jobs.build_dataset(name) for name in study.config.datasets},
        **{("model", c.axes.model, c.axes.dtype): jobs.build_model(c.axes.model, c.axes.dtype)
           for c in study.cells},
        **{("images", c.axes.stored_size): jobs.build_images(c.axes.stored_size)
           for c in study.cells},
        ("machine",): jobs.build_machine(),
        ("control",): jobs.build_control(study.control_cell),
    }  # fmt: skip


def moved(config, key, value):
    """Return which jobs are new or have other params after a change of the config."""
    before = all_params(config.study())
    after = all_params(config.set(key, value).study())
    return {job for job, params in after.items() if before.get(job) != params}


BATCH_2 = "tiny-bs2-img224-len200-fp32-eager-cpu"
SIZES = ["tiny-bs1-img224-len200-fp32-eager-cpu", "tiny-bs1-img448-len200-fp32-eager-cpu"]


def test_every_param_is_plain_json(config):
    for params in all_params(config.study()).values():
        assert json.loads(json.dumps(params)) == params


def test_another_batch_size_makes_its_cells_alone(config):
    assert moved(config, "sections.0.vary.batch_size", [1, 2, 4]) == {
        ("inference", "photos", BATCH_2),
        ("score", "photos", BATCH_2),
    }


def test_another_sample_makes_its_data_set_alone(config):
    assert moved(config, "datasets.exams.sample", {"n": 5}) == {("dataset", "exams")}


def test_another_template_makes_the_cells_that_use_it(config):
    assert moved(config, "datasets.exams.prompts.bare", "{question}!") == {
        ("inference", "exams", cell) for cell in SIZES
    }


def test_another_number_of_resamples_only_scores_again(config):
    jobs = moved(config, "report", {"bootstrap_resamples": 500})
    assert {job[0] for job in jobs} == {"score"}
    assert len(jobs) == len(config.study().cells)


def test_scores_of_random_weights_are_not_measured(config):
    study = config.set("models.tiny.weights", "random").study()
    params = Jobs(study).build_score(study.cells[0])
    assert (params["not_measured"], params["task"]) == ("random weights", "vqa")


def test_a_title_moves_no_job(config):
    assert moved(config, "sections.0.title", "Batches") == set()


def test_a_longer_idle_window_only_describes_the_machine(config):
    assert moved(config, "measure", {"energy": {"idle_window_s": 1.0}}) == {("machine",)}


@pytest.mark.parametrize("key", ["timeout_s", "max_attempts"])
def test_how_long_and_how_often_a_cell_may_be_tried_moves_no_job(config, key):
    assert moved(config, "measure", {key: 9000}) == set()


def test_more_layer_iterations_only_profile(config):
    jobs = moved(config, "layers.iterations", 3)
    assert {job[0] for job in jobs} == {"layers"}


def test_params_do_not_depend_on_the_hash_seed(run_python, repository):
    code = (
        "import pathlib; from vlmeter.config.load import load_config\n"
        "from vlmeter.study.jobs import Jobs; from vlmeter.study.study import Study\n"
        "from vlmeter.study.outline import build_outline\n"
        f"study = Study(load_config(pathlib.Path({str(repository / 'config/demo.yaml')!r})))\n"
        "jobs = Jobs(study); cell = study.cells[0]\n"
        "print(jobs.build_measurement(cell), jobs.build_score(cell), jobs.build_machine())\n"
        "print(jobs.build_dataset('coco'), jobs.build_layers(cell), jobs.build_images('3'))\n"
        "print(jobs.build_model('tiny-blip2', 'fp32'))\n"
        "print(build_outline(study))"
    )
    first, second = (run_python(code, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first.stdout == second.stdout
    assert (first.returncode, first.stderr) == (0, "")


def note(study, status, count=1, kind="cells", devices=(), taken=()):
    """Leave a note of a try of the study's first cell, as its job does."""
    job = Jobs(study).build_measurement(study.cells[0])["attempt"]
    path = study.folder.attempt(kind, *study.cells[0].key)
    write_attempt(path, Attempt(job["key"], count, status, list(devices), list(taken)))


def test_the_number_of_the_try_follows_the_last_one(config):
    study = config.study()
    cell = study.cells[0]
    assert Jobs(study).build_measurement(cell)["attempt"]["count"] == 1
    note(study, "crashed")
    assert Jobs(study).build_measurement(cell)["attempt"]["count"] == 2
    note(study, "crashed", count=2)
    assert Jobs(study).build_measurement(cell)["attempt"]["count"] == 2
    config.set("measure", {"max_attempts": 3})
    assert Jobs(config.study()).build_measurement(cell)["attempt"]["count"] == 3


def test_a_cell_that_ran_out_of_time_is_tried_again_under_a_higher_limit(config):
    study = config.set("measure", {"timeout_s": 60}).study()
    cell = study.cells[0]
    attempt = Jobs(study).build_measurement(cell)["attempt"]
    write_attempt(Path(attempt["note"]), Attempt(attempt["key"], 2, "crashed", [], timed_out_s=60))
    counts = {}
    for limit_s in (30, 60, 61):
        jobs = Jobs(config.set("measure", {"timeout_s": limit_s}).study())
        counts[limit_s] = jobs.build_measurement(cell)["attempt"]["count"]
    assert counts == {30: 2, 60: 2, 61: 3}


def test_the_note_of_a_try_lies_where_the_next_run_looks(config):
    study = config.study()
    cell = study.cells[0]
    attempt = Jobs(study).build_measurement(cell)["attempt"]
    assert attempt["note"] == f"results/small/attempts/cells/photos/{cell.id}.json"
    assert (
        Jobs(study)
        .build_layers(cell)["attempt"]["note"]
        .startswith("results/small/attempts/layers/")
    )
    assert (
        Jobs(study)
        .build_control(cell)["attempt"]["note"]
        .startswith("results/small/attempts/control/")
    )


def test_the_second_measurement_of_the_base_is_of_its_cost_alone(config):
    study = config.study()
    jobs = Jobs(study)
    cell = study.control_cell
    control = {key: value for key, value in jobs.build_control(cell).items() if key != "attempt"}
    inference = {
        key: value for key, value in jobs.build_measurement(cell).items() if key != "attempt"
    }
    assert control == {**inference, "cost_only": True}


def test_the_model_is_not_fetched_for_a_device_that_is_missing(config):
    config.set("sections.0.vary", {"device": ["cpu", "cuda"]})
    study = config.study()
    on_cpu, on_gpu = (entry.cell for entry in study.section("batches").cells)
    jobs = Jobs(study)
    assert jobs.needs_model("cells", on_cpu)
    assert not jobs.needs_model("cells", on_gpu)


@pytest.mark.parametrize(("status", "needed"), [("ok", True), ("unavailable", False)])
def test_a_cell_measured_before_its_device_went_keeps_its_inputs(config, status, needed):
    study = config.set("base.device", "cuda").study()
    note(study, status)
    assert Jobs(study).needs_model("cells", study.cells[0]) is needed
    assert not Jobs(study).needs_model("layers", study.cells[0])


def test_a_gpu_that_goes_leaves_the_machine_as_it_was_described(config):
    study = config.study()
    write_json(study.folder.machine, {"gpus": [{"uuid": "GPU-1"}]})
    assert Jobs(study).build_machine()["gpus"] == ["GPU-1, driver None"]


@pytest.fixture
def described(config, machine):
    """A study whose machine, with one GPU, was described; `taken` says why it was not free."""

    def describe(driver="580.65", taken=None):
        machine(gpu("a"))
        study = config.set("base.device", "cuda").study()
        described = {"uuid": "GPU-a", "driver": driver, "taken": taken}
        write_json(study.folder.machine, {"gpus": [described]})
        return study

    return describe


FULL = {"total": 80 * GIB, "used": 70 * GIB}


def test_another_driver_describes_the_machine_anew(described, machine):
    study = described()
    before = Jobs(study).build_machine()
    assert before["gpus"] == ["GPU-a, driver 580.65"]
    machine(gpu("a"), driver="590.1")
    assert Jobs(study).build_machine() != before
    machine(visible="-1")
    assert Jobs(study).build_machine() == before, "the GPU went"


def test_a_gpu_that_was_taken_is_described_anew_once_it_is_free(described, machine):
    study = described(taken="other processes hold 70 GB")
    machine(gpu("a", memory=FULL))
    before = Jobs(study).build_machine()
    machine(gpu("a"))
    assert Jobs(study).build_machine() != before


def test_a_gpu_that_was_free_stays_as_it_was_described(described, machine):
    study = described()
    before = Jobs(study).build_machine()
    machine(gpu("a", memory=FULL))
    assert Jobs(study).build_machine() == before


def test_the_first_description_of_a_taken_gpu_is_not_asked_for_twice(described, machine):
    study = described()
    study.folder.machine.unlink()
    machine(gpu("a", memory=FULL))
    before = Jobs(study).build_machine()
    described = {"uuid": "GPU-a", "driver": "580.65", "taken": "other processes hold 70 GB"}
    write_json(study.folder.machine, {"gpus": [described]})
    assert Jobs(study).build_machine() == before


def count(study, cell=0):
    return Jobs(study).build_measurement(study.cells[cell])["attempt"]["count"]


def at_hand(study):
    cell = study.cells[0]
    compiles = study.optimization(cell).needs_compiler
    return devices.list_fingerprint(cell.axes.device, compiles=compiles)


def test_an_update_of_the_driver_tries_unavailable_cells_again(described, machine):
    study = described()
    note(study, "unavailable", devices=at_hand(study))
    assert count(study) == 1
    machine(gpu("a"), driver="590.1")
    assert count(study) == 2


def test_a_driver_that_becomes_new_enough_tries_them_again(described, machine):
    study = described()
    machine(gpu("a"), driver="570.86", cuda=12080)
    note(study, "unavailable", devices=at_hand(study))
    assert not Jobs(study).needs_model("cells", study.cells[0])
    assert count(study) == 1
    machine(gpu("a"))
    assert count(study) == 2
    assert Jobs(study).needs_model("cells", study.cells[0])


def test_a_cell_on_a_full_gpu_is_tried_again_when_it_is_free(described, machine):
    study = described()
    machine(gpu("a", memory=FULL))
    note(study, "out_of_memory", devices=at_hand(study), taken=["GPU-a"])
    assert count(study) == 1
    machine(gpu("a"))
    assert count(study) == 2


def test_a_compiler_that_is_installed_tries_the_compiled_cell_again(config, monkeypatch):
    study = config.set("base.optimization", "compile").study()
    monkeypatch.setattr(devices, "tools_at_hand", lambda device: ["Python.h"])
    note(study, "unavailable", devices=at_hand(study))
    assert count(study) == 1
    monkeypatch.setattr(devices, "tools_at_hand", lambda device: ["Python.h", "a C++ compiler"])
    assert count(study) == 2


def test_a_compiler_is_nothing_to_a_cell_that_does_not_compile(config, monkeypatch):
    study = config.study()
    note(study, "unavailable", devices=at_hand(study))
    monkeypatch.setattr(devices, "tools_at_hand", lambda device: ["Python.h", "a C++ compiler"])
    assert count(study) == 1


def test_a_damaged_description_of_the_machine_is_made_again(config):
    study = config.study()
    study.folder.root.mkdir(parents=True)
    study.folder.machine.write_text("{")
    assert Jobs(study).build_machine()["gpus"] == []


def test_jobs_on_other_machines_do_not_follow_from_the_devices_here(config):
    study = config.set("base.device", "cuda").study()
    here, elsewhere = Jobs(study), Jobs(study, elsewhere=True)
    assert not here.needs_model("cells", study.cells[0])
    assert elsewhere.needs_model("cells", study.cells[0])
    # What a node's description holds must not ask for the node to be described again.
    write_json(study.folder.machine, {"gpus": [{"uuid": "GPU-1"}]})
    assert Jobs(study, elsewhere=True).build_machine() == elsewhere.build_machine()
    assert Jobs(study).build_machine() != here.build_machine()
