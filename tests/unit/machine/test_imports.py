"""A large import goes on while the garbage collector leaves alone what is there."""

import pytest

_LARGE = """
import gc
full = []
gc.callbacks.append(lambda phase, info: full.append(info["generation"]) if phase == "start" else 0)
kept = [[] for _ in range(200_000)]
rubbish = []
for _ in range(200_000):
    cycle = []
    cycle.append(cycle)
gc.callbacks.clear()
{end}
"""
_PROGRAM = """
import gc
from vlmeter.machine.imports import import_to_stay
usual = gc.get_threshold()
try:
    import_to_stay("large")
except ValueError:
    assert {fails}
import sys
if not {fails}:
    import large
    # Only the young were gone through, and they were: the cycles are not there any more.
    assert large.full and set(large.full) == {{0}}, large.full
    assert 200_000 < gc.get_freeze_count() < 320_000, gc.get_freeze_count()
    assert not any(thing is large for thing in gc.get_objects())
assert gc.isenabled()
assert gc.get_threshold() == usual
"""


@pytest.mark.parametrize(("end", "fails"), [("", False), ("raise ValueError", True)])
def test_an_import_is_not_gone_through_and_leaves_the_collector_as_it_was(
    run_python, tmp_path, end, fails
):
    (tmp_path / "large.py").write_text(_LARGE.format(end=end), encoding="utf-8")
    done = run_python(_PROGRAM.format(fails=fails))
    assert done.returncode == 0, done.stderr
