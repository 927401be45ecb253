"""The rates that a machine's devices reach at best, by device and number format.

They are written once, when the machine is described, and read by its cells and by the report.
"""

from collections.abc import Collection, Mapping
from typing import Any


def peak_key(device: str, dtype: str) -> str:
    """Return the key of a rate in `machine.json`.

    Args:
        device: `cpu`, or the UUID of a GPU: one machine may hold unlike ones.
        dtype: `fp32`, `fp16` or `bf16`.
    """
    return f"{device}-{dtype}"


def peak_of_device(
    machine: Mapping[str, Any], device: str, dtype: str, uuids: Collection[str] | None = None
) -> float | None:
    """Return the FLOP/s of a large matrix product; None where none is known for certain.

    Args:
        machine: The description, as in `machine.json`.
        device: `cpu` or `cuda`.
        dtype: `fp32`, `fp16` or `bf16`.
        uuids: Of the GPUs in question; None for all of the machine's. Among unlike GPUs there is
            no rate that holds for all.
    """
    peaks = machine.get("peak_flop_per_s") or {}
    if device != "cuda":
        return _number(peaks.get(peak_key(device, dtype)))
    gpus = [gpu for gpu in machine.get("gpus") or [] if uuids is None or gpu["uuid"] in uuids]
    if len({gpu.get("name") for gpu in gpus}) != 1:
        return None
    rates = [_number(peaks.get(peak_key(gpu["uuid"], dtype))) for gpu in gpus]
    return max((rate for rate in rates if rate is not None), default=None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value else None
