"""What a device draws, as a function of time, and the counter that shows it."""

import math
from bisect import bisect_right


class Supply:
    """The power of one device: at rest, at work, and on its way back to rest."""

    def __init__(self, rest_w: float, settling_w: float = 0.0, settling_s: float = 1.0) -> None:
        """Choose the power.

        Args:
            rest_w: At rest.
            settling_w: Above rest, right after work ...
            settling_s: ... and the time constant with which it falls.
        """
        self.rest_w, self._settling_w, self._settling_s = rest_w, settling_w, settling_s
        self._begins_s = [-math.inf]
        self._spells = [(-math.inf, 0.0, 0.0)]
        """End, watts above rest, joules above rest until the begin; in the order of the begins."""

    def draw(self, start_s: float, end_s: float, watts: float) -> None:
        """Draw so much in a spell that begins no earlier than the last one ends."""
        self._spells.append((end_s, watts - self.rest_w, self._extra_j(start_s)))
        self._begins_s.append(start_s)

    def joules(self, at_s: float) -> float:
        """Return what was drawn since the time was zero."""
        return self.rest_w * at_s + self._extra_j(at_s)

    def watts(self, at_s: float) -> float:
        """Return what is drawn at a moment."""
        end_s, extra_w, _ = self._spells[bisect_right(self._begins_s, at_s) - 1]
        if at_s < end_s:
            return self.rest_w + extra_w
        return self.rest_w + self._settling_w * math.exp(-(at_s - end_s) / self._settling_s)

    def _extra_j(self, at_s: float) -> float:
        index = bisect_right(self._begins_s, at_s) - 1
        begin_s = self._begins_s[index]
        end_s, extra_w, joules = self._spells[index]
        if index == 0:
            return 0.0
        joules += extra_w * (min(at_s, end_s) - begin_s)
        if at_s > end_s:
            joules += self.settling_j(at_s - end_s)
        return joules

    def settling_j(self, seconds: float) -> float:
        """Return the joules above rest in so many seconds right after work."""
        fallen = 1.0 - math.exp(-seconds / self._settling_s)
        return self._settling_w * self._settling_s * fallen


class Counter:
    """A counter of a supply's energy that moves now and then, in whole millijoules."""

    def __init__(self, supply: Supply, clock: object, phase_s: float = 0.0, update_s: float = 0.1):
        """Show a supply's energy as of the last tick."""
        self._supply, self._clock = supply, clock
        self._phase_s, self._update_s = phase_s, update_s

    def read_mj(self) -> int:
        """Return the energy at the last tick."""
        ticks = (self._clock.now_s - self._phase_s + 1e-9) // self._update_s
        at_s = max(0.0, ticks * self._update_s + self._phase_s)
        return 1_000_000 + round(1e3 * self._supply.joules(at_s))

    def read_j(self) -> float:
        """Return the same in joules."""
        return self.read_mj() * 1e-3
