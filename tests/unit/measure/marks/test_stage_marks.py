import pytest
import torch
from simulation.clock import HostStopwatch, SimulatedTime
from torch import nn

from vlmeter.measure.marks.stage_marks import (
    count_calls,
    find_stage_modules,
    mark_calls,
    mark_decode_steps,
)
from vlmeter.measure.marks.timeline import Timeline

PARTS = {"vision": "vision", "projector": "connector"}


class Costly(nn.Module):
    def __init__(self, spend, seconds, inside=None):
        super().__init__()
        self.spend, self.seconds, self.inside = spend, seconds, inside

    def forward(self, x):
        self.spend(self.seconds)
        return x if self.inside is None else self.inside(x)


class Answering(nn.Module):
    """A model as most are built: vision 5 (1 of it outside its layers), connector 3, prefill 7."""

    def __init__(self, spend):
        super().__init__()
        self.vision = Costly(spend, 1.0, Costly(spend, 4.0))
        self.projector = Costly(spend, 3.0)
        self.language = Costly(spend, 2.0)
        self.spend = spend

    def generate(self, new_tokens):
        x = torch.zeros(1)
        self.projector(self.vision(x))
        self.spend(5.0)
        for _ in range(new_tokens):
            self.language(x)


class Holding(Answering):
    """A vision encoder that only holds its parts, which are called one by one."""

    def generate(self, new_tokens):
        x = torch.zeros(1)
        self.vision.inside(x)
        self.vision.inside(x)
        self.projector(x)
        for _ in range(new_tokens):
            self.language(x)


class Nesting(Answering):
    """A vision encoder that calls the projector, which calls the encoder's layers once more."""

    def __init__(self, spend):
        super().__init__(spend)
        layers = Costly(spend, 4.0)
        # Of a bound method, what is called is not below the module that calls it by name.
        self.projector = Costly(spend, 3.0, layers.__call__)
        self.vision = Costly(spend, 1.0, self.projector.__call__)
        self.vision.layers = layers

    def generate(self, new_tokens):
        self.vision(torch.zeros(1))


def find(model, new_tokens=4):
    return find_stage_modules(
        model, lambda name: PARTS.get(name.partition(".")[0]), lambda: model.generate(new_tokens)
    )


def time_parts(model, modules, time, new_tokens=4, decoder=None):
    timeline = Timeline(HostStopwatch(time), "other")

    def run(enter):
        with enter("prefill"):
            model.generate(new_tokens)

    with (
        mark_decode_steps(timeline, decoder or model.language, "prefill", "decode"),
        mark_calls(timeline, modules),
    ):
        return timeline.time(run)


def test_stages_begin_and_end_with_the_outermost_modules_that_are_called():
    time = SimulatedTime()
    model = Answering(time.spend)
    modules = find(model)
    assert modules == {model.vision: "vision", model.projector: "connector"}
    assert time_parts(model, modules, time) == {
        **{"vision": 5.0, "connector": 3.0, "prefill": 7.0, "decode": 6.0},
        "other": 0.0,
    }


def test_where_the_outermost_module_is_never_called_those_inside_are_marked():
    time = SimulatedTime()
    model = Holding(time.spend)
    modules = find(model)
    assert modules == {model.vision.inside: "vision", model.projector: "connector"}
    seconds = time_parts(model, modules, time)
    assert (seconds["vision"], seconds["prefill"], seconds["decode"]) == (8.0, 2.0, 6.0)


def test_a_stage_that_another_one_calls_has_its_own_time_and_goes_on_inside_it():
    time = SimulatedTime()
    model = Nesting(time.spend)
    modules = find(model)
    assert modules == {
        **{model.vision: "vision", model.projector: "connector"},
        model.vision.layers: "vision",
    }
    seconds = time_parts(model, modules, time)
    assert (seconds["vision"], seconds["connector"]) == (1.0 + 4.0, 3.0)


@pytest.mark.parametrize("new_tokens", [1, 2])
def test_the_first_call_of_the_decoder_is_no_step(new_tokens):
    time = SimulatedTime()
    model = Answering(time.spend)
    seconds = time_parts(model, find(model, new_tokens), time, new_tokens)
    assert seconds.get("decode", 0.0) == 2.0 * (new_tokens - 1)
    assert seconds["prefill"] == 7.0


def test_a_decode_step_inside_another_part_begins_nothing():
    time = SimulatedTime()
    model = Holding(time.spend)
    decoder = model.vision.inside.inside = Costly(time.spend, 1.0)
    seconds = time_parts(model, find(model), time, decoder=decoder)
    assert "decode" not in seconds
    assert (seconds["vision"], seconds["prefill"]) == (10.0, 8.0)


def test_the_calls_of_a_module_are_counted_inside_the_block_alone():
    model = Answering(SimulatedTime().spend)
    with count_calls(model.language) as calls:
        model.generate(4)
    model.generate(4)
    assert calls.number == 4


def test_no_hook_stays_after_a_failure():
    model = Answering(SimulatedTime().spend)
    model.generate = lambda _: model.nothing
    with pytest.raises(AttributeError):
        find(model)
    timeline = Timeline(HostStopwatch(SimulatedTime()), "other")
    for block in (
        mark_calls(timeline, {model.vision: "vision"}),
        mark_decode_steps(timeline, model.language, "prefill", "decode"),
        count_calls(model.language),
    ):
        with pytest.raises(ValueError, match="in vain"), block:
            raise ValueError("in vain")
    assert not any(it._forward_hooks or it._forward_pre_hooks for it in model.modules())
