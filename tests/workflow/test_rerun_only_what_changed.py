"""After a real run of the same tree, an edit runs exactly the jobs that depend on what it says."""

import shutil
from pathlib import Path

import pytest
from small_study import (
    AFTER_MEASURING,
    CELLS,
    CONFIG,
    CUDA_CELL,
    LAYERS,
    MACHINE,
    REPORT,
    cell_id,
    inference,
    scores,
)
from studytree import REPOSITORY, Tree

COCO_CELLS = [cell for cell in CELLS if cell[0] == "coco"]
DESCRIBED_ANEW = {("render_report",), ("export_study",), ("check_study",)}
"""What follows where the study or its machine is described otherwise."""
ALL_OF_COCO = (
    {("download_dataset", "coco")}
    | {("preprocess_images", "coco", size) for size in ("224", "336")}
    | inference(COCO_CELLS)
    | scores(COCO_CELLS)
)


def test_a_finished_study_has_nothing_to_do(tree: Tree) -> None:
    again = tree.run()

    assert again.code == 0
    assert again.names == set()
    assert "Nothing to be done" in again.text


def test_a_new_batch_size_measures_its_cell(tree: Tree) -> None:
    with tree.config() as config:
        config["sections"][0]["vary"]["batch_size"].append(3)

    new = [("textvqa", cell_id(batch_size=3))]
    assert tree.plan().names == inference(new) | scores(new) | AFTER_MEASURING


def test_a_batch_size_less_measures_the_control_alone(tree: Tree) -> None:
    with tree.config() as config:
        config["sections"][0]["vary"]["batch_size"].remove(2)

    assert tree.plan().names == AFTER_MEASURING


def test_a_data_set_with_another_sample_count_reruns_its_own_jobs(tree: Tree) -> None:
    with tree.config() as config:
        config["datasets"]["coco"]["sample"]["n"] = 5

    assert tree.plan().names == ALL_OF_COCO | AFTER_MEASURING


def test_an_edited_data_file_reruns_the_jobs_of_its_data_set(tree: Tree) -> None:
    tree.append("demo/data/coco.parquet", "another footer")

    assert tree.plan().names == ALL_OF_COCO | AFTER_MEASURING


def test_an_edited_model_file_measures_every_cell_that_opened_it(tree: Tree) -> None:
    tree.append("demo/model/model.safetensors", "another weight")

    opened = [cell for cell in CELLS if cell != CUDA_CELL]
    again = {("fetch_model", "tiny", "fp32"), LAYERS} | inference(opened) | scores(opened)
    assert tree.plan().names == again | AFTER_MEASURING


def test_sources_that_are_gone_leave_the_results_as_they_are(tree: Tree) -> None:
    shutil.rmtree(tree.path("demo"))

    assert tree.plan().names == set()


def test_another_answer_length_reruns_the_cells_of_its_data_set(tree: Tree) -> None:
    with tree.config() as config:
        config["datasets"]["coco"]["max_new_tokens"] = 5

    assert tree.plan().names == inference(COCO_CELLS) | scores(COCO_CELLS) | AFTER_MEASURING


def test_a_section_with_another_title_renders_the_report(tree: Tree) -> None:
    with tree.config() as config:
        config["sections"][1]["title"] = "How large the image is"

    assert tree.plan().names == DESCRIBED_ANEW


def test_prices_and_memories_measure_nothing(tree: Tree) -> None:
    with tree.config() as config:
        config["money"] = {"currency": "EUR", "per_kwh": 0.3}
        config["fits"] = ["24GB"]

    assert tree.plan().names == DESCRIBED_ANEW


def test_other_titles_notes_and_labels_measure_nothing_again(tree: Tree) -> None:
    """A label stands in the figures; titles and notes do not."""
    texts = {"en": "Another", "ru": "Другой"}
    with tree.config() as config:
        config["report"]["title"] = texts
        config["sections"][1] |= {"title": texts, "note": texts}

    assert tree.plan().names == DESCRIBED_ANEW

    with tree.config() as config:
        config["datasets"]["coco"]["label"] = config["models"]["tiny"]["label"] = texts

    drawn = {name for name in REPORT if name[0].startswith("plot_")}
    assert tree.plan().names == DESCRIBED_ANEW | drawn


def test_sections_in_another_order_render_the_report(tree: Tree) -> None:
    with tree.config() as config:
        config["sections"].append(config["sections"].pop(1))

    assert tree.plan().names == DESCRIBED_ANEW


@pytest.mark.parametrize("template", ["report.md.j2", "study.css"])
def test_an_edited_template_renders_the_report(tree: Tree, template: str) -> None:
    tree.append(f"report/templates/{template}", "\n")

    assert tree.plan().names == {("render_report",), ("check_study",)}


def test_an_edited_metric_scores_again_without_running_the_model(tree: Tree) -> None:
    tree.append("src/vlmeter/metrics/wer.py", "\nEDITED = True\n")
    cell = ("textvqa", cell_id())
    before = tree.result(f"cells/{'/'.join(cell)}/measurement.json").stat().st_mtime_ns

    assert tree.plan().names == scores(CELLS) | REPORT

    done = tree.run("batch")
    batch = [("textvqa", cell_id()), ("textvqa", cell_id(batch_size=2))]
    assert done.code == 0
    assert done.names == scores(batch)
    after = tree.result(f"cells/{'/'.join(cell)}/measurement.json").stat().st_mtime_ns
    assert after == before


def test_the_edited_measurement_of_cells_measures_all_cells_again(tree: Tree) -> None:
    tree.append("src/vlmeter/cell/worker/measure.py", "\nEDITED = True\n")

    assert tree.plan().names == inference(CELLS) | scores(CELLS) | AFTER_MEASURING


def test_code_that_all_measurements_share_measures_everything_again(tree: Tree) -> None:
    tree.append("src/vlmeter/measure/clock.py", "\nEDITED = True\n")

    again = inference(CELLS) | scores(CELLS) | {LAYERS} | MACHINE | AFTER_MEASURING
    assert tree.plan().names == again


def test_an_edited_description_of_the_machine_measures_no_cell(tree: Tree) -> None:
    tree.append("src/vlmeter/machine/measure_machine.py", "\nEDITED = True\n")

    assert tree.plan().names == MACHINE | DESCRIBED_ANEW | {("plot_layers",)}


def test_a_cell_in_a_new_number_format_describes_the_machine_too(tree: Tree) -> None:
    with tree.config() as config:
        config["sections"][0]["vary"]["dtype"] = ["fp32", "bf16"]

    new = [("textvqa", cell_id(batch_size=size, dtype="bf16")) for size in (1, 2)]
    fetched = {("fetch_model", "tiny", "bf16")}
    measured = inference(new) | scores(new) | AFTER_MEASURING
    assert tree.plan().names == MACHINE | fetched | measured
    assert tree.plan("batch").names == MACHINE | fetched | inference(new) | scores(new)


def test_the_edited_layer_profiler_profiles_again(tree: Tree) -> None:
    tree.append("src/vlmeter/measure/layers/profile.py", "\nEDITED = True\n")

    assert tree.plan().names == {LAYERS} | REPORT


def test_an_edited_figure_draws_again(tree: Tree) -> None:
    tree.append("src/vlmeter/reporting/figures/plot_layers.py", "\nEDITED = True\n")

    assert tree.plan().names == {("plot_layers",), ("render_report",), ("check_study",)}


def test_an_edited_module_that_no_job_imports_runs_nothing(tree: Tree) -> None:
    tree.append("src/vlmeter/study/plan.py", "\nEDITED = True\n")
    tree.append("src/vlmeter/config/reference.py", "\nEDITED = True\n")
    tree.append("src/vlmeter/study/study.py", "\nEDITED = True\n")
    tree.path("src/vlmeter/unheard_of.py").write_text("EDITED = True\n")

    assert tree.plan().names == set()


def test_edited_comments_and_docstrings_run_nothing(tree: Tree) -> None:
    tree.edit("src/vlmeter/cell/worker/measure.py", '"""One cell measured', '"""A cell, measured')
    tree.edit(
        "src/vlmeter/results/score_predictions.py",
        '"""Joins',
        "# A new comment.\n\n'''Brings together",
    )
    text = tree.path("src/vlmeter/results/score_predictions.py").read_text()
    tree.path("src/vlmeter/results/score_predictions.py").write_text(text.replace('"""', "'''", 1))
    tree.edit(
        "src/vlmeter/data/download_dataset.py",
        "import logging\n",
        "import logging  # of samples that are left out\n",
    )

    assert tree.plan().names == set()


def test_files_that_are_touched_and_not_changed_run_nothing(tree: Tree) -> None:
    tree.touch(CONFIG, "demo/data/coco.parquet", "demo/data/textvqa.parquet")
    tree.touch("demo/model/model.safetensors", "demo/model/config.json")
    tree.touch(
        "src/vlmeter/cell/worker/measure.py",
        "src/vlmeter/metrics/wer.py",
        "src/vlmeter/study/study.py",
    )
    tree.touch("report/templates/report.md.j2", "report/templates/study.css")
    tree.touch("Snakefile", "workflow/rules/common.smk", "workflow/rules/inference.smk")
    tree.touch("workflow/scripts/run_inference.py", "workflow/scripts/render_report.py")
    results = [path for path in tree.result("").rglob("*") if path.is_file()]
    tree.touch(*(str(path.relative_to(tree.folder)) for path in results))

    assert tree.plan().names == set()


def test_an_edited_script_reruns_its_rule(tree: Tree) -> None:
    tree.edit("workflow/scripts/render_report.py", "run_job(\n", "print()\nrun_job(\n")

    assert tree.plan().names == {("render_report",), ("check_study",)}


def test_a_script_whose_comments_are_edited_reruns_nothing(tree: Tree) -> None:
    tree.edit("workflow/scripts/run_inference.py", "\nrun_measuring", "\n# A cell.\nrun_measuring")

    assert tree.plan().names == set()


def test_modules_that_are_moved_and_renamed_with_their_importers_run_nothing(tree: Tree) -> None:
    for old, new in {
        # Imported as a module and by names, at the top and inside functions.
        "machine.devices": "hardware.devices",
        "machine.locks": "hardware.machine_locks",
        "cell.attempts": "cells.tries",
        # Named by a script, and the innermost of all.
        "cell.run_inference": "cells.run_inference",
        "cell.profile_layers": "cells.layers.profile_layers",
        "errors": "basis.complaints",
        "measure.clock": "measure.timing.stopclock",
        "models.families.git": "models.families.git_family",
        "metrics.wer": "metrics.words.word_error_rate",
        "reporting.table": "reporting.parts.plain_table",
    }.items():
        tree.move_module(old, new)

    assert not tree.path("src/vlmeter/machine/devices.py").exists()
    assert tree.plan().names == set()


def test_a_moved_module_that_does_something_else_is_measured_with_again(tree: Tree) -> None:
    tree.move_module("measure.clock", "measure.timing.stopclock")
    tree.append("src/vlmeter/measure/timing/stopclock.py", "\nEDITED = True\n")

    again = inference(CELLS) | scores(CELLS) | {LAYERS} | MACHINE | AFTER_MEASURING
    assert tree.plan().names == again


def test_sentences_in_other_words_run_nothing(tree: Tree) -> None:
    for file, old, new in [
        ("storage/files.py", "cannot be read as JSON", "is not the JSON that was expected"),
        ("storage/files.py", "There is no room left on the disk (", "The disk is full ("),
        ("status.py", "torch.compile fails on this model", "torch.compile gives up on it"),
        (
            "machine/isolation.py",
            "took longer than the {timeout_s:g} s",
            "took over {timeout_s:g} s",
        ),
        ("machine/isolation.py", "ended with exit code", "ended in code"),
        ("machine/devices.py", "when the run began", "at first"),
        ("measure/conditions.py", "of the machine's processor time", "of all processor time"),
        ("measure/energy/meter.py", "gave no energy, or zero, for", "gave zero for"),
        ("measure/energy/counter_window.py", "did not move for", "stood still for"),
    ]:
        tree.edit(f"src/vlmeter/{file}", old, new)

    assert tree.plan().names == set()


def test_a_text_that_decides_how_a_cell_ends_measures_again(tree: Tree) -> None:
    tree.edit("src/vlmeter/status.py", "|std::bad_alloc", "|bad_alloc")

    # The machine's description and a fetched model end in the same words as a cell does.
    others = MACHINE | {("fetch_model", "tiny", "fp32")}
    again = inference(CELLS) | scores(CELLS) | {LAYERS} | others | AFTER_MEASURING
    assert tree.plan().names == again


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_another_locale_runs_nothing(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    for name, value in {
        "LC_ALL": locale,
        "LANG": locale,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }.items():
        monkeypatch.setenv(name, value)

    assert tree.plan().names == set()


def test_a_longer_window_measures_again_and_a_shorter_bootstrap_scores_again(tree: Tree) -> None:
    with tree.config() as config:
        config["report"]["bootstrap_resamples"] = 200
    assert tree.plan().names == scores(CELLS) | REPORT

    with tree.config() as config:
        config["measure"]["window_s"] = 0.06
    jobs = tree.plan().names
    assert jobs == inference(CELLS) | scores(CELLS) | {LAYERS} | AFTER_MEASURING


def test_more_attempts_are_no_reason_to_measure_again(tree: Tree) -> None:
    with tree.config() as config:
        config["measure"]["max_attempts"] = 3

    assert tree.plan().names == DESCRIBED_ANEW


@pytest.mark.parametrize("limit_s", [60, 86_400])
def test_another_time_limit_is_no_reason_to_measure_again(tree: Tree, limit_s: int) -> None:
    with tree.config() as config:
        config["measure"]["timeout_s"] = limit_s

    assert tree.plan().names == DESCRIBED_ANEW


def test_a_metric_of_another_package_scores_kept_answers_again(tree: Tree, tmp_path: Path) -> None:
    package = tmp_path / "brevity"
    shutil.copytree(REPOSITORY / "tests/support/brevity", package)
    points = package / "vlmeter_brevity-0.1.dist-info/entry_points.txt"
    # Its family would measure again.
    points.write_text(points.read_text("utf-8").partition("[vlmeter.families]")[0], "utf-8")

    outcome = tree.run(fakes=(str(package),))

    assert outcome.code == 0, outcome.text
    assert outcome.names == scores(CELLS) | REPORT
    metrics = tree.record(("textvqa", cell_id()))["quality"]["metrics"]
    assert metrics[-1]["name"] == "brevity"
    assert "single word" in tree.result("report.md").read_text("utf-8")
