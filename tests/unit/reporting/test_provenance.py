from dataclasses import asdict

from figures_factory import make_cuda_settings
from study_factory import AXES, MadeStudy, cell_id
from study_steps import render_all

from vlmeter.reporting.provenance import describe_origin
from vlmeter.results.tables import read_summary


def read_rows(study, folder):
    return list(read_summary(render_all(study, folder, draw=False).summary).values())


def test_what_all_cells_share_stands_once(tmp_path):
    study = MadeStudy()
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert origin.shared == (
        ("Commit", "0123abcdef0123abcdef"),
        ("Measuring code", "c0dec0dec0dec0de"),
        ("Images made by", "PIL"),
        ("Threads", "2"),
    )
    assert origin.differing is None


def test_a_cell_that_differs_is_named_with_what_differs(tmp_path):
    study = MadeStudy()
    cell = cell_id(AXES)
    record = study.records["textvqa", cell]
    record["provenance"]["software"]["torch"] = "2.12.0"
    record["provenance"]["git"] = {"commit": "fedcba", "dirty": True}
    record["latency_detail"]["threads"] = 1
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert origin.differing is not None
    assert origin.differing.rows == (
        (
            "TextVQA",
            cell,
            "Commit: fedcba; Uncommitted changes: yes; Libraries: torch 2.12.0; Threads: 1",
        ),
    )
    text = (tmp_path / "report.md").read_text()
    assert "Settings that were measured otherwise than most:" in text
    assert f"| TextVQA | {cell} | Commit: fedcba;" in text


def test_what_decides_a_gpu_s_figures_is_named_where_one_was_used(tmp_path):
    study = MadeStudy()
    cell = cell_id(AXES)
    for record in study.records.values():
        if record["status"] == "ok":
            record["provenance"]["cuda"] = asdict(make_cuda_settings())
    own = study.records["textvqa", cell]["provenance"]
    own["torch"]["environment"] = {"KMP_BLOCKTIME": "0"}
    own["cuda"] |= {"cudnn_benchmark": True, "convolution_fp32": "ieee"}
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    words = (
        "13.0, cuDNN 91900, compute capability 9.0; fp32 products: ieee, fp32 convolutions: tf32"
    )
    assert ("CUDA", words) in origin.shared
    assert f"| CUDA | {words} |" in (tmp_path / "report.md").read_text()
    ((_, _, differs),) = origin.differing.rows
    assert differs == (
        "Settings of torch: KMP_BLOCKTIME 0; CUDA: convolution_fp32 ieee and cudnn_benchmark True"
    )


def test_a_setting_that_most_cells_have_and_another_lacks_is_named(tmp_path):
    study = MadeStudy()
    cell = cell_id(AXES)
    for record in study.records.values():
        if record["status"] == "ok":
            settings = make_cuda_settings(environment={"CUDA_LAUNCH_BLOCKING": "1"})
            record["provenance"]["cuda"] = asdict(settings)
    study.records["textvqa", cell]["provenance"]["cuda"] = asdict(make_cuda_settings())
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert [row[-1] for row in origin.differing.rows] == ["CUDA: CUDA_LAUNCH_BLOCKING –"]


def test_uncommitted_changes_are_named(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        if record["status"] == "ok":
            record["provenance"]["git"]["dirty"] = True
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert origin.shared[0] == (
        "Commit",
        "0123abcdef0123abcdef, with changes that are not committed",
    )


def test_a_study_in_which_nothing_was_measured_has_no_origin(failed):
    rows = list(read_summary(failed.summary).values())
    assert describe_origin(rows, {}).shared == ()
