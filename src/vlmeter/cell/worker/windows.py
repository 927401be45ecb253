"""The windows of a cell: one that was disturbed is measured again while there is time."""

from collections.abc import Callable
from typing import TypeVar

from vlmeter.cell.worker.guarding import try_to_read
from vlmeter.measure.conditions import ConditionsProbe
from vlmeter.measure.result import Conditions, MissingConditions

_Result = TypeVar("_Result")


class Windows:
    """Measures windows, each under a watch of its own.

    A window that ends before its cap leaves the rest of the time to those that are disturbed: of
    it, or of a later one. So a cell on a restless machine takes as long as its caps together allow,
    and one on a quiet machine ends when its figures are sharp enough.
    """

    def __init__(self, probe: ConditionsProbe, now: Callable[[], float]) -> None:
        """Begin without any.

        Args:
            probe: Sees what disturbs a window.
            now: The clock of the caps, in seconds.
        """
        self._probe = probe
        self._now = now
        self._allowed_s = self._spent_s = 0.0
        self._unread: str | None = None

    def measure(
        self, run: Callable[[], _Result], find_cap_s: Callable[[_Result], float]
    ) -> _Result:
        """Run a window, and again while it was disturbed and the caps so far leave time for it.

        Args:
            run: Measures the window, with its warm-up.
            find_cap_s: Returns how long the window may take at most, from what it gave.

        Returns:
            What the last run gave: of an undisturbed window, if there was one.
        """
        result, is_disturbed, took_s = self._run_once(run)
        self._allowed_s += find_cap_s(result)
        while is_disturbed and self._spent_s + took_s <= self._allowed_s:
            self._probe.drop()
            result, is_disturbed, took_s = self._run_once(run)
        return result

    def summarise(self) -> Conditions | MissingConditions:
        """Return what the windows were like whose figures count."""
        conditions, reason = try_to_read(self._probe.summarise)
        if conditions is None or self._unread is not None:
            return MissingConditions(self._unread or str(reason))
        return conditions

    def _run_once(self, run: Callable[[], _Result]) -> tuple[_Result, bool, float]:
        begun_s = self._now()
        self._probe.start()
        try:
            result = run()
        finally:
            conditions, reason = try_to_read(self._probe.stop)
        self._unread = self._unread or reason
        took_s = self._now() - begun_s
        self._spent_s += took_s
        return result, conditions is not None and conditions.disturbed, took_s
