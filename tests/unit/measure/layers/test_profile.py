import math

import pytest
import torch
from simulation.clock import HostClock, HostStopwatch, SimulatedTime
from simulation.cuda import make_card_clock, make_cuda
from tiny_blip2 import STAGES, batch, tiny_blip2
from torch import nn
from transformers.activations import ACT2FN

from vlmeter.measure.clock import CudaClock, make_clock
from vlmeter.measure.flops.count import count_flops, make_stage_lookup
from vlmeter.measure.latency import LatencyPlan
from vlmeter.measure.layers.kinds import find_kind, is_layer
from vlmeter.measure.layers.profile import profile_decode, profile_layers
from vlmeter.measure.marks.stopwatch import CudaStopwatch, make_stopwatch

WARMUP = LatencyPlan(max_warmup_s=60.0)


class Costly(nn.Linear):
    """A linear layer that takes a known time."""

    def __init__(self, spend, cost):
        super().__init__(2, 2)
        self.spend, self.cost = spend, cost

    def forward(self, x):
        self.spend(self.cost)
        return x


class CostlyAttention(nn.Module):
    """An attention module: two linear layers inside, and the products it does itself."""

    def __init__(self, spend):
        super().__init__()
        self.qkv = Costly(spend, 2.0)
        self.projection = Costly(spend, 1.0)
        self.spend = spend

    def forward(self, x):
        x = self.qkv(x)
        self.spend(4.0)
        return self.projection(x)


class CostlyModel(nn.Module):
    """Whole: attention 7, head 3 called twice, and 1 of its own; 14 in all."""

    def __init__(self, spend):
        super().__init__()
        self.attention = CostlyAttention(spend)
        self.head = Costly(spend, 3.0)
        self.unused = nn.Linear(5, 5)
        self.query_tokens = nn.Parameter(torch.zeros(7))
        self.spend = spend

    def forward(self, x):
        self.spend(1.0)
        return self.head(self.head(self.attention(x)))


def profile(model, time, run=None, **options):
    return profile_layers(
        model,
        run or (lambda: model(torch.zeros(1, 2))),
        clock=HostClock(time),
        stopwatch=HostStopwatch(time),
        warmup=WARMUP,
        **{"stage_of": make_stage_lookup({"vision": ["attention"]}), "iterations": 4, **options},
    )


def by_module(result):
    return {row.module: row for row in result.rows}


def test_every_layer_has_its_own_time_and_the_rest_is_other():
    time = SimulatedTime()
    result = profile(CostlyModel(time.spend), time)
    assert {row.module: row.time_ms / 1e3 for row in result.rows} == pytest.approx(
        {
            "attention": 4.0,
            "attention.qkv": 2.0,
            "attention.projection": 1.0,
            "head": 6.0,
            "(other)": 1.0,
        }
    )
    assert result.whole.total_ms == result.whole.unhooked_ms == result.whole.hooked_ms == 14e3
    assert result.whole.overhead_share == 0.0
    assert result.whole.other_ms == pytest.approx(1e3)
    assert math.fsum(row.share for row in result.rows) == pytest.approx(1.0)


def test_a_row_knows_its_kind_stage_calls_and_parameters():
    time = SimulatedTime()
    rows = by_module(profile(CostlyModel(time.spend), time))
    assert rows["attention"][1:4] == ("attention", "vision", 1)
    assert rows["attention.qkv"][1:4] == ("linear", "vision", 1)
    assert rows["head"][1:4] == ("linear", "", 2)
    assert rows["head"].parameters == 6
    # The query tokens and the layer that never ran.
    assert rows["(other)"].parameters == 7 + 30


def test_a_layer_that_never_runs_has_no_row():
    time = SimulatedTime()
    assert "unused" not in by_module(profile(CostlyModel(time.spend), time))


def test_rows_are_scaled_to_the_pass_without_hooks():
    time = SimulatedTime()
    model = CostlyModel(time.spend)

    class Slow(HostStopwatch):
        def mark(self):
            self.time.spend(0.1)
            return super().mark()

    result = profile_layers(
        model,
        lambda: model(torch.zeros(1, 2)),
        clock=HostClock(time),
        stopwatch=Slow(time),
        warmup=WARMUP,
        stage_of=lambda name: None,
        iterations=4,
    )
    # Ten marks of five calls, and the one that ends the pass.
    assert result.whole.hooked_ms == pytest.approx(14e3 + 1.1e3)
    assert result.whole.unhooked_ms == pytest.approx(14e3)
    assert result.whole.overhead_share == pytest.approx(1.1 / 14)
    assert math.fsum(row.time_ms for row in result.rows) == pytest.approx(14e3)
    assert result.whole.stages_reason == (
        "no module of a stage was called: all rows are scaled alike"
    )
    assert result.whole.staged_ms is None


class StagedModel(nn.Module):
    """Vision 7, of which its one layer takes 5; the head 3, called twice; 1 of no stage."""

    def __init__(self, spend):
        super().__init__()
        self.vision = nn.Module()
        self.vision.layer = Costly(spend, 5.0)
        self.vision.scale = nn.Parameter(torch.zeros(11))
        self.vision.forward = lambda x: [spend(2.0), self.vision.layer(x)][-1]
        self.resampler = nn.Linear(3, 3)
        self.head = Costly(spend, 3.0)
        self.gain = nn.Parameter(torch.zeros(7))
        self.spend = spend
        self.stages = make_stage_lookup(
            {"vision": ["vision"], "connector": ["resampler"], "prefill": ["head"]}
        )

    def forward(self, x):
        self.spend(1.0)
        x = self.vision(x)
        return self.head(self.head(x))


def test_what_lies_between_the_layers_of_a_stage_is_the_other_of_that_stage():
    time = SimulatedTime()
    model = StagedModel(time.spend)
    flops = {"vision.layer": 100, "vision": 20, "resampler": 4, "": 2}
    result = profile(model, time, stage_of=model.stages, flops_by_module=flops)
    shown = [
        (row.module, row.stage, row.time_ms / 1e3, row.flops, row.parameters) for row in result.rows
    ]
    # What is of a stage that never ran counts at what is of none.
    assert shown == [
        ("vision.layer", "vision", pytest.approx(5.0), 100, 6),
        ("head", "prefill", pytest.approx(6.0), 0, 6),
        ("(other)", "vision", pytest.approx(2.0), 20, 11),
        ("(other)", "prefill", pytest.approx(0.0), 0, 0),
        ("(other)", "", pytest.approx(1.0), 4 + 2, 12 + 7),
    ]
    assert result.whole.other_ms == pytest.approx(3e3)
    assert result.whole.staged_ms == pytest.approx(14e3)
    assert result.whole.stages_reason is None
    assert [tuple(vars(stage).values()) for stage in result.whole.stages] == [
        ("", pytest.approx(1e3), pytest.approx(1e3)),
        ("vision", pytest.approx(7e3), pytest.approx(7e3)),
        ("prefill", pytest.approx(6e3), pytest.approx(6e3)),
    ]


@pytest.mark.parametrize("is_called", ["staged", "hooked"])
def test_a_stage_that_one_kind_of_pass_does_not_enter_leaves_one_factor_and_a_reason(is_called):
    time = SimulatedTime()
    model = StagedModel(time.spend)
    passes = iter(range(100))

    def run():
        # Those with few marks are number 10 to 14, after the search, seven and two.
        has_few_marks = next(passes) < 1 + 7 + 2 + 5
        if has_few_marks == (is_called == "staged"):
            model(torch.zeros(1, 2))
        else:
            time.spend(8.0)
            model.head(model.head(torch.zeros(1, 2)))

    whole = profile(model, time, run, stage_of=model.stages).whole
    assert whole.stages_reason == (
        "vision took time in passes of one kind alone, with hooks or with marks at the stages' "
        "boundaries: all rows are scaled alike"
    )
    assert sum(stage.time_ms for stage in whole.stages) == pytest.approx(14e3)


def test_a_disturbed_pass_does_not_move_the_rows():
    time = SimulatedTime()
    model = CostlyModel(time.spend)
    passes = iter(range(100))

    def run():
        # The second with hooks, after the one that looks for stages, seven of the warm-up, three
        # without marks and six with few.
        if next(passes) == 1 + 7 + 3 + 6 + 1:
            time.spend(1000.0)
        model(torch.zeros(1, 2))

    result = profile(model, time, run, iterations=5)
    assert result.whole.kept_iterations == 3
    assert result.whole.other_ms == pytest.approx(1e3)


def test_the_first_pass_with_hooks_is_left_out_and_the_last_is_kept():
    time = SimulatedTime()
    model = CostlyModel(time.spend)
    passes = iter(range(100))

    def run():
        # The second pass with hooks, of which one is asked for, has a slower end.
        time.spend({11: 500.0, 12: 2.0}.get(next(passes), 0.0))
        model(torch.zeros(1, 2))

    result = profile(model, time, run, iterations=1)
    assert (result.whole.iterations, result.whole.kept_iterations) == (1, 1)
    assert result.whole.hooked_ms == pytest.approx(14e3 + 2e3)


def test_what_rested_is_warmed_up_before_its_layers_are_timed():
    time = SimulatedTime()
    cuda = make_cuda(time)
    model = CostlyModel(work_milliseconds(cuda))
    time.sleep(5.0)
    result = profile_layers(
        model,
        lambda: model(torch.zeros(1, 2)),
        clock=make_card_clock(cuda),
        stopwatch=CudaStopwatch("cuda:0", cuda),
        warmup=LatencyPlan(min_warmup_s=1.0, max_warmup_s=5.0),
        stage_of=lambda name: None,
        iterations=4,
    )
    assert result.whole.total_ms == pytest.approx(14.0, abs=0.01)
    assert by_module(result)["head"].time_ms == pytest.approx(6.0, abs=0.01)
    time.sleep(5.0)
    generator = CostlyGenerator(work_milliseconds(cuda))
    step, _ = profile_decode(
        generator,
        generator.generate,
        decoder=generator.decoder,
        new_tokens=3,
        clock=make_card_clock(cuda),
        stopwatch=CudaStopwatch("cuda:0", cuda),
        warmup=LatencyPlan(min_warmup_s=1.0, max_warmup_s=5.0),
        iterations=2,
    )
    assert step.whole.total_ms == pytest.approx(4.0, abs=0.01)
    assert step.whole.hooked_ms == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("number", [0, 1 + 7 + 2 + 1, 1 + 7 + 2 + 5 + 1])
def test_hooks_are_gone_afterwards_also_when_the_pass_fails(number):
    """The pass that looks for stages, one with few marks and one with hooks."""
    time = SimulatedTime()
    model = CostlyModel(time.spend)
    profile(model, time)
    passes = iter(range(100))

    def fail():
        model(torch.zeros(1, 2))
        if next(passes) == number:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        profile(model, time, fail)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def work_milliseconds(cuda):
    return lambda milliseconds: cuda.current.work(1e-3 * milliseconds)


def test_cuda_layers_are_marked_by_events_and_synchronised_once():
    cuda = make_cuda(SimulatedTime())
    model = CostlyModel(work_milliseconds(cuda))
    result = profile_layers(
        model,
        lambda: model(torch.zeros(1, 2)),
        clock=CudaClock("cuda:0", cuda),
        stopwatch=CudaStopwatch("cuda:0", cuda),
        warmup=WARMUP,
        stage_of=lambda name: None,
        iterations=4,
    )
    assert by_module(result)["head"].time_ms == pytest.approx(6.0, abs=0.01)
    assert result.whole.total_ms == pytest.approx(14.0, abs=0.01)
    assert result.whole.hooked_ms == pytest.approx(14.0, abs=0.01)


def test_hooks_that_only_the_host_waits_for_take_nothing_from_the_stage_of_the_card():
    time = SimulatedTime()
    cuda = make_cuda(time)

    class Slow(CudaStopwatch):
        def mark(self):
            time.spend(0.001)
            return super().mark()

    model = nn.Sequential(
        nn.Sequential(Costly(work_milliseconds(cuda), 70.0)),
        nn.Sequential(*[Costly(time.spend, 0.005) for _ in range(40)]),
    )
    result = profile_layers(
        model,
        lambda: model(torch.zeros(1, 2)),
        clock=make_card_clock(cuda),
        stopwatch=Slow("cuda:0", cuda),
        warmup=WARMUP,
        stage_of=make_stage_lookup({"vision": ["0"], "prefill": ["1"]}),
        iterations=4,
    )
    assert result.whole.total_ms == pytest.approx(200.0, abs=0.1)
    assert result.whole.hooked_ms > 280.0
    assert by_module(result)["0.0"].time_ms == pytest.approx(70.0, rel=0.06)


class CostlyGenerator(nn.Module):
    """Vision 5 once; the head 3 and the loop 1 for every token, and hooks cost nothing."""

    def __init__(self, spend):
        super().__init__()
        self.vision = Costly(spend, 5.0)
        self.decoder = nn.Sequential(Costly(spend, 3.0))
        self.spend = spend

    def generate(self, tokens):
        x = self.vision(torch.zeros(1, 2))
        for _ in range(tokens):
            self.decoder(x)
            self.spend(1.0)


def decode_profile(model, time, generate=None, **options):
    return profile_decode(
        model,
        generate or model.generate,
        decoder=model.decoder,
        clock=HostClock(time),
        stopwatch=HostStopwatch(time),
        warmup=WARMUP,
        **{"new_tokens": 5, "iterations": 4, **options},
    )


def test_a_decode_step_s_rows_add_up_to_what_a_further_token_takes():
    time = SimulatedTime()
    result, reason = decode_profile(CostlyGenerator(time.spend), time)
    assert reason is None
    assert {row.module: row.time_ms / 1e3 for row in result.rows} == pytest.approx(
        {"decoder.0": 3.0, "(other)": 1.0}
    )
    assert result.whole.total_ms == result.whole.hooked_ms == pytest.approx(4e3)
    assert math.fsum(row.share for row in result.rows) == pytest.approx(1.0)


def test_decode_rows_know_their_stage_calls_work_and_parameters():
    time = SimulatedTime()
    flops = {"decoder.0": 12.0, "decoder": 1.0}
    result, _ = decode_profile(CostlyGenerator(time.spend), time, flops_by_module=flops)
    head, other = result.rows
    assert (head.stage, head.calls, head.flops, head.parameters) == ("decode", 1, 12.0, 6)
    assert (other.stage, other.calls, other.flops, other.parameters) == ("decode", 1, 1.0, 0)


def test_a_generation_that_takes_no_longer_than_its_first_token_has_no_decode_rows():
    time = SimulatedTime()
    model = CostlyGenerator(time.spend)

    def generate(tokens):
        model.vision(torch.zeros(1, 2))

    result, reason = decode_profile(model, time, generate)
    assert result is None
    assert "below the noise" in reason


def test_a_decoder_that_is_not_called_for_each_token_has_no_decode_rows():
    time = SimulatedTime()
    model = CostlyGenerator(time.spend)
    result, reason = decode_profile(model, time, time.spend)
    assert result is None
    assert reason == "the language model was not called once for each token"


def test_cuda_decode_steps_are_marked_by_events():
    cuda = make_cuda(SimulatedTime())
    model = CostlyGenerator(work_milliseconds(cuda))
    result, _ = profile_decode(
        model,
        model.generate,
        decoder=model.decoder,
        new_tokens=3,
        clock=CudaClock("cuda:0", cuda),
        stopwatch=CudaStopwatch("cuda:0", cuda),
        warmup=WARMUP,
        iterations=2,
    )
    assert result.whole.total_ms == pytest.approx(4.0, abs=0.01)


def test_flops_stand_at_the_layers_that_do_them_and_add_up():
    model, inputs = tiny_blip2(), batch()
    counted = count_flops(model, inputs, STAGES, 3)
    result = real_profile(model, inputs, counted.own_by_module)
    rows = by_module(result)
    assert sum(row.flops for row in result.rows) == counted.flops
    qkv = "vision_model.encoder.layers.0.self_attn.qkv"
    assert rows[qkv].flops == counted.by_module[qkv]
    assert rows["vision_model.encoder.layers.0.self_attn"].flops == 2 * 3 * 4 * 5 * 5 * 16
    assert rows["(other)"].flops == 0


def real_profile(model, inputs, flops=None):
    def run():
        with torch.inference_mode():
            model(**inputs, use_cache=False)

    return profile_layers(
        model,
        run,
        clock=make_clock("cpu"),
        stopwatch=make_stopwatch("cpu"),
        warmup=WARMUP,
        stage_of=make_stage_lookup(STAGES),
        iterations=2,
        flops_by_module=flops,
    )


def test_a_real_model_s_rows_add_up_to_the_measured_whole():
    result = real_profile(tiny_blip2(), batch())
    assert math.fsum(row.time_ms for row in result.rows) == pytest.approx(
        result.whole.total_ms, rel=0.01
    )
    assert min(row.time_ms for row in result.rows) > 0
    rows = by_module(result)
    assert rows["vision_model.embeddings.patch_embedding"].kind == "convolution"
    assert rows["vision_model.post_layernorm"].calls == 2
    assert rows["language_model.model.decoder.layers.0.activation_fn"].kind == "activation"
    assert rows["language_model.lm_head"].stage == "prefill"
    assert {row.kind for row in result.rows} == {
        "convolution",
        "linear",
        "attention",
        "normalisation",
        "embedding",
        "activation",
        "other",
    }


class LlamaRMSNorm(nn.Module):
    """Named as model families name theirs."""


class QuantLinear(nn.Module):
    """Named as quantisers name theirs."""


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.Conv2d(1, 1, 1), "convolution"),
        (nn.Linear(1, 1), "linear"),
        (QuantLinear(), "linear"),
        (nn.Embedding(1, 1), "embedding"),
        (nn.LayerNorm(1), "normalisation"),
        (nn.RMSNorm(1), "normalisation"),
        (nn.BatchNorm2d(1), "normalisation"),
        (LlamaRMSNorm(), "normalisation"),
        (nn.MultiheadAttention(1, 1), "attention"),
        (CostlyAttention(None), "attention"),
        (nn.GELU(), "activation"),
        (ACT2FN["gelu"], "activation"),
        (ACT2FN["gelu_10"], "activation"),
        (ACT2FN["quick_gelu"], "activation"),
        (nn.Upsample(), "other"),
    ],
)
def test_the_class_decides_the_kind(module, kind):
    assert find_kind(module) == kind


def test_dropout_is_no_layer_and_a_container_only_where_it_is_attention():
    assert not is_layer(nn.Dropout(0.1))
    assert not is_layer(nn.Identity())
    assert not is_layer(nn.Sequential(nn.Linear(1, 1)))
    assert is_layer(CostlyAttention(None))
    assert is_layer(nn.Linear(1, 1))
