"""What fails after a measurement leaves a reason and takes nothing with it."""

import pytest

from vlmeter.cell.worker.guarding import try_to_read


def test_a_value_is_returned_as_it_is():
    assert try_to_read(lambda: 3) == (3, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            "out of memory: CUDA out of memory",
        ),
        (MemoryError(), "out of memory: the memory ran out"),
        (ValueError("no such operator"), "error: ValueError: no such operator"),
    ],
)
def test_an_exception_becomes_a_reason_and_its_traceback_goes_to_the_log(error, reason, capsys):
    def fail():
        raise error

    assert try_to_read(fail) == (None, reason)
    assert "in fail" in capsys.readouterr().err


@pytest.mark.parametrize("request_to_end", [KeyboardInterrupt, SystemExit])
def test_a_request_to_end_passes(request_to_end):
    def end():
        raise request_to_end

    with pytest.raises(request_to_end):
        try_to_read(end)
