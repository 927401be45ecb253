"""Checkpoints that bitsandbytes packed are measured whole, as they are; on a CPU, too."""

import shutil
from dataclasses import replace

import pytest
import torch
from stored_data import make_model_job
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig
from transformers.utils.import_utils import is_bitsandbytes_available

from vlmeter.cell.worker.measure import measure_cell
from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.measure.flops.dispatch import count_dispatched_flops
from vlmeter.models.bitsandbytes_layers import keep_what_cannot_be_packed
from vlmeter.models.generate import generate_answers
from vlmeter.models.prepare_model import prepare_model
from vlmeter.storage.parquet import read_table

NF4 = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": torch.float32,
}
FORMS = {
    "nf4": (NF4, "bitsandbytes, nf4, 4 bits"),
    "int8": ({"load_in_8bit": True}, "bitsandbytes, 8 bits"),
}
"""How weights are packed, and what it is called."""
HERE = FORMS if is_bitsandbytes_available() else {}
"""None but in the process that is lent the package."""


@pytest.fixture(scope="module")
def packed(checkpoint, inputs, tmp_path_factory):
    """The inputs of a cell whose model bitsandbytes packed, but for its vision tower and head."""
    done = {}

    def pack(form):
        folder, source = tmp_path_factory.mktemp("packed"), checkpoint("llava")
        how = BitsAndBytesConfig(
            **HERE[form][0], llm_int8_skip_modules=["model.vision_tower", "lm_head"]
        )
        model = AutoModelForImageTextToText.from_pretrained(
            source, dtype=torch.float32, quantization_config=how, device_map={"": "cpu"}
        )
        left = shutil.ignore_patterns("*.safetensors", "config.json")
        shutil.copytree(source, folder / "source", ignore=left)
        model.save_pretrained(folder / "source")
        prepare_model(make_model_job(folder / "source", "fp32"), folder / "stored.json")
        return replace(inputs("llava"), model=folder / "stored.json")

    return lambda form: done.get(form) or done.setdefault(form, pack(form))


@pytest.mark.parametrize("form", HERE)
def test_what_bitsandbytes_packed_is_measured_whole(
    packed, prepared, job, workload, tmp_path, form
):
    predictions, machine = tmp_path / "predictions.parquet", prepared / "machine.json"
    figures = measure_cell(job(), packed(form), machine, predictions).figures
    words, quantization = FORMS[form][1], figures.model.quantization
    assert quantization.came_quantized == words
    assert quantization.library == "bitsandbytes 0.50.2"
    stages = quantization.stages
    assert {stage: (it.kind, it.layers > 0) for stage, it in stages.items()} == {
        "vision": (None, False),
        "connector": (words, True),
        "prefill": (words, True),
    }
    assert words in figures.model.dtype_by_stage["prefill"]
    assert len(read_table(predictions)) == 5
    assert figures.latency_detail.latency_s > 0
    assert figures.flops_detail.flops == count_flops_of_plain(workload)
    assert figures.checks.image_changes_logits
    assert figures.memory.weights_bytes == sum(it.bytes_after for it in stages.values())


def count_flops_of_plain(workload):
    plain = workload("llava")
    return count_dispatched_flops(plain.loaded.model, plain.cost_batches[0]).by_module[""]


@pytest.mark.parametrize("form", HERE)
def test_the_batch_changes_no_answer_of_what_bitsandbytes_packed(packed, job, mixed, form):
    cell = job()
    fed = prepare_workload(cell.cell, packed(form), cell.measure.batches)
    parts = fed.loaded, fed.feeder, mixed(fed)
    alone, together = (
        [row.prediction for row in generate_answers(*parts, size, fed.decoding)] for size in (1, 5)
    )
    assert together == alone
    assert any(alone)


WIDTHS = ((64, 32), (128, 96), (32, 64), (64, 48), (1152, 4304), (4304, 1152))
"""Inputs and outputs: the first two are multiples of what some CPUs pack together."""


@pytest.mark.parametrize("widths", WIDTHS if HERE else ())
def test_a_layer_of_any_widths_runs(widths):
    from bitsandbytes.nn import Linear4bit

    inputs, outputs = widths
    plain = torch.nn.Linear(inputs, outputs)
    packed = Linear4bit(inputs, outputs, compute_dtype=torch.float32, quant_type="nf4")
    packed.load_state_dict(plain.state_dict())
    model = torch.nn.Sequential(packed).to("cpu").eval().requires_grad_(False)
    keep_what_cannot_be_packed(model)
    x = torch.randn(2, 5, inputs)
    with torch.inference_mode():
        expected, out = plain(x), model(x)
    # A weight of four bits is off by a tenth of what weights are on the average.
    assert (out - expected).norm() < 0.15 * expected.norm()
