"""Which torch is installed: its version, its CUDA, the GPUs that it has kernels for.

Torch itself takes seconds to import and must not be imported before a cell's child is forked, so
its files are read instead.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vlmeter.errors import Sentence

_CUDA = re.compile(r"^cuda\b[^=]*=\s*'(\d+)\.(\d+)'", re.MULTILINE)
_VERSION = re.compile(r"^__version__\s*=\s*'([^']+)'", re.MULTILINE)
_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")
_ASK_S = 120


@dataclass(frozen=True)
class TorchBuild:
    """The build of torch, from its `version.py`."""

    version: str
    cuda: tuple[int, int] | None
    """Major and minor version of the CUDA that it was built for; None for a build without."""

    @property
    def cuda_text(self) -> str:
        """The CUDA version, `13.0` for instance, or `none`."""
        return "none" if self.cuda is None else ".".join(map(str, self.cuda))


@cache
def torch_build() -> TorchBuild | None:
    """Return the installed build; None where there is no torch, or none that can be read."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text("utf-8")
    except OSError:
        return None
    return read_build(text)


def read_build(text: str) -> TorchBuild | None:
    """Return the build that the text of torch's `version.py` describes."""
    version = _VERSION.search(text)
    if version is None:
        return None
    cuda = _CUDA.search(text)
    return TorchBuild(version[1], (int(cuda[1]), int(cuda[2])) if cuda else None)


def ask_for_architectures() -> list[str]:
    """Return `torch.cuda.get_arch_list()`, asked of a process of its own; empty if it fails."""
    code = "import torch; print(*torch.cuda.get_arch_list())"
    try:
        # This very interpreter with fixed words.
        done = subprocess.run(  # nosec B603
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def has_kernels(capability: tuple[int, int], architectures: Iterable[str]) -> bool:
    """Say whether a GPU can run a build's kernels, by CUDA's rules of compatibility.

    Machine code (`sm_80`) runs on the same major capability from its minor one on, PTX
    (`compute_80`) is compiled for any capability from its own on. Code for one architecture alone
    ends in `a`, for one family in `f`
    (https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities).

    Args:
        capability: The GPU's compute capability, major and minor.
        architectures: What the build holds, as `torch.cuda.get_arch_list()` names it. An empty
            list says nothing, and so excludes nothing.
    """
    kinds = [match for name in architectures if (match := _ARCHITECTURE.fullmatch(name))]
    return not kinds or any(_runs_on(capability, *match.groups()) for match in kinds)


def _runs_on(
    capability: tuple[int, int], kind: str, major: str, minor: str, restriction: str
) -> bool:
    built = int(major), int(minor)
    if restriction == "a":
        return capability == built
    if kind == "compute" and not restriction:
        return capability >= built
    return capability[0] == built[0] and capability[1] >= built[1]


def describe_missing_cuda(version: str) -> Sentence:
    """Say that a torch of this version has no CUDA, and what to do where there is a GPU."""
    return Sentence(f"torch {version} is built without CUDA: install a build of torch for CUDA")


def describe_missing_kernels(
    gpu: str, capability: tuple[int, int], version: str, architectures: Iterable[str]
) -> Sentence:
    """Say that torch has no kernels for a GPU, and what to do."""
    return Sentence(
        f"{gpu} has compute capability {capability[0]}.{capability[1]} and torch {version} has "
        f"kernels for {', '.join(architectures)} alone: install a torch that was built for this "
        "GPU, or use another GPU"
    )
