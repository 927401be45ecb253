import json
from types import SimpleNamespace

import pytest
import torch
from measure_fakes import FakeCuda, FakeNvml

from vlmeter.measure.memory import MemoryProbe, compute_weights_bytes, make_memory_probe
from vlmeter.measure.nvml import open_gpus

MIB = 2**20


def test_weights_count_parameters_and_buffers_and_tied_ones_once():
    model = torch.nn.Sequential(
        torch.nn.Linear(10, 10, bias=False), torch.nn.Linear(10, 10, bias=False)
    ).half()
    assert compute_weights_bytes(model) == 2 * 100 * 2
    model[1].weight = model[0].weight
    model.register_buffer("mask", torch.zeros(5, dtype=torch.float32))
    assert compute_weights_bytes(model) == 100 * 2 + 5 * 4


@pytest.fixture
def peaks(run_python):
    """Measure the memory of a piece of code in a process of its own.

    Of this one the system may take back pages that earlier tests left, while it is measured.
    """

    def measure(code):
        done = run_python(
            "import json, torch\n"
            "from dataclasses import asdict\n"
            "from vlmeter.measure.memory import make_memory_probe\n"
            "MIB = 1 << 20\n"
            f"{code}\n"
            "print(json.dumps(asdict(probe.stop(torch.nn.Linear(2, 2)))))\n"
        )
        assert done.returncode == 0, done.stderr
        return SimpleNamespace(**json.loads(done.stdout.splitlines()[-1]))

    return measure


def test_the_peak_is_that_since_the_start_and_not_of_earlier_work(peaks):
    memory = peaks(
        "earlier = torch.ones(64 * MIB)\n"
        "del earlier\n"
        "probe = make_memory_probe('cpu')\n"
        "probe.start()\n"
        "work = torch.ones(16 * MIB)\n"
        "del work"
    )
    assert memory.peak_rss_method == "VmHWM"
    grown = memory.peak_rss_bytes - memory.rss_before_load_bytes
    assert 48 * MIB < grown < 192 * MIB
    assert memory.weights_bytes == 24


def test_the_workload_s_peak_leaves_out_what_setting_up_took(peaks):
    memory = peaks(
        "probe = make_memory_probe('cpu')\n"
        "probe.start()\n"
        "answers = torch.ones(64 * MIB)\n"
        "del answers\n"
        "probe.begin_workload()\n"
        "work = torch.ones(16 * MIB)\n"
        "del work"
    )
    assert memory.setup_peak_rss_bytes - memory.rss_before_load_bytes > 192 * MIB
    assert 48 * MIB < memory.peak_rss_bytes - memory.rss_before_load_bytes < 192 * MIB


def test_a_gpu_s_peaks_are_the_workload_s():
    cuda = FakeCuda()
    probe = MemoryProbe("cuda:0", cuda)
    probe.start()
    cuda.peaks = {"allocated": 700, "reserved": 900}
    probe.begin_workload()
    assert cuda.peaks == {"allocated": 0, "reserved": 0}
    cuda.peaks = {"allocated": 100, "reserved": 120}
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert (memory.peak_allocated_bytes, memory.peak_reserved_bytes) == (100, 120)


def test_a_cpu_has_no_device_memory():
    probe = make_memory_probe("cpu")
    probe.start()
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert memory.peak_allocated_bytes is None
    assert memory.peak_reserved_bytes is None
    assert memory.device_used_bytes is None


def test_without_procfs_the_life_s_peak_serves_and_says_so(tmp_path):
    probe = MemoryProbe("cpu", proc=tmp_path / "missing")
    probe.start()
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert memory.peak_rss_method == "ru_maxrss"
    assert memory.peak_rss_bytes >= memory.rss_before_load_bytes > 0


def test_a_gpu_s_memory_is_the_allocator_s_and_the_driver_s():
    cuda = FakeCuda()
    cuda.peaks = {"allocated": 999, "reserved": 999}
    (gpu,) = open_gpus(FakeNvml({"used": 5000}))
    probe = MemoryProbe("cuda:0", cuda, [gpu])
    probe.start()
    cuda.peaks = {"allocated": 100, "reserved": 120}
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert memory.peak_allocated_bytes == 100
    assert memory.peak_reserved_bytes == 120
    assert memory.device_used_bytes == 5000


@pytest.mark.parametrize("seen", [0, 1])
def test_peaks_are_of_all_cards_of_the_cell_whatever_the_driver_counts(seen):
    cuda = FakeCuda(cards=2)
    probe = MemoryProbe("cuda", cuda, open_gpus(FakeNvml(*[{"used": 5000}] * seen)))
    probe.start()
    cuda.peaks = {"allocated": 100, "reserved": 120}
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert (memory.peak_allocated_bytes, memory.peak_reserved_bytes) == (200, 240)


def test_the_memory_of_several_gpus_is_added_up():
    cuda = FakeCuda(cards=2)
    gpus = open_gpus(FakeNvml({"used": 5000}, {"used": 300}))
    probe = MemoryProbe("cuda", cuda, gpus)
    probe.start()
    cuda.peaks = {"allocated": 100, "reserved": 120}
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert memory.peak_allocated_bytes == 200
    assert memory.peak_reserved_bytes == 240
    assert memory.device_used_bytes == 5300


def test_what_the_driver_counts_before_the_cell_s_context_is_kept_apart():
    cuda = FakeCuda()
    # The driver's reserve and a desktop on the first card, and a context of 300 on each later.
    counts = [
        lambda: 500 + 300 * cuda.initialised,
        lambda: 20 + 300 * cuda.initialised,
    ]
    for gpus in (1, 2):
        cuda.initialised = False
        cards = open_gpus(FakeNvml(*({"used": count} for count in counts[:gpus])))
        probe = MemoryProbe("cuda", cuda, cards)
        probe.start()
        memory = probe.stop(torch.nn.Linear(2, 2))
        assert memory.device_used_before_bytes == (500, 520)[gpus - 1]
        assert memory.device_used_bytes - memory.device_used_before_bytes == gpus * 300


def test_a_driver_that_does_not_count_memory_gives_none_before_either():
    probe = MemoryProbe("cuda", FakeCuda(), open_gpus(FakeNvml({"used": 500}, {})))
    probe.start()
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert memory.device_used_before_bytes is memory.device_used_bytes is None


def test_a_gpu_without_nvml_keeps_the_allocator_s_figures():
    probe = MemoryProbe("cuda:0", FakeCuda())
    probe.start()
    memory = probe.stop(torch.nn.Linear(2, 2))
    assert memory.peak_allocated_bytes == 0
    assert memory.device_used_bytes is None


def test_a_missing_gpu_does_not_stop_the_probe():
    probe = make_memory_probe("cuda")
    probe.start()
    assert (
        probe.stop(torch.nn.Linear(2, 2)).peak_allocated_bytes is None
    ) is not torch.cuda.is_available()
