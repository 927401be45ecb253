"""Compilation apart from the steady state: what it cost, and whether it happened at all."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._dynamo.utils import counters
from torch._inductor import list_mode_options
from transformers.modeling_layers import GradientCheckpointingLayer

from vlmeter.measure.clock import Call, Clock
from vlmeter.models.optimization import Compile
from vlmeter.models.result import CompileResult


class Compilation:
    """Compiles a model for the timed forward, and reads in dynamo's counters what came of it."""

    def __init__(self, model: Any, how: Compile) -> None:  # noqa: ANN401
        self._model = model
        self._how = how
        self._modules = 0
        self._first_call_s = 0.0
        self._graphs = 0
        self._calls: Mapping[Any, Any] = {}

    def start(self, forwards: Sequence[Call], clock: Clock) -> None:
        """Compile, and run the forward for the first time.

        Raises:
            RuntimeError: dynamo captured no graph: the model would run as before.
        """
        torch._dynamo.reset()
        counters.clear()
        self._modules = compile_model(self._model, self._how)
        began = time.perf_counter()
        forwards[0]()
        clock.synchronize()
        self._first_call_s = time.perf_counter() - began
        self._graphs = int(counters["stats"]["unique_graphs"])
        if self._graphs == 0:
            raise RuntimeError("torch.compile captured no graph: this would time the eager model")

    def stop(self) -> CompileResult:
        """Return what came of it, and make the model eager again."""
        graphs = int(counters["stats"]["unique_graphs"])
        self._calls = uncompile(self._model)
        return CompileResult(
            form="whole model" if self._model_is_whole() else "regional",
            mode=self._how.mode,
            compiled_modules=self._modules,
            compile_time_s=self._first_call_s,
            graphs=self._graphs,
            graph_breaks=int(sum(counters["graph_break"].values())),
            recompiles=graphs - self._graphs,
            cache_hits=int(counters["inductor"]["fxgraph_cache_hit"]),
            quality_pass_compiled=False,
            decode_compiled=False,
        )

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """Run compiled again until the end of the block, with what was compiled before `stop`."""
        for module, call in self._calls.items():
            module._compiled_call_impl = call
        try:
            yield
        finally:
            uncompile(self._model)

    def _model_is_whole(self) -> bool:
        return self._how.is_whole or not find_repeated_layers(self._model)


def compile_model(model: Any, how: Compile) -> int:  # noqa: ANN401
    """Compile the layers that repeat, each kind once (torch's regional compilation), or all.

    The same graph serves every layer of a kind, so a cold start costs seconds instead of the
    minute that the whole model takes, for nearly the same steady speed.

    Returns:
        How many modules were compiled; the whole model counts as one.
    """
    regions = [] if how.is_whole else find_repeated_layers(model)
    for region in regions or [model]:
        region.compile(dynamic=False, mode=how.mode)
    return len(regions) or 1


def captures_cuda_graphs(how: Compile) -> bool:
    """Return whether a mode of torch.compile replays CUDA graphs, which need a mark at each pass.

    Several graphs of one pass share their memory with those of the next. Where nothing marks that a
    pass begins, torch takes the second region's call for it, and frees the input of that region.
    """
    return bool(list_mode_options(how.mode).get("triton.cudagraphs"))


def find_repeated_layers(model: Any) -> list[Any]:  # noqa: ANN401
    """Return a model's layers that repeat: transformers builds them all on one class."""
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def uncompile(model: Any) -> dict[Any, Any]:  # noqa: ANN401
    """Undo `compile_model`: forwards are eager again. Return the compiled calls by module."""
    calls = {
        module: module._compiled_call_impl
        for module in model.modules()
        if module._compiled_call_impl is not None
    }
    for module in calls:
        module._compiled_call_impl = None
    return calls
