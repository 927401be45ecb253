"""What an optimisation did to a model, as it is handed on and written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantization:
    """What was quantised, and what was not."""

    kind: str
    """`int8` or `int4`."""
    library: str
    layers: int
    """Linear layers with quantised weights."""
    layers_left: list[str]
    """Names of the linear layers that keep their weights, sorted."""
    weights: list[str]
    """Classes of the quantised weights."""


@dataclass(frozen=True)
class CompileResult:
    """What compilation cost and what came of it."""

    form: str
    """`whole model` or `regional`."""
    mode: str
    compiled_modules: int
    compile_time_s: float
    """First call of the compiled model: compilation and one pass."""
    graphs: int
    graph_breaks: int
    recompiles: int
    """Graphs that came after the first call, inside the measured windows."""
    cache_hits: int
    quality_pass_compiled: bool
    decode_compiled: bool
