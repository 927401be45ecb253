"""What `torch.compile` needs besides torch, and whether it is here."""

import pytest

from vlmeter.software import compilers
from vlmeter.software.compilers import missing_needs, tools_at_hand


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with no compiler, no header of Python and no driver; returns its folder."""
    for name in ("CC", "CXX", "TRITON_LIBCUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compilers.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr(compilers.ctypes.util, "find_library", lambda name: None)
    compilers._has_driver_library.cache_clear()
    yield tmp_path
    compilers._has_driver_library.cache_clear()


def install(folder, name):
    (folder / name).touch(mode=0o755)


def test_what_a_stock_machine_lacks_is_named_with_its_package(bare):
    lack = "which is not here: install the package"
    assert [need.sentence for need in missing_needs("cpu")] == [
        f"torch.compile needs a C++ compiler, {lack} g++, or set CXX",
        f"torch.compile needs Python.h, {lack} python3-dev",
    ]
    assert [need.name for need in missing_needs("cuda")] == [
        "a C compiler",
        "Python.h",
        "libcuda.so of the NVIDIA driver",
    ]
    assert tools_at_hand("cpu") == tools_at_hand("cuda") == []


def test_what_is_installed_is_at_hand(bare):
    for name in ("gcc", "g++", "Python.h"):
        install(bare, name)
    assert missing_needs("cpu") == []
    assert tools_at_hand("cuda") == ["a C compiler", "Python.h"]


def test_a_compiler_that_the_user_names_is_the_one_that_counts(bare, monkeypatch):
    install(bare, "gcc")
    monkeypatch.setenv("CC", "my-cc")
    assert "a C compiler" not in tools_at_hand("cuda")
    install(bare, "my-cc")
    assert "a C compiler" in tools_at_hand("cuda")
