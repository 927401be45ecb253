"""What an optimisation did to a model, as it is handed on and written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StageWeights:
    """The weights of a stage."""

    kind: str | None
    """`int8`, `int4`, `fp8`, or what a checkpoint names; None where all are plain."""
    layers: int
    """Linear layers with quantised weights."""
    layers_left: list[str]
    """Names of the linear layers that were to be quantised and keep their weights, sorted."""
    bytes_before: int | None
    """Of parameters and buffers before quantisation; None where they came quantised."""
    bytes_after: int


@dataclass(frozen=True)
class Quantization:
    """What was quantised, and what was not."""

    library: str
    weights: list[str]
    """Classes of the quantised weights."""
    stages: dict[str, StageWeights]
    """By stage, those that stay plain too."""
    came_quantized: str | None = None
    """Method and bits of a checkpoint that was stored quantised; None where it was done here."""

    @property
    def layers(self) -> int:
        """Linear layers with quantised weights."""
        return sum(stage.layers for stage in self.stages.values())

    @property
    def layers_left(self) -> list[str]:
        """Names of those that were to be quantised and keep their weights."""
        return [name for stage in self.stages.values() for name in stage.layers_left]


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
