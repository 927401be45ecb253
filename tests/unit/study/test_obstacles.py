"""`make plan` says beforehand what keeps cells from being measured here."""

import pynvml
import pytest
from fake_nvml import GIB, LOST, gpu

from vlmeter.software.compilers import PYTHON_HEADER
from vlmeter.study import obstacles
from vlmeter.study.obstacles import Obstacles
from vlmeter.study.plan import make_plan


@pytest.fixture
def describe(config, machine, monkeypatch):
    """Return the plan's lines about this machine, for a study of two cells on a GPU."""
    monkeypatch.setattr(obstacles, "ask_for_architectures", lambda: ["sm_80", "sm_90"])
    config.set("base.device", "cuda")
    del config.values["sections"][1], config.values["layers"]

    def lines(*gpus, **settings):
        machine(*gpus, **settings)
        return Obstacles(config.study()).describe()

    return lines


def test_a_machine_in_good_order_has_no_obstacle(describe):
    assert describe(gpu("a")) == []


@pytest.mark.parametrize(
    ("gpus", "settings", "words"),
    [
        ([gpu("a")], {"driver": "570.86", "cuda": 12080}, "update the driver to 580 or newer"),
        ([gpu("a", capability=(7, 0))], {}, "has compute capability 7.0 and torch 2.13.0 has"),
        ([gpu("a", mig=[1, 1])], {}, "switch MIG off"),
        ([gpu("a")], {"visible": "MIG-1"}, "names a MIG slice (MIG-1)"),
        ([gpu("a", mode=pynvml.NVML_COMPUTEMODE_PROHIBITED)], {}, "set it to Default"),
        ([LOST], {}, "GPU 0 is lost"),
        ([gpu("a")], {"torch_cuda": None}, "torch 2.13.0 is built without CUDA"),
        ([], {}, "this machine has no cuda device"),
    ],
)
def test_what_keeps_every_cell_from_running_is_named_once(describe, gpus, settings, words):
    (line,) = describe(*gpus, **settings)
    assert line.startswith("cannot run here: 2 cells: ")
    assert words in line


def test_what_leaves_a_gpu_for_the_cells_is_named_all_the_same(describe):
    assert describe(LOST, gpu("b"), gpu("c", capability=(7, 0))) == [
        "left out: GPU 0 is lost (GPU is lost): reset it, or reboot"
    ]


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        (
            {"memory": {"total": 80 * GIB, "used": 79 * GIB}},
            "other processes hold 84.8 of the 85.9",
        ),
        (
            {"mode": pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS, "pids": [7]},
            "process 7 has it: end that process",
        ),
    ],
)
def test_a_gpu_that_others_have_is_named(describe, readings, words):
    (line,) = describe(gpu("a", **readings))
    assert line.startswith("taken: ")
    assert words in line


def test_a_compiled_cell_names_the_package_that_is_missing(describe, config, monkeypatch):
    monkeypatch.setattr(obstacles, "missing_needs", lambda device: [PYTHON_HEADER])
    config.set("sections.0.vary", {"optimization": ["eager", "compile", "flex_attention"]})
    assert describe(gpu("a")) == [
        "cannot run here: 2 cells: torch.compile needs Python.h, which is not here: install the "
        "package python3-dev"
    ]


def test_int8_in_fp16_is_named(describe, config):
    config.set("sections.0.vary", {"optimization": ["int8"], "dtype": ["fp16", "bf16"]})
    assert describe(gpu("a")) == [
        "cannot run here: 1 cell: int8: torchao's product overflows in fp16: take bf16"
    ]


def test_fp8_on_a_gpu_that_has_none_is_named(describe, config):
    config.set("sections.0.vary", {"optimization": ["fp8"]}).set("base.dtype", "bf16")
    assert describe(gpu("a")) == []
    assert describe(gpu("a", capability=(8, 0))) == [
        "cannot run here: 1 cell: fp8: the GPU has compute capability 8.0 and no fp8, which begins "
        "at 8.9: take int8 or int4"
    ]


def test_the_plan_counts_the_cells_that_can_run(describe, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config.set("datasets.photos.source", {"synthetic": {"text_tokens": 9}})
    config.drop("datasets.photos.columns").drop("datasets.photos.prompts")
    describe(gpu("a"), driver="570.86", cuda=12080)
    refused = make_plan(config.study())
    lines = refused.text.splitlines()
    assert "No cell can run on this machine." in refused.problems
    assert lines[1].startswith("can run here: 0 of 2 cells")
    assert lines[2].startswith("cannot run here: 2 cells: this machine has no cuda device that")
    describe(gpu("a"))
    assert make_plan(config.study()).text.splitlines()[1].startswith("can run here: 2 of 2 cells")
