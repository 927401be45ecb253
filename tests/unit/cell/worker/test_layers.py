"""A cell profiled layer by layer, its forward pass and a decode step."""

import math

import pytest
import torch
from job_factory import make_layers_job

from vlmeter.cell.worker.layers import profile_cell
from vlmeter.status import UnavailableError, UnsupportedError


@pytest.fixture(scope="module")
def profiled(inputs):
    """A generation long enough for its steps to stand out of the noise of a busy machine."""
    return profile_cell(make_layers_job(new_tokens=24), inputs)


def test_layers_add_up_to_the_whole_forward_and_the_whole_decode_step(profiled):
    figures = profiled.figures
    step = [row for row in profiled.rows if row.stage == "decode"]
    forward = [row for row in profiled.rows if row not in step]
    for rows, whole in ((forward, figures), (step, figures.decode)):
        assert math.fsum(row.share for row in rows) == pytest.approx(1.0)
        assert math.fsum(row.time_ms for row in rows) == pytest.approx(whole.total_ms)
        assert whole.unhooked_ms > 0
        assert rows[-1].module == "(other)"
    assert {row.stage for row in forward} == {"vision", "qformer", "prefill", ""}
    assert all(row.module.startswith(("language_model.", "(other)")) for row in step)
    assert figures.decode_reason is None
    assert figures.input.batch_samples == 2


def test_a_model_over_several_gpus_has_no_layer_profile_but_a_reason(inputs, monkeypatch):
    monkeypatch.setattr(
        "vlmeter.cell.worker.layers.prepare_workload", lambda *_: pytest.fail("loaded in vain")
    )
    with pytest.raises(UnsupportedError, match="spread over 2 GPUs: the layers of several GPUs"):
        profile_cell(make_layers_job(device="cuda", gpus=2), inputs)


def test_a_card_that_torch_cannot_use_is_unavailable(inputs):
    with pytest.raises(UnavailableError, match="CUDA"):
        profile_cell(make_layers_job(device="cuda"), inputs)


def test_a_model_that_does_not_see_the_image_is_not_profiled(inputs, monkeypatch):
    monkeypatch.setattr("vlmeter.cell.worker.workload.image_changes_logits", lambda *_: False)
    with pytest.raises(ValueError, match="the model does not see it"):
        profile_cell(make_layers_job(), inputs)


def run_out_of_memory(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("step", ["count_flops", "count_mean_decode_step", "profile_decode"])
def test_what_fails_beside_the_profile_of_the_pass_leaves_it(inputs, monkeypatch, step):
    monkeypatch.setattr(f"vlmeter.cell.worker.layers.{step}", run_out_of_memory)
    profiled = profile_cell(make_layers_job(), inputs)
    reason = "out of memory: CUDA out of memory"
    forward = [row for row in profiled.rows if row.stage != "decode"]
    assert math.fsum(row.share for row in forward) == pytest.approx(1.0)
    counted = step != "count_flops"
    assert all((row.flops is not None) == counted for row in forward)
    assert profiled.figures.flops_reason == (None if counted else reason)
    if step == "profile_decode":
        assert (profiled.figures.decode, profiled.figures.decode_reason) == (None, reason)


def test_the_work_of_a_decode_step_stands_at_its_layers(profiled):
    rows = {row.module: row for row in profiled.rows if row.flops}
    fc1 = rows["language_model.model.decoder.layers.0.fc1"]
    assert fc1.stage == "decode", "the later row of the two"
    assert fc1.parameters == 16 * 32 + 32
    assert fc1.flops == 2 * 2 * 16 * 32
