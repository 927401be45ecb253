"""What a study's config asks of the setting that is chosen: a floor of quality, limits of costs."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """What a chosen setting must keep on one data set; None where nothing is asked."""

    min_quality: float | None = None
    """Worst value of the data set's metric: the least, or of an error rate the highest."""
    max_latency_s: float | None = None
    """Longest forward pass of a batch."""
    max_memory_gb: float | None = None
    """Highest peak of memory, in units of 10^9 bytes."""
    max_energy_j: float | None = None
    """Highest metered energy per sample."""


@dataclass(frozen=True)
class StudyLimits:
    """The limits of a whole study: those of costs hold on every data set."""

    min_quality: dict[str, float] = field(default_factory=dict)
    """By data set."""
    max_latency_s: float | None = None
    max_memory_gb: float | None = None
    max_energy_j: float | None = None

    def of_dataset(self, dataset: str) -> Limits:
        """Return the limits of one data set."""
        return Limits(
            self.min_quality.get(dataset),
            self.max_latency_s,
            self.max_memory_gb,
            self.max_energy_j,
        )
