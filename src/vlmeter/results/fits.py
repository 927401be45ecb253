"""The largest batch that fits a memory, from the measured peaks of at least two batch sizes.

The tensors of a batch grow by the same bytes with each sample: between measured batches the peak is
taken to be on the line through both, and beyond the largest on that through the last two. What a
process holds beside its tensors (a GPU's context, on a CPU interpreter and libraries, and what the
allocator keeps for later) is taken to be the most that any of the measured batches held.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vlmeter.axes import AXIS_NAMES
from vlmeter.errors import Sentence
from vlmeter.results.columns import column, list_columns
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.wishes import MemorySize
from vlmeter.status import Status

_STEP_BYTES = {"cuda": 20 * 2**20, "cpu": 32 * 2**20}
"""What may be held more than where it was measured: the largest step in which CUDA's caching
allocator in torch takes small blocks (kLargeBuffer of CUDACachingAllocator), and the largest block
that glibc takes from its heap (DEFAULT_MMAP_THRESHOLD_MAX of malloc)."""
SEVERAL_GPUS = Sentence("the model is spread over several GPUs")
NO_PEAK = Sentence("no peak of memory was measured")
ONE_BATCH = Sentence("only one batch size was measured")
NO_GROWTH = Sentence("the peak did not grow from one measured batch size to the next")


@dataclass(frozen=True)
class FitRow:
    """A setting in a memory."""

    dataset: str = column("", "Name of the data set.")
    cell: str = column("", "The setting: its measured cell with the largest batch.")
    memory: str = column("", "The memory, as the config has it.")
    memory_bytes: int = column("B", "The same.")
    largest_batch: int | None = column(
        "", "Samples of the largest batch that fits; 0 where not even one does."
    )
    extrapolated: bool | None = column(
        "", "Whether that is beyond the measured batch sizes, on either side."
    )
    measured_batches: str | None = column("", "The batch sizes whose peaks were measured.")
    sample_bytes: float | None = column(
        "B", "What a further sample takes, at the largest measured batches."
    )
    beside_bytes: int | None = column(
        "B", "What the process holds beside its tensors, such as context and allocator."
    )
    reason: str | None = column("", "Why there is no largest batch.")


FIT_COLUMNS = list_columns(FitRow)
_SETTING = ("dataset", *(name for name in AXIS_NAMES if name != "batch_size"))


def list_fits(rows: Iterable[SummaryRow], memories: Sequence[MemorySize]) -> list[FitRow]:
    """Return a row for each measured setting, apart from its batch size, and each memory."""
    settings: dict[tuple[object, ...], list[SummaryRow]] = {}
    for row in rows:
        if row.status == Status.OK:
            setting = tuple(getattr(row, name) for name in _SETTING)
            settings.setdefault(setting, []).append(row)
    return [fit for group in settings.values() for fit in _list_of_setting(group, memories)]


def _list_of_setting(
    group: Sequence[SummaryRow], memories: Sequence[MemorySize]
) -> Iterator[FitRow]:
    ordered = sorted(group, key=lambda row: row.batch_size)
    reason = _find_obstacle(ordered)
    peaks = [
        (row.batch_size, row.peak_allocated_bytes)
        for row in ordered
        if row.peak_allocated_bytes is not None
    ]
    beside = None if reason else max(map(_count_beside_bytes, ordered))
    for memory in memories:
        batch: int | None = None
        why: str | None = reason
        if beside is not None:
            batch, why = find_largest_batch(peaks, memory.size_bytes - beside)
        yield FitRow(
            dataset=ordered[-1].dataset,
            cell=ordered[-1].cell,
            memory=memory.label,
            memory_bytes=memory.size_bytes,
            largest_batch=batch,
            extrapolated=None if batch is None else not peaks[0][0] <= batch <= peaks[-1][0],
            measured_batches=", ".join(str(size) for size, _ in peaks) or None,
            sample_bytes=None if reason else _compute_slope(peaks[-2], peaks[-1]),
            beside_bytes=beside,
            reason=why,
        )


def _find_obstacle(rows: Sequence[SummaryRow]) -> str | None:
    """Return why the batches of a setting say nothing about others."""
    if any((row.device_count or 1) > 1 for row in rows):
        return SEVERAL_GPUS
    missing = [row for row in rows if row.peak_allocated_bytes is None]
    if missing:
        return missing[0].memory_reason or NO_PEAK
    return ONE_BATCH if len(rows) < 2 else None


def _count_beside_bytes(row: SummaryRow) -> int:
    """Return what a cell's process held beside its tensors, as far as it was read."""
    peak = row.peak_allocated_bytes or 0
    if row.device == "cpu":
        return max(peak, row.peak_rss_bytes or 0) - peak + _STEP_BYTES["cpu"]
    held = max(peak, row.peak_reserved_bytes or 0)
    if row.device_used_bytes is not None and row.device_used_before_bytes is not None:
        # What was there before is the driver's, and other processes' that end.
        held = max(held, row.device_used_bytes - row.device_used_before_bytes)
    return held - peak + _STEP_BYTES["cuda"]


def _compute_slope(a: tuple[int, int], b: tuple[int, int]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


def find_largest_batch(
    peaks: Sequence[tuple[int, int]], free_bytes: int
) -> tuple[int, None] | tuple[None, str]:
    """Return the largest batch whose tensors fit, or why that cannot be said.

    Args:
        peaks: At least two batch sizes in ascending order, each with the peak of its tensors.
        free_bytes: What the tensors may take.
    """
    fitting = [place for place, (_, peak) in enumerate(peaks) if peak <= free_bytes]
    # Below the smallest its own line serves, and beyond the largest that through the last two.
    place = min(fitting[-1] if fitting else 0, len(peaks) - 2)
    (size, peak), (next_size, next_peak) = peaks[place], peaks[place + 1]
    grown = next_peak - peak
    if grown <= 0:
        return None, NO_GROWTH
    samples = (free_bytes - peak) * (next_size - size) // grown
    return max(size + samples, 0), None
