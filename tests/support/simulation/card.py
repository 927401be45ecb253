"""One GPU: a queue of work behind the host's back, memory, clocks, power and who is on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from simulation.clock import SimulatedTime
from simulation.power import Counter, Supply

MIB = 2**20
DRIVER_BYTES = 500 * MIB
"""What the driver keeps of every card for itself; no process can have it."""
HELD_BYTES = 4 * MIB
"""What is in use of a card that no process is on."""
CONTEXT_BYTES = 300 * MIB
"""What a process's context takes."""
_BLOCK_BYTES = 2 * MIB
REST_S, RAMP_S, RAMP_FACTOR = 1.0, 0.6, 1.5
"""After so long a rest work takes longer for a while: the clocks are low."""
IDLE_MHZ, RAMP_MHZ, WORK_MHZ = 210, 1300, 1980
GPU_IDLE, POWER_CAP, THERMAL = 0x01, 0x04, 0x20


class Memory:
    """Bytes in use, their peak, and what the allocator holds for later."""

    def __init__(self, used_bytes: int = 0) -> None:
        """Begin with bytes in use."""
        self.allocated = self.peak_allocated = used_bytes
        self.reserved = self.peak_reserved = 0

    def keep(self, amount: int) -> None:
        """Take bytes, or give them back where the amount is negative."""
        self.allocated += amount
        self._note(self.allocated)

    def hold(self, amount: int) -> None:
        """Take bytes and give them back."""
        self._note(self.allocated + amount)

    def _note(self, amount: int) -> None:
        self.peak_allocated = max(self.peak_allocated, amount)
        self.reserved = max(self.reserved, -(-amount // _BLOCK_BYTES) * _BLOCK_BYTES)
        self.peak_reserved = max(self.peak_reserved, self.reserved)

    def empty_cache(self) -> None:
        """Give back what is held and not used."""
        self.reserved = -(-self.allocated // _BLOCK_BYTES) * _BLOCK_BYTES

    def reset_peaks(self) -> None:
        """Forget the peaks."""
        self.peak_allocated, self.peak_reserved = self.allocated, self.reserved


@dataclass
class Card:
    """A GPU."""

    time: SimulatedTime
    index: int = 0
    rest_w: float = 70.0
    settling_w: float = 60.0
    phase_s: float = 0.0
    """When the energy counter ticks first."""
    throttle: int = POWER_CAP
    """What holds the clocks down while the card works."""
    slowdown: float = 1.0
    """How much longer work takes for that."""
    others: list[tuple[int, Callable[[], bool]]] = field(default_factory=list)
    """Other processes on the card: their ids, and whether they are there now."""
    own_pid: int = 7
    lag_s: float = 0.005
    """How long its sensors show work that has ended."""
    has_context: bool = False

    def __post_init__(self) -> None:
        """Make its parts."""
        self.uuid = f"GPU-00000000-0000-0000-0000-{self.index + 1:012}"
        self.memory = Memory()
        self.supply = Supply(self.rest_w, self.settling_w)
        self.counter = Counter(self.supply, self.time, self.phase_s)
        self.busy_until_s = self._awake_from_s = -1e9
        self.worked_s = 0.0
        """How long the last work took."""

    def work(self, seconds: float, watts: float = 400.0, after_s: float = -1e9) -> float:
        """Queue work that needs what is there at a moment, and return when it will be done."""
        start_s = max(self.time.now_s, self.busy_until_s, after_s)
        if start_s - self.busy_until_s > REST_S:
            self._awake_from_s = start_s + RAMP_S
        slow = RAMP_FACTOR if start_s < self._awake_from_s else 1.0
        self.worked_s = seconds * slow * self.slowdown
        self.busy_until_s = start_s + self.worked_s
        self.supply.draw(start_s, self.busy_until_s, watts)
        return self.busy_until_s

    @property
    def is_busy(self) -> bool:
        """Whether its sensors show that it works."""
        return self.time.now_s < self.busy_until_s + self.lag_s

    def list_pids(self) -> list[int]:
        """Return who has a context on it now."""
        others = [pid for pid, is_there in self.others if is_there()]
        return [*([self.own_pid] if self.has_context else []), *others]

    def as_readings(self) -> dict[str, object]:
        """Return what NVML shows of it, as `fake_nvml` takes it."""
        return {
            "name": "Simulated GPU",
            "uuid": self.uuid,
            "memory": lambda: {
                "total": 8 * 2**30,
                "used": HELD_BYTES + CONTEXT_BYTES * self.has_context + self.memory.reserved,
                "reserved": DRIVER_BYTES,
            },
            "mig": [0, 0],
            "mode": 0,
            "pids": self.list_pids,
            "capability": (9, 0),
            "milliwatts": lambda: round(1e3 * self.supply.watts(self.time.now_s)),
            "limit_milliwatts": 450_000 + 1000 * self.index,
            "millijoules": self.counter.read_mj,
            "temperature": lambda: (68 if self.is_busy else 40) + self.index,
            "sm_clock": self._read_clock,
            "memory_clock": lambda: (2619 if self.is_busy else 405) + self.index,
            "reasons": lambda: self.throttle if self.is_busy else GPU_IDLE,
        }

    def _read_clock(self) -> int:
        if not self.is_busy:
            return IDLE_MHZ
        return (RAMP_MHZ if self.time.now_s < self._awake_from_s else WORK_MHZ) + self.index
