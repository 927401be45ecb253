"""A whole cell on a tiny model: every block that the record is made of."""

from dataclasses import asdict, replace

import pytest
import torch
from job_factory import make_cell_job

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import DecodingBlock, Figures, Measurement, read_measurement
from vlmeter.cell.worker.measure import measure_cell
from vlmeter.errors import UserError
from vlmeter.machine.description import Cpu, read_machine
from vlmeter.machine.host import compute_host_digest
from vlmeter.measure.flops.result import MissingFlops
from vlmeter.measure.request.result import PARTS, MissingRequest
from vlmeter.measure.result import MissingConditions, MissingGeneration, MissingMemory
from vlmeter.models.decoding import WrongLengthError
from vlmeter.models.load import load_model
from vlmeter.status import Status, UnavailableError, UnsupportedError
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.parquet import read_table

BLOCKS = [
    "input", "model", "decoding", "provenance", "latency_detail", "generation", "request",
    "energy_detail", "compile", "conditions", "flops_detail", "memory", "kv_cache", "checks",
    "time_spent_s",
]  # fmt: skip


def test_a_card_that_torch_cannot_use_is_unavailable(inputs, machine, tmp_path):
    with pytest.raises(UnavailableError, match="CUDA"):
        measure_cell(make_cell_job(device="cuda"), inputs, machine, tmp_path / "p.parquet")


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    return tmp_path_factory.mktemp("cell") / "predictions.parquet"


@pytest.fixture(scope="module")
def measured(inputs, machine, predictions):
    return measure_cell(make_cell_job(), inputs, machine, predictions)


@pytest.fixture(scope="module")
def figures(measured):
    return measured.figures


def test_a_measurement_is_written_block_by_block_and_read_as_it_was(figures, tmp_path):
    measurement = Measurement(Ending(Status.OK, None, None, 1), figures, {"timings": "x"})
    write_json(tmp_path / "m.json", measurement.as_plain())
    plain = read_json(tmp_path / "m.json")
    assert list(plain) == ["status", "reason", "traceback", "attempt", *BLOCKS, "files"]
    assert plain["compile"] is None
    assert read_measurement(tmp_path / "m.json") == measurement


def test_a_measurement_with_other_files_than_checksums_names_their_place(figures, tmp_path):
    plain = Measurement(Ending(Status.OK, None, None, 1), figures, {}).as_plain()
    write_json(tmp_path / "m.json", {**plain, "files": {"timings": 3}})
    with pytest.raises(UserError, match=r"m\.json: files\.timings "):
        read_measurement(tmp_path / "m.json")


def test_the_time_spent_is_named_by_the_steps_of_a_cell(figures):
    steps = ["start", "set_up", "checks", "answers", "costs", "request", "flops"]
    assert list(figures.time_spent_s) == [*steps, "whole", "share_measured"]


def test_every_sample_has_its_answer(measured, predictions):
    rows = read_table(predictions)
    assert [row["id"] for row in rows] == ["s0", "s1", "s2", "s3", "s4"]
    assert all(row["generated_tokens"] <= 4 for row in rows)
    assert rows[0]["prompt"] == "question : what colour answer :"


def test_the_raw_times_stand_behind_the_median(measured):
    forwards = [row.seconds for row in measured.timings if row.kind == "forward"]
    latency = measured.figures.latency_detail
    assert latency.iterations == len(forwards) >= 2
    assert min(forwards) <= latency.latency_s <= max(forwards)
    kinds = {row.kind for row in measured.timings}
    requests = {"request", *(f"request_{part}" for part in PARTS)}
    assert kinds == {"forward", "generate_first", "generate_all", *requests}


def test_figures_are_of_the_batch_and_the_forced_length(figures):
    flops, energy = figures.flops_detail, figures.energy_detail
    assert figures.generation.new_tokens == 3
    assert flops.per_sample * 2 == flops.flops
    assert set(flops.by_stage) == {"vision", "qformer", "prefill"}
    assert figures.latency_detail.threads == 1
    assert energy.samples == 2 * energy.batches


def test_the_model_is_described_as_it_ran(figures, checkpoint, inputs):
    model = figures.model
    assert model.source == str(checkpoint)
    assert model.attention == {"vision": "eager", "qformer": "eager", "prefill": "eager"}
    assert model.parameters == read_json(inputs.model)["parameters"]
    assert model.digest
    assert model.cache == "DynamicCache"
    assert set(model.kernels) == {"vision", "qformer", "prefill"}
    assert model.not_as_asked == []


def test_how_answers_were_decoded_is_kept(figures):
    assert figures.decoding == DecodingBlock(
        method="greedy",
        do_sample=False,
        max_new_tokens=4,
        num_beams=1,
        length_penalty=1.0,
        min_new_tokens=0,
        repetition_penalty=1.0,
        own_settings=None,
        eos_token_ids=[2],
        pad_token_id=0,
        padding_side="left",
    )


def test_the_provenance_names_data_code_and_machine(figures, inputs, machine):
    provenance, images = figures.provenance, read_json(inputs.images)
    assert provenance.images_sha256 == images["sha256"]
    assert provenance.samples_sha256 == images["samples_sha256"]
    assert (provenance.code, provenance.software) == ("abc", {"torch": "x"})
    described = read_machine(machine)
    for name in ("host", "cpu", "memory_bytes", "os", "container", "python"):
        assert getattr(provenance, name) == getattr(described, name)
    assert provenance.gpus == []
    assert provenance.torch.version == torch.__version__
    assert provenance.threads == provenance.torch.threads == 1
    assert provenance.cuda is None, "settings of a GPU that the cell did not have"
    assert figures.flops_detail.utilisation is None, "no peak of fp32 was measured"


def test_a_cell_on_another_machine_than_the_described_one_describes_its_own(
    inputs, machine, tmp_path
):
    elsewhere = replace(
        read_machine(machine),
        host="another",
        cpu=Cpu("another", physical_cores=1, logical_cores=1),
        peak_flop_per_s={"cpu-fp32": 1.0},
    )
    path = tmp_path / "machine.json"
    write_json(path, asdict(elsewhere))
    measured = measure_cell(make_cell_job(cost_only=True), inputs, path, tmp_path / "p.parquet")
    figures = measured.figures
    assert figures.provenance.host == compute_host_digest()
    assert figures.provenance.cpu.name != "another"
    assert figures.flops_detail.utilisation is None
    assert figures.energy_detail.idle_w is None
    assert figures.energy_detail.energy_net_reason


def test_a_model_that_does_not_see_the_image_is_not_measured(
    inputs, machine, tmp_path, monkeypatch
):
    monkeypatch.setattr("vlmeter.cell.worker.workload.image_changes_logits", lambda *_: False)
    monkeypatch.setattr(
        "vlmeter.cell.worker.measure.measure_latency", lambda *_, **__: pytest.fail("measured")
    )
    with pytest.raises(ValueError, match="the model does not see it"):
        measure_cell(make_cell_job(), inputs, machine, tmp_path / "p.parquet")


def test_attention_that_ran_nowhere_makes_the_cell_unsupported(
    inputs, machine, tmp_path, monkeypatch
):
    job = make_cell_job()
    claimed = replace(job.cell.optimization, attention="flash_attention_2")
    # The software accepts it and runs something else.
    monkeypatch.setattr(
        "vlmeter.cell.worker.open_cell.load_model",
        lambda folder, device, dtype, optimization, **options: replace(
            load_model(folder, device, dtype, job.cell.optimization, **options),
            optimization=optimization,
        ),
    )
    asked = replace(job, cell=replace(job.cell, optimization=claimed))
    with pytest.raises(UnsupportedError, match="accepted, but no stage of the model ran with it"):
        measure_cell(asked, inputs, machine, tmp_path / "p.parquet")


def test_what_ran_otherwise_than_asked_for_is_named_in_the_record(
    inputs, machine, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "vlmeter.cell.worker.workload.check_attention", lambda *_: ("vision ran otherwise",)
    )
    measured = measure_cell(make_cell_job(cost_only=True), inputs, machine, tmp_path / "p.parquet")
    assert measured.figures.model.not_as_asked == ["vision ran otherwise"]


def run_out_of_memory(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def raise_key_error(*_, **__):
    raise KeyError("no rule for aten::new")


LOST = "out of memory: CUDA out of memory"
NO_RULE = "error: KeyError: 'no rule for aten::new'"


@pytest.mark.parametrize(
    ("step", "failure", "block", "missing"),
    [
        ("cell.worker.measure.count_flops", run_out_of_memory, "flops_detail", LOST),
        ("cell.worker.measure.count_flops", raise_key_error, "flops_detail", NO_RULE),
        ("cell.worker.measure.expose_matmuls", run_out_of_memory, "flops_detail", LOST),
        (
            "measure.memory.MemoryProbe.stop",
            run_out_of_memory,
            "memory",
            MissingMemory(LOST),
        ),
        (
            "measure.conditions.ConditionsProbe.stop",
            raise_key_error,
            "conditions",
            MissingConditions(NO_RULE),
        ),
    ],
)
def test_what_fails_after_the_costs_leaves_the_rest_whole(
    inputs, machine, tmp_path, monkeypatch, figures, step, failure, block, missing
):
    monkeypatch.setattr(f"vlmeter.{step}", failure)
    left = measure_cell(make_cell_job(), inputs, machine, tmp_path / "p.parquet").figures
    if block == "flops_detail":
        assert isinstance(left.flops_detail, MissingFlops)
        assert left.flops_detail.flops_reason == missing
    else:
        assert getattr(left, block) == missing
    assert_costs_are_there(left)
    for other in {"flops_detail", "memory", "conditions"} - {block}:
        assert type(getattr(left, other)) is type(getattr(figures, other))


def assert_costs_are_there(figures: Figures):
    assert figures.latency_detail.latency_s > 0
    assert figures.energy_detail.energy_j > 0
    assert figures.generation.new_tokens == 3


def end_too_early(*_arguments, **_options):
    raise WrongLengthError("1 tokens were generated where 3 were forced: no rate follows")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (run_out_of_memory, LOST),
        (end_too_early, "1 tokens were generated where 3 were forced"),
    ],
)
def test_a_generation_that_fails_leaves_the_forward_pass(
    inputs, machine, tmp_path, monkeypatch, figures, failure, reason
):
    monkeypatch.setattr("vlmeter.cell.worker.measure.measure_generation", failure)
    left = measure_cell(make_cell_job(), inputs, machine, tmp_path / "p.parquet").figures
    assert isinstance(left.generation, MissingGeneration)
    assert reason in left.generation.generation_reason
    assert left.energy_detail.energy_per_token_j is None
    assert left.energy_detail.energy_per_token_reason == left.generation.generation_reason
    assert left.energy_detail.energy_j > 0
    assert left.latency_detail.latency_s > 0
    assert left.flops_detail.flops == figures.flops_detail.flops


def test_a_request_that_fails_leaves_all_other_costs(
    inputs, machine, tmp_path, monkeypatch, figures
):
    monkeypatch.setattr("vlmeter.cell.worker.measure.measure_requests", run_out_of_memory)
    left = measure_cell(make_cell_job(cost_only=True), inputs, machine, tmp_path / "p.parquet")
    assert isinstance(left.figures.request, MissingRequest)
    assert LOST in left.figures.request.request_reason
    assert left.figures.generation.generation_s > 0
    assert left.figures.memory.peak_rss_bytes > 0
    assert left.figures.conditions.window_s > 0
    assert not any(row.kind.startswith("request") for row in left.timings)


def test_a_study_may_leave_requests_out(inputs, machine, tmp_path):
    job = make_cell_job(cost_only=True)
    job = replace(job, measure=replace(job.measure, request=False))
    left = measure_cell(job, inputs, machine, tmp_path / "p.parquet").figures
    assert left.request == MissingRequest("measure.request is off")


def test_a_decode_step_that_cannot_be_counted_leaves_the_count_of_the_pass(
    inputs, machine, tmp_path, monkeypatch, figures
):
    monkeypatch.setattr("vlmeter.cell.worker.measure.count_decode_step", run_out_of_memory)
    left = measure_cell(make_cell_job(), inputs, machine, tmp_path / "p.parquet").figures
    flops = left.flops_detail
    assert (flops.flops_reason, flops.decode_step_reason) == (None, LOST)
    assert flops.flops == figures.flops_detail.flops
    assert_costs_are_there(left)


@pytest.mark.parametrize("step", ["describe_model", "describe_decoding", "describe_provenance"])
def test_a_cell_that_cannot_be_described_is_not_measured_first(
    inputs, machine, tmp_path, monkeypatch, step
):
    monkeypatch.setattr(f"vlmeter.cell.worker.measure.{step}", raise_key_error)
    monkeypatch.setattr(
        "vlmeter.cell.worker.measure.measure_latency", lambda *_, **__: pytest.fail("measured")
    )
    with pytest.raises(KeyError, match="no rule"):
        measure_cell(make_cell_job(), inputs, machine, tmp_path / "p.parquet")


def test_a_request_to_end_in_the_count_ends_the_cell(inputs, machine, tmp_path, monkeypatch):
    def end(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vlmeter.cell.worker.measure.count_flops", end)
    with pytest.raises(KeyboardInterrupt):
        measure_cell(make_cell_job(), inputs, machine, tmp_path / "p.parquet")


def test_a_multiple_choice_leaves_a_score_per_option(inputs, machine, tmp_path):
    job, path = make_cell_job(task="multiple_choice"), tmp_path / "p.parquet"
    measure_cell(job, inputs, machine, path)
    rows = read_table(path)
    assert [len(row["option_scores"]) for row in rows] == [0, 1, 2, 3, 3]
    assert all(score < 0 for row in rows for score in row["option_scores"])
    measure_cell(replace(job, cost_only=True), inputs, machine, path)
    assert read_table(path) == []


def test_the_second_measurement_of_the_base_answers_nothing(inputs, machine, tmp_path):
    job, path = make_cell_job(cost_only=True), tmp_path / "p.parquet"
    measured = measure_cell(job, inputs, machine, path)
    assert read_table(path) == []
    assert measured.figures.latency_detail.latency_s > 0


def test_the_machine_is_described_once_with_its_peaks(machine):
    described = read_machine(machine)
    assert described.threads_of_a_cell == 1
    assert described.gpus == ()
    assert described.software == {"a": "1"}
    assert list(described.peak_flop_per_s) == ["cpu-bf16"]
    assert described.memory_bytes > 0
