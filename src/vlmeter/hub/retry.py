"""The retry policy of requests to the Hub."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a request is tried."""

    attempts: int = 5
    """For one request; for a response body, attempts in a row that bring no new byte."""
    timeout_s: float = 30.0
    """Longest silence while connecting, while sending and while receiving."""
    longest_wait_s: float = 300.0
    """Between two attempts. If the Hub demands a longer wait, there is no further attempt."""
    wait: Callable[[float], object] = time.sleep
    """Waits for a number of seconds."""

    def compute_wait_s(self, attempt: int, retry_after_s: float | None) -> float | None:
        """Return the wait before an attempt; None if the attempt is not to be made.

        Args:
            attempt: Number of the attempt, 2 or more: the first one has no wait.
            retry_after_s: The wait that the Hub demands; None to double the wait each time.
        """
        if attempt > self.attempts:
            return None
        wait_s = float(2 ** (attempt - 2)) if retry_after_s is None else retry_after_s
        return wait_s if wait_s <= self.longest_wait_s else None


DEFAULT_RETRY_POLICY = RetryPolicy()
