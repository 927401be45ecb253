"""The host: its processors and who uses them, its memory, its power and the garbage collector."""

import fnmatch
from collections import namedtuple
from collections.abc import Callable, Mapping
from types import SimpleNamespace

from simulation.card import MIB, Memory
from simulation.clock import SimulatedTime
from simulation.power import Supply

CORES = 4
REST_W, BUSY_W, RAM_W = 10.0, 25.0, 6.0
"""Of the processors at rest and while the process is busy with no layer, and of the memory."""
DRAM_W = 3.0
"""What the memory's own counter shows, where it has one."""
AGE_S = 5.0
"""How long the process had run when the simulation began."""
INTERPRETER_BYTES = 200 * MIB
CHILD_SHARE, ENDED_CHILDREN_S, ENDED_SHARE = 0.05, 1.5, 0.02
"""Of the time of one core: a live compile worker, and ended ones with what they took before."""
GC_EVERY, GC_S = 4, 0.4
"""Where the collector is enabled, a collection comes with so many passes and takes so long."""
CpuTimes = namedtuple("CpuTimes", "user nice system idle iowait irq softirq steal guest guest_nice")
OwnTimes = namedtuple("OwnTimes", "user system children_user children_system")


class Host:
    """A machine without its cards."""

    def __init__(self, time: SimulatedTime, foreign_share: float, *, has_rapl: bool) -> None:
        """Make a host.

        Args:
            time: Its time.
            foreign_share: Of the processors' time, what other processes take.
            has_rapl: Whether processors and memory have energy counters.
        """
        self.time, self.foreign_share, self.has_rapl = time, foreign_share, has_rapl
        self.memory = Memory(INTERPRETER_BYTES)
        self.supply = Supply(REST_W)
        self.own_s = 0.0
        """What the process itself was busy for."""
        self.resets_s: list[float] = []
        """When the peak of its memory was set back."""
        self.collects = True
        """Whether the garbage collector is enabled."""
        self._passes = 0
        self._begun_s = time.now_s
        time.on_work = self._be_busy

    def _be_busy(self, start_s: float, end_s: float, watts: float | None) -> None:
        self.own_s += end_s - start_s
        self.supply.draw(start_s, end_s, BUSY_W if watts is None else watts)

    def leave_garbage(self) -> None:
        """Leave what a pass leaves; an enabled collector collects it now and then."""
        self._passes += 1
        if self.collects and self._passes % GC_EVERY == 0:
            self.time.spend(GC_S)

    def as_gc(self) -> SimpleNamespace:
        """Return what stands in for `gc`."""
        return SimpleNamespace(
            isenabled=lambda: self.collects,
            enable=lambda: setattr(self, "collects", True),
            disable=lambda: setattr(self, "collects", False),
            collect=lambda: self.time.spend(GC_S),
        )

    def load(self, at_s: float) -> float:
        """Return the load average at a moment."""
        return 0.5 + 0.01 * (at_s - self._begun_s)

    def clock_mhz(self, at_s: float) -> float:
        """Return the processors' clock at a moment."""
        return 3000.0 - 2.0 * (at_s - self._begun_s)

    def temperature_c(self, at_s: float) -> float:
        """Return the hottest core's temperature at a moment."""
        return 45.0 + 0.1 * (at_s - self._begun_s)

    def as_psutil(self) -> SimpleNamespace:
        """Return what stands in for `psutil`."""
        return SimpleNamespace(
            Error=RuntimeError,
            Process=lambda: SimpleNamespace(
                cpu_times=self._own_times,
                children=self._list_children,
                create_time=lambda: self._begun_s - AGE_S,
            ),
            boot_time=lambda: 0.0,
            cpu_times=self._cpu_times,
            cpu_freq=lambda: SimpleNamespace(current=self.clock_mhz(self.time.now_s)),
            getloadavg=lambda: (self.load(self.time.now_s), 0.0, 0.0),
            sensors_temperatures=self._sensors,
        )

    def _sensors(self) -> Mapping[str, list[SimpleNamespace]]:
        now_c = self.temperature_c(self.time.now_s)
        cores = [SimpleNamespace(current=value) for value in (now_c - 3.0, now_c)]
        return {"nvme": [SimpleNamespace(current=90.0)], "coretemp": cores}

    def _passed_s(self) -> float:
        return self.time.now_s - self._begun_s

    def _own_times(self) -> OwnTimes:
        ended = ENDED_CHILDREN_S + ENDED_SHARE * self._passed_s()
        return OwnTimes(0.75 * self.own_s, 0.25 * self.own_s, 0.5 * ended, 0.5 * ended)

    def _list_children(self, *, recursive: bool) -> list[SimpleNamespace]:
        def refuse() -> None:
            raise RuntimeError("no such process")

        live = CHILD_SHARE * self._passed_s() if recursive else 0.0
        times = OwnTimes(0.5 * live, 0.5 * live, 0.0, 0.0)
        return [SimpleNamespace(cpu_times=refuse), SimpleNamespace(cpu_times=lambda: times)]

    def _cpu_times(self) -> CpuTimes:
        passed = self._passed_s()
        own = self.own_s + (CHILD_SHARE + ENDED_SHARE) * passed
        foreign = self.foreign_share * CORES * passed
        idle = CORES * passed - own - foreign
        return CpuTimes(
            user=100.0 + 0.75 * own + 0.5 * foreign,
            nice=10.0 + 0.1 * foreign,
            system=50.0 + 0.25 * own,
            idle=5000.0 + 0.7 * idle,
            iowait=300.0 + 0.3 * idle,
            irq=1.0 + 0.1 * foreign,
            softirq=1.0 + 0.1 * foreign,
            steal=4.0 + 0.2 * foreign,
            # Counted in `user` and `nice` already.
            guest=40.0 + 0.2 * foreign,
            guest_nice=2.0 + 0.05 * foreign,
        )

    def as_proc(self) -> "Folder":
        """Return the process's folder in procfs."""
        return Folder(
            "self",
            status=lambda: (
                f"VmHWM:\t{self.memory.peak_allocated // 1024} kB\n"
                f"VmRSS:\t{self.memory.allocated // 1024} kB\n"
            ),
            clear_refs=self._clear_refs,
        )

    def _clear_refs(self, text: str) -> None:
        assert text == "5", "the code that sets the peak back"
        self.memory.reset_peaks()
        self.resets_s.append(self.time.now_s)

    def as_powercap(self) -> "Folder":
        """Return the folder of the RAPL counters."""
        if not self.has_rapl:
            return Folder("powercap")
        wrap = lambda: "262143328850"  # noqa: E731
        dram = Folder(
            "intel-rapl:0:0",
            name=lambda: "dram\n",
            energy_uj=lambda: str(round(1e6 * DRAM_W * self.time.now_s)),
            max_energy_range_uj=wrap,
        )
        package = Folder(
            "intel-rapl:0",
            dram,
            name=lambda: "package-0\n",
            energy_uj=lambda: str(round(1e6 * self.supply.joules(self.time.now_s))),
            max_energy_range_uj=wrap,
        )
        return Folder("powercap", package)


class Folder:
    """A folder of a virtual file system: a text file is what returns its text, or takes it."""

    def __init__(self, own: str, /, *folders: "Folder", **files: Callable[..., str | None]) -> None:
        """Make a folder."""
        self.name, self._folders, self._files = own, folders, files

    def __truediv__(self, name: str) -> SimpleNamespace:
        file = self._files.get(name, _refuse)
        return SimpleNamespace(read_text=lambda *_: file(), write_text=file)

    def __lt__(self, other: "Folder") -> bool:
        return self.name < other.name

    def glob(self, pattern: str) -> list["Folder"]:
        """Return the folders inside whose name fits the last part of a pattern."""
        return [each for each in self._folders if fnmatch.fnmatch(each.name, pattern)]


def _refuse(*_: object) -> None:
    raise FileNotFoundError("no such file")
