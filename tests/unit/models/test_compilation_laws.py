"""What dynamo makes of a model is counted: graphs, breaks in them, and compiling again."""

import time

import pytest
import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from vlmeter.models.compilation import Compilation
from vlmeter.models.optimization import Compile

REGIONAL = Compile("default", form="regional")
WAIT_S = 0.05


class Layer(GradientCheckpointingLayer):
    """A layer that is compiled without a compiler, with breaks of its graph where it is asked."""

    def __init__(self, breaks):
        super().__init__()
        self._breaks = breaks
        self.linear = torch.nn.Linear(4, 4)

    def compile(self, *, dynamic, mode):
        assert (dynamic, mode) == (False, "default")
        super().compile(backend="eager", dynamic=dynamic)

    def forward(self, states):
        # One by one: dynamo gives up a function whose loop breaks its graph.
        states = self.linear(states)
        if self._breaks > 0:
            torch._dynamo.graph_break()
            states = self.linear(states)
        if self._breaks > 1:
            torch._dynamo.graph_break()
            states = self.linear(states)
        return states


class WaitingClock:
    """A clock of a device that works on for a moment after the host is done."""

    def synchronize(self):
        time.sleep(WAIT_S)


@pytest.mark.parametrize(("breaks", "lengths"), [(0, [3]), (1, [3, 5]), (2, [3, 5, 7])])
def test_breaks_and_recompilations_are_counted_and_the_first_call_is_apart(breaks, lengths):
    model = torch.nn.Sequential(Layer(breaks))
    compilation = Compilation(model, REGIONAL)
    first, *others = [lambda length=length: model(torch.ones(length, 4)) for length in lengths]
    with torch.no_grad():
        compilation.start([first], WaitingClock())
        for _ in range(3):
            first()
        for other in others:
            other()
    result = compilation.stop()
    assert (result.graphs, result.graph_breaks > 0) == (breaks + 1, breaks > 0)
    assert result.recompiles == len(others) * (breaks + 1)
    assert result.compiled_modules == 1
    assert result.compile_time_s >= WAIT_S
    assert model[0]._compiled_call_impl is None


def test_a_shape_that_was_compiled_is_not_compiled_again():
    model = torch.nn.Sequential(Layer(0))
    compilation = Compilation(model, REGIONAL)
    with torch.no_grad():
        compilation.start([lambda: model(torch.ones(3, 4))], WaitingClock())
        model(torch.ones(3, 4))
    assert compilation.stop().recompiles == 0
