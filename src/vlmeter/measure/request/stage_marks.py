"""Marks inside a generation: where a model's stages begin and end, and where its decode steps do.

Which modules to mark is found out by a run: the outermost that are called of each stage. A module
that only holds others is never called, and differs from family to family.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from vlmeter.measure.request.result import DECODE, PREFILL
from vlmeter.measure.request.timeline import Timeline

_FIRST_STEP = 2
"""The first call of the decoder is the prefill."""


@dataclass(frozen=True)
class StageModules:
    """The modules whose calls part a generation."""

    part_of: Mapping[nn.Module, str]
    """The outermost modules that are called, with the part that each belongs to."""
    decoder: nn.Module
    """Called once for each token."""
    decoder_calls: int

    @contextmanager
    def mark(self, timeline: Timeline) -> Iterator[None]:
        """Mark the stages of a generation, which begins in the part `PREFILL`, inside the block."""
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1
            if calls == _FIRST_STEP:
                timeline.follow(PREFILL, DECODE)

        def begin(part: str) -> Callable[..., None]:
            return lambda *_: timeline.begin(part)

        handles = [self.decoder.register_forward_pre_hook(count)]
        for module, part in self.part_of.items():
            handles.append(module.register_forward_pre_hook(begin(part)))
            handles.append(module.register_forward_hook(lambda *_: timeline.end()))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def find_stage_modules(
    model: nn.Module,
    part_of: Callable[[str], str | None],
    decoder: nn.Module,
    run: Callable[[], object],
) -> StageModules:
    """Return which modules part a run.

    Args:
        model: The model.
        part_of: The part that a module's calls are of, by its name from the top; None for no part.
        decoder: The module that is called once for each token.
        run: Generates an answer.
    """
    open_parts: list[str] = []
    outermost: dict[nn.Module, str] = {}
    calls = 0

    def enter(part: str) -> Callable[..., None]:
        def note(module: nn.Module, *_: object) -> None:
            if part not in open_parts:
                outermost[module] = part
            open_parts.append(part)

        return note

    def leave(*_: object) -> None:
        open_parts.pop()

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    handles = [decoder.register_forward_pre_hook(count)]
    for name, module in model.named_modules():
        part = part_of(name)
        if part is not None:
            handles.append(module.register_forward_pre_hook(enter(part)))
            handles.append(module.register_forward_hook(leave))
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return StageModules(outermost, decoder, calls)
