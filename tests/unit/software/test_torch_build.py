"""What torch was built for, read without importing it."""

import sys

import pytest
import torch

from vlmeter.software import torch_build
from vlmeter.software.torch_build import (
    TorchBuild,
    describe_missing_kernels,
    has_kernels,
    read_build,
)

CUDA_13 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")


def test_the_installed_torch_is_read_as_it_says_itself():
    build = torch_build.torch_build()
    assert build.version == torch.__version__
    assert build.cuda_text == (torch.version.cuda or "none")


def test_reading_it_imports_nothing(run_python):
    code = "import sys; from vlmeter.software.torch_build import torch_build\n"
    done = run_python(f"{code}print(torch_build() is not None, 'torch' in sys.modules)")
    assert done.stdout == "True False\n", done.stderr


@pytest.mark.parametrize(
    ("text", "build"),
    [
        (
            "__version__ = '2.13.0'\ndebug = False\ncuda: Optional[str] = '13.0'\n",
            TorchBuild("2.13.0", (13, 0)),
        ),
        (
            "__version__ = '2.11.0+cu126'\ncuda = '12.6'\nhip = None\n",
            TorchBuild("2.11.0+cu126", (12, 6)),
        ),
        (
            "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = '7.0'\n",
            TorchBuild("2.13.0+cpu", None),
        ),
        ("nothing of the kind", None),
    ],
)
def test_version_files_of_several_builds(text, build):
    assert read_build(text) == build


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((9, 0), CUDA_13, True),
        ((7, 0), CUDA_13, False),
        ((6, 1), CUDA_13, False),
        # The same major capability, from the built minor one on.
        ((8, 9), CUDA_13, True),
        ((8, 0), ("sm_86",), False),
        ((10, 3), ("sm_100",), True),
        # PTX is compiled for whatever comes later.
        ((13, 0), CUDA_13, True),
        ((13, 0), ("sm_90", "compute_90"), True),
        ((7, 5), ("sm_90", "compute_90"), False),
        # For one architecture alone, or one family.
        ((9, 0), ("sm_90a",), True),
        ((10, 3), ("sm_100a", "compute_100a"), False),
        ((10, 3), ("sm_100f",), True),
        ((12, 0), ("compute_100f",), False),
        # A build that names none excludes nothing.
        ((5, 0), (), True),
    ],
)
def test_cuda_s_rules_of_compatibility(capability, architectures, runs):
    assert has_kernels(capability, architectures) is runs


def test_kernels_that_are_missing_are_named_with_the_remedy():
    assert describe_missing_kernels("Tesla P100", (6, 0), "2.13.0", ["sm_75", "sm_80"]) == (
        "Tesla P100 has compute capability 6.0 and torch 2.13.0 has kernels for sm_75, sm_80 "
        "alone: install a torch that was built for this GPU, or use another GPU"
    )


def test_the_architectures_are_those_that_torch_names():
    assert torch_build.ask_for_architectures() == torch.cuda.get_arch_list()


def test_a_torch_that_cannot_be_asked_names_none(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    assert torch_build.ask_for_architectures() == []
