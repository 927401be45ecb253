"""Stand-ins for time, CUDA, NVML and codecarbon that behave as a test sets them."""

from bisect import bisect_right
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace

from vlmeter.measure.energy.counters import EnergyCounter
from vlmeter.measure.settings import EnergySettings

ENERGY_SETTINGS = EnergySettings(
    window_s=10.0,
    min_window_s=1.0,
    min_counter_updates=10,
    cpu_power_w=None,
    ram_power_w=None,
    country_iso_code=None,
    grid_kg_per_kwh=None,
)


@dataclass
class FakeTime:
    """A time that passes only when something says that it takes some."""

    now_s: float = 0.0
    poll_every_s: float = 1e-3
    """How often a thread would run that the calls leave room for."""
    pollers: list = field(default_factory=list)

    def spend(self, seconds):
        end_s = self.now_s + seconds
        while self.pollers and self.now_s + self.poll_every_s < end_s:
            self.now_s += self.poll_every_s
            for poll in self.pollers:
                poll()
        self.now_s = end_s

    @contextmanager
    def follow(self, windows, now):
        self.pollers = [lambda window=window: window.poll(now()) for window in windows]
        yield
        self.pollers = []

    def call(self, *costs_s):
        """A call that takes the given times in turn, and the last one from then on."""
        costs = list(costs_s)

        def step():
            self.spend(costs.pop(0) if len(costs) > 1 else costs[0])

        return step


@dataclass
class FakeClock:
    time: FakeTime
    name: str = "fake"
    chunks: list = field(default_factory=list)
    synchronised: int = 0

    def now(self):
        return self.time.now_s

    def synchronize(self):
        self.synchronised += 1

    def time_calls(self, calls):
        self.chunks.append(len(calls))
        seconds = []
        for call in calls:
            start = self.time.now_s
            call()
            seconds.append(self.time.now_s - start)
        return seconds


class FakeLoad:
    """A device of known power, at work and at rest, and its counter that moves every 0.1 s."""

    def __init__(self, time, rest_w=100.0, phase_s=0.0, update_s=0.1):
        self._time = time
        self._rest_w = rest_w
        self._phase_s = phase_s
        self._update_s = update_s
        self._spells = [(0.0, 0.0, 0.0)]
        """Beginnings, joules above rest until then, and watts above rest from then on."""

    def draw(self, watts):
        """Draw so much from now on."""
        begun_s, joules, extra_w = self._spells[-1]
        now_s = self._time.now_s
        joules += extra_w * (now_s - begun_s)
        self._spells.append((now_s, joules, watts - self._rest_w))

    def true_j(self, at_s):
        begun_s, joules, watts = self._spells[bisect_right(self._spells, (at_s, 1e99, 0.0)) - 1]
        return self._rest_w * at_s + joules + watts * (at_s - begun_s)

    def counter_j(self):
        """The energy at the last tick, in whole millijoules."""
        ticks = (self._time.now_s - self._phase_s + 1e-9) // self._update_s
        at_s = max(0.0, ticks * self._update_s + self._phase_s)
        return 1000.0 + round(self.true_j(at_s), 3)


@dataclass
class FakeStopwatch:
    time: FakeTime
    finished: int = 0

    def mark(self):
        return self.time.now_s

    def finish(self):
        self.finished += 1

    def seconds(self, start, end):
        return end - start


class FakeCuda:
    """`torch.cuda` with one stream that is behind the host until it is synchronised."""

    def __init__(self, cards=1):
        self.cards = cards
        self.stream_ms = 0.0
        self.synchronised = []
        self.current = []
        self.peaks = {"allocated": 0, "reserved": 0}
        self.initialised = False

    def work(self, milliseconds):
        self.stream_ms += milliseconds

    def Event(self, *, enable_timing):
        assert enable_timing
        return _FakeEvent(self)

    def synchronize(self, device):
        self.synchronised.append(device)

    def device(self, device):
        self.current.append(device)
        return nullcontext()

    def init(self):
        self.initialised = True

    def device_count(self):
        return self.cards

    def reset_peak_memory_stats(self, device):
        assert self.initialised
        self.peaks = {"allocated": 0, "reserved": 0}

    def empty_cache(self):
        self.peaks["reserved"] = self.peaks["allocated"]

    def max_memory_allocated(self, device):
        return self.peaks["allocated"]

    def max_memory_reserved(self, device):
        return self.peaks["reserved"]


class _FakeEvent:
    def __init__(self, cuda):
        self._cuda = cuda

    def record(self):
        self.at_ms = self._cuda.stream_ms
        self._synchronised = len(self._cuda.synchronised)

    def elapsed_time(self, end_event):
        assert len(self._cuda.synchronised) > end_event._synchronised, "read before synchronising"
        return end_event.at_ms - self.at_ms


class NvmlError(Exception):
    pass


class NvmlMismatch(Exception):
    """As in pynvml, no error of NVML's."""


class FakeNvml:
    """`pynvml` for GPUs that are given as dictionaries of readings; a missing one is an error."""

    NVMLError = NvmlError
    NVMLLibraryMismatchError = NvmlMismatch
    NVML_TEMPERATURE_GPU = 0
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2

    def __init__(self, *gpus, driver=True):
        self.gpus = gpus
        self._driver = driver

    def nvmlInit(self):
        if not self._driver:
            raise NvmlError("driver not loaded")

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.gpus[index]

    def _reading(self, handle, key):
        if key not in handle:
            raise NvmlError("not supported")
        value = handle[key]
        return value() if callable(value) else value

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return self._reading(handle, "energy_mj")

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=self._reading(handle, "used"))

    def nvmlDeviceGetTemperature(self, handle, sensor):
        assert sensor == self.NVML_TEMPERATURE_GPU
        return self._reading(handle, "temperature")

    def nvmlDeviceGetClockInfo(self, handle, which):
        return self._reading(handle, {1: "sm_clock", 2: "memory_clock"}[which])

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return self._reading(handle, "power_limit_mw")

    def nvmlDeviceGetPowerUsage(self, handle):
        return self._reading(handle, "power_mw")

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle):
        return self._reading(handle, "event_reasons")

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        return self._reading(handle, "throttle_reasons")

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [SimpleNamespace(pid=pid) for pid in self._reading(handle, "pids")]

    def nvmlDeviceGetName(self, handle):
        return self._reading(handle, "name")

    def nvmlDeviceGetUUID(self, handle):
        return self._reading(handle, "uuid")


@dataclass
class FakeTracker:
    """codecarbon with constant watts by device."""

    time: FakeTime
    watts: dict
    started_s: float | None = None
    windows: int = 0
    cost_s: float = 0.0
    """What its start and its stop take."""

    def start(self):
        self.time.spend(self.cost_s)
        self.started_s = self.time.now_s

    def stop(self):
        self.windows += 1
        seconds = self.time.now_s - self.started_s
        self.time.spend(self.cost_s)
        return {device: watts * seconds for device, watts in self.watts.items()}


def counter(device, read_j, wrap_j=None, update_s=0.1):
    return EnergyCounter(device, f"a meter of {device}", read_j, wrap_j, update_s)


def replay(*values):
    """A reading that gives the values of a recorded series in turn."""
    series = iter(values)
    return lambda: next(series)
