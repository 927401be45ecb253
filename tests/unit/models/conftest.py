"""A tiny BLIP-2 for every test of models."""

from tiny_model import (
    _one_thread,
    checkpoint,
    feeder,
    items,
    load,
    loaded,
    make_feeder,
    make_items,
    pictures,
)

__all__ = [
    "_one_thread",
    "checkpoint",
    "feeder",
    "items",
    "load",
    "loaded",
    "make_feeder",
    "make_items",
    "pictures",
]
