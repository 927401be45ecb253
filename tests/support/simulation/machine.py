"""The whole machine: a host, three cards, codecarbon and a model on them, put where jobs look."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_nvml import FakeNvml
from torch.overrides import TorchFunctionMode
from torch.profiler import profile

import vlmeter.cell.worker.time_spent
import vlmeter.measure.marks.stopwatch
import vlmeter.models.compilation
from simulation.card import MIB, Card
from simulation.clock import SimulatedTime
from simulation.cuda import SimulatedCuda
from simulation.host import RAM_W, Host
from simulation.model import CostedModel
from simulation.request import RequestStages
from simulation.tracker import SimulatedTracker
from vlmeter.cell.worker import open_cell
from vlmeter.machine import devices, host, measure_machine
from vlmeter.measure import clock, conditions, memory, peak, settling, tensor_peak
from vlmeter.measure.energy import counter_window, counters, idle, meter
from vlmeter.measure.energy.description import CpuSource, EnergySources, Grid, RamSource
from vlmeter.models import kernels
from vlmeter.models.load import load_model

LOAD_S = 3.0
LOAD_BYTES = 900 * MIB
"""What loading a model takes for a moment, beside its weights, on each device."""
SEEN_BY_CODECARBON = {"cpu": 0.9, "ram": 1.0, "gpu": 1.02}
"""What codecarbon sees of what a device draws."""
FLOP_PER_S = {"cpu": 2e7, "cuda": 5e7}
"""What a large product of matrices runs at."""
GRID_KG_PER_KWH = 0.4
PROFILED_SLOWDOWN = 1.2
"""How much longer work on a card takes once torch's profiler was in the process."""
PRODUCT_SIZE = 64
"""Rows and columns of a product for the peaks; a real one would keep a processor busy."""


@dataclass(frozen=True)
class Settings:
    """What a machine is like; three like cards, of which a cell has some."""

    seed: int | None = 0
    """Of the noise; None for none."""
    shown: tuple[int, ...] = ()
    """NVML's numbers of the cards that the cell has, in torch's order."""
    has_rapl: bool = False
    foreign_share: float = 0.04
    throttle: int = 0x04
    slowdown: float = 1.0
    others: tuple[int, int] | None = None
    """Ids of other processes on the cell's cards while no pass is timed: of one that leaves before
    the first such pass, and of one that comes after it."""
    is_passed_by: bool = False
    """Whether another process is on the cell's cards until the first timed passes are over."""
    small_stages: tuple[str, ...] = ()
    """Stages of small layers, for which the host is slower than a card; else cards are slower."""


class SimulatedMachine:
    """A machine, in a time of its own."""

    def __init__(self, settings: Settings) -> None:
        """Build it; it has just worked."""
        self.settings, self.time = settings, SimulatedTime(1000.0)
        self.host = Host(self.time, settings.foreign_share, has_rapl=settings.has_rapl)
        self.cards = [
            Card(self.time, index, rest_w=70.0 + 5.0 * index, phase_s=0.03 * index)
            for index in range(3)
        ]
        for card in self.cards:
            card.work(1.0)
            if card.index in settings.shown:
                card.throttle, card.slowdown = settings.throttle, settings.slowdown
                card.own_pid = os.getpid()
                card.others = self._list_others()
        self.time.sleep(1.0)
        self.cuda = SimulatedCuda(self.time, self._list_shown)
        self.model: CostedModel | None = None
        self.stages = RequestStages(self.time, self._transfer)

    def _transfer(self, seconds: float) -> None:
        """Bring a batch to the first card, behind the host, or to where the host computes."""
        cards = self._list_shown()
        if cards:
            cards[0].work(seconds)
        else:
            self.time.spend(seconds)

    def _list_others(self) -> list[tuple[int, Callable[[], bool]]]:
        if self.settings.is_passed_by:
            return [(4444, lambda: not self._has_timed)]
        if self.settings.others is None:
            return []
        first, last = self.settings.others
        # The collector is off while passes are timed.
        return [
            (first, lambda: self.host.collects and not self._has_timed),
            (last, lambda: self.host.collects and self._has_timed),
        ]

    @property
    def _has_timed(self) -> bool:
        """Whether there was a pass since the window of the workload's memory began."""
        resets_s = self.host.resets_s[1:]
        return bool(resets_s and self.model and self.model.passes[-1].begun_s >= resets_s[0])

    def _list_shown(self) -> list[Card]:
        uuids = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        by_uuid = {card.uuid: card for card in self.cards}
        return [by_uuid[uuid] for uuid in uuids if uuid in by_uuid]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put it in the place of the real one."""
        with pytest.MonkeyPatch.context() as patch:
            self._install(patch)
            devices._find_gpus.cache_clear()
            patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
            devices.visible_gpus()
            if self.settings.shown:
                shown = [self.cards[index].uuid for index in self.settings.shown]
                patch.setenv("CUDA_VISIBLE_DEVICES", ",".join(shown))
            try:
                yield
            finally:
                devices._find_gpus.cache_clear()

    def _install(self, patch: pytest.MonkeyPatch) -> None:
        time, psutil = self.time.as_module(), self.host.as_psutil()
        for module in (
            clock,
            vlmeter.cell.worker.time_spent,
            vlmeter.measure.marks.stopwatch,
            vlmeter.models.compilation,
        ):
            patch.setattr(module, "time", time)
        for module in (conditions, vlmeter.cell.worker.time_spent):
            patch.setattr(module, "psutil", psutil)
        patch.setattr(clock, "gc", self.host.as_gc())
        patch.setattr(idle, "sleep", time.sleep)
        patch.setattr(counter_window, "threading", self.time.threads)
        _set_default(patch, settling.wait_until_idle, sleep=time.sleep, now=time.monotonic)
        _set_default(patch, conditions.ConditionsProbe.__init__, now=time.monotonic)
        _set_default(patch, memory.MemoryProbe.__init__, proc=self.host.as_proc())
        _set_default(patch, counters.make_rapl_counters, powercap=self.host.as_powercap())
        patch.setattr(meter, "CodecarbonWindows", self._make_tracker)
        FakeNvml(*(card.as_readings() for card in self.cards)).install(patch)
        for name in [name for name in dir(SimulatedCuda) if not name.startswith("_")]:
            if hasattr(torch.cuda, name):
                patch.setattr(torch.cuda, name, getattr(self.cuda, name))
        patch.setattr(open_cell, "load_model", self.load)
        self.stages.install(patch)
        patch.setattr(torch.nn.Module, "compile", self._compile)
        patch.setattr(kernels, "profile", self._profile)
        patch.setattr(tensor_peak, "profile", self._watch_allocations)
        patch.setattr(measure_machine, "describe_energy_sources", self._describe_sources)
        patch.setattr(host.cpuinfo, "get_cpu_info", lambda: {"brand_raw": "Simulated CPU"})
        patch.setattr(peak, "_CPU_SIZE", PRODUCT_SIZE // 2)
        patch.setattr(peak, "_CUDA_SIZE", PRODUCT_SIZE)

    def _make_tracker(self, sources: EnergySources, gpu_ids: Sequence[int] = ()) -> Any:
        parts = {
            "cpu": self.host.supply.joules,
            "ram": lambda at_s: RAM_W * at_s,
            "gpu": lambda at_s: sum(self.cards[index].supply.joules(at_s) for index in gpu_ids),
        }
        seen = {
            name: lambda at_s, joules=joules, share=SEEN_BY_CODECARBON[name]: share * joules(at_s)
            for name, joules in parts.items()
        }
        return SimulatedTracker(self.time, seen)

    def _describe_sources(self, *_: object) -> EnergySources:
        return EnergySources(
            codecarbon="simulated",
            cpu=CpuSource("Simulated CPU", "cpu_load", "modelled", "a model of load", 40.0, "x"),
            ram=RamSource("constant", f"{RAM_W:g} W", RAM_W, "x", 16.0),
            gpus=(),
            rapl=(),
            grid=Grid(GRID_KG_PER_KWH, "config"),
        )

    def load(
        self,
        folder: Path,
        device: str,
        dtype: str,
        optimization: Any,
        *,
        gpus: int = 1,
        **options: Any,
    ) -> Any:
        cards = self.cuda.cards[: max(1, gpus)] if device == "cuda" else []
        loaded = load_model(folder, "cpu", dtype, optimization, **options)
        seed = self.settings.seed
        noise = None if seed is None else random.Random(seed)
        self.model = CostedModel(loaded, self.host, cards, noise, self.settings.small_stages)
        self.stages.put_on(loaded.processor)
        self.time.sleep(LOAD_S)
        weights = self.model.weights_bytes
        # They go through the host's memory to the cards.
        self.host.memory.hold(weights + LOAD_BYTES)
        for place in self.model.memories:
            place.hold(weights + LOAD_BYTES)
            place.keep(weights)
        return loaded

    @contextmanager
    def _profile(self, **options: Any) -> Iterator[Any]:
        """Profile as torch does, which leaves something on the cards that slows all later work."""
        with profile(**options) as profiler:
            yield profiler
        for card in self.cards:
            card.slowdown *= PROFILED_SLOWDOWN

    @contextmanager
    def _watch_allocations(self, **options: Any) -> Iterator[Any]:
        """Profile passes that are run as they are, so that they allocate what they need."""
        assert self.model is not None
        self.model.is_watched = True
        with profile(**options) as profiler:
            yield profiler
        self.model.is_watched = False

    @property
    def _compile(self) -> Any:
        def compile_module(module: torch.nn.Module, **options: Any) -> None:
            assert self.model is not None
            self.model.compile(module, **options)

        return compile_module

    @contextmanager
    def computing_peaks(self) -> Iterator[None]:
        """Let products of matrices on any device take stated times, while the CPU does them."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "Generator", _make_generator)
            with _ProductsOnTheCpu(self):
                yield


def _make_generator(device: object = "cpu") -> torch.Generator:
    return _GENERATOR("cpu")


_GENERATOR = torch.Generator


class _ProductsOnTheCpu(TorchFunctionMode):
    def __init__(self, machine: SimulatedMachine) -> None:
        super().__init__()
        self._machine = machine
        self._device = "cpu"

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        kwargs = dict(kwargs or {})
        if "device" in kwargs:
            self._device, kwargs["device"] = str(kwargs["device"]), "cpu"
        if function is torch.mm:
            kind, _, index = self._device.partition(":")
            seconds = 2 * len(args[0]) ** 3 / FLOP_PER_S[kind]
            if kind == "cuda":
                self._machine.cuda.cards[int(index or 0)].work(seconds)
            else:
                self._machine.time.spend(seconds)
        return function(*args, **kwargs)


def _set_default(patch: pytest.MonkeyPatch, function: Any, **values: object) -> None:
    """Give parameters of a function other defaults."""
    code, defaults = function.__code__, list(function.__defaults__)
    names = code.co_varnames[: code.co_argcount]
    for name, value in values.items():
        defaults[names.index(name) - len(names)] = value
    patch.setattr(function, "__defaults__", tuple(defaults))
