"""A whole cell on a tiny model: every block that the record is made of."""

import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from machines import make_machine_job
from stored_data import make_model_job, write_samples

from vlmeter.cell.worker.layers import profile_cell
from vlmeter.cell.worker.measure import TimeSpent, measure_cell
from vlmeter.cell.worker.workload import set_up
from vlmeter.config.optimizations import BUILT_IN
from vlmeter.config.schema import Measure
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.errors import UserError
from vlmeter.machine.describe_machine import describe_machine
from vlmeter.machine.host import compute_host_digest
from vlmeter.models.fetch_model import fetch_model
from vlmeter.status import UnavailableError, UnsupportedError
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.parquet import read_table

AXES = {
    "model": "tiny",
    "prompt": "bare",
    "device": "cpu",
    "dtype": "fp32",
    "image_size": 28,
    "image_input": "processor",
    "batch_size": 2,
    "max_input_len": 20,
    "optimization": "eager",
}
MEASURE = Measure(
    window_s=0.02,
    min_iterations=2,
    repeats=2,
    max_warmup_s=0.02,
    batches=2,
    new_tokens=3,
    cpu_threads=1,
    energy={"window_s": 0.02, "min_window_s": 0.01, "cpu_power_w": 65.0, "ram_power_w": 5.0},
).model_dump(mode="json")


@pytest.fixture(scope="module")
def study(tmp_path_factory, checkpoint, pictures):
    """What the rules before a cell leave: machine, model, samples and images."""
    folder = tmp_path_factory.mktemp("study")
    machine = make_machine_job(("cpu", "bf16"), software={"a": "1"})
    describe_machine(machine, folder / "machine.json")
    fetch_model(make_model_job(checkpoint), folder / "models/tiny-fp32.json")
    samples = folder / "data/photos/samples.parquet"
    questions = ("what colour", "is the cat red ? one two", "what is the dog ?", "cat", "dog")
    rows = [
        {
            "id": f"s{index}",
            "image": picture,
            "question": question,
            "choices": ["cat", "dog", "red one"][:index],
        }
        for index, (question, picture) in enumerate(zip(questions, pictures, strict=True))
    ]
    manifest = write_samples(samples, [*rows, {"id": "broken", "image": b"x", "question": ""}])
    images = folder / "data/photos/img28"
    preprocess_images(manifest, 28, images / "images.parquet", images / "images.json")
    return folder


@pytest.fixture(scope="module")
def inputs(study):
    return {
        "machine": str(study / "machine.json"),
        "model": str(study / "models/tiny-fp32.json"),
        "images": str(study / "data/photos/img28/images.json"),
    }


def job(template="question : {question} answer :", **axes):
    cell = {
        "id": "c",
        "dataset": "photos",
        "axes": {**AXES, **axes},
        "gpus": 0,
        "task": "vqa",
        "optimization": BUILT_IN[{**AXES, **axes}["optimization"]].model_dump(mode="json"),
        "template": template,
        "decoding": {
            "max_new_tokens": 4,
            "num_beams": 1,
            "length_penalty": 1.0,
            "min_new_tokens": 0,
            "repetition_penalty": 1.0,
        },
        "measure": MEASURE,
        "iterations": 2,
    }
    return {"cell": cell, "code": "abc", "software": {"torch": "x"}, "attempt": {"count": 1}}


def test_a_bench_tells_what_its_figures_are_of(inputs):
    bench = set_up(job(), inputs)
    told = bench.described()
    digests = {told.pop("shape_digest"), told.pop("content_digest")}
    assert all(len(digest) == 16 for digest in digests)
    assert told == {
        "samples": 5,
        "prompt_templates": {"question : {question} answer :": 5},
        "truncated_samples": 0,
        "bad_samples": [
            {
                "id": "broken",
                "reason": "its image cannot be decoded (no known image format)",
            }
        ],
        "batch_samples": 2,
        "distinct_batches": 2,
        "repeated": False,
        "text_tokens": 12,
        "image_tokens": 4,
        "sequence_length": 16,
        "pixel_shape": [3, 28, 28],
    }
    assert bench.check_image_is_seen() == {
        "image_tokens_present": True,
        "image_changes_logits": True,
    }


def test_a_model_that_does_not_see_the_image_is_told_before_it_is_measured(inputs):
    bench = set_up(job(), inputs)
    model = bench.loaded.model

    class Blind:
        config = model.config

        def __call__(self, pixel_values, **inputs):
            return model(pixel_values=pixel_values.abs(), **inputs)

    blind = replace(bench, loaded=replace(bench.loaded, model=Blind()))
    with pytest.raises(ValueError, match="another image gives the same logits"):
        blind.check_image_is_seen()
    no_tokens = {**bench.cost_batches[0], "input_ids": torch.zeros(2, 4, dtype=torch.int64)}
    with pytest.raises(ValueError, match="image tokens"):
        replace(bench, cost_batches=[no_tokens]).check_image_is_seen()


def test_every_cost_batch_is_full_and_of_one_shape(inputs):
    bench = set_up(job(batch_size=3), inputs)
    shapes = {tuple(batch["input_ids"].shape) for batch in bench.cost_batches}
    assert shapes == {(3, 16)}
    assert [len(forward().logits) for forward in bench.forwards()] == [3]


def test_a_sample_smaller_than_a_batch_is_repeated_and_said(inputs):
    told = set_up(job(batch_size=7), inputs).described()
    assert (told["batch_samples"], told["samples"], told["repeated"]) == (7, 5, True)


def test_lengths_that_cut_nothing_are_the_same_computation(inputs):
    long, longer, short = (
        set_up(job(max_input_len=length), inputs).described() for length in (20, 40, 8)
    )
    assert long["content_digest"] == longer["content_digest"]
    assert short["shape_digest"] != long["shape_digest"]
    assert (short["truncated_samples"], short["text_tokens"]) == (2, 8)


def test_a_model_that_is_cut_short_is_named(inputs, study, tmp_path):
    manifest = read_json(study / "models/tiny-fp32.json")
    write_json(tmp_path / "tiny-fp32.json", manifest)
    with pytest.raises(UserError, match="is missing or cut short"):
        set_up(job(), {**inputs, "model": str(tmp_path / "tiny-fp32.json")})


@pytest.mark.parametrize(
    ("mode", "marks"),
    [
        ("reduce-overhead", True),
        ("max-autotune", True),
        ("max-autotune-no-cudagraphs", False),
        ("default", False),
        (None, False),
    ],
)
def test_cuda_graphs_hear_of_every_pass_before_it_begins(inputs, monkeypatch, mode, marks):
    compiled = job()
    compile_block = None if mode is None else {"mode": mode, "form": "regional"}
    compiled["cell"]["optimization"]["compile"] = compile_block
    bench = set_up(compiled, inputs)
    seen = []
    monkeypatch.setattr(
        torch.compiler, "cudagraph_mark_step_begin", lambda: seen.append("a step begins")
    )
    bench.loaded.model.register_forward_pre_hook(lambda *_: seen.append("forward"))
    for forward in [*bench.forwards(), bench.forwards()[0]]:
        forward()
    call = ["a step begins", "forward"] if marks else ["forward"]
    assert seen == call * 3
    seen.clear()
    bench.check_forward()
    assert seen == call


def test_a_template_that_cannot_fit_is_unsupported(inputs):
    with pytest.raises(UnsupportedError, match="more than max_input_len 3"):
        set_up(job(max_input_len=3), inputs)


def test_a_card_that_torch_cannot_use_is_unavailable(inputs, tmp_path):
    with pytest.raises(UnavailableError, match="CUDA"):
        measure_cell(job(device="cuda"), inputs, tmp_path / "p.parquet")
    with pytest.raises(UnavailableError, match="CUDA"):
        profile_cell(job(device="cuda"), inputs)


BLOCKS = [
    "input", "model", "decoding", "provenance", "latency_detail", "generation", "energy_detail",
    "compile", "conditions", "flops_detail", "memory", "checks", "time_spent_s",
]  # fmt: skip


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    return tmp_path_factory.mktemp("cell") / "predictions.parquet"


@pytest.fixture(scope="module")
def measured(inputs, predictions):
    return measure_cell(job(), inputs, predictions)


def test_a_measured_cell_has_every_block(measured):
    assert list(measured.blocks) == BLOCKS
    assert measured.blocks["compile"] is None


def test_a_measured_cell_can_be_written_as_json(measured, tmp_path):
    write_json(tmp_path / "m.json", measured.blocks)
    assert list(read_json(tmp_path / "m.json")) == BLOCKS


def test_every_sample_has_its_answer(measured, predictions):
    rows = read_table(predictions)
    assert [row["id"] for row in rows] == ["s0", "s1", "s2", "s3", "s4"]
    assert all(row["generated_tokens"] <= 4 for row in rows)
    assert rows[0]["prompt"] == "question : what colour answer :"


def test_the_raw_times_stand_behind_the_median(measured):
    forwards = [row["seconds"] for row in measured.timings if row["kind"] == "forward"]
    told = measured.blocks["latency_detail"]
    assert told["iterations"] == len(forwards) >= 2
    assert min(forwards) <= told["latency_s"] <= max(forwards)
    assert {row["kind"] for row in measured.timings} == {
        "forward",
        "generate_first",
        "generate_all",
    }


def test_figures_are_of_the_batch_and_the_forced_length(measured):
    blocks = measured.blocks
    assert blocks["generation"]["new_tokens"] == 3
    assert blocks["flops_detail"]["per_sample"] * 2 == blocks["flops_detail"]["flops"]
    assert set(blocks["flops_detail"]["by_stage"]) == {"vision", "qformer", "prefill"}
    assert blocks["latency_detail"]["threads"] == 1
    assert blocks["energy_detail"]["samples"] == 2 * blocks["energy_detail"]["batches"]


def test_the_model_is_described_as_it_ran(measured, checkpoint, study):
    told = measured.blocks["model"]
    assert told["source"] == str(checkpoint)
    assert told["attention"] == {"vision": "eager", "qformer": "eager", "prefill": "eager"}
    assert told["parameters"] == read_json(study / "models/tiny-fp32.json")["parameters"]


def test_how_answers_were_decoded_is_kept(measured):
    assert measured.blocks["decoding"] == {
        "method": "greedy",
        "do_sample": False,
        "max_new_tokens": 4,
        "num_beams": 1,
        "length_penalty": 1.0,
        "min_new_tokens": 0,
        "repetition_penalty": 1.0,
        "eos_token_ids": [2],
        "pad_token_id": 0,
        "padding_side": "left",
    }


def test_without_a_template_the_model_s_family_is_asked_its_own_way(inputs):
    bench = set_up(job(template=None), inputs)
    assert [item.prompt.text for item in bench.items.read(0, 2)] == [
        "Question: what colour Answer:",
        "Question: is the cat red ? one two Answer:",
    ]
    assert bench.described()["prompt_templates"] == {"Question: {question} Answer:": 5}


def test_the_provenance_names_data_code_and_machine(measured, study):
    told = measured.blocks["provenance"]
    images = read_json(study / "data/photos/img28/images.json")
    assert told["images_sha256"] == images["sha256"]
    assert told["samples_sha256"] == images["samples_sha256"]
    assert (told["code"], told["software"], told["threads"]) == ("abc", {"torch": "x"}, 1)
    machine = read_json(study / "machine.json")
    for key in ("host", "cpu", "memory_bytes", "os", "container", "python"):
        assert told[key] == machine[key]
    assert told["gpus"] == []
    assert told["torch"]["version"] == torch.__version__
    assert told["torch"]["threads"] == 1
    assert told["cuda"] is None, "settings of a GPU that the cell did not have"
    assert measured.blocks["flops_detail"]["utilisation"] is None, "no peak of fp32 was measured"
    assert measured.blocks["model"]["digest"]


def test_a_cell_on_another_machine_than_the_described_one_describes_its_own(inputs, tmp_path):
    elsewhere = {
        **read_json(Path(inputs["machine"])),
        "host": "another",
        "cpu": {"name": "another", "physical_cores": 1, "logical_cores": 1},
        "peak_flop_per_s": {"cpu-fp32": 1.0},
    }
    path = tmp_path / "machine.json"
    write_json(path, elsewhere)
    told = {**inputs, "machine": str(path)}
    blocks = measure_cell({**job(), "cost_only": True}, told, tmp_path / "p.parquet").blocks
    assert blocks["provenance"]["host"] == compute_host_digest()
    assert blocks["provenance"]["cpu"]["name"] != "another"
    assert blocks["flops_detail"]["utilisation"] is None
    assert blocks["energy_detail"]["idle_w"] is None
    assert blocks["energy_detail"]["energy_net_reason"]


def out_of_memory(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def no_rule(*_, **__):
    raise KeyError("no rule for aten::new")


LOST = "out of memory: CUDA out of memory"


@pytest.mark.parametrize(
    ("what", "failure", "reasons"),
    [
        (
            "vlmeter.cell.worker.measure.count_flops",
            out_of_memory,
            ("flops_detail", {"flops_reason": LOST}),
        ),
        (
            "vlmeter.cell.worker.measure.count_flops",
            no_rule,
            ("flops_detail", {"flops_reason": "error: KeyError: 'no rule for aten::new'"}),
        ),
        (
            "vlmeter.cell.worker.measure.expose_matmuls",
            out_of_memory,
            ("flops_detail", {"flops_reason": LOST}),
        ),
        (
            "vlmeter.cell.worker.measure.count_decode_step",
            out_of_memory,
            ("flops_detail", {"flops_reason": None, "decode_step_reason": LOST}),
        ),
        (
            "vlmeter.measure.memory.MemoryProbe.stop",
            out_of_memory,
            ("memory", {"memory_reason": LOST}),
        ),
        (
            "vlmeter.measure.conditions.ConditionsProbe.stop",
            no_rule,
            ("conditions", {"conditions_reason": "error: KeyError: 'no rule for aten::new'"}),
        ),
    ],
)
def test_what_fails_after_the_costs_leaves_the_rest_whole(
    inputs, tmp_path, monkeypatch, measured, what, failure, reasons
):
    monkeypatch.setattr(what, failure)
    blocks = measure_cell(job(), inputs, tmp_path / "p.parquet").blocks
    assert list(blocks) == BLOCKS
    name, expected = reasons
    assert {key: blocks[name][key] for key in expected} == expected
    assert blocks["latency_detail"]["latency_s"] > 0
    assert blocks["energy_detail"]["energy_j"] > 0
    assert blocks["generation"]["new_tokens"] == 3
    for other in {"flops_detail", "memory", "conditions"} - {name}:
        assert set(blocks[other]) == set(measured.blocks[other])
    if what == "vlmeter.cell.worker.measure.count_decode_step":
        assert blocks["flops_detail"]["flops"] == measured.blocks["flops_detail"]["flops"]


@pytest.mark.parametrize("block", ["model_block", "decoding_block", "provenance_block"])
def test_a_cell_that_cannot_be_described_is_not_measured_first(
    inputs, tmp_path, monkeypatch, block
):
    monkeypatch.setattr(f"vlmeter.cell.worker.measure.{block}", no_rule)
    monkeypatch.setattr(
        "vlmeter.cell.worker.measure.measure_latency", lambda *_, **__: pytest.fail("measured")
    )
    with pytest.raises(KeyError, match="no rule"):
        measure_cell(job(), inputs, tmp_path / "p.parquet")


def test_a_request_to_end_in_the_count_ends_the_cell(inputs, tmp_path, monkeypatch):
    def end(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vlmeter.cell.worker.measure.count_flops", end)
    with pytest.raises(KeyboardInterrupt):
        measure_cell(job(), inputs, tmp_path / "p.parquet")


def test_a_multiple_choice_leaves_a_score_per_option(inputs, tmp_path):
    measured, path = job(), tmp_path / "p.parquet"
    measured["cell"]["task"] = "multiple_choice"
    measure_cell(measured, inputs, path)
    rows = read_table(path)
    assert [len(row["option_scores"]) for row in rows] == [0, 1, 2, 3, 3]
    assert all(score < 0 for row in rows for score in row["option_scores"])
    measured["cost_only"] = True
    measure_cell(measured, inputs, path)
    assert read_table(path) == []


def test_the_second_measurement_of_the_base_answers_nothing(inputs, tmp_path):
    measured = measure_cell({**job(), "cost_only": True}, inputs, tmp_path / "p.parquet")
    assert read_table(tmp_path / "p.parquet") == []
    assert measured.blocks["latency_detail"]["latency_s"] > 0


@pytest.fixture(scope="module")
def profiled(inputs):
    """A generation long enough for its steps to stand out of the noise of a busy machine."""
    long = job()
    long["cell"]["measure"] = {**MEASURE, "new_tokens": 24}
    return profile_cell(long, inputs)


def test_layers_add_up_to_the_whole_forward_and_the_whole_decode_step(profiled):
    blocks = profiled.blocks
    step = [row for row in profiled.rows if row["stage"] == "decode"]
    forward = [row for row in profiled.rows if row not in step]
    for rows, told in ((forward, blocks), (step, blocks["decode"])):
        assert math.fsum(row["share"] for row in rows) == pytest.approx(1.0)
        assert math.fsum(row["time_ms"] for row in rows) == pytest.approx(told["total_ms"])
        assert {"unhooked_ms", "overhead_share", "other_ms"} <= set(told)
        assert rows[-1]["module"] == "(other)"
    assert {row["stage"] for row in forward} == {"vision", "qformer", "prefill", ""}
    assert all(row["module"].startswith(("language_model.", "(other)")) for row in step)
    assert blocks["decode_reason"] is None
    assert blocks["input"]["batch_samples"] == 2


def test_a_model_over_several_gpus_has_no_layer_profile_but_a_reason(inputs, monkeypatch):
    spread = job(device="cuda")
    spread["cell"]["gpus"] = 2
    monkeypatch.setattr(
        "vlmeter.cell.worker.layers.set_up", lambda *_: pytest.fail("loaded in vain")
    )
    with pytest.raises(UnsupportedError, match="spread over 2 GPUs: the layers of several GPUs"):
        profile_cell(spread, inputs)


@pytest.mark.parametrize("what", ["count_flops", "mean_decode_step", "profile_decode"])
def test_what_fails_beside_the_profile_of_the_pass_leaves_it(inputs, monkeypatch, what):
    monkeypatch.setattr(f"vlmeter.cell.worker.layers.{what}", out_of_memory)
    profiled = profile_cell(job(), inputs)
    forward = [row for row in profiled.rows if row["stage"] != "decode"]
    assert math.fsum(row["share"] for row in forward) == pytest.approx(1.0)
    counted = what != "count_flops"
    assert all((row["flops"] is not None) == counted for row in forward)
    assert profiled.blocks["flops_reason"] == (None if counted else LOST)
    if what == "profile_decode":
        assert (profiled.blocks["decode"], profiled.blocks["decode_reason"]) == (None, LOST)


def test_the_work_of_a_decode_step_stands_at_its_layers(profiled):
    rows = {row["module"]: row for row in profiled.rows if row["flops"]}
    fc1 = rows["language_model.model.decoder.layers.0.fc1"]
    assert fc1["stage"] == "decode", "the later row of the two"
    assert fc1["parameters"] == 16 * 32 + 32
    assert fc1["flops"] == 2 * 2 * 16 * 32


def test_the_machine_is_described_once_with_its_peaks(study):
    machine = read_json(study / "machine.json")
    assert machine["threads_of_a_cell"] == 1
    assert machine["gpus"] == []
    assert machine["software"] == {"a": "1"}
    assert list(machine["peak_flop_per_s"]) == ["cpu-bf16"]
    assert machine["memory_bytes"] > 0


def test_the_parts_are_parts_of_the_whole():
    spent = TimeSpent()
    with spent.on("set_up"):
        time.sleep(0.02)
    for _ in range(2):
        with spent.on("answers"):
            time.sleep(0.01)
    with spent.on("costs"):
        time.sleep(0.02)
    told = spent.as_dict()
    assert list(told) == ["start", "set_up", "answers", "costs", "whole", "share_measured"]
    assert told["answers"] >= 0.02
    parts = sum(told[name] for name in ("start", "set_up", "answers", "costs"))
    assert parts <= told["whole"]
    measured = told["answers"] + told["costs"]
    assert told["share_measured"] == pytest.approx(measured / told["whole"])


def test_the_start_of_the_process_is_counted_in():
    begun = time.time()
    told = TimeSpent().as_dict()
    # The tests' own process has imported and run much before this.
    assert told["start"] > 0.1
    assert told["whole"] == pytest.approx(told["start"], abs=0.5)
    assert time.time() - begun < told["start"] + 1.0


def test_what_fails_is_counted_too():
    spent = TimeSpent()
    with pytest.raises(ValueError, match="in vain"), spent.on("answers"):
        time.sleep(0.01)
        raise ValueError("in vain")
    assert spent.as_dict()["answers"] >= 0.01
