"""A job that waits for the machine says so, and a folder that cannot hold locks is named."""

import errno
import os
from threading import Event, Thread

import pytest

from vlmeter.errors import UserError
from vlmeter.machine import locks

KINDS = {
    "working": (locks.working, "waits until a measurement on this machine ends"),
    "on the CPU": (locks.measuring_on_cpu, "waits until other jobs on this machine end"),
    "on a GPU": (lambda: locks.measuring_on_gpus(["a"], 1), "waits until other jobs"),
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VLMETER_LOCK_DIR", str(tmp_path / "locks"))


class Spoken:
    """What is written, with the moment at which a number of lines stands there."""

    def __init__(self, lines):
        self.text, self._lines, self.enough = "", lines, Event()

    def write(self, text):
        self.text += text
        if self.text.count("\n") >= self._lines:
            self.enough.set()

    def flush(self):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_says_so_at_once_and_again(monkeypatch, kind):
    lock, words = KINDS[kind]
    spoken = Spoken(lines=2)
    monkeypatch.setattr(locks, "_SAID_EVERY_S", 0.05)
    monkeypatch.setattr("sys.stderr", spoken)
    held = Event()

    def wait():
        with lock():
            held.set()

    waiting = Thread(target=wait)
    with locks.measuring_on_cpu():
        waiting.start()
        assert spoken.enough.wait(60)
        assert not held.is_set()
    waiting.join(60)
    assert held.is_set()
    assert all(words in line for line in spoken.text.splitlines())


def test_who_waits_for_a_card_says_so(monkeypatch):
    spoken = Spoken(lines=1)
    monkeypatch.setattr("sys.stderr", spoken)

    def wait():
        with locks.measuring_on_gpus(["a"], 1):
            pass

    waiting = Thread(target=wait)
    with locks.measuring_on_gpus(["a"], 1):
        waiting.start()
        assert spoken.enough.wait(60)
    waiting.join(60)
    assert "waits for GPUs on which other cells are measured" in spoken.text


@pytest.mark.parametrize("kind", KINDS)
def test_who_need_not_wait_says_nothing(kind, capsys):
    with KINDS[kind][0]():
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOTDIR])
@pytest.mark.parametrize("step", ["mkdir", "open"])
def test_a_folder_that_cannot_hold_locks_is_named(tmp_path, monkeypatch, number, step):
    # A path is named whole: half of one helps nobody.
    folder = tmp_path / "of everyone" / ("deep" * 50)
    monkeypatch.setenv("VLMETER_LOCK_DIR", str(folder))

    def refuse(path, *_, **__):
        raise OSError(number, os.strerror(number), str(path))

    if step == "mkdir":
        monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    else:
        real = os.open

        def open_(path, flags, *mode):
            return refuse(path) if flags & os.O_CREAT else real(path, flags, *mode)

        monkeypatch.setattr(os, "open", open_)
    with pytest.raises(UserError) as raised, locks.working():
        pass
    said = str(raised.value)
    assert f"locks, {folder}, cannot be written ({os.strerror(number)})" in said
    assert "set VLMETER_LOCK_DIR" in said
