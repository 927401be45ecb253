"""Stands in for codecarbon: the power of each device over a task, whose ends take time."""

from collections.abc import Callable, Mapping

from simulation.clock import SimulatedTime

START_S, STOP_S = 0.005, 0.004


class SimulatedTracker:
    """Reads what devices have drawn so far at both ends of a task."""

    def __init__(
        self,
        time: SimulatedTime,
        joules: Mapping[str, Callable[[float], float]],
        *,
        ends_s: tuple[float, float] = (START_S, STOP_S),
    ) -> None:
        """Track devices.

        Args:
            time: The host's.
            joules: By device, what it has drawn until a moment.
            ends_s: What the begin and the end of a task take.
        """
        self._time, self._joules, self._ends_s = time, joules, ends_s
        self.windows = 0
        self._begun_s: float | None = None

    def start(self) -> None:
        """Begin a task, from when it has begun."""
        self._time.spend(self._ends_s[0])
        self._begun_s = self._time.now_s

    def stop(self) -> dict[str, float]:
        """End it, and return its joules by device."""
        begun_s, end_s = self._begun_s, self._time.now_s
        assert begun_s is not None, "no task was begun"
        self._begun_s = None
        self.windows += 1
        self._time.spend(self._ends_s[1])
        return {name: joules(end_s) - joules(begun_s) for name, joules in self._joules.items()}


def make_tracker(
    time: SimulatedTime, watts: Mapping[str, float], cost_s: float = 0.0
) -> SimulatedTracker:
    """Return a tracker of devices of constant power."""
    joules = {name: lambda at_s, power=power: power * at_s for name, power in watts.items()}
    return SimulatedTracker(time, joules, ends_s=(cost_s, cost_s))
