"""How quantities are written for people, in the way of the source's tables."""

import math

_PREFIXES = ("", "K", "M", "G", "T", "P", "E")


def format_flops(flops: float | None) -> str | None:
    """Write a number of floating-point operations as the source does, e.g. `751.3 GFLOPS`.

    The rule that gives every figure the source printed (751.3, 3.15, 9.08, 9.46, 12.8): divide by
    the largest power of 1000 that leaves at least 1, round to two decimals, and drop zeros at the
    end but one, so that 3.0 TFLOPS keeps its point. `FLOPS` means operations, not operations per
    second.

    Returns:
        The text, or None where there is no finite count to write.

    Raises:
        ValueError: the count is negative.
    """
    if flops is None or not math.isfinite(flops):
        return None
    if flops < 0:
        raise ValueError(f"a count of operations cannot be negative: {flops}")
    scaled = float(flops)
    for prefix in _PREFIXES[:-1]:
        if round(scaled, 2) < 1000:
            return f"{round(scaled, 2)} {prefix}FLOPS"
        scaled /= 1000
    return f"{round(scaled, 2)} {_PREFIXES[-1]}FLOPS"
