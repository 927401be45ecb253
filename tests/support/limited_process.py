"""A process that works on batches, and within a limit of its memory where it is given one.

Prints the peaks of batches as a cell reads them, or ends with an error where a batch needs more
than the limit leaves.
"""

import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import nn

from vlmeter.measure.memory import MemoryProbe, compute_weights_bytes
from vlmeter.measure.tensor_peak import measure_peak_made_bytes

FEATURES = 2**18
"""Of a sample: each of its tensors takes a MiB."""


class Net(nn.Module):
    """Makes a few tensors of each sample, of which two or three live at once."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(64, FEATURES), requires_grad=False)

    def forward(self, batch: int) -> torch.Tensor:
        """Work on a batch."""
        x = torch.ones(batch, FEATURES)
        return (x * self.weight[0]).exp() + x


def read_status(key: str) -> int:
    """Return a size of this process in bytes, by its name in procfs."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def measure(net: nn.Module, batches: Sequence[int]) -> list[dict[str, object]]:
    """Return the peaks of each batch."""
    reads = []
    for batch in batches:
        probe = MemoryProbe("cpu")
        probe.start()
        probe.begin_workload()
        net(batch)
        reads.append(asdict(probe.stop(net)))
    # The profiler brings libraries of its own.
    made = [measure_peak_made_bytes(partial(net, batch)) for batch in batches]
    held = compute_weights_bytes(net)
    return [
        {**read, "peak_allocated_bytes": held + more}
        for read, more in zip(reads, made, strict=True)
    ]


def work_within(net: nn.Module, memory_bytes: int, batch: int) -> int:
    """Work on a batch in what this process leaves of a memory; return its peak."""
    net(1)
    room = memory_bytes - read_status("VmRSS")
    most = read_status("VmSize") + room
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    net(batch)
    return read_status("VmHWM")


if __name__ == "__main__":
    torch.set_num_threads(1)
    model, numbers = Net(), [int(text) for text in sys.argv[2:]]
    with torch.inference_mode():
        if sys.argv[1] == "measure":
            print(json.dumps(measure(model, numbers)))
        else:
            print(work_within(model, *numbers))
