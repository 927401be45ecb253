"""Lets torch believe in a CUDA device whose work the processor does.

Python imports this module by itself. Whatever is sent to a device `cuda` stays on the CPU; events
read the host's clock, which serves because the work is done when a call returns; the allocator's
figures are made up. So a cell on a GPU runs from end to end in the code that a GPU would run.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time
from contextlib import nullcontext
from types import SimpleNamespace

ALLOCATED, RESERVED = 3 << 20, 4 << 20
CAPABILITY = (9, 0)


class Event:
    def __init__(self, enable_timing=False, **_):
        assert enable_timing

    def record(self, stream=None):
        self.at_ns = time.perf_counter_ns()

    def elapsed_time(self, end_event):
        return (end_event.at_ns - self.at_ns) * 1e-6


def install(torch):
    from torch.overrides import TorchFunctionMode

    def on_cpu(value):
        named = isinstance(value, str | torch.device) and str(value).startswith("cuda")
        return torch.device("cpu") if named else value

    class WorkOnTheCpu(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = {name: on_cpu(value) for name, value in (kwargs or {}).items()}
            return function(*map(on_cpu, args), **kwargs)

    class Generator(torch.Generator):
        def __new__(cls, device="cpu"):
            return super().__new__(cls, on_cpu(device))

    properties = SimpleNamespace(
        uuid=os.environ["CUDA_VISIBLE_DEVICES"].removeprefix("GPU-"),
        name="Test GPU",
        major=CAPABILITY[0],
        minor=CAPABILITY[1],
    )
    fakes = {
        "Event": Event,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "init": lambda: None,
        "synchronize": lambda device=None: None,
        "device": lambda device: nullcontext(),
        "empty_cache": lambda: None,
        "reset_peak_memory_stats": lambda device=None: None,
        "max_memory_allocated": lambda device=None: ALLOCATED,
        "max_memory_reserved": lambda device=None: RESERVED,
        "get_device_properties": lambda device=None: properties,
        "is_bf16_supported": lambda *_: True,
    }
    for name, fake in fakes.items():
        setattr(torch.cuda, name, fake)
    torch.Generator = Generator
    WorkOnTheCpu().__enter__()


def shrink(peak):
    """A product that keeps a GPU busy for milliseconds would take a processor minutes."""
    peak._CUDA_SIZE = 128


AFTER_IMPORT = {"torch": install, "vlmeter.measure.peak": shrink}


class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        AFTER_IMPORT[module.__name__](module)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in AFTER_IMPORT:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, Finder())
