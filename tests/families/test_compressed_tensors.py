"""Checkpoints that compressed-tensors packed: transformers unpacks them at the first pass."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from stored_data import make_model_job
from transformers import AutoModelForImageTextToText
from transformers.utils.import_utils import is_compressed_tensors_available

from vlmeter.cell.worker.measure import measure_cell
from vlmeter.measure.memory import compute_weights_bytes
from vlmeter.models.prepare_model import prepare_model
from vlmeter.results.summary_values import describe_quantization
from vlmeter.storage.parquet import read_table

GROUP = 16
FORMATS = {
    "pack-quantized": {"num_bits": 4, "strategy": "group", "group_size": GROUP},
    "int-quantized": {"num_bits": 8, "strategy": "channel"},
}
HERE = FORMATS if is_compressed_tensors_available() else {}
"""None but in the process that is lent the package."""
LEFT = ["re:.*vision_tower.*", "re:.*lm_head"]


def pack(source, target, form):
    """Store a checkpoint as llm-compressor does, but for its vision tower and head."""
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    model = AutoModelForImageTextToText.from_pretrained(source, dtype=torch.float32)
    weights = QuantizationArgs(type="int", symmetric=True, **FORMATS[form])
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    config = QuantizationConfig(
        config_groups={"group_0": scheme}, format=form, ignore=LEFT, quantization_status="frozen"
    )
    apply_quantization_config(model, config)
    for layer in model.modules():
        if hasattr(layer, "weight_scale"):
            groups = layer.weight.reshape(*layer.weight_scale.shape, -1)
            steps = 2 ** (weights.num_bits - 1) - 0.5
            layer.weight_scale.data = (groups.abs().amax(-1) / steps).detach()
    compressor = ModelCompressor.from_pretrained_model(model, quantization_format=form)
    compressor.compress_model(model)
    left = shutil.ignore_patterns("*.safetensors", "config.json")
    shutil.copytree(source, target, ignore=left)
    model.save_pretrained(target)
    compressor.update_config(target)
    written = json.loads((target / "config.json").read_text("utf-8"))
    written["quantization_config"]["ignore"] = LEFT
    (target / "config.json").write_text(json.dumps(written), "utf-8")


@pytest.mark.parametrize("form", HERE)
def test_what_is_unpacked_at_the_first_pass_is_described_as_it_runs(
    prepared, inputs, checkpoint, job, workload, measured, tmp_path, form
):
    pack(checkpoint("llava"), tmp_path / "source", form)
    prepare_model(make_model_job(tmp_path / "source", "fp32"), tmp_path / "stored.json")
    packed = replace(inputs("llava"), model=tmp_path / "stored.json")
    predictions, machine = tmp_path / "predictions.parquet", prepared / "machine.json"
    figures = measure_cell(job(), packed, machine, predictions).figures
    bits = FORMATS[form]["num_bits"]
    quantization = figures.model.quantization
    assert quantization.came_quantized == f"compressed-tensors, {bits} bits"
    assert quantization.library == "compressed-tensors 0.20.0"
    assert quantization.layers == 0
    assert set(figures.model.dtype_by_stage.values()) == {"float32"}
    assert describe_quantization(figures.model) == (
        f"came quantised: compressed-tensors, {bits} bits; runs unpacked"
    )
    plain = workload("llava").loaded.model
    # Scales stay beside what is unpacked.
    assert figures.memory.weights_bytes >= compute_weights_bytes(plain)
    assert figures.memory.weights_bytes == sum(figures.model.weights_bytes_by_stage.values())
    of_plain = measured("llava").figures.flops_detail
    assert figures.flops_detail.flops == of_plain.flops
    assert figures.flops_detail.decode_step == of_plain.decode_step
    assert len(read_table(predictions)) == 5
