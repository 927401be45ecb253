"""The kind of a layer, decided by its class and not by its name in the model."""

from typing import cast

from torch import nn
from torch.nn.modules import activation
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from transformers.activations import ACT2CLS
from transformers.pytorch_utils import Conv1D

CONVOLUTION = "convolution"
LINEAR = "linear"
ATTENTION = "attention"
NORMALISATION = "normalisation"
EMBEDDING = "embedding"
ACTIVATION = "activation"
OTHER = "other"

_ACTIVATIONS: tuple[type, ...] = (
    *(cast("type", entry[0] if isinstance(entry, tuple) else entry) for entry in ACT2CLS.values()),
    *(getattr(activation, name) for name in activation.__all__ if name != "MultiheadAttention"),
)

_BY_CLASS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((_ConvNd,), CONVOLUTION),
    ((nn.Linear, nn.Bilinear, Conv1D), LINEAR),
    ((nn.Embedding, nn.EmbeddingBag), EMBEDDING),
    ((_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm), NORMALISATION),
    ((nn.MultiheadAttention,), ATTENTION),
    (_ACTIVATIONS, ACTIVATION),
)

_BY_CLASS_NAME = (
    ("Attention", ATTENTION),
    ("Norm", NORMALISATION),
    ("RotaryEmbedding", EMBEDDING),
    ("Embedding", EMBEDDING),
    ("Linear", LINEAR),
    ("Activation", ACTIVATION),
)
"""Endings of class names, for the layers that model families and quantisers define themselves."""


def find_kind(module: nn.Module) -> str:
    """Return the kind of a layer: one of the constants of this module."""
    for classes, kind in _BY_CLASS:
        if isinstance(module, classes):
            return kind
    for cls in type(module).__mro__:
        for ending, kind in _BY_CLASS_NAME:
            if cls.__name__.endswith(ending):
                return kind
    return OTHER


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is a row of the layer profile.

    Leaves are, and so are attention modules, which hold linear layers and do the score and value
    products themselves. Dropout and identity do nothing in inference: a hook on them would cost
    more than they do.
    """
    if isinstance(module, nn.Identity | nn.modules.dropout._DropoutNd):
        return False
    leaf = next(module.children(), None) is None
    return leaf or find_kind(module) == ATTENTION
