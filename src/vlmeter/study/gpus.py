"""What of this machine's GPUs decides whether it is described again, and which of them are free."""

from functools import cached_property
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.machine import devices, gpu_state
from vlmeter.storage.files import read_json

_TAKEN = ", taken by others"


class Gpus:
    """The GPUs that are here, and those that were described."""

    def __init__(self, machine: Path) -> None:
        """Read the machine's description, where there is one."""
        self._described = _read_described(machine)

    def list_described(self) -> list[str]:
        """Return how each GPU is described, or would be.

        A GPU that goes leaves its description as it is.
        """
        return sorted({**self._described, **self._describe_present()}.values())

    @cached_property
    def free(self) -> list[str]:
        """UUIDs of the GPUs here that no other process has."""
        return [gpu.uuid for gpu in devices.visible_gpus() if gpu.uuid not in self._taken]

    @cached_property
    def _taken(self) -> frozenset[str]:
        """The GPUs that other processes have, looked up once for all jobs."""
        return frozenset(gpu_state.describe_occupations())

    def _describe_present(self) -> dict[str, str]:
        """Return how each GPU that is here would be described, by UUID.

        One that was free when it was described stays so: its idle watts and peaks are right.
        """
        return {
            gpu.uuid: _describe(
                gpu.uuid,
                gpu.driver,
                taken=gpu.uuid in self._taken
                and self._described.get(gpu.uuid, _TAKEN).endswith(_TAKEN),
            )
            for gpu in devices.visible_gpus()
        }


def _describe(uuid: str, driver: object, *, taken: bool) -> str:
    return f"{uuid}, driver {driver}{_TAKEN if taken else ''}"


def _read_described(machine: Path) -> dict[str, str]:
    """Return how each GPU of a description was described, by UUID."""
    try:
        gpus = read_json(machine).get("gpus")
    except UserError:
        # The job that reads the file names what is wrong.
        return {}
    if not isinstance(gpus, list):
        return {}
    return {
        gpu["uuid"]: _describe(gpu["uuid"], gpu.get("driver"), taken=bool(gpu.get("taken")))
        for gpu in gpus
    }
