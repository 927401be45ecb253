"""What a measurement is given: how long and how often costs are measured, and how energy is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EnergySettings:
    """What the user knows better than the machine, and what a valid figure needs."""

    window_s: float
    """Seconds of work in one energy window, all rounds together, unless it ends earlier."""
    min_window_s: float
    """Shorter windows give no figure."""
    min_counter_updates: int
    """Rounds that hold fewer updates of a counter give no figure."""
    cpu_power_w: float | None
    """The CPUs' thermal design power (TDP), for the load model where nothing measures the CPU."""
    ram_power_w: float | None
    """Power of the memory, instead of codecarbon's guess from its size."""
    country_iso_code: str | None
    """Three letters; without it codecarbon's world average serves."""
    grid_kg_per_kwh: float | None
    """Carbon intensity of the electricity in kg CO2e per kWh, instead of the country's."""


@dataclass(frozen=True)
class MeasureSettings:
    """How long and how often a cell's costs are measured."""

    window_s: float
    """Seconds of timed forward passes, unless the window ends earlier."""
    min_iterations: int
    """Number of timed forward passes, unless the window ends earlier."""
    repeats: int | None
    """Rounds that each window is split into; None where each ends by `target_interval`."""
    target_interval: float
    """Half the width of the 95 % interval, as a share of the figure, at which a window ends."""
    max_warmup_s: float
    batches: int
    """Most distinct batches of samples in the timed windows."""
    request: bool
    """Whether whole requests are timed."""
    energy: EnergySettings
