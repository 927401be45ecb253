"""The batch that is said to fit a memory runs in it, and clearly more does not."""

import json
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import limited_process
import pytest
from fake_nvml import FakeNvml
from hypothesis import given
from hypothesis import strategies as st
from row_factory import make_row
from simulation.card import CONTEXT_BYTES, HELD_BYTES, MIB
from simulation.clock import SimulatedTime
from simulation.cuda import make_cuda

from vlmeter.measure.memory import MemoryProbe
from vlmeter.measure.nvml import open_gpus
from vlmeter.results.fits import find_largest_batch, list_fits
from vlmeter.results.wishes import MemorySize

GB = 10**9
CARD = {"device": "cuda", "device_count": 1}
SIXTEEN = MemorySize("16GB", 16 * GB)


def make_rows(peaks, **values):
    return [
        make_row(
            cell=f"m-bs{batch}",
            batch_size=batch,
            **{**CARD, "peak_allocated_bytes": peak, **values},
        )
        for batch, peak in peaks.items()
    ]


def fit(peaks, memory=SIXTEEN, **values):
    (fit,) = list_fits(make_rows(peaks, **values), [memory])
    return fit


class RefusingAllocator:
    """A card of a size: it counts as the simulated one, and refuses what does not fit."""

    def __init__(self, size_bytes=None):
        self.cuda = make_cuda(SimulatedTime())
        self.card, self.size_bytes = self.cuda.current, size_bytes

    def run(self, batch, weights_bytes, sample_bytes):
        """Load a model and work on a batch, some of it in pieces; return what a cell reads."""
        probe = MemoryProbe("cuda", self.cuda, open_gpus(FakeNvml(self.card.as_readings())))
        probe.start()
        self.take(weights_bytes)
        probe.begin_workload()
        pieces = [batch * sample_bytes // 2, batch * sample_bytes // 3]
        for piece in (*pieces, batch * sample_bytes - sum(pieces)):
            self.take(piece)
        return probe.stop(Weightless())

    def take(self, amount):
        self.card.memory.keep(amount)
        held = CONTEXT_BYTES + self.card.memory.reserved
        if self.size_bytes is not None and held > self.size_bytes:
            raise MemoryError(f"{held} bytes are more than {self.size_bytes}")


class Weightless:
    def parameters(self):
        return []

    buffers = parameters


@pytest.mark.parametrize("seed", range(20))
def test_the_batch_that_is_said_to_fit_runs_and_clearly_more_does_not(seed):
    chance = random.Random(seed)
    weights_bytes = chance.randrange(1, 8 * GB)
    sample_bytes = chance.randrange(8 * MIB, 400 * MIB)
    batches = sorted(chance.sample(range(1, 9), 2))
    size_bytes = weights_bytes + chance.randrange(10, 90) * sample_bytes + 600 * MIB
    rows = []
    for batch in batches:
        memory = RefusingAllocator().run(batch, weights_bytes, sample_bytes)
        assert memory.device_used_before_bytes == HELD_BYTES
        read = {key: value for key, value in asdict(memory).items() if key != "peak_rss_method"}
        rows.append(make_row(batch_size=batch, cell=f"m-bs{batch}", **CARD, **read))
    (said,) = list_fits(rows, [MemorySize("some", size_bytes)])
    assert said.largest_batch is not None, said.reason
    assert said.largest_batch >= 8
    assert said.extrapolated == (said.largest_batch > batches[-1])
    RefusingAllocator(size_bytes).run(said.largest_batch, weights_bytes, sample_bytes)
    more = said.largest_batch + 2 + 60 * MIB // sample_bytes
    with pytest.raises(MemoryError):
        RefusingAllocator(size_bytes).run(more, weights_bytes, sample_bytes)


def run_limited(*arguments):
    script = Path(limited_process.__file__)
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        # The C library reserves addresses for each thread that takes memory.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_in_a_limited_process_the_batch_that_is_said_to_fit_runs_and_clearly_more_does_not():
    batches, memory = (8, 16), MemorySize("1200MB", 1200 * 10**6)
    measured = run_limited("measure", *batches)
    assert measured.returncode == 0, measured.stderr
    rows = [
        make_row(cell=f"m-bs{batch}", batch_size=batch, device="cpu", device_count=None, **read)
        for batch, read in zip(batches, json.loads(measured.stdout), strict=True)
        if read.pop("peak_rss_method")
    ]
    (said,) = list_fits(rows, [memory])
    assert said.extrapolated
    # An input and two of what is made of it.
    assert said.sample_bytes == 3 * MIB
    within = run_limited("within", memory.size_bytes, said.largest_batch)
    assert within.returncode == 0, within.stderr
    assert int(within.stdout) <= memory.size_bytes
    more = run_limited("within", memory.size_bytes, said.largest_batch + 40)
    assert more.returncode != 0
    assert "allocate memory" in more.stderr


@given(
    weights=st.integers(0, 10**11),
    sample=st.integers(1, 10**9),
    batches=st.sets(st.integers(1, 500), min_size=2, max_size=5),
    free=st.integers(0, 10**12),
)
def test_on_a_line_the_largest_batch_is_that_of_the_line(weights, sample, batches, free):
    peaks = [(batch, weights + sample * batch) for batch in sorted(batches)]
    batch, reason = find_largest_batch(peaks, free)
    assert reason is None
    assert batch == max((free - weights) // sample, 0)


def test_between_measured_batches_their_line_counts_and_beyond_the_last_two():
    bent = [(1, 10), (2, 12), (4, 24)]
    assert [find_largest_batch(bent, free)[0] for free in (9, 10, 11, 12, 17, 18, 24, 30, 35)] == [
        *(0, 1, 1, 2, 2, 3, 4, 5, 5)
    ]


def test_what_lies_beyond_the_measured_batches_is_marked():
    peaks = {2: 4 * GB, 4: 6 * GB}
    sizes = [MemorySize(f"{size}GB", size * GB) for size in (3, 4, 5, 7, 80)]
    marks = {
        it.memory: (it.largest_batch, it.extrapolated) for it in list_fits(make_rows(peaks), sizes)
    }
    # The allocator's last step is kept free: of each memory a sample less.
    assert marks == {
        "3GB": (0, True),
        "4GB": (1, True),
        "5GB": (2, False),
        "7GB": (4, False),
        "80GB": (77, True),
    }


def test_what_is_held_beside_tensors_takes_its_part():
    peaks = {1: 4 * GB, 2: 5 * GB}
    beside = {"peak_reserved_bytes": 7 * GB, "device_used_bytes": 9 * GB}
    assert fit(peaks).largest_batch == 12
    assert fit(peaks, peak_reserved_bytes=7 * GB).largest_batch == 9
    held = fit(peaks, **beside, device_used_before_bytes=GB)
    assert (held.largest_batch, held.beside_bytes) == (8, 4 * GB + 20 * MIB)
    assert (held.sample_bytes, held.measured_batches, held.cell) == (GB, "1, 2", "m-bs2")
    # On a CPU it is the rest of the process.
    process = fit(peaks, device="cpu", peak_rss_bytes=8 * GB)
    assert (process.largest_batch, process.beside_bytes) == (8, 4 * GB + 32 * MIB)


@pytest.mark.parametrize(
    ("peaks", "values", "reason"),
    [
        ({1: GB}, {}, "only one batch size was measured"),
        ({1: GB, 2: 2 * GB}, {"device_count": 2}, "the model is spread over several GPUs"),
        ({1: GB, 2: None}, {}, "no peak of memory was measured"),
        ({1: GB, 2: None}, {"memory_reason": "no driver"}, "no driver"),
        ({1: GB, 2: GB}, {}, "the peak did not grow from one measured batch size to the next"),
        ({1: 40 * GB, 2: 30 * GB}, {}, "the peak did not grow from one measured batch size to the"),
    ],
)
def test_where_it_cannot_be_said_the_reason_is(peaks, values, reason):
    said = fit(peaks, **values)
    assert (said.largest_batch, said.extrapolated) == (None, None)
    assert said.reason.startswith(reason)


def test_each_setting_stands_for_itself_and_failed_cells_say_nothing():
    rows = [
        *make_rows({1: GB, 2: 2 * GB}),
        *make_rows({1: GB, 2: 3 * GB}, image_size=448),
        *make_rows({8: None}, status="out_of_memory"),
        *make_rows({1: GB}, new_tokens=64),
    ]
    said = list_fits(rows, [SIXTEEN])
    assert [it.largest_batch for it in said] == [15, 8, None]
    assert list_fits(rows, []) == []
