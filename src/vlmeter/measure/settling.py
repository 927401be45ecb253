"""Waiting until a machine draws no more than it does at rest."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vlmeter.measure.nvml import Gpu

_START_S = 0.5
"""The start of a process is no idle load."""
_PAUSE_S = 2.0
"""Between two readings: a GPU averages its power over up to 1 s, and lowers its clocks in steps."""
_LIMIT_S = 10.0
_AGREE_SHARE, _AGREE_W = 0.02, 1.0


class Settling(NamedTuple):
    """How a machine came to rest."""

    settle_s: float
    """How long it took."""
    settled: bool | None
    """Whether two readings agreed; None where there were none."""


def wait_until_idle(
    gpus: Sequence[Gpu],
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Settling:
    """Wait until two readings of the GPUs' power agree, to 2 % or 1 W a GPU, at most 10 s.

    Args:
        gpus: Whose power is read; without any, or without readings, half a second must do.
        sleep: Waits for seconds.
        now: Seconds of a steady clock.
    """
    began = now()
    sleep(_START_S)
    last_w = _power_w(gpus)
    settled: bool | None = None if last_w is None else False
    while last_w is not None and now() - began + _PAUSE_S <= _LIMIT_S:
        sleep(_PAUSE_S)
        power_w = _power_w(gpus)
        if power_w is None:
            settled = None
            break
        if abs(power_w - last_w) <= max(_AGREE_SHARE * last_w, _AGREE_W * len(gpus)):
            settled = True
            break
        last_w = power_w
    return Settling(now() - began, settled)


def _power_w(gpus: Sequence[Gpu]) -> float | None:
    """Return the sum over the GPUs that report their power; None where none does."""
    readings = [watts for gpu in gpus if (watts := gpu.power_w()) is not None]
    return sum(readings) if readings else None
