"""Compilation is regional, can be undone, and is never only claimed."""

from functools import partial

import pytest
import torch
from simulation.clock import HostClock, SimulatedTime
from torch import nn
from torch._dynamo.utils import counters
from transformers.modeling_layers import GradientCheckpointingLayer

from vlmeter.models import compilation
from vlmeter.models.compilation import (
    Compilation,
    captures_cuda_graphs,
    compile_model,
    uncompile,
)
from vlmeter.models.optimization import Compile

REGIONAL = Compile("default", form="regional")
WHOLE = Compile("default", form="whole")


def compiled(model):
    return [
        type(module).__name__
        for module in model.modules()
        if module._compiled_call_impl is not None
    ]


def test_the_layers_that_repeat_are_compiled_and_nothing_else(load):
    loaded = load(optimization="compile")
    assert compile_model(loaded.model, REGIONAL) == 6
    assert sorted(compiled(loaded.model)) == [
        "Blip2EncoderLayer",
        "Blip2EncoderLayer",
        "Blip2QFormerLayer",
        "Blip2QFormerLayer",
        "OPTDecoderLayer",
        "OPTDecoderLayer",
    ]
    uncompile(loaded.model)
    assert compiled(loaded.model) == []


def test_a_model_can_be_compiled_as_one(load):
    loaded = load()
    assert compile_model(loaded.model, WHOLE) == 1
    assert compiled(loaded.model) == ["Blip2ForConditionalGeneration"]


def test_a_forward_without_a_captured_graph_is_an_error(load):
    compilation = Compilation(load().model, REGIONAL)
    with pytest.raises(RuntimeError, match=r"torch\.compile captured no graph"):
        compilation.start([list], HostClock(SimulatedTime()))


class Layer(GradientCheckpointingLayer):
    """A layer that repeats; a graph breaks in it so many times, and it can become another one."""

    def __init__(self, breaks):
        super().__init__()
        self.linear, self.breaks, self.version = nn.Linear(2, 2), breaks, 0

    def forward(self, x):
        # In no loop, where a break would leave the whole frame uncompiled.
        if self.breaks > 0:
            x = self.linear(x)
            torch._dynamo.graph_break()
        if self.breaks > 1:
            x = self.linear(x)
            torch._dynamo.graph_break()
        return self.linear(x) + self.version


class Model(nn.Module):
    """A linear layer that is never compiled, and one that is."""

    def __init__(self, breaks):
        super().__init__()
        self.head, self.layer = nn.Linear(2, 2), Layer(breaks)

    def forward(self, x):
        return self.layer(self.head(x))


class Plain(nn.Module):
    """A model in which nothing repeats."""

    def forward(self, x):
        return 2 * x


@pytest.fixture
def quick_compiler(monkeypatch):
    """Capture graphs as ever, and run them as they are."""
    plain = nn.Module.compile

    def compile_quickly(module, *, dynamic, mode):
        plain(module, dynamic=dynamic, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", compile_quickly)


@pytest.mark.parametrize("breaks", [0, 1, 2])
@pytest.mark.parametrize("versions", [0, 2])
def test_graph_breaks_and_recompilations_are_those_that_there_were(
    quick_compiler, monkeypatch, breaks, versions
):
    time = SimulatedTime()
    monkeypatch.setattr(compilation, "time", time.as_module())
    model, x = Model(breaks), torch.ones(3, 2)
    expected = torch._dynamo.explain(model.layer)(x)

    def forward():
        time.spend(2.0)
        return model(x)

    compiling = Compilation(model, REGIONAL)
    compiling.start([forward, partial(pytest.fail, "the first forward alone")], HostClock(time))
    assert compiled(model) == ["Layer"]
    for version in range(versions):
        model.layer.version = 1.5 + version
        forward()
    result = compiling.stop()
    assert compiled(model) == []
    assert (result.form, result.mode, result.compiled_modules) == ("regional", "default", 1)
    assert result.compile_time_s == pytest.approx(2.0)
    assert result.graphs == expected.graph_count == breaks + 1
    assert expected.graph_break_count == breaks
    # Torch counts one again in the call around the layer, which goes on uncompiled from there.
    assert result.graph_breaks == (breaks + 1 if breaks else 0)
    # What reads the version is compiled again, and nothing before it.
    assert result.recompiles == versions
    assert not result.decode_compiled
    assert not result.quality_pass_compiled


@pytest.mark.parametrize(
    ("model", "how", "form"),
    [
        (Model(breaks=0), REGIONAL, "regional"),
        (Model(breaks=0), WHOLE, "whole model"),
        # Without a layer that repeats there are no regions.
        (Plain(), REGIONAL, "whole model"),
    ],
)
def test_the_form_is_how_it_was_compiled(quick_compiler, model, how, form):
    compiling = Compilation(model, how)
    compiling.start([partial(model, torch.ones(3, 2))], HostClock(SimulatedTime()))
    # As torch's compiler counts what it has compiled before.
    counters["inductor"]["fxgraph_cache_hit"] += 3
    result = compiling.stop()
    assert (result.form, result.cache_hits, result.compiled_modules) == (form, 3, 1)


@pytest.mark.parametrize(
    ("mode", "captured"),
    [
        ("default", False),
        ("reduce-overhead", True),
        ("max-autotune", True),
        ("max-autotune-no-cudagraphs", False),
    ],
)
def test_a_mode_of_torch_captures_cuda_graphs_or_does_not(mode, captured):
    assert captures_cuda_graphs(Compile(mode, form="regional")) is captured
