from dataclasses import asdict

import pytest
from study_factory import MadeStudy
from study_steps import render_all

from vlmeter.models.result import CompileResult
from vlmeter.reporting.layers.profiles import read_profiles
from vlmeter.reporting.layers.tables import tabulate_work
from vlmeter.reporting.sections.costs import build_cost_tables
from vlmeter.reporting.sections.rows import collect_section_rows
from vlmeter.results.tables import read_layers, read_summary


def build_costs(study, folder, name):
    files = render_all(study, folder, draw=False)
    (section,) = [section for section in study.outline.sections if section.name == name]
    labels = study.outline.labels.datasets
    return build_cost_tables(collect_section_rows(section, labels, read_summary(files.summary)))


def test_work_memory_and_generation_stand_apart_from_latency_and_energy(tmp_path):
    (first, work), (second, generation) = build_costs(MadeStudy(), tmp_path, "batch_size").tables
    assert (first, second) == ("Work and memory", "Generation of a forced length")
    assert work.headings == (
        *("Batch", "Tokens", "Work (TFLOP/batch)", "Achieved (TFLOP/s)"),
        *("Host peak (GB)", "Peak of tensors (GB)", "Weights (GB)"),
    )
    assert work.rows[1][:3] == ("4", "32 + 16", "3.15")
    assert work.rows[1][4:] == ("15.8", "15.3", "15.0")
    assert generation.headings == (
        *("Batch", "New tokens", "TTFT (ms)", "TPOT (ms)"),
        *("Tokens/s", "Samples/s"),
    )
    assert generation.rows[1][-2:] == ("240", "15.0")


def test_a_measured_peak_gives_the_utilisation(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        if record["status"] == "ok":
            record["flops_detail"]["utilisation"] = 0.431
            record["memory"]["peak_allocated_bytes"] = 8_000_000_000
    (_, work), _ = build_costs(study, tmp_path, "batch_size").tables
    assert work.headings[4:7] == ("Of the peak", "Host peak (GB)", "Peak of tensors (GB)")
    assert work.rows[0][4] == "43 %"
    assert work.rows[0][6] == "8.00"


def test_a_disturbed_cell_is_marked_beside_its_costs(tmp_path):
    study = MadeStudy()
    section = study.outline.sections[0]
    study.records[section.cells[1].key]["conditions"]["disturbed"] = True
    for _, table in build_costs(study, tmp_path, "batch_size").tables:
        assert table.headings[-1] == "Notes"
        assert [row[-1] for row in table.rows] == ["", "disturbed", "", ""]


def test_cells_without_figures_have_no_row(tmp_path):
    (_, work), _ = build_costs(MadeStudy(), tmp_path, "device").tables
    assert [row[0] for row in work.rows] == ["CPU"]


def test_compilation_stands_apart_from_the_steady_state(tmp_path):
    study = MadeStudy()
    (record,) = [
        candidate for candidate in study.records.values() if "-compile-" in candidate["cell"]["id"]
    ]
    record["compile"] = asdict(
        CompileResult(
            form="whole model",
            mode="default",
            compiled_modules=1,
            compile_time_s=41.4,
            graphs=5,
            graph_breaks=0,
            recompiles=0,
            cache_hits=0,
            quality_pass_compiled=False,
            decode_compiled=False,
        )
    )
    assert build_costs(study, tmp_path, "optimization").notes == (
        "Compile: compiled in 41.4 s, which no latency holds; graphs 5, breaks 0, recompilations "
        "0; decoding is not compiled.",
    )


def test_a_section_in_which_nothing_was_measured_has_no_such_tables(failed):
    outline = MadeStudy().outline
    rows = read_summary(failed.summary)
    for section in outline.sections:
        section_rows = collect_section_rows(section, outline.labels.datasets, rows)
        assert build_cost_tables(section_rows) is None


def test_kinds_of_layer_have_their_rate_and_their_intensity(rendered):
    study = MadeStudy()
    profiles = read_profiles(
        study.outline.layers, read_layers(rendered.layers), rendered.layer_records
    )
    table = tabulate_work(profiles)
    assert table is not None
    assert table.headings == (
        "Kind of layer",
        "Parameters",
        *("Work, batch 1", "Achieved, batch 1", "FLOP per weight byte, batch 1"),
        *("Work, batch 16", "Achieved, batch 16", "FLOP per weight byte, batch 16"),
    )
    convolution = next(row for row in table.rows if row[0] == "convolution")
    # 4 % of 751.06 GFLOP in 5 % of 21 ms, with a million weights of four bytes.
    assert convolution[1:5] == ("1.00 M", "30.0 GFLOP", "28.6 TFLOP/s", "7511")
    assert [row[0] for row in table.rows] == ["linear", "attention", "convolution"]


@pytest.mark.parametrize("profiles", [[], None])
def test_without_profiles_there_is_no_such_table(profiles):
    assert tabulate_work(profiles or []) is None
