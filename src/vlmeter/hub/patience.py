"""How long the Hub is waited for."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Bounds of asking again."""

    attempts: int = 5
    """Of one request, or of going on with one body without a new byte."""
    timeout_s: float = 30.0
    """Without a sign of life, for each of connecting, sending and receiving."""
    longest_wait_s: float = 300.0
    """Between two attempts; where the Hub asks for more, it is not asked again."""
    wait: Callable[[float], object] = time.sleep

    def seconds_before(self, attempt: int, retry_after_s: float | None) -> float | None:
        """Return how long to wait before an attempt, from 2; None where it is not worth it."""
        if attempt > self.attempts:
            return None
        seconds = float(2 ** (attempt - 2)) if retry_after_s is None else retry_after_s
        return seconds if seconds <= self.longest_wait_s else None


USUAL = Patience()
