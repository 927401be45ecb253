"""A GPU's memory by NVML, asked in the form that tells the driver's own part apart.

Apart from `nvml`, whose search for a device's GPU imports torch: jobs ask before their cell's fork.
"""

from contextlib import suppress
from typing import Any


def read_memory(nvml: Any, handle: Any) -> Any | None:  # noqa: ANN401  (a module without types)
    """Return a GPU's `total` and `used` bytes; None where this driver or GPU does not offer them.

    What the driver keeps for itself, some 480 MiB of an H100, is no use: no process can have it,
    and CUDA counts it neither. Drivers before 510 count it as used.

    Args:
        nvml: The `pynvml` module, or a fake of it.
        handle: NVML's handle of the GPU.
    """
    for form in ({"version": nvml.nvmlMemory_v2}, {}):
        with suppress(nvml.NVMLError, nvml.NVMLLibraryMismatchError):
            return nvml.nvmlDeviceGetMemoryInfo(handle, **form)
    return None
