"""Times, memory and rates of the model under test beside those of other tools."""

import io
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psutil
import torch
from comparison import Comparison
from ours import (
    LatencyPlan,
    compute_weights_bytes,
    fix_rounds,
    make_memory_probe,
    make_stopwatch,
    measure_generation,
    measure_latency,
    measure_peak,
    open_devices,
    profile_layers,
)
from subject import Subject
from torch.utils.benchmark import Timer

if TYPE_CHECKING:
    from typing_extensions import Buffer

TURNS = 3
NEW_TOKENS = 16
MARKS = {"cuda": 100_000, "cpu": 20_000}
PASSES = 5
_SAMPLE_S = 0.001


def latency(subject: Subject, rows: int) -> Iterator[Comparison]:
    """The same pass by three tools in turn; the ratios of the turns, so that a drift cancels."""
    call = subject.forward(rows)
    benchmark_timer = timer(call)
    turn_s = subject.turn_s
    plan = LatencyPlan(window_s=turn_s, min_iterations=3, rule=fix_rounds(1), max_warmup_s=turn_s)
    ours, benchmark, loop = [], [], []
    for _ in range(TURNS):
        timed, _ = measure_latency([call], subject.clock, plan)
        ours.append(timed.latency_s)
        benchmark.append(benchmark_timer.blocked_autorange(min_run_time=turn_s).median)
        loop.append(_loop_s(subject, call, turn_s))
    for tool, theirs in (("torch.utils.benchmark", benchmark), ("a plain loop", loop)):
        theirs_ms = 1e3 * statistics.median(theirs)
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        name = f"latency, batch {rows} / {tool}"
        yield Comparison(name, ratio * theirs_ms, theirs_ms, "ms", 0.03)


def timer(call: Callable[[], object]) -> Timer:
    """Return torch's own timer of a call."""
    return Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())


def _loop_s(subject: Subject, call: Callable[[], object], seconds: float) -> float:
    """Seconds of a call by one pair of events around many, on a CPU by the host's clock."""
    subject.synchronize()
    begin, end = (_event(subject) for _ in range(2))
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds or not count:
        call()
        count += 1
        if count % 20 == 0:
            # Without it the host could put minutes of work into the queue.
            subject.synchronize()
    if begin is None or end is None:
        return (time.perf_counter() - start) / count
    end.record()
    subject.synchronize()
    return float(begin.elapsed_time(end)) * 1e-3 / count


def _event(subject: Subject) -> torch.cuda.Event | None:
    if not subject.on_gpu:
        return None
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def generation(subject: Subject) -> Iterator[Comparison]:
    """First and further tokens beside the host's clock around whole generations."""
    rows = 4 if subject.on_gpu else 1
    generate = subject.workload(rows).generation
    answers: list[Any] = [generate(count) for count in (1, 7)]
    lengths = [answer.shape[1] for answer in answers]
    yield Comparison("tokens generated of 7 asked for", lengths[1], 7, "tokens", 0)
    ours, first, further = [], [], []
    for _ in range(TURNS):
        timed, _ = measure_generation(generate, subject.clock, NEW_TOKENS, rows, rule=fix_rounds(3))
        ours.append((timed.time_to_first_token_s, timed.generation_s))
        first.append(_host_s(subject, partial(generate, 1)))
        further.append(_host_s(subject, partial(generate, NEW_TOKENS)))
    for place, (name, theirs) in enumerate((("first token", first), ("16 tokens", further))):
        theirs_ms = 1e3 * statistics.median(theirs)
        ratio = statistics.median(a[place] / b for a, b in zip(ours, theirs, strict=True))
        yield Comparison(f"{name} / host's clock", ratio * theirs_ms, theirs_ms, "ms", 0.05)


def _host_s(subject: Subject, call: Callable[[], object], times: int = 3) -> float:
    """Median seconds of a call by the host's clock, the device's work waited for."""
    taken = []
    for _ in range(times):
        subject.synchronize()
        start = time.perf_counter()
        call()
        subject.synchronize()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def layers(subject: Subject) -> Iterator[Comparison]:
    """Rows of the layer profile beside the whole pass, and a stage's beside the stage alone."""
    workload = subject.workload(subject.rows)
    loaded, (call,) = workload.loaded, workload.forwards()
    pixels = workload.cost_batches[0]["pixel_values"]

    def see() -> object:
        with torch.inference_mode():
            return loaded.model.vision_model(pixel_values=pixels)

    def time_tower_ms() -> float:
        return 1e3 * timer(see).blocked_autorange(min_run_time=subject.turn_s).median

    before_ms = time_tower_ms()
    profile = profile_layers(
        loaded.model,
        call,
        clock=subject.clock,
        stopwatch=make_stopwatch(subject.device),
        warmup=LatencyPlan(max_warmup_s=subject.turn_s),
        stage_of=loaded.family.stage_of,
        iterations=PASSES,
    )
    rows_ms = sum(row.time_ms for row in profile.rows)
    whole_ms = 1e3 * _host_s(subject, call, PASSES)
    yield Comparison("all layers / the pass, host's clock", rows_ms, whole_ms, "ms", 0.05)
    vision_ms = sum(row.time_ms for row in profile.rows if row.stage == "vision")
    # Before and after, as the machine's speed may have changed in between.
    alone_ms = statistics.fmean((before_ms, time_tower_ms()))
    # With the row of what lies between its layers, the stage is all that the tower does.
    yield Comparison("vision rows / vision tower alone", vision_ms, alone_ms, "ms", 0.05)


def marks(subject: Subject) -> Iterator[Comparison]:
    """The marks of a layer profile by the thousand: their steps' sum beside the host's clock."""
    stopwatch = make_stopwatch(subject.device)
    subject.synchronize()
    count, start = MARKS[subject.device], time.perf_counter()
    taken = [stopwatch.mark() for _ in range(count)]
    stopwatch.finish()
    host_ms = 1e3 * (time.perf_counter() - start)
    steps = (stopwatch.seconds(a, b) for a, b in pairwise(taken))
    yield Comparison(f"{count} marks / host's clock", 1e3 * sum(steps), host_ms, "ms", 0.05)


def memory(subject: Subject) -> Iterator[Comparison]:
    """Peaks beside the allocator's, the driver's, and the system's view of the process."""
    subject.drop()
    before_bytes = torch.cuda.memory_allocated() if subject.on_gpu else 0
    workload = subject.workload(subject.rows)
    model, (call,) = workload.loaded.model, workload.forwards()
    if subject.on_gpu:
        batch_bytes = sum(tensor.nbytes for tensor in workload.cost_batches[0].values())
        held_bytes = torch.cuda.memory_allocated() - before_bytes - batch_bytes
    else:
        held_bytes = stored_bytes(model)
    yield _gib(
        "weights / allocated, or saved by torch",
        compute_weights_bytes(model),
        held_bytes,
        bytes_limit(subject),
    )
    probe = make_memory_probe(subject.device, open_devices(subject.device))
    probe.start()
    probe.begin_workload()
    with _ResidentPeak() as resident:
        for _ in range(PASSES):
            call()
        subject.synchronize()
    ours = probe.stop(model)
    yield _gib("host memory / system's figure", ours.peak_rss_bytes, resident.peak_bytes, 0.02)
    if not subject.on_gpu:
        return
    # What the driver has given to this process is asked of CUDA instead of NVML.
    free_bytes, all_bytes = torch.cuda.mem_get_info()
    used_bytes = float(all_bytes - free_bytes)
    yield _gib("device memory / CUDA's figure", ours.device_used_bytes or 0, used_bytes, 0.02)
    torch.cuda.reset_peak_memory_stats()
    for _ in range(PASSES):
        call()
    subject.synchronize()
    peak_bytes = torch.cuda.max_memory_allocated()
    ours_bytes = ours.peak_allocated_bytes or 0
    yield _gib("peak in tensors / allocator, run apart", ours_bytes, peak_bytes, 0.01)


def _gib(what: str, ours: float, reference: float, limit: float) -> Comparison:
    return Comparison(what, ours / 2**30, reference / 2**30, "GiB", limit)


def bytes_limit(subject: Subject) -> float:
    """Return by how much two counts of weights may differ: of tiny ones an archive is headers."""
    return 0.02 if subject.on_gpu else 0.1


def stored_bytes(model: torch.nn.Module) -> int:
    """Return the bytes that a model's state takes where torch saves it, shared storages once."""
    counter = _CountingFile()
    torch.save(model.state_dict(), counter)  # type: ignore[arg-type]
    return counter.written_bytes


class _CountingFile(io.RawIOBase):
    """Takes whatever is written and keeps its length."""

    def __init__(self) -> None:
        super().__init__()
        self.written_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer", /) -> int:
        size = memoryview(data).nbytes
        self.written_bytes += size
        return size


class _ResidentPeak(threading.Thread):
    """The largest resident size of this process while the block runs, asked again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(_SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, process.memory_info().rss)

    def __enter__(self) -> "_ResidentPeak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def peak_rate(subject: Subject) -> Iterator[Comparison]:
    """The rate that utilisation is a share of, beside the same product in another timer."""
    for name in ("float16", "bfloat16") if subject.on_gpu else ("float32",):
        dtype = getattr(torch, name)
        ours = measure_peak(subject.device, dtype, subject.clock)
        sides = [
            torch.randn(ours.size, ours.size, device=subject.device).to(dtype).contiguous()
            for _ in range(2)
        ]
        timed = timer(partial(torch.mm, *sides)).blocked_autorange(min_run_time=subject.turn_s)
        theirs = 2 * ours.size**3 / timed.median
        rates = (ours.flop_per_s / 1e12, theirs / 1e12)
        # Ours is of the fastest product, the other of the median one.
        yield Comparison(f"peak rate, {name} / torch.utils.benchmark", *rates, "TFLOP/s", 0.1)
