"""What a device can do at best in a dtype: the rate of one large matrix product.

A datasheet's peak is never reached, and for most CPUs there is none; the rate of the library's own
matrix product is what a model's forward pass could reach. Once per machine and dtype.
"""

from dataclasses import dataclass
from functools import partial

import torch

from vlmeter.measure.clock import Clock
from vlmeter.measure.latency import LatencyPlan, find_least_warmup_s, measure_latency
from vlmeter.measure.nvml import is_gpu
from vlmeter.measure.stopping import fix_rounds

_CPU_SIZE = 1024
_CUDA_SIZE = 8192


@dataclass(frozen=True)
class Peak:
    """The calibrated rate of one device and dtype."""

    device: str
    dtype: str
    """As torch names it, without `torch.`."""
    flop_per_s: float
    """2 per multiply-add, of the fastest product: a peak is a best case."""
    size: int
    """Rows and columns of the square matrices."""
    iterations: int
    steady: bool


def measure_peak(
    device: str, dtype: torch.dtype, clock: Clock, window_s: float = 0.5, size: int | None = None
) -> Peak:
    """Multiply two square matrices for a while.

    Args:
        device: `cpu`, `cuda` or `cuda:N`.
        dtype: Of matrices and product.
        clock: The clock of the device.
        window_s: How long to multiply.
        size: Rows and columns; by default 1024 on a CPU, 8192 on a GPU.
    """
    size = size or (_CUDA_SIZE if is_gpu(device) else _CPU_SIZE)
    generator = torch.Generator(device).manual_seed(0)
    left, right = (
        torch.randn(size, size, generator=generator, device=device).to(dtype) for _ in range(2)
    )
    out = torch.empty_like(left)
    # Idle power is read just before: a GPU would still be at its idle clock.
    least_s = find_least_warmup_s(device)
    plan = LatencyPlan(
        window_s=window_s,
        min_iterations=3,
        rule=fix_rounds(1),
        min_warmup_s=least_s,
        max_warmup_s=least_s + window_s,
    )
    with torch.inference_mode():
        latency, _ = measure_latency([partial(torch.mm, left, right, out=out)], clock, plan)
    return Peak(
        device=device,
        dtype=str(dtype).removeprefix("torch."),
        flop_per_s=2 * size**3 / latency.min_s,
        size=size,
        iterations=latency.iterations,
        steady=latency.steady,
    )
