"""Tries mutants in a copy of the repository, where nobody else reads the changed file."""

import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing.connection import wait
from pathlib import Path
from threading import Lock

from drawing import Mutant
from selecting import select_tests

LIMIT_S = 180
"""How long one test may take; a test that takes longer has noticed something."""
PASSED, NO_TESTS = 0, 5
BREAKS_TYPES = 1
"""How mypy ends where types do not fit; otherwise it could not look at them."""
TYPES = "mypy"
TYPES_CACHE = Path(".mypy_cache")
STARTING = Lock()
FORKS = multiprocessing.get_context("forkserver")
HEAVY = ["torch", "torch._dynamo", "torch.distributed.tensor", "torchao.prototype.safetensors"]
FORKS.set_forkserver_preload(["__main__", *HEAVY, "pandas", "pyarrow.parquet", "fvcore.nn"])
"""Forks from a process that has imported once what takes long, and has run nothing of it."""


@dataclass(frozen=True)
class Verdict:
    """Whether a mutant was noticed; `failed` are the tests that did, if it let them start and end.

    Where mypy did, its name stands there instead of a test's.
    """

    noticed: bool
    failed: frozenset[str] = frozenset()

    def __str__(self) -> str:
        if not self.noticed:
            return "unnoticed"
        return f"noticed by {', '.join(sorted(self.failed)) or 'tests that could not start or end'}"

    @property
    def by_types(self) -> bool:
        """Whether it was mypy that noticed."""
        return TYPES in self.failed

    def without(self, tests: frozenset[str]) -> "Verdict":
        """Return what is left where some tests do not count."""
        if not self.failed & tests:
            return self
        return Verdict(bool(self.failed - tests), self.failed - tests)


class Copy:
    """A copy of the repository as it stands, changes that are not committed with it."""

    def __init__(self, root: Path) -> None:
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            if Path(name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(name, root / name)
        if TYPES_CACHE.is_dir():
            shutil.copytree(TYPES_CACHE, root / TYPES_CACHE)
        self._root = root

    def attempt(self, mutant: Mutant) -> Verdict:
        """Run the tests of the module, look at the types, and run the tests of what uses it."""
        groups = (partial(self._run_tests, tests) for tests in select_tests(mutant.file))
        looks = chain([next(groups)], [self._check_types], groups)
        with self._changed(mutant):
            verdicts = (look() for look in looks)
            return next((each for each in verdicts if each.noticed), Verdict(noticed=False))

    def failing_anyway(self, tests: set[str]) -> frozenset[str]:
        """Return which of the tests fail without a mutant, and so say nothing about one."""
        # Named without their place in a table, which pytest may not find again.
        names = sorted({test.partition("[")[0] for test in tests} - {TYPES})
        return self._run(names).failed if names else frozenset()

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        file = self._root / mutant.file
        original = file.read_text()
        try:
            self._write(file, mutant.code)
            yield
        finally:
            self._write(file, original)

    @staticmethod
    def _write(file: Path, code: str) -> None:
        """Write code that is compiled anew: Python knows a change only by its second and size."""
        file.write_text(code, encoding="utf-8")
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()

    def _check_types(self) -> Verdict:
        """Run mypy as `make lint` does."""
        command = [sys.executable, "-m", "mypy"]
        ended = subprocess.run(command, cwd=self._root, capture_output=True, text=True, check=False)
        if ended.returncode > BREAKS_TYPES:
            raise RuntimeError(f"mypy did not end well:\n{ended.stdout}{ended.stderr}")
        breaks = ended.returncode == BREAKS_TYPES
        return Verdict(breaks, frozenset({TYPES} if breaks else ()))

    def _run_tests(self, tests: list[Path]) -> Verdict:
        return self._run(["-x", *map(str, tests)])

    def _run(self, arguments: list[str]) -> Verdict:
        failures = self._root / ".pytest_cache/v/cache/lastfailed"
        failures.unlink(missing_ok=True)
        child = FORKS.Process(target=_run_pytest, args=(self._root, arguments))
        # To start a process looks after all others, which must not meet a thread that does so too.
        with STARTING:
            child.start()
        try:
            wait([child.sentinel])
            with STARTING:
                child.join()
        finally:
            # What a test left behind, too.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        if child.exitcode == NO_TESTS:
            raise RuntimeError(f"pytest ran no test of the copy at {self._root}")
        failed = json.loads(failures.read_text()) if failures.exists() else {}
        return Verdict(child.exitcode != PASSED, frozenset(failed))


def _run_pytest(root: Path, arguments: list[str]) -> None:
    """Become a pytest of the copy at `root`: in its folder, with its package and its own locks."""
    os.setsid()
    os.chdir(root)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    sys.path.insert(0, str(root / "src"))
    os.environ["PYTHONPATH"] = str(root / "src")
    os.environ["VLMETER_LOCK_DIR"] = str(root / ".locks")
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    package = importlib.util.find_spec("vlmeter")
    if "vlmeter" in sys.modules or package is None or root not in Path(package.origin).parents:
        sys.exit(NO_TESTS)
    import pytest

    options = ["-n", "0", "--tb=no", "--assert=plain", "--hypothesis-seed=0"]
    options += ["-o", f"faulthandler_timeout={LIMIT_S}"]
    options += ["-o", "faulthandler_exit_on_timeout=true"]
    sys.exit(pytest.main([*options, *arguments]))
