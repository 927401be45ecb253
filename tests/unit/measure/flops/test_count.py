from functools import partial

import pytest
import torch
from tiny_blip2 import STAGES, batch, tiny_blip2
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import Blip2Config, Blip2ForConditionalGeneration, OPTConfig

from vlmeter.measure.flops.count import (
    count_decode_step,
    count_flops,
    count_mean_decode_step,
    make_stage_lookup,
)
from vlmeter.measure.flops.operators import list_heavy_operators
from vlmeter.measure.flops.result import DecodeStep

NO_STEP = DecodeStep(None, "no step", {})


def torch_s_count(run):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


class Tiny(nn.Module):
    """Anything that takes named tensors and returns a tuple."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x, use_cache, return_dict):
        return (self.layers(x),)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("text_tokens", [1, 7])
def test_eager_equals_torch_s_counter_to_the_last_digit(samples, text_tokens):
    model, inputs = tiny_blip2(), batch(samples, text_tokens)
    counted = count_flops(model, inputs, STAGES, samples)
    assert counted.flops == torch_s_count(lambda: model(**inputs, use_cache=False))
    assert counted.flops_reason is None


def test_eager_and_sdpa_have_the_same_count_in_every_module():
    inputs = batch(padded=2)
    eager = count_flops(tiny_blip2("eager"), inputs, STAGES, 3)
    sdpa = count_flops(tiny_blip2("sdpa"), inputs, STAGES, 3)
    assert sdpa.flops == eager.flops
    assert sdpa.by_stage == eager.by_stage
    assert sdpa.by_module == eager.by_module
    assert not list_heavy_operators(sdpa.uncounted)


def test_stages_are_disjoint_and_add_up_to_the_whole():
    counted = count_flops(tiny_blip2(), batch(), STAGES, 3)
    assert set(counted.by_stage) == {"vision", "qformer", "prefill"}
    assert sum(counted.by_stage.values()) == counted.flops
    assert sum(counted.own_by_module.values()) == counted.flops
    assert counted.by_stage["vision"] == counted.by_module["vision_model"]
    assert counted.per_sample == counted.flops / 3


def test_work_outside_every_stage_is_named_and_not_lost():
    stages = {"vision": ["vision_model"], "prefill": ["language_model"]}
    counted = count_flops(tiny_blip2(), batch(), stages, 3)
    assert sum(counted.by_stage.values()) == counted.flops
    projection = counted.by_module["language_projection"]
    assert counted.by_stage["other"] == counted.by_module["qformer"] + projection


def generate(model, inputs, tokens):
    options = {"max_new_tokens": tokens, "min_new_tokens": tokens, "pad_token_id": 1}
    return model.generate(**inputs, **options, do_sample=False)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_mean_decode_step_times_the_steps_is_what_a_generation_adds(steps):
    model, inputs = tiny_blip2(), batch(text_tokens=7)
    run = partial(generate, model, inputs)
    mean = count_mean_decode_step(run, model.language_model, steps)
    whole, first = (torch_s_count(partial(run, tokens)) for tokens in (1 + steps, 1))
    assert mean.flops * steps == whole - first
    assert mean.reason is None
    assert sum(mean.own_by_module.values()) == mean.flops
    step = count_decode_step(run, model.language_model)
    fc1 = "model.decoder.layers.0.fc1"
    assert mean.own_by_module[fc1] == step.own_by_module[fc1] == 3 * 2 * 32 * 64


def test_a_decode_step_is_each_weight_once_and_attention_over_the_cache():
    model, inputs = tiny_blip2(), batch(text_tokens=7)
    text = model.config.text_config
    width, positions = text.hidden_size, inputs["input_ids"].shape[1] + 1
    layer = 4 * width**2 + 2 * width * text.ffn_dim + 2 * width * positions
    macs = text.num_hidden_layers * layer + width * text.vocab_size
    step = count_decode_step(partial(generate, model, inputs), model.language_model)
    assert step.flops == 3 * 2 * macs


def test_a_model_that_decodes_in_some_other_way_has_no_decode_step():
    model = tiny_blip2()
    with pytest.raises(ValueError, match="was not called once for each token"):
        count_decode_step(lambda tokens: None, model.language_model)
    assert not model.language_model._forward_pre_hooks


def test_half_precision_and_inference_tensors_count_the_same():
    model = tiny_blip2().to(torch.bfloat16)
    with torch.inference_mode():
        inputs = batch()
        inputs["pixel_values"] = inputs["pixel_values"].to(torch.bfloat16)
    expected = count_flops(tiny_blip2(), batch(), STAGES, 3)
    counted = count_flops(model, inputs, STAGES, 3)
    assert counted.by_module == expected.by_module


def test_normalisations_stand_apart():
    layers = Tiny(nn.Linear(8, 8, bias=False), nn.LayerNorm(8))
    counted = count_flops(layers, {"x": torch.zeros(2, 4, 8)}, {}, 2)
    assert counted.flops == 2 * (2 * 4 * 8 * 8)
    assert counted.normalisation_flops == 5 * 2 * 4 * 8


def test_convolutions_count_two_per_multiply_add():
    layers = Tiny(nn.Conv2d(4, 6, 3, groups=2, bias=False))
    counted = count_flops(layers, {"x": torch.zeros(2, 4, 5, 5)}, {}, 2)
    assert counted.flops == 2 * (2 * 6 * 3 * 3) * (3 * 3 * 2)


class Broadcast(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(1, 3, 4))

    def forward(self, x, use_cache, return_dict):
        return (torch.matmul(self.table, x),)


def test_a_product_whose_first_factor_is_broadcast_counts_every_sample():
    model, x = Broadcast().requires_grad_(False), torch.zeros(5, 4, 6)
    assert count_flops(model, {"x": x}, {}, 2).flops == 2 * 5 * 3 * 4 * 6
    assert torch_s_count(lambda: model(x, False, False)) == 2 * 5 * 3 * 4 * 6


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x, use_cache, return_dict):
        return (self.head(self.lstm(x)[0]),)


def test_a_heavy_operator_without_a_rule_gives_no_total_but_a_reason():
    counted = count_flops(Recurrent(), {"x": torch.zeros(3, 2, 4)}, {}, 3)
    assert counted.flops is None
    assert counted.per_sample is None
    assert "aten::lstm" in counted.flops_reason
    written = counted.detail(NO_STEP, latency_s=1.0)
    assert written.achieved_flop_per_s is None
    assert written.flops_reason == counted.flops_reason


def test_uncounted_operators_are_listed_and_none_of_them_is_heavy():
    counted = count_flops(tiny_blip2(), batch(), STAGES, 3)
    assert counted.uncounted["aten::softmax"] == 7
    assert counted.uncounted["aten::embedding"] == 2
    assert list_heavy_operators(counted.uncounted) == []


def test_a_triangular_solve_is_listed_and_takes_no_total_away():
    light = ("solve_triangular", "vector_norm", "cross", "diagonal")
    assert list_heavy_operators({f"aten::linalg_{name}": 2 for name in light}) == []
    assert list_heavy_operators({"aten::linalg_solve_ex": 2}) == ["aten::linalg_solve_ex"]


@pytest.mark.parametrize(
    "name",
    ["prim::PythonOp.MatMul4Bit", "aten::_scaled_dot_product_flash_attention"],
)
def test_kernels_that_may_hold_any_work_are_heavy(name):
    assert list_heavy_operators({name: 1, "aten::add": 3}) == [name]


def test_flags_and_interpolated_positions_pass_through():
    model, inputs = tiny_blip2(), batch()
    inputs["pixel_values"] = torch.zeros(3, 3, 56, 56)
    larger = count_flops(model, {**inputs, "interpolate_pos_encoding": True}, STAGES, 3)
    assert larger.by_stage["vision"] > 3 * count_flops(model, batch(), STAGES, 3).by_stage["vision"]
    assert larger.by_stage["prefill"] == count_flops(model, batch(), STAGES, 3).by_stage["prefill"]


def test_a_compiled_model_is_counted_by_the_module_it_was_made_from():
    model, inputs = tiny_blip2(), batch()
    before = count_flops(model, inputs, STAGES, 3).flops
    compiled = torch.compile(model)
    assert count_flops(compiled._orig_mod, inputs, STAGES, 3).flops == before


def test_counting_leaves_the_model_as_it_was():
    model, inputs = tiny_blip2(), batch()
    with torch.no_grad():
        before = model(**inputs).logits
        count_flops(model, inputs, STAGES, 3)
        count_decode_step(partial(generate, model, inputs), model.language_model)
        after = model(**inputs).logits
    assert torch.equal(before, after)
    assert not any(module._forward_hooks for module in model.modules())


class Untraceable(Tiny):
    """Does, where it is traced, what a tracer fails at with an exception of its own kind."""

    def __init__(self, failure):
        super().__init__(nn.Linear(4, 4, bias=False))
        self.failure = failure

    def forward(self, x, use_cache, return_dict):
        if torch.jit.is_tracing():
            raise self.failure
        return super().forward(x, use_cache, return_dict)


@pytest.mark.parametrize("failure", [RuntimeError(), TypeError(), AttributeError(), IndexError()])
def test_a_model_that_no_tracer_can_follow_is_counted_as_it_runs(failure):
    model = Untraceable(failure)
    counted = count_flops(model, {"x": torch.zeros(6, 4)}, {}, 2)
    assert (counted.flops, counted.counter) == (2 * 6 * 4 * 4, "torch")
    # No trace, no normalisations: they are unknown, and not none.
    assert counted.normalisation_flops is None
    # Hooks of the tracer would be part of what is timed afterwards.
    assert not any(it._forward_hooks or it._forward_pre_hooks for it in model.modules())


class Vector(nn.Linear):
    """Multiplies a matrix with a vector, for which torch's counter has no rule."""

    def forward(self, x):
        return torch.mv(x, self.weight[0])


@pytest.mark.parametrize("failure", [None, RuntimeError()])
def test_work_without_a_rule_gives_no_total_whoever_counts(failure):
    model = Untraceable(failure) if failure else Tiny(nn.Identity())
    model.layers = Vector(4, 4, bias=False)
    counted = count_flops(model, {"x": torch.zeros(6, 4)}, {}, 2)
    assert counted.flops is None
    assert "no rule for aten::mv" in counted.flops_reason
    assert counted.uncounted["aten::mv"] == 1


def test_memory_that_runs_out_in_a_trace_is_said():
    with pytest.raises(torch.OutOfMemoryError):
        count_flops(Untraceable(torch.OutOfMemoryError()), {"x": torch.zeros(6, 4)}, {}, 2)


def test_the_work_of_a_sample_goes_by_the_batch_and_not_by_the_tiles_of_its_images():
    counted = count_flops(Tiny(nn.Linear(4, 4, bias=False)), {"x": torch.zeros(6, 4)}, {}, 2)
    assert (counted.batch_size, counted.per_sample) == (2, counted.flops / 2)


def test_the_longest_prefix_decides_the_stage():
    stage_of = make_stage_lookup({"a": ["model"], "b": ["model.head"]})
    assert stage_of("model.head.linear") == "b"
    assert stage_of("model.header") == "a"
    assert stage_of("other") is None


def test_rate_and_utilisation_come_from_the_latency_and_the_peak():
    counted = count_flops(tiny_blip2(), batch(), STAGES, 3)
    detail = counted.detail(NO_STEP, latency_s=2.0, peak_flop_per_s=counted.flops)
    assert detail.achieved_flop_per_s == counted.flops / 2
    assert detail.utilisation == 0.5
    assert (detail.decode_step, detail.decode_step_reason) == (None, "no step")


def full_width(vision_layers, qformer_layers, text_layers):
    """Salesforce/blip2-opt-2.7b's architecture at full width and a few layers, weights unset."""
    config = Blip2Config(
        vision_config={"num_hidden_layers": vision_layers},
        qformer_config={"num_hidden_layers": qformer_layers},
        text_config=OPTConfig(
            vocab_size=50304,
            hidden_size=2560,
            word_embed_proj_dim=2560,
            ffn_dim=10240,
            num_hidden_layers=text_layers,
            num_attention_heads=32,
        ).to_dict(),
        image_token_index=50265,
        num_query_tokens=32,
    )
    config._attn_implementation = "eager"
    with torch.device("meta"):
        model = Blip2ForConditionalGeneration(config)
    model.to_empty(device="cpu")
    ids = torch.cat([torch.full((1, 32), 50265), torch.full((1, 9), 5)], dim=1)
    inputs = {
        "pixel_values": torch.zeros(1, 3, 224, 224),
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
    }
    return count_flops(model.eval().requires_grad_(False), inputs, STAGES, 1).flops


def test_the_source_s_model_counts_what_the_source_published():
    least = full_width(1, 2, 1)
    vision_layer = full_width(2, 2, 1) - least
    qformer_pair = full_width(1, 4, 1) - least
    text_layer = full_width(1, 2, 2) - least
    whole = least + 38 * vision_layer + 5 * qformer_pair + 31 * text_layer
    assert whole == pytest.approx(751.06e9, rel=1e-3)
