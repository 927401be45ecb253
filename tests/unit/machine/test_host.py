from dataclasses import replace

import pytest

from vlmeter.machine import host


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """What /proc/cpuinfo holds, to be written."""
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(host, "_CPUINFO", path)

    def write(name, mhz="2500"):
        path.write_text(f"processor: 0\nmodel name\t: {name}\ncpu MHz\t: {mhz}\n" * 2)

    return write


def test_the_digest_is_of_the_hardware_and_not_of_the_moment(processor):
    processor("Example CPU")
    first = host.compute_host_digest()
    processor("Example CPU", mhz="1200")
    assert host.compute_host_digest() == first
    processor("Another CPU")
    assert host.compute_host_digest() != first


def test_a_system_without_procfs_has_a_digest_too(processor):
    assert len(host.compute_host_digest()) == 16


def test_a_description_is_of_here_or_not():
    described = host.describe_host()
    assert host.is_here(described)
    assert not host.is_here(replace(described, host="another"))
    assert described.cpu.logical_cores >= 1
