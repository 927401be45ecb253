"""A tiny BLIP-2 for the tests of a whole cell."""

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
