"""Compilation apart from the steady state: what it cost, and whether it happened at all."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch._dynamo.utils import counters

from vlmeter.measure.clock import Call, Clock
from vlmeter.models.families import Family
from vlmeter.models.optimizations import compile_blocks, uncompile


class Compilation:
    """Compiles a model for the timed forward, and tells from dynamo's counters what came of it."""

    def __init__(self, model: Any, family: Family) -> None:  # noqa: ANN401 - any torch module
        self._model = model
        self._family = family
        self._modules = 0
        self._first_call_s = 0.0
        self._graphs = 0

    def start(self, forwards: Sequence[Call], clock: Clock) -> None:
        """Compile, and run the forward for the first time.

        Raises:
            RuntimeError: dynamo captured no graph: the model would run as before.
        """
        torch._dynamo.reset()
        counters.clear()
        self._modules = compile_blocks(self._model, self._family)
        began = time.perf_counter()
        forwards[0]()
        clock.synchronize()
        self._first_call_s = time.perf_counter() - began
        self._graphs = int(counters["stats"]["unique_graphs"])
        if self._graphs == 0:
            raise RuntimeError("torch.compile captured no graph: this would time the eager model")

    def stop(self) -> dict[str, Any]:
        """Return the `compile` block, and make the model eager again.

        Recompilations are graphs that came after the first call, inside the measured windows.
        """
        graphs = int(counters["stats"]["unique_graphs"])
        uncompile(self._model)
        return {
            "form": "regional" if self._modules > 1 else "whole model",
            "compiled_modules": self._modules,
            "compile_time_s": self._first_call_s,
            "graphs": self._graphs,
            "graph_breaks": int(sum(counters["graph_break"].values())),
            "recompiles": graphs - self._graphs,
            "cache_hits": int(counters["inductor"]["fxgraph_cache_hit"]),
            "quality_pass_compiled": False,
            "decode_compiled": False,
        }
