"""Quiet while something is measured, shown with processes."""

import os
import select
import stat
import subprocess
import sys
from contextlib import ExitStack

import pytest

from vlmeter.machine import locks

SOON_S, NOT_YET_S = 20, 0.25
WORKING = "working()"
CPU = "measuring_on_cpu()"
GPU_1, GPU_2 = "measuring_on_gpus(['GPU-1'], 1)", "measuring_on_gpus(['GPU-2'], 1)"
ONE_OF_TWO = "measuring_on_gpus(['GPU-1', 'GPU-2'], 1)"
TWO_OF_TWO = "measuring_on_gpus(['GPU-1', 'GPU-2'], 2)"


class Holder:
    """A process that wants a lock, says when it holds it, and holds it until its input ends."""

    def __init__(self, lock, folder):
        code = (
            "import sys\nfrom vlmeter.machine import locks\n"
            f"print('asks', flush=True)\nwith locks.{lock} as held:\n"
            "    print('holds', *(held or ()), flush=True)\n    sys.stdin.read()\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "VLMETER_LOCK_DIR": str(folder)},
        )
        assert self._says(b"asks\n", SOON_S)

    def _says(self, words, seconds):
        return all(self._next(seconds) == bytes([expected]) for expected in words)

    def _next(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return os.read(self.process.stdout.fileno(), 1) if ready else b""

    def holds(self):
        return self._says(b"holds", SOON_S)

    def waits(self):
        return not self._says(b"holds", NOT_YET_S)

    def cards(self):
        words = b""
        while not words.endswith(b"\n"):
            words += self._next(SOON_S)
        return words.decode().split()

    def release(self):
        self.process.stdin.close()
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def holder(tmp_path):
    holders = []

    def make(lock):
        holders.append(Holder(lock, tmp_path / "locks"))
        return holders[-1]

    yield make
    for each in holders:
        each.kill()
        each.process.stdin.close()
        each.process.stdout.close()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CPU, WORKING),
        (WORKING, CPU),
        (CPU, CPU),
        (CPU, GPU_1),
        (GPU_1, CPU),
        (GPU_1, WORKING),
        (WORKING, GPU_1),
        (GPU_1, GPU_1),
        (ONE_OF_TWO, WORKING),
        (ONE_OF_TWO, TWO_OF_TWO),
        (TWO_OF_TWO, GPU_2),
    ],
)
def test_one_waits_until_the_other_is_done(holder, first, second):
    holding = holder(first)
    assert holding.holds()
    waiting = holder(second)
    assert waiting.waits()
    holding.release()
    assert waiting.holds()


@pytest.mark.parametrize(
    ("first", "second"), [(WORKING, WORKING), (GPU_1, GPU_2), (GPU_1, ONE_OF_TWO)]
)
def test_two_go_on_together(holder, first, second):
    both = holder(first), holder(second)
    assert all(each.holds() for each in both)


def test_a_measurement_on_the_cpu_waits_for_the_last_of_many(holder):
    workers = [holder(WORKING), holder(WORKING)]
    assert all(worker.holds() for worker in workers)
    cell = holder(CPU)
    workers[0].release()
    assert cell.waits()
    workers[1].release()
    assert cell.holds()


def test_each_cell_has_a_card_to_itself_and_the_next_takes_the_one_that_is_given_back(holder):
    first, second = holder(ONE_OF_TWO), holder(ONE_OF_TWO)
    assert first.holds()
    assert second.holds()
    cards = [first.cards(), second.cards()]
    assert sorted(cards) == [["GPU-1"], ["GPU-2"]]

    third = holder(ONE_OF_TWO)
    assert third.waits()
    second.kill()

    assert third.holds()
    assert third.cards() == cards[1]


def test_a_cell_that_waits_for_two_cards_keeps_none_from_another(holder):
    first = holder(GPU_1)
    assert first.holds()
    both = holder(TWO_OF_TWO)
    assert both.waits()

    other = holder(GPU_2)
    assert other.holds()
    first.release()
    assert both.waits()
    other.release()

    assert both.holds()
    assert both.cards() == ["GPU-1", "GPU-2"]


def test_more_cards_than_there_are_is_a_mistake():
    with pytest.raises(ValueError, match="2 cards are wanted of 1"), ExitStack() as stack:
        stack.enter_context(locks.measuring_on_gpus(["GPU-1"], 2))


@pytest.mark.parametrize("lock", [WORKING, CPU, GPU_1, TWO_OF_TWO])
def test_a_killed_holder_holds_nothing(holder, lock):
    killed = holder(lock)
    assert killed.holds()
    killed.kill()
    assert holder(CPU).holds()


def test_another_user_can_use_the_same_locks(tmp_path, monkeypatch):
    monkeypatch.setenv("VLMETER_LOCK_DIR", str(tmp_path / "locks"))
    before = os.umask(0o077)
    try:
        with locks.working():
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o1777
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "locks").iterdir()}
    assert modes == {0o644}


def test_a_link_in_place_of_a_lock_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("VLMETER_LOCK_DIR", str(tmp_path))
    (tmp_path / "target").write_text("")
    for name in ("working", "gpu-measuring"):
        (tmp_path / f"{name}.lock").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="working"), locks.working():
        pass
