import json
from types import SimpleNamespace

import pytest
import torch
from fake_nvml import FakeNvml
from simulation.card import CONTEXT_BYTES, HELD_BYTES, MIB
from simulation.clock import SimulatedTime
from simulation.cuda import make_cuda

from vlmeter.measure.memory import (
    MemoryProbe,
    compute_cache_bytes,
    compute_weights_bytes,
    make_memory_probe,
)
from vlmeter.measure.nvml import open_gpus

MODEL = torch.nn.Linear(2, 2)


def test_weights_count_parameters_and_buffers_and_tied_ones_once():
    model = torch.nn.Sequential(
        torch.nn.Linear(10, 10, bias=False), torch.nn.Linear(10, 10, bias=False)
    ).half()
    assert compute_weights_bytes(model) == 2 * 100 * 2
    model[1].weight = model[0].weight
    model.register_buffer("mask", torch.zeros(5, dtype=torch.float32))
    assert compute_weights_bytes(model) == 100 * 2 + 5 * 4


def test_what_two_modules_store_in_one_place_counts_once():
    model = torch.nn.Sequential(torch.nn.Linear(10, 10, bias=False), torch.nn.Linear(10, 10))
    model[1].weight = torch.nn.Parameter(model[0].weight.detach())
    assert model[1].weight is not model[0].weight
    assert compute_weights_bytes(model) == 100 * 4 + 10 * 4


@pytest.fixture
def proc(tmp_path):
    """The process's folder in procfs, with sizes in the units of the kernel: kB is 1024 bytes."""
    (tmp_path / "status").write_text("VmHWM:\t  300 kB\nVmRSS:\t  200 kB\n", encoding="utf-8")
    return tmp_path


def test_the_kernel_s_kilobytes_are_of_1024_bytes(proc):
    probe = MemoryProbe("cpu", proc=proc)
    probe.start()
    probe.begin_workload()
    memory = probe.stop(MODEL)
    assert memory.rss_before_load_bytes == 200 * 1024
    assert (memory.setup_peak_rss_bytes, memory.peak_rss_bytes) == (300 * 1024, 300 * 1024)
    assert memory.peak_rss_method == "VmHWM"


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_the_life_s_peak_is_in_the_unit_of_its_system(monkeypatch, tmp_path, platform, unit):
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("resource.getrusage", lambda _: SimpleNamespace(ru_maxrss=700))
    probe = MemoryProbe("cpu", proc=tmp_path)
    probe.start()
    assert probe.stop(MODEL).peak_rss_bytes == 700 * unit


def test_a_peak_that_cannot_be_reset_is_that_of_the_whole_process(proc):
    (proc / "clear_refs").mkdir()
    probe = MemoryProbe("cpu", proc=proc)
    probe.start()
    memory = probe.stop(MODEL)
    assert memory.peak_rss_bytes > 300 * 1024
    assert memory.peak_rss_method == "ru_maxrss"


def test_scales_that_stand_beside_packed_numbers_count():
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.zeros(8, 1, dtype=torch.uint8), requires_grad=False)
    scales = {"absmax": torch.zeros(4), "blocksize": 64, "nested": None}
    model.weight.quant_state = SimpleNamespace(as_dict=lambda packed: scales)
    assert compute_weights_bytes(model) == 8 + 4 * 4


class Layer:
    """A layer of a cache, with its keys and values and what else it has."""

    def __init__(self, positions, **more):
        self.keys = torch.zeros(2, 3, positions, 4)
        self.values = torch.zeros(2, 3, positions, 4)
        self.length = torch.tensor(positions)
        self.config = torch.nn.Linear(9, 9)
        self.dtype = torch.float32
        vars(self).update(more)


def test_a_cache_counts_by_its_tensors_whatever_its_class():
    full = 2 * 2 * 3 * 4 * 4
    layer = Layer(10)
    assert compute_cache_bytes(layer) == 10 * full
    assert compute_cache_bytes(SimpleNamespace(layers=[layer, Layer(5)])) == 15 * full
    both = SimpleNamespace(self_attention_cache=[Layer(3)], cross_attention_cache=(Layer(7),))
    assert compute_cache_bytes(both) == 10 * full
    states = Layer(1, states={0: torch.zeros(6, dtype=torch.float16), 1: None})
    assert compute_cache_bytes([states]) == full + 12
    shared = SimpleNamespace(layers=[layer, layer], by_name={"of it": layer.keys}, whole=None)
    shared.own = shared
    assert compute_cache_bytes(shared) == 10 * full, "what is shared counts once"
    window = Layer(10)
    window.keys, window.values = window.keys[:, :, -4:], window.values[:, :, -4:]
    assert compute_cache_bytes(window) == 4 * full
    assert compute_cache_bytes(((torch.zeros(8), torch.zeros(8)),)) == 64, "as older models give it"
    assert compute_cache_bytes(None) == 0


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


def watch(cards=1, seen=None, device="cuda"):
    """A probe of cards, of which the driver shows so many."""
    cuda = make_cuda(SimulatedTime(), cards)
    shown = cuda.cards if seen is None else cuda.cards[:seen]
    gpus = open_gpus(FakeNvml(*(card.as_readings() for card in shown)))
    return cuda, MemoryProbe(device, cuda, gpus)


def test_a_gpu_s_peaks_are_the_workload_s():
    cuda, probe = watch()
    memory = cuda.current.memory
    memory.hold(900 * MIB)
    probe.start()
    memory.keep(10 * MIB)
    memory.hold(700 * MIB)
    probe.begin_workload()
    memory.hold(101 * MIB)
    read = probe.stop(MODEL)
    assert read.peak_allocated_bytes == 111 * MIB
    assert read.peak_reserved_bytes == 112 * MIB, "what earlier shapes needed was given back"


def test_a_cpu_has_no_device_memory():
    probe = make_memory_probe("cpu")
    probe.start()
    memory = probe.stop(MODEL)
    assert memory.peak_allocated_bytes is None
    assert memory.peak_reserved_bytes is None
    assert memory.device_used_bytes is None


def test_without_procfs_the_life_s_peak_serves_and_says_so(tmp_path):
    probe = MemoryProbe("cpu", proc=tmp_path / "missing")
    probe.start()
    memory = probe.stop(MODEL)
    assert memory.peak_rss_method == "ru_maxrss"
    assert memory.peak_rss_bytes >= memory.rss_before_load_bytes > 0


def test_a_gpu_s_memory_is_the_allocator_s_and_the_driver_s():
    cuda, probe = watch()
    probe.start()
    probe.begin_workload()
    cuda.current.memory.hold(101 * MIB)
    memory = probe.stop(MODEL)
    assert memory.peak_allocated_bytes == 101 * MIB
    assert memory.peak_reserved_bytes == 102 * MIB
    assert memory.device_used_before_bytes == HELD_BYTES
    assert memory.device_used_bytes == HELD_BYTES + CONTEXT_BYTES + 102 * MIB


@pytest.mark.parametrize("seen", [0, 1])
def test_peaks_are_of_all_cards_of_the_cell_whatever_the_driver_counts(seen):
    cuda, probe = watch(cards=2, seen=seen)
    for card, mebibytes in zip(cuda.cards, (300, 40), strict=True):
        card.memory.hold(2 * mebibytes * MIB)
    probe.start()
    probe.begin_workload()
    for card, mebibytes in zip(cuda.cards, (300, 40), strict=True):
        card.memory.hold(mebibytes * MIB)
    memory = probe.stop(MODEL)
    assert memory.peak_allocated_bytes == memory.peak_reserved_bytes == 340 * MIB


def test_the_memory_of_several_gpus_is_added_up():
    cuda, probe = watch(cards=2)
    probe.start()
    for card, mebibytes in zip(cuda.cards, (300, 41), strict=True):
        card.memory.hold(mebibytes * MIB)
    memory = probe.stop(MODEL)
    assert memory.peak_allocated_bytes == 341 * MIB
    assert memory.peak_reserved_bytes == 342 * MIB
    before, used = memory.device_used_before_bytes, memory.device_used_bytes
    assert (before, used - before) == (2 * HELD_BYTES, 2 * CONTEXT_BYTES + 342 * MIB)


def test_a_card_that_the_cell_does_not_have_is_not_counted():
    cuda, probe = watch(cards=2, seen=1, device="cuda:0")
    probe.start()
    for card in cuda.cards:
        card.memory.hold(100 * MIB)
    memory = probe.stop(MODEL)
    assert memory.peak_allocated_bytes == memory.peak_reserved_bytes == 100 * MIB
    assert memory.device_used_bytes == HELD_BYTES + CONTEXT_BYTES + 100 * MIB


@pytest.mark.parametrize("cards", [1, 2])
def test_what_the_driver_counts_before_the_cell_s_context_is_kept_apart(cards):
    _, probe = watch(cards)
    probe.start()
    memory = probe.stop(MODEL)
    assert memory.device_used_before_bytes == cards * HELD_BYTES
    assert memory.device_used_bytes - memory.device_used_before_bytes == cards * CONTEXT_BYTES


def test_a_driver_that_does_not_count_memory_gives_none_before_either():
    gpus = open_gpus(FakeNvml({"memory": {"used": 500}}, {}))
    probe = MemoryProbe("cuda", make_cuda(SimulatedTime()), gpus)
    probe.start()
    memory = probe.stop(MODEL)
    assert memory.device_used_before_bytes is memory.device_used_bytes is None


def test_a_gpu_without_nvml_keeps_the_allocator_s_figures():
    _, probe = watch(seen=0)
    probe.start()
    memory = probe.stop(MODEL)
    assert memory.peak_allocated_bytes == 0
    assert memory.device_used_bytes is None


def test_a_missing_gpu_does_not_stop_the_probe():
    probe = make_memory_probe("cuda")
    probe.start()
    assert (
        probe.stop(torch.nn.Linear(2, 2)).peak_allocated_bytes is None
    ) is not torch.cuda.is_available()
