"""Which devices this machine has, without importing torch."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import pynvml

from vlmeter.errors import Sentence, one_line
from vlmeter.machine.description import Gpu
from vlmeter.software.compilers import tools_at_hand
from vlmeter.software.torch_build import torch_build

_Value = TypeVar("_Value")

_HIDDEN = ("", "-1")
"""What CUDA_VISIBLE_DEVICES begins with where it hides every GPU."""
_OLDEST_DRIVER = {11: "450", 12: "525", 13: "580"}
"""The oldest Linux driver for each major version of CUDA (CUDA's release notes, "CUDA Driver")."""


@dataclass(frozen=True)
class _Measurable:
    """What NVML shows, and what of it cannot be measured."""

    gpus: tuple[Gpu, ...] = ()
    left_out: tuple[Sentence, ...] = ()


def visible_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves and that can be measured.

    Looked up once: what `show_only` hides later is still a GPU of this machine.
    """
    return _find_gpus().gpus


def list_left_out() -> tuple[Sentence, ...]:
    """Return why GPUs of this machine cannot be measured, a sentence with the remedy for each."""
    return _find_gpus().left_out


@cache
def _find_gpus() -> _Measurable:
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    entries = None if wanted is None else [word.strip() for word in wanted.split(",")]
    if entries is not None and entries[0] in _HIDDEN:
        return _Measurable()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        # Without the driver's library there is no GPU to speak of.
        absent = error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND
        silent = Sentence(
            f"the NVIDIA driver does not answer ({one_line(error)}): load it, or reboot"
        )
        return _Measurable(left_out=() if absent else (silent,))
    try:
        return _choose_measurable(entries, wanted)
    finally:
        pynvml.nvmlShutdown()


def _choose_measurable(entries: Sequence[str] | None, wanted: str | None) -> _Measurable:
    gpus: list[Gpu] = []
    hindrances: dict[str, Sentence] = {}
    left: list[Sentence] = []
    for index in range(read_nvml(pynvml.nvmlDeviceGetCount) or 0):
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            gpu = _describe_gpu(index, handle)
        except pynvml.NVMLError as error:
            if entries is None or str(index) in entries:
                lost = Sentence(f"GPU {index} is lost ({one_line(error)}): reset it, or reboot")
                left.append(lost)
            continue
        gpus.append(gpu)
        hindrance = _explain_hindrance(gpu, handle)
        if hindrance is not None:
            hindrances[gpu.uuid] = hindrance
    chosen = choose_gpus(gpus, wanted)
    left += [hindrances[gpu.uuid] for gpu in chosen if gpu.uuid in hindrances]
    slices = [entry for entry in entries or () if entry.startswith("MIG-")]
    if slices:
        sliced = Sentence(
            f"CUDA_VISIBLE_DEVICES names a MIG slice ({slices[0]}), and the driver counts power "
            "and energy of whole GPUs only: name a whole GPU by its index or UUID"
        )
        left.append(sliced)
    too_old = _explain_old_driver(chosen)
    if too_old is not None:
        return _Measurable(left_out=(too_old, *left))
    return _Measurable(tuple(gpu for gpu in chosen if gpu.uuid not in hindrances), tuple(left))


def _describe_gpu(index: int, handle: Any) -> Gpu:  # noqa: ANN401 - NVML's handle
    memory = read_nvml(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return Gpu(
        index=index,
        name=_decode(pynvml.nvmlDeviceGetName(handle)),
        uuid=_decode(pynvml.nvmlDeviceGetUUID(handle)),
        memory_bytes=None if memory is None else int(memory.total),
        driver=_decode(read_nvml(pynvml.nvmlSystemGetDriverVersion) or "unknown"),
    )


def _explain_hindrance(gpu: Gpu, handle: Any) -> Sentence | None:  # noqa: ANN401
    """Say why a GPU cannot be measured as it is set up, and what to do."""
    mig = read_nvml(pynvml.nvmlDeviceGetMigMode, handle)
    if mig is not None and mig[0]:
        return Sentence(
            f"{gpu} is in MIG mode, and the driver counts power and energy of the whole GPU only: "
            f"switch MIG off (nvidia-smi -i {gpu.index} -mig 0)"
        )
    mode = read_nvml(pynvml.nvmlDeviceGetComputeMode, handle)
    if mode is not None and mode == pynvml.NVML_COMPUTEMODE_PROHIBITED:
        return Sentence(
            f"{gpu} is in compute mode Prohibited: set it to Default "
            f"(nvidia-smi -i {gpu.index} -c DEFAULT)"
        )
    return None


def _explain_old_driver(gpus: Sequence[Gpu]) -> Sentence | None:
    """Say that the driver cannot serve the installed torch; any driver of its major CUDA can."""
    build = torch_build()
    # The second form counts the libraries for forward compatibility of a container, too.
    serves = read_nvml(pynvml.nvmlSystemGetCudaDriverVersion_v2) or read_nvml(
        pynvml.nvmlSystemGetCudaDriverVersion
    )
    if not gpus or build is None or build.cuda is None or not serves:
        return None
    major, minor = serves // 1000, serves % 1000 // 10
    if major >= build.cuda[0]:
        return None
    oldest = _OLDEST_DRIVER.get(build.cuda[0])
    return Sentence(
        f"the NVIDIA driver {gpus[0].driver} serves CUDA up to {major}.{minor} and torch "
        f"{build.version} is built for CUDA {build.cuda_text}: update the driver"
        f"{f' to {oldest} or newer' if oldest else ''}, or install a torch for CUDA {major}"
    )


def read_nvml(function: Callable[..., _Value], *args: object) -> _Value | None:
    """Return what NVML answers; None where this driver or GPU does not offer it."""
    try:
        return function(*args)
    except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError):
        return None


def _decode(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def choose_gpus(gpus: Sequence[Gpu], wanted: str | None) -> list[Gpu]:
    """Return the GPUs that a value of CUDA_VISIBLE_DEVICES leaves.

    Entries are indices or UUIDs; what follows an unknown one is hidden.
    """
    if wanted is None:
        return list(gpus)
    chosen: list[Gpu] = []
    for word in wanted.split(","):
        entry = word.strip()
        match = [
            gpu for gpu in gpus if entry and (entry == str(gpu.index) or gpu.uuid.startswith(entry))
        ]
        if not match:
            break
        chosen.append(match[0])
    return chosen


def show_only(uuids: Sequence[str]) -> None:
    """Let CUDA see these GPUs and no others, here and in children; before torch is imported.

    By UUID: CUDA may count GPUs in another order than NVML.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(uuids)


def list_shown_gpus() -> list[Gpu]:
    """Return the GPUs that `show_only` left to this process; all that are visible before it."""
    return choose_gpus(visible_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"))


def is_present(device: str, gpus: int = 1) -> bool:
    """Say whether a cell of this device, with this many GPUs, can run here."""
    return device == "cpu" or (device == "cuda" and len(visible_gpus()) >= max(gpus, 1))


def describe_absence(device: str, gpus: int = 1) -> Sentence:
    """Say in words what a cell lacks here, and of GPUs that cannot be measured why not."""
    there = len(visible_gpus())
    if is_present(device, gpus):
        return Sentence(f"this machine had no {device} device when the run began")
    why = "; ".join(list_left_out()) if device == "cuda" else ""
    if there == 0:
        lack = Sentence(f"this machine has no {device} device")
        return Sentence(f"{lack} that can be measured: {why}") if why else lack
    lack = Sentence(f"this machine has {there} of the {gpus} GPUs that the cell asks for")
    return Sentence(f"{lack}: {why}") if why else lack


def list_fingerprint(device: str, *, compiles: bool) -> list[str]:
    """Return what a cell can build on here: an `unavailable` one is tried again when more is there.

    Args:
        device: The cell's.
        compiles: Whether torch compiles for it: then the tools for that count too.
    """
    tools = tools_at_hand(device) if compiles else []
    if device != "cuda":
        return tools
    build = torch_build()
    cuda = "none" if build is None else build.cuda_text
    gpus = [f"{gpu.uuid}, driver {gpu.driver}, torch for CUDA {cuda}" for gpu in visible_gpus()]
    # Without a GPU the cell lacks that, whatever tools there are.
    return [*gpus, *tools] if gpus else []
