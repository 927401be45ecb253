"""Imports of what is large and stays until its process ends."""

import gc
import importlib

_YOUNG_OBJECTS, _ONLY_YOUNG = 50_000, 1_000_000
"""New objects before the collector goes through them, and how often until it goes through all."""


def import_to_stay(module: str) -> None:
    """Import a module, and keep the garbage collector from all that its import brings.

    torch and transformers are 430,000 objects. The collector's usual thresholds make it go through
    all of them again and again while they come, a quarter of the import's time, and once more
    before each timed window, as long as a short window itself. Rubbish of the import is collected
    while it is young, so that it holds no memory later.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_YOUNG_OBJECTS, _ONLY_YOUNG, _ONLY_YOUNG)
    try:
        importlib.import_module(module)
    finally:
        gc.set_threshold(*usual)
    gc.freeze()
