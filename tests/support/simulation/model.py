"""A real model whose layers take stated times on a simulated device, whatever the processor needs.

A layer's time grows with the tokens that it works on, and so with the batch. A pass that has run
once with the same inputs is repeated from its layers' times, so that a window of a hundred passes
costs a moment.
"""

import functools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from simulation.card import MIB, Card
from simulation.host import Host
from simulation.ledger import Pass, Work
from vlmeter.models.load import LoadedModel

LAUNCH_S = 5e-6
"""What it costs the host to queue a layer's work."""
HOOK_S = 5e-6
"""What a hook on a layer costs the host."""
SLOW_LAUNCH_S, SLOW_HOOK_S = 0.25e-3, 0.35e-3
"""The same of a slow host, for which hooks are nearly as dear as the work they are around."""
SMALL_SHARE = 0.05
"""What small layers take of what is stated."""
TRANSFER_S = 0.4e-3
TRACE_S = 2.0
"""What the host does alone before a trace of the model: the cards rest."""
BASE_S = {"vision": 0.8e-3, "qformer": 0.5e-3, "prefill": 0.4e-3, "": 0.3e-3}
TOKEN_S = {"vision": 20e-6, "qformer": 30e-6, "prefill": 50e-6, "": 10e-6}
OWN_S = {"": 2e-3, "language_model": 1e-3}
"""What modules take that are no layer, beside the layers inside."""
WATTS = {"vision": 420.0, "qformer": 350.0, "prefill": 400.0, "decode": 280.0, "": 300.0}
CPU_SHARE = 0.15
"""Of these watts, what the processors draw for the same work."""
ACTIVATION_BYTES = {"forward": 24 * MIB, "generate": 40 * MIB}
"""Per row of a batch, on each device that the model is on."""
COMPILED_SHARE = 0.6
"""What a compiled layer that repeats takes, of what the layers inside take."""
COMPILE_S = 7.0
"""What its compilation costs the host."""
RECOMPILED, RECOMPILED_AT = "qformer.encoder.layer.0.output_query.dense", 6
"""What is another program from so many compiled passes on."""
NOISE = 0.1
"""A pass takes up to this share longer than stated, and mostly much less."""


def count_tokens(module: torch.nn.Module, tensor: torch.Tensor) -> int:
    """Return how many rows of features, or ids, a layer is given."""
    if isinstance(module, torch.nn.Conv2d):
        return int(tensor.shape[0])
    return int(tensor[..., 0].numel() if tensor.is_floating_point() else tensor.numel())


class CostedModel:
    """Gives the layers of a model their times, and keeps what passes there were."""

    def __init__(
        self,
        loaded: LoadedModel,
        host: Host,
        cards: Sequence[Card],
        noise: random.Random | None,
        small_stages: Sequence[str] = (),
    ) -> None:
        """Put costs on a model.

        Args:
            loaded: The model, on the CPU in truth.
            host: Where it runs without cards.
            cards: Where it runs; of two, the second has the language model.
            noise: Makes passes longer; without it each takes what is stated.
            small_stages: Stages of small layers, on a slow host; none of a quick one.
        """
        from vlmeter.measure.layers.kinds import is_layer

        self.passes: list[Pass] = []
        self.model, self._host, self._cards, self._noise = loaded.model, host, cards, noise
        self.stage_of = loaded.family.stage_of
        self._small_stages = small_stages
        self._launch_s, self._hook_s = (
            (SLOW_LAUNCH_S, SLOW_HOOK_S) if small_stages else (LAUNCH_S, HOOK_S)
        )
        self._stages_s: dict[str, float] = defaultdict(float)
        self._factor = self._content = 1.0
        self._rows, self._pass_s, self._is_traced = 0, 0.0, False
        self._kind: str | None = None
        self._trace: list[Work] = []
        self._traces: dict[object, tuple[list[Work], object, object]] = {}
        self._batches: dict[int, int] = {}
        self._ready_s = 0.0
        self._hooks: list[Any] = []
        self.graphs: list[int] = []
        """How many compiled passes there had been when each graph was captured."""
        self._compiled_passes = 0
        self.is_watched = False
        """Whether passes are run as they are, for what they allocate, and stand in no ledger."""
        names = [name for name, module in self.model.named_modules() if is_layer(module)]
        self.index = {name: number for number, name in enumerate(names)}
        for name, module in self.model.named_modules():
            self._hooks += [module._forward_hooks, module._forward_pre_hooks]
            if name in self.index or name in OWN_S:
                self._wrap(module, name)
        self.model.forward = self._as_pass("forward", self.model.forward)
        self.model.generate = self._as_pass("generate", self.model.generate)

    def cost_s(self, name: str, tokens: int) -> float:
        """Return what a module's call is stated to take, without noise."""
        if name in OWN_S:
            return OWN_S[name]
        stage = self.stage_of(name) or ""
        content = self._content if stage == "vision" else 1.0
        stated_s = BASE_S[stage] + TOKEN_S[stage] * tokens
        if stage in self._small_stages:
            stated_s *= SMALL_SHARE
        return stated_s * content * (1 + 0.1 * (self.index[name] % 5))

    def _wrap(self, module: torch.nn.Module, name: str) -> None:
        plain = module.forward
        module.version = 1

        @functools.wraps(plain)
        def forward(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return plain(*args, **kwargs) * module.version
            tensors = (it for it in (*args, *kwargs.values()) if isinstance(it, torch.Tensor))
            hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
            self._do(name, count_tokens(module, next(tensors)), hooks)
            outputs = plain(*args, **kwargs)
            if name == "language_model" and self._kind == "generate":
                # Whether the answer is at its end is asked of each token.
                self._run(Work("prefill", 0, 0.0, 0.0, waits=True))
            return outputs

        module.forward = forward

    def _do(self, name: str, tokens: int, hooks: int) -> None:
        if torch.jit.is_tracing() > self._is_traced:
            self._host.time.spend(TRACE_S)
        self._is_traced = torch.jit.is_tracing()
        stage = self.stage_of(name) or ""
        is_step = stage == "prefill" and self._kind == "generate" and tokens <= self._rows
        watts = WATTS["decode" if is_step else stage]
        self._host.time.spend(self._hook_s * hooks)
        self._run(Work(stage, self._place(stage), self.cost_s(name, tokens), watts))

    def compile(self, region: torch.nn.Module, **options: Any) -> None:
        """Compile a layer that repeats, as `nn.Module.compile`, with a quick compiler."""
        names = {id(module): name for name, module in self.model.named_modules()}
        inside = [names[id(it)] for it in region.modules() if names[id(it)] in self.index]
        run = torch.compile(region._call_impl, backend=self._capture, dynamic=options["dynamic"])
        costs = [COMPILE_S]

        def call(*args: Any, **kwargs: Any) -> Any:
            self._host.time.spend(costs.pop() if costs else 0.0)
            given = next(it for it in (*args, *kwargs.values()) if isinstance(it, torch.Tensor))
            stage = self.stage_of(inside[0]) or ""
            stated_s = sum(self.cost_s(name, given[..., 0].numel()) for name in inside)
            self._run(Work(stage, self._place(stage), COMPILED_SHARE * stated_s, WATTS[stage]))
            return run(*args, **kwargs)

        region._compiled_call_impl = call

    def _capture(self, graph: Any, inputs: Any) -> Any:
        self.graphs.append(self._compiled_passes)
        return graph.forward

    @property
    def is_compiled(self) -> bool:
        """Whether anything of the model is compiled."""
        return any(it._compiled_call_impl is not None for it in self.model.modules())

    def _place(self, stage: str) -> int:
        return len(self._cards) - 1 if stage == "prefill" and self._cards else 0

    def _run(self, work: Work) -> None:
        last = self._trace[-1] if self._trace else None
        # While a slow host is at the next launch, the card may have done all before.
        if last and not self._small_stages and last.is_like(work):
            self._trace[-1] = replace(
                last, seconds=last.seconds + work.seconds, launches=last.launches + 1
            )
        else:
            self._trace.append(work)
        self._carry_out(work, None if last is None else last.place)

    def _carry_out(self, work: Work, place: int | None) -> None:
        before_s = self._end_s
        self._give_out(work, place)
        self._stages_s[work.stage] += self._end_s - before_s

    @property
    def _end_s(self) -> float:
        """When all will be done that was given out."""
        return max(self._host.time.now_s, self._ready_s)

    def _give_out(self, work: Work, place: int | None) -> None:
        time, seconds = self._host.time, work.seconds * self._factor
        if self._cards and not work.waits and place not in (None, work.place):
            seconds += TRANSFER_S
        if not self._cards:
            self._pass_s += seconds
            time.spend(seconds, CPU_SHARE * work.watts)
            return
        if work.waits:
            time.wait_until(self._ready_s)
            return
        time.spend(self._launch_s * work.launches)
        self._work_on(self._cards[work.place], seconds, work.watts)

    def _work_on(self, card: Card, seconds: float, watts: float) -> None:
        self._ready_s = card.work(seconds, watts, self._ready_s)
        self._pass_s += card.worked_s

    def _as_pass(self, kind: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def run(*args: Any, **kwargs: Any) -> Any:
            if self._kind is not None:
                return plain(*args, **kwargs)
            with self._passing(kind, kwargs):
                return self._repeat(kind, plain, args, kwargs)

        return run

    @contextmanager
    def _passing(self, kind: str, kwargs: dict[str, Any]) -> Iterator[None]:
        """Begin and end a pass: its noise, its memory, and its place in the ledger."""
        pixels, tokens = kwargs["pixel_values"], kwargs.get("max_new_tokens")
        self._rows = len(pixels)
        self._host.leave_garbage()
        self._kind, self._trace, self._pass_s = kind, [], 0.0
        self._stages_s.clear()
        self._factor = 1.0 + NOISE * self._noise.random() ** 3 if self._noise else 1.0
        self._content = 1.0 + 0.5 * float(pixels.float().mean().abs() * 10 % 1)
        begun_s = self._host.time.now_s
        # The pass before may still be at work.
        self._ready_s = max([begun_s, *(card.busy_until_s for card in self._cards[:1])])
        if self.is_compiled:
            self._compiled_passes += 1
            again = self._compiled_passes > RECOMPILED_AT
            self.model.get_submodule(RECOMPILED).version = 2 if again else 1
        for memory in self.memories:
            memory.hold(ACTIVATION_BYTES[kind] * self._rows)
        try:
            yield
            if len(self._cards) > 1:
                self._work_on(self._cards[0], TRANSFER_S, WATTS[""])
        finally:
            batch = self._batches.setdefault(id(pixels), len(self._batches))
            ended_s = self._ready_s if self._cards else self._host.time.now_s
            done = Pass(
                kind=kind,
                rows=self._rows,
                new_tokens=tokens,
                batch=batch,
                seconds=self._pass_s,
                stages_s=dict(self._stages_s),
                begun_s=begun_s,
                is_compiled=self.is_compiled,
                is_timed=torch.is_inference_mode_enabled(),
                ended_s=ended_s,
            )
            self.passes += [] if self.is_watched else [done]
            self._kind, self._factor = None, 1.0

    @property
    def memories(self) -> list[Any]:
        """The memory of each device that the model is on."""
        return [card.memory for card in self._cards] or [self._host.memory]

    @property
    def weights_bytes(self) -> int:
        """Bytes of parameters and buffers, shared ones once."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        return sum({it.data_ptr(): it.numel() * it.element_size() for it in tensors}.values())

    def _repeat(
        self, kind: str, plain: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not torch.is_inference_mode_enabled() or any(self._hooks) or self.is_watched:
            return plain(*args, **kwargs)
        version = self.model.get_submodule(RECOMPILED).version
        key = (
            kind,
            self.is_compiled,
            version,
            *((name, _identify(value)) for name, value in sorted(kwargs.items())),
        )
        if key not in self._traces:
            outputs = plain(*args, **kwargs)
            # The inputs are kept, so that no other ones get their identity.
            self._traces[key] = (self._trace, outputs, kwargs)
            return outputs
        self._trace, outputs, _ = self._traces[key]
        place = None
        for work in self._trace:
            self._carry_out(work, place)
            place = work.place
        return outputs


def _identify(value: object) -> object:
    return id(value) if isinstance(value, torch.Tensor) else repr(value)
