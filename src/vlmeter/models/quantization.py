"""Quantisation by torchao of linear layers, part by part, and what came of it.

int8 by row and int4 in groups keep the activations as they are; fp8 multiplies fp8 by fp8, both
scaled by row.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from vlmeter.errors import Sentence, one_line
from vlmeter.machine.dtypes import DTYPES
from vlmeter.measure.memory import compute_bytes
from vlmeter.models.families import Family
from vlmeter.models.optimization import QuantizationByPart
from vlmeter.models.result import Quantization, StageWeights
from vlmeter.status import Status, UnsupportedError, describe_failure

_INT4_GROUP = 32
"""Weights that share a scale: the smallest group of torchao, the nearest to the weights."""
_MULTIPLES = {"int4": _INT4_GROUP, "fp8": 16}
"""What the widths of a layer must be multiples of."""
_MAKERS = ("torchao", "bitsandbytes")
"""Packages whose weights are tensors of their own kinds, which may call themselves floats."""
OTHER = "other"
"""The stage of what stands above the stages."""


def quantize(
    model: Any,  # noqa: ANN401 - any transformers model
    family: Family,
    asked: QuantizationByPart,
    device: str,
) -> Quantization:
    """Quantise the linear layers of a model's parts in place, its output head left as it is.

    Args:
        model: On its device.
        family: Maps modules to stages.
        asked: What the weights of each part are brought to.
        device: `cpu` or `cuda`; int4 weights are packed for the one or the other.

    Returns:
        What was quantised, and what was not.

    Raises:
        UnsupportedError: torchao is not there, refuses, or replaced no layer.
    """
    kinds = " and ".join(asked.kinds)
    try:
        import torchao  # noqa: PLC0415 - only a quantised cell needs it
    except ImportError as error:
        raise UnsupportedError(f"{kinds}: torchao cannot be imported: {one_line(error)}") from error
    wanted = _list_wanted(model, family, asked)
    before = measure_bytes_by_stage(model, family)
    for kind in asked.kinds:
        _replace_weights(model, kind, device, {name for name in wanted if wanted[name] == kind})
    done = {name for name, module in model.named_modules() if is_quantized(module)}
    if not done:
        raise UnsupportedError(f"{kinds}: {_explain_none(wanted)}")
    after = measure_bytes_by_stage(model, family)
    return Quantization(
        library=f"torchao {torchao.__version__}",
        weights=name_weight_classes(model, done),
        stages={
            stage: StageWeights(
                kind=asked.of_stage(stage),
                layers=len(_select_stage(done, family, stage)),
                layers_left=_select_stage(wanted.keys() - done, family, stage),
                bytes_before=before[stage],
                bytes_after=size,
            )
            for stage, size in after.items()
        },
    )


def measure_bytes_by_stage(model: Any, family: Family) -> dict[str, int]:  # noqa: ANN401
    """Return the bytes of parameters and buffers by stage; tied weights count once."""
    weights: dict[str, list[Any]] = {}
    for name, weight in (*model.named_parameters(), *model.named_buffers()):
        weights.setdefault(family.stage_of(name) or OTHER, []).append(weight)
    return {stage: compute_bytes(of_stage) for stage, of_stage in weights.items()}


def _list_wanted(model: Any, family: Family, asked: QuantizationByPart) -> dict[str, str]:  # noqa: ANN401
    """Return what each linear layer's weights are to be brought to, by its name."""
    head = model.get_output_embeddings()
    kinds = {
        name: asked.of_stage(family.stage_of(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _replace_weights(model: Any, kind: str, device: str, names: set[str]) -> None:  # noqa: ANN401
    from torchao.quantization import quantize_  # noqa: PLC0415

    def is_wanted(module: nn.Module, name: str) -> bool:
        return name in names

    try:
        quantize_(model, _config(kind, device), is_wanted)
    except (ImportError, NotImplementedError, ValueError, AssertionError, RuntimeError) as error:
        if describe_failure(error).status == Status.OUT_OF_MEMORY:
            raise
        raise UnsupportedError(f"{kind}: {one_line(error)}") from error


def _explain_none(wanted: dict[str, str]) -> Sentence:
    if not wanted:
        return Sentence("the parts that are to be quantised have no linear layers in this model")
    widths = " or ".join(
        str(_MULTIPLES[kind]) for kind in dict.fromkeys(wanted.values()) if kind in _MULTIPLES
    )
    return Sentence(
        f"torchao replaced none of {len(wanted)} linear layers: their widths are no multiple of "
        f"{widths}"
    )


def _select_stage(names: Iterable[str], family: Family, stage: str) -> list[str]:
    return sorted(name for name in names if (family.stage_of(name) or OTHER) == stage)


def _config(kind: str, device: str) -> Any:  # noqa: ANN401 - torchao's configs
    from torchao.quantization import (  # noqa: PLC0415
        Float8DynamicActivationFloat8WeightConfig,
        Int4WeightOnlyConfig,
        Int8WeightOnlyConfig,
        PerRow,
    )

    if kind == "int8":
        return Int8WeightOnlyConfig()
    if kind == "fp8":
        # torchao would change settings of torch.compile that the cell's other kinds do not have.
        return Float8DynamicActivationFloat8WeightConfig(
            granularity=PerRow(), set_inductor_config=False
        )
    if device == "cuda":
        return Int4WeightOnlyConfig(group_size=_INT4_GROUP, int4_packing_format="tile_packed_to_4d")
    # The layout of torch's own int4 kernel for CPUs; torchao keeps it among its prototypes.
    from torchao.prototype.quantization.int4 import (  # noqa: PLC0415
        PrototypeInt4WeightOnlyConfig,
    )

    return PrototypeInt4WeightOnlyConfig(group_size=_INT4_GROUP)


def name_weight_classes(model: Any, names: Iterable[str]) -> list[str]:  # noqa: ANN401
    """Return the classes of the weights of these layers, each once.

    Of a layer that keeps its packed weights under other names, its own.
    """
    layers = map(model.get_submodule, names)
    return sorted({type(getattr(layer, "weight", layer)).__name__ for layer in layers})


def is_linear(module: nn.Module) -> bool:
    """Say whether a module multiplies by a matrix of weights, whatever package it is of."""
    widths = (getattr(module, name, None) for name in ("in_features", "out_features"))
    return all(isinstance(width, int) for width in widths)


def is_quantized(module: nn.Module) -> bool:
    """Say whether a module's weights are stored in another form than plain floats."""
    weight = getattr(module, "weight", None)
    if isinstance(weight, torch.Tensor):
        made_by = type(weight).__module__.partition(".")[0]
        return made_by in _MAKERS or weight.dtype not in DTYPES.values()
    return is_linear(module) and bool(list_packed(module))


def list_packed(module: nn.Module) -> list[torch.Tensor]:
    """Return the tensors of a layer's own that hold packed numbers."""
    own = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    return [tensor for tensor in own if not tensor.is_floating_point()]
