"""The job of `describe_machine`: the machine is measured in a child that begins as a cell's."""

from functools import partial
from pathlib import Path

from vlmeter.machine import devices
from vlmeter.machine.child_call import call_in_child
from vlmeter.machine.cores import count_cpu_threads
from vlmeter.machine.environment import choose_settings
from vlmeter.machine.job import MachineJob


def describe_machine(job: MachineJob, machine: Path) -> None:
    """Write `machine.json`.

    Args:
        job: What is measured of the machine, and how.
        machine: `machine.json`, to write.
    """
    call_in_child(
        partial(_measure, job, machine),
        choose_settings(count_cpu_threads(job.cpu_threads)),
        # The run's server sees no GPU.
        own_imports=bool(devices.visible_gpus()),
    )


def _measure(job: MachineJob, machine: Path) -> None:
    # In the child alone: this imports torch.
    from vlmeter.machine.measure_machine import measure_machine  # noqa: PLC0415

    measure_machine(job, machine)
