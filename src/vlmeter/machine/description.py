"""What a machine is, as it is handed on and written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cpu:
    """The processors of a machine."""

    name: str
    physical_cores: int | None = None
    """None where the system does not report it."""
    logical_cores: int | None = None
