"""Who measures has its device to itself, and whoever else works has the lock of those that work."""

import ast
from pathlib import Path

import pytest
from python_path import search_first

REPOSITORY = Path(__file__).parents[2]
FAKE_NVML = REPOSITORY / "tests/workflow/fakes/gpu"
SCRIPTS = sorted((REPOSITORY / "workflow/scripts").glob("*.py"))
MEASURING = {"answer_shard", "describe_machine", "profile_layers", "run_inference"}
"""The scripts whose figures other work would change."""
CARDS = ("GPU-00000000-0000-0000-0000-000000000001", "GPU-00000000-0000-0000-0000-000000000002")
NOTE_LOCKS = """
from contextlib import contextmanager
from pathlib import Path
from vlmeter import scripting
from vlmeter.machine import locks

held = []

def note(name):
    @contextmanager
    def lock(*wanted):
        held.append(f"{name} {wanted}")
        yield list(wanted[0][:wanted[1]]) if wanted else None
        held.pop()
    setattr(locks, name, lock)

for name in ("working", "measuring_on_cpu", "measuring_on_gpus"):
    note(name)

def work(key=None):
    Path("held").write_text(" and ".join(held))
"""


@pytest.mark.parametrize(
    ("job", "lock"),
    [
        ("run_job('a.log', work)", "working ()"),
        ("run_keyed_job('a.log', {'key': '1', 'note': 'a.json'}, work)", "working ()"),
        ("run_measuring_job('a.log', 'cpu', 0, work)", "measuring_on_cpu ()"),
        (
            "run_measuring_job('a.log', 'cuda', 1, work)",
            f"measuring_on_gpus ({list(CARDS)}, 1)",
        ),
        (
            "run_measuring_job('a.log', 'cuda', 2, work)",
            f"measuring_on_gpus ({list(CARDS)}, 2)",
        ),
        # Nothing is measured where there are too few.
        ("run_measuring_job('a.log', 'cuda', 3, work)", ""),
    ],
)
def test_a_job_works_under_the_lock_of_what_it_does(run_python, tmp_path, job, lock):
    code = f"{NOTE_LOCKS}scripting.{job}\nassert held == []"
    done = run_python(code, **search_first(FAKE_NVML), FAKE_GPUS="2", CUDA_VISIBLE_DEVICES="0,1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "held").read_text() == lock


def find_call(script):
    """Return the only call of a script that runs its job."""
    (call,) = [
        node
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"run_job", "run_keyed_job", "run_measuring_job"}
    ]
    return call


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_what_measures_is_run_as_what_measures_and_nothing_else_is(script):
    call = find_call(script)
    assert (call.func.id == "run_measuring_job") == (script.stem in MEASURING)
    if script.stem in MEASURING:
        device, gpus = map(ast.unparse, call.args[1:3])
        wanted = ("job.cell.axes.device", "job.cell.gpus")
        assert (device, gpus) == (("'cpu'", "0") if script.stem == "describe_machine" else wanted)
