"""Compilation is regional, can be undone, and is never only claimed."""

import pytest

from vlmeter.models.compilation import Compilation, compile_model, uncompile
from vlmeter.models.optimization import Compile

REGIONAL = Compile("default", form="regional")
WHOLE = Compile("default", form="whole")


class StillClock:
    def synchronize(self):
        pass


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
        compilation.start([list], StillClock())
