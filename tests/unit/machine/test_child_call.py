"""A call in a child is as good as a call here: it returns the same, and fails in the same words."""

import pytest

CALLS = """
import errno, os
from vlmeter.errors import UserError

def add(a, b):
    return a + b

def read_environment(name):
    return os.environ[name]

def refuse():
    raise UserError("photos.csv has no column 'image'.")

def run_out_of_room():
    raise OSError(errno.ENOSPC, "No space left on device", "weights")

def stumble():
    raise LookupError("nobody catches it")

def run_out_of_memory():
    os.kill(os.getpid(), 9)

def die():
    os._exit(9)
"""
PROGRAM = """
import sys
from functools import partial
from vlmeter.machine import child_call
import calls
try:
    print(repr(child_call.call_in_child({call}, {settings})))
except Exception as error:
    print(type(error).__name__, getattr(error, "errno", ""), error)
assert "torch" not in sys.modules
"""


@pytest.fixture
def call(run_python, tmp_path):
    """Make a call in a child of a process of its own; return what it printed, and the errors."""
    (tmp_path / "calls.py").write_text(CALLS, encoding="utf-8")

    def run(call, settings=None):
        program = "import sys\nsys.path.insert(0, '.')\n" + PROGRAM.format(
            call=call, settings=settings
        )
        done = run_python(program)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    return run


def test_what_a_call_returns_comes_back(call):
    assert call("partial(calls.add, [1], [2])") == ("[1, 2]", "")


def test_a_call_has_the_settings_and_its_caller_has_not(call):
    settings = {"VLMETER_TEST_SETTING": "3"}
    program = "partial(calls.read_environment, 'VLMETER_TEST_SETTING')"
    assert call(program, settings)[0] == "'3'"


FAILURES = {
    "a user's mistake": ("calls.refuse", "UserError  photos.csv has no column 'image'."),
    "a full disk": (
        "calls.run_out_of_room",
        "OSError 28 [Errno 28] No space left on device: 'weights'",
    ),
    "any other": (
        "calls.stumble",
        "UserError  The job's child process: ended with exit code 70. Its log has what it printed.",
    ),
    "its end": (
        "calls.die",
        "UserError  The job's child process: ended with exit code 9. Its log has what it printed.",
    ),
    "no memory": (
        "calls.run_out_of_memory",
        "UserError  The job's child process: killed by SIGKILL, as the system does when memory "
        "runs out. Its log has what it printed.",
    ),
}


@pytest.mark.parametrize("why", FAILURES)
def test_a_call_that_fails_says_why(call, why):
    program, words = FAILURES[why]
    assert call(program)[0] == words


@pytest.mark.parametrize("function", ["run_out_of_room", "stumble"])
def test_an_error_of_the_machine_or_of_the_code_leaves_its_traceback(call, function):
    assert f"in {function}" in call(f"calls.{function}")[1]


def test_a_mistake_of_the_user_leaves_none(call):
    assert call("calls.refuse")[1] == ""
