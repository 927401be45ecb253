"""Compilation is regional, can be undone, and is never only claimed."""

from dataclasses import replace

import pytest

from vlmeter.models.compilation import Compilation
from vlmeter.models.optimizations import OPTIMIZATIONS, compile_blocks, uncompile


class StillClock:
    def synchronize(self):
        pass


def compiled(model):
    return [
        type(module).__name__
        for module in model.modules()
        if module._compiled_call_impl is not None
    ]


def test_the_blocks_that_repeat_are_compiled_and_nothing_else(load):
    loaded = load(optimization="compile")
    assert compile_blocks(loaded.model, loaded.family) == 6
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


def test_a_family_without_known_blocks_is_compiled_as_a_whole(load):
    loaded = load()
    assert compile_blocks(loaded.model, replace(loaded.family, blocks=())) == 1
    assert compiled(loaded.model) == ["Blip2ForConditionalGeneration"]


def test_a_forward_without_a_captured_graph_is_an_error(load):
    loaded = load()
    compilation = Compilation(loaded.model, loaded.family)
    with pytest.raises(RuntimeError, match=r"torch\.compile captured no graph"):
        compilation.start([list], StillClock())


def test_every_optimisation_of_the_config_is_known(repository):
    from typing import get_args

    from vlmeter.config.axes import Optimization

    assert tuple(OPTIMIZATIONS) == get_args(Optimization)
