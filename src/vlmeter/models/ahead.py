"""The next batch is prepared while the device works on the one before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def one_ahead(made: Iterator[T]) -> Iterator[Iterator[T]]:
    """Yield an iterator over what `made` makes, in which a thread is always one step ahead.

    At most one thing waits. What `made` raises is raised where it would have come. When the block
    ends, by an exception too, the thread has ended.
    """
    done = object()
    with ThreadPoolExecutor(1, "prepare") as pool:

        def taken() -> Iterator[T]:
            coming = pool.submit(next, made, done)
            while (one := coming.result()) is not done:
                coming = pool.submit(next, made, done)
                yield one  # type: ignore[misc]

        yield taken()
