"""What makes the forks of a process like processes that import everything themselves."""

import sys
from collections.abc import Mapping, Set
from contextlib import suppress
from pathlib import Path

from vlmeter.errors import Sentence

_STOPS_FOR_A_FORK = "jemalloc_bg_thd"
"""A thread of an allocator that Arrow brings along and does not use; it knows of forks."""


def describe_origin(environment: Mapping[str, str], left_out: Set[str]) -> dict[str, str]:
    """Return what processes must share to import alike and to mean the same files by a path.

    Args:
        environment: The variables that the process has, or will import under.
        left_out: Names of variables that no import reads.
    """
    read = {name: environment[name] for name in environment.keys() - left_out}
    mounts = str(Path("/proc/self/ns/mnt").readlink())
    return {**read, "mounts": mounts, "python": f"{sys.executable} {sys.version}"}


def has_newer_file(time_s: float) -> bool:
    """Say whether a file of an imported module was changed, replaced or removed after a time.

    Args:
        time_s: In seconds since the epoch.
    """
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    # Some modules are of no file, and give a name without a folder.
    paths = [path for path in map(Path, filter(None, files)) if path.is_absolute()]
    try:
        return any(path.stat().st_ctime > time_s for path in paths)
    except OSError:
        return True


def copy_page_tables_to_forks() -> None:
    """Let a fork's resident memory hold the pages of libraries that this process has read.

    The kernel copies the page table of a file's mapping only where the process has a page of its
    own in it (`vma_needs_copy` in Linux's mm/memory.c): so a byte of each is written as it stands.

    Raises:
        OSError: the kernel does not let a process write there.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        for line in maps:
            span, rights, _, _, _, *name = line.split(maxsplit=5)
            if name and name[0].startswith("/") and rights[0] == "r" and rights[3] == "p":
                start = int(span.partition("-")[0], 16)
                memory.seek(start)
                byte = memory.read(1)
                memory.seek(start)
                memory.write(byte)


def find_hindrance(parent: int) -> Sentence | None:
    """Return what the parent of this fork has begun that a fork does not inherit, if anything.

    Args:
        parent: The process's id.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda._is_in_bad_fork():
        return Sentence("CUDA was initialised before the fork")
    for thread in Path(f"/proc/{parent}/task").iterdir():
        name = (thread / "comm").read_text(encoding="utf-8").strip()
        if thread.name != str(parent) and name != _STOPS_FOR_A_FORK:
            return Sentence(f"a thread was started before the fork: {name}")
    for file in Path(f"/proc/{parent}/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(file.readlink()).startswith("/dev/nvidia"):
                return Sentence("a GPU was opened before the fork")
    return None
