"""The most that tensors take on a CPU while something runs.

torch counts the tensors of a GPU by itself. Of a CPU its profiler sees each allocation, and the
peak of the process stands beside interpreter, libraries and what the allocator of C keeps.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch.profiler import ProfilerActivity, profile

_ALLOCATION = "[memory]"


def measure_peak_made_bytes(run: Callable[[], object]) -> int:
    """Return the largest sum of bytes that are allocated on the CPU in a run and not freed yet.

    What was there before is not in it, such as weights and inputs.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    # `profiler.events()` makes an object of Python of each event, a hundred times as long.
    events = profiler.profiler.kineto_results.experimental_event_tree()
    steps = sorted(_list_allocations(events), key=lambda event: event.start_time_ns)
    sizes: dict[int, int] = {}
    held = peak = 0
    for step in (event.extra_fields for event in steps):
        if step.alloc_size > 0:
            sizes[step.ptr] = step.alloc_size
            held += step.alloc_size
        else:
            # Nothing is taken off for what came before the run.
            held -= sizes.pop(step.ptr, 0)
        peak = max(peak, held)
    return peak


def _list_allocations(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        if event.name == _ALLOCATION and event.extra_fields.device.type == "cpu":
            yield event
        yield from _list_allocations(event.children)
