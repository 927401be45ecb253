"""What a study's config asks to be worked out from its figures: prices, and memories to fit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prices:
    """What electricity and devices cost; a price that was not given takes no part."""

    currency: str
    per_kwh: float | None = None
    per_device_hour: float | None = None


@dataclass(frozen=True)
class MemorySize:
    """The memory of a device that settings are to fit."""

    label: str
    """As the config has it."""
    size_bytes: int
