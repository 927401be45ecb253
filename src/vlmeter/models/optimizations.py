"""The optimisation axis: what each value does to a model."""

from dataclasses import dataclass
from typing import Any

from vlmeter.models.families import Family


@dataclass(frozen=True)
class Optimization:
    """How a model is executed."""

    attention: str
    """The attention implementation that is asked of transformers."""
    compiled: bool = False
    """Whether the timed forward runs compiled."""


OPTIMIZATIONS = {
    "eager": Optimization("eager"),
    "sdpa": Optimization("sdpa"),
    # Attention as in `eager`, so that the two differ in nothing but the compilation.
    "compile": Optimization("eager", compiled=True),
    "flash_attention_2": Optimization("flash_attention_2"),
}


def compile_blocks(model: Any, family: Family) -> int:  # noqa: ANN401 - any torch module
    """Compile the blocks that repeat, each kind once (torch's regional compilation).

    The same graph serves every layer of a kind, so a cold start costs seconds instead of the
    minute that the whole model takes, for nearly the same steady speed.

    Returns:
        How many modules were compiled; the whole model counts as one.
    """
    blocks = [module for module in model.modules() if type(module).__name__ in family.blocks]
    for block in blocks or [model]:
        block.compile(dynamic=False)
    return len(blocks) or 1


def uncompile(model: Any) -> None:  # noqa: ANN401
    """Undo `compile_blocks`: forwards are eager again."""
    for module in model.modules():
        module._compiled_call_impl = None
