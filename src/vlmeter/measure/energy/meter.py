"""Energy per sample over a steady window, device by device, each with how it is measured.

codecarbon measures every device in tasks that are opened after its set-up. Where the hardware has
a counter (NVML for a GPU, RAPL for CPU and memory) it is also read directly; its figure is then the
one that counts, and codecarbon's stands beside it. A window that cannot give a figure gives None
and the reason in words: never zero, never nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle

from vlmeter.errors import Sentence
from vlmeter.measure.clock import Call, Clock, pause_garbage_collection
from vlmeter.measure.energy.codecarbon import J_PER_KWH, CodecarbonWindows, PowerTracker
from vlmeter.measure.energy.counter_window import CounterWindow, follow
from vlmeter.measure.energy.counters import EnergyCounter, make_nvml_counter, make_rapl_counters
from vlmeter.measure.energy.description import MEASURED, EnergySources
from vlmeter.measure.energy.result import Component, Energy, join_reasons, subtract_idle, sum_idle_w
from vlmeter.measure.energy.rounds import Follow, Rounds, Runner
from vlmeter.measure.nvml import Gpu, is_gpu, open_devices
from vlmeter.measure.result import WindowEnd
from vlmeter.measure.settings import EnergySettings
from vlmeter.measure.spread import compute_interval_95
from vlmeter.measure.stopping import StoppingRule

_POWER_SAMPLE_S = 1.0
"""How often codecarbon samples the power of a GPU that has no counter."""
_NO_TOKENS = Sentence("no tokens were generated in the window")


class EnergyMeter:
    """Measures the energy of one cell's devices: the host's, and its GPU's if it has one."""

    def __init__(
        self,
        sources: EnergySources,
        settings: EnergySettings,
        gpus: Sequence[Gpu] = (),
        *,
        missing: str | None = None,
        tracker: PowerTracker | None = None,
        counters: Sequence[EnergyCounter] | None = None,
        follow: Follow = follow,
    ) -> None:
        """Set codecarbon up from the description, which takes some milliseconds.

        Args:
            sources: How the energy of this machine's devices is measured or modelled.
            settings: Validity rules.
            gpus: The GPUs that the steps work on. Others of the machine are left out.
            missing: Why a device that the steps work on cannot be measured at all.
            tracker: Instead of codecarbon, in tests.
            counters: Instead of the hardware's, in tests.
            follow: Instead of a thread, in tests.
        """
        self._sources = sources
        self._settings = settings
        self._gpus = gpus
        self._missing = missing
        self._tracker = tracker or CodecarbonWindows(sources, [gpu.index for gpu in gpus])
        self._counters = _open_counters(gpus) if counters is None else list(counters)
        self._follow = follow

    def measure(
        self,
        steps: Sequence[Call],
        clock: Clock,
        *,
        window_s: float,
        samples_per_batch: int,
        rule: StoppingRule,
        tokens_per_batch: int | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> Energy:
        """Run the steps, cycled, for a window and attribute its energy to their samples.

        Args:
            steps: One call per prepared batch, already warmed up.
            clock: The clock of the device that they work on.
            window_s: Length of all rounds together, unless the rule ends them earlier; whole
                batches are run, so it may be longer.
            samples_per_batch: Samples that one step works on.
            rule: Rounds that the window is divided into, and when it ends.
            tokens_per_batch: Tokens that one step generates, for the energy per token.
            watch: Called about every 0.25 s, while the device works on the steps.
        """
        windows = [CounterWindow(counter) for counter in self._counters]
        runner = Runner(cycle(steps), clock, self._tracker, windows, watch)
        least_round_s = self._find_least_round_s(rule.looks[0])

        def judge(rounds: Rounds) -> float:
            return self._sum_round_j(rounds, -1) / rounds.batches[-1]

        with pause_garbage_collection():
            window, end = runner.run(window_s, least_round_s, rule, judge, self._follow)
        components = [self._measure_component(device, window) for device in self._list_devices()]
        return self._summarise(components, window, end, samples_per_batch, tokens_per_batch)

    def _find_least_round_s(self, rounds: int) -> float:
        """Return how long a round must be for a valid figure of so many."""
        updates = self._settings.min_counter_updates
        counted = {counter.device for counter in self._counters}
        sampled = any(f"gpu{gpu.index}" not in counted for gpu in self._gpus)
        window_s = max(self._settings.min_window_s, updates * _POWER_SAMPLE_S if sampled else 0.0)
        update_s = max((counter.update_s for counter in self._counters), default=0.0)
        return max(window_s / rounds, updates * update_s)

    def _list_devices(self) -> list[str]:
        return ["cpu", "ram", *(f"gpu{gpu.index}" for gpu in self._gpus)]

    def _measure_component(self, device: str, window: Rounds) -> Component:
        own = [counter for counter in window.counters if counter.counter.device == device]
        tracked = [self._get_tracked_j(device, joules) for joules in window.tracked_j]
        tracked_j = None if None in tracked else math.fsum(value for value in tracked if value)
        seconds = math.fsum(window.seconds)
        if own:
            kind, method = MEASURED, " + ".join(counter.counter.method for counter in own)
            reason = self._find_counter_problem(own, seconds)
            energy = math.fsum(math.fsum(counter.rounds_j) for counter in own)
        else:
            kind, method = self._describe_source(device)
            reason = self._find_tracker_problem(device, tracked, seconds)
            energy = tracked_j or 0.0
        return Component(
            device=device,
            energy_j=None if reason else energy,
            power_w=None if reason else energy / seconds,
            kind=kind,
            method=method,
            reason=reason,
            idle_w=self._sources.get_idle_w(device),
            codecarbon_j=tracked_j,
            difference=None if reason or not own or tracked_j is None else tracked_j / energy - 1.0,
        )

    def _get_tracked_j(self, device: str, joules: Mapping[str, float]) -> float | None:
        """Return codecarbon's joules of a device; it tells all GPUs in one sum."""
        if not device.startswith("gpu"):
            return joules.get(device)
        return joules.get("gpu") if len(self._gpus) == 1 else None

    def _find_counter_problem(self, own: Sequence[CounterWindow], seconds: float) -> str | None:
        if _is_short(seconds, self._settings):
            return _describe_short_window(seconds, self._settings)
        problems = (counter.find_problem(self._settings.min_counter_updates) for counter in own)
        return next((problem for problem in problems if problem), None)

    def _find_tracker_problem(
        self, device: str, tracked: Sequence[float | None], seconds: float
    ) -> str | None:
        if _is_short(seconds, self._settings):
            return _describe_short_window(seconds, self._settings)
        if device.startswith("gpu") and len(self._gpus) > 1:
            return Sentence("the GPU has no energy counter, and codecarbon counts all GPUs as one")
        needed_s = self._settings.min_counter_updates * _POWER_SAMPLE_S
        if device.startswith("gpu") and seconds < needed_s:
            return Sentence(
                f"the GPU has no energy counter, and {seconds:.3g} s are too short for power"
                f" samples: {needed_s:g} s are needed"
            )
        if not all(tracked):
            return Sentence("codecarbon gave no energy, or zero, for a round")
        return None

    def _describe_source(self, device: str) -> tuple[str, str]:
        if device.startswith("gpu"):
            return MEASURED, "power samples of NVML by codecarbon, one a second"
        source = self._sources.cpu if device == "cpu" else self._sources.ram
        return source.kind, source.method

    def _summarise(
        self,
        components: list[Component],
        window: Rounds,
        end: WindowEnd,
        samples_per_batch: int,
        tokens_per_batch: int | None,
    ) -> Energy:
        seconds, batches = math.fsum(window.seconds), sum(window.batches)
        samples = batches * samples_per_batch
        reason = self._missing or join_reasons(components)
        total = None if reason else math.fsum(part.energy_j or 0.0 for part in components)
        per_sample = None if total is None else total / samples
        rounds = [] if total is None else self._split_by_round(window, samples_per_batch)
        idle = sum_idle_w(components)
        why_no_idle = self._sources.explain_idle([part.device for part in components])
        net, net_reason = subtract_idle(total, idle, seconds, reason, why_no_idle)
        grid = self._sources.grid.kg_per_kwh
        low, high = compute_interval_95(per_sample or 0.0, rounds, end.looks)
        tokens = batches * (tokens_per_batch or 0)
        return Energy(
            energy_j=per_sample,
            energy_net_j=None if net is None else net / samples,
            energy_reason=reason,
            energy_net_reason=net_reason,
            energy_per_token_j=total / tokens if total is not None and tokens else None,
            energy_per_token_reason=reason if tokens else _NO_TOKENS,
            window_s=seconds,
            batches=batches,
            samples=samples,
            power_w=None if total is None else total / seconds,
            idle_w=idle,
            co2e_g=None if per_sample is None else per_sample / J_PER_KWH * grid * 1e3,
            grid_kg_per_kwh=grid,
            components=components,
            rounds_j=rounds,
            low_j=low,
            high_j=high,
            end=end if rounds else replace(end, half_width=None),
        )

    def _split_by_round(self, window: Rounds, samples_per_batch: int) -> list[float]:
        return [
            self._sum_round_j(window, index) / (batches * samples_per_batch)
            for index, batches in enumerate(window.batches)
        ]

    def _sum_round_j(self, window: Rounds, index: int) -> float:
        """Return the joules of all devices in a round; what is not known counts as none."""
        devices = self._list_devices()
        own = [counter for counter in window.counters if counter.counter.device in devices]
        counted = {counter.counter.device for counter in own}
        tracked = (
            self._get_tracked_j(device, window.tracked_j[index]) or 0.0
            for device in devices
            if device not in counted
        )
        return math.fsum((*(counter.rounds_j[index] for counter in own), *tracked))


def make_energy_meter(sources: EnergySources, settings: EnergySettings, device: str) -> EnergyMeter:
    """Return the meter of a cell's device: `cpu`, `cuda` (every GPU that it sees) or `cuda:N`."""
    gpus = open_devices(device)
    if gpus:
        return EnergyMeter(sources, settings, gpus)
    missing = Sentence("NVML does not see the GPU that the cell runs on")
    return EnergyMeter(sources, settings, missing=missing if is_gpu(device) else None)


def _open_counters(gpus: Sequence[Gpu]) -> list[EnergyCounter]:
    nvml = [make_nvml_counter(gpu) for gpu in gpus]
    return [*make_rapl_counters(), *(counter for counter in nvml if counter is not None)]


def _is_short(seconds: float, settings: EnergySettings) -> bool:
    """Return whether the window is too short, beyond the rounding of its rounds' sum."""
    return seconds < settings.min_window_s * (1 - 1e-6)


def _describe_short_window(seconds: float, settings: EnergySettings) -> str:
    return Sentence(f"the window was {seconds:.3g} s and {settings.min_window_s:g} s are needed")
