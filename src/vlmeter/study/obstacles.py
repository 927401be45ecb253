"""Says beforehand what keeps a study's cells from being measured on this machine."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from vlmeter.machine import devices, gpu_state
from vlmeter.models.optimization import check_quantization
from vlmeter.software.compilers import missing_needs
from vlmeter.software.torch_build import (
    ask_for_architectures,
    describe_missing_cuda,
    describe_missing_kernels,
    has_kernels,
    torch_build,
)
from vlmeter.status import UnsupportedError
from vlmeter.study.counts import format_count
from vlmeter.study.study import Cell, Study


class Obstacles:
    """Looks at the machine once, for all cells of a study."""

    def __init__(self, study: Study) -> None:
        """Keep the study; the machine is looked at when the first cell asks."""
        self._study = study

    def find(self, cell: Cell) -> str | None:
        """Return what a cell lacks here and what to do, or None where it can run."""
        device, gpus = cell.axes.device, self._study.gpus(cell)
        if not devices.is_present(device, gpus):
            return devices.describe_absence(device, gpus)
        if device == "cuda" and len(devices.visible_gpus()) - len(self._unusable) < gpus:
            return "; ".join(dict.fromkeys(self._unusable))
        optimization = self._study.optimization(cell)
        try:
            check_quantization(
                optimization.quantization,
                cell.axes.dtype,
                device,
                gpu_state.read_capabilities().values() if device == "cuda" else (),
            )
        except UnsupportedError as refusal:
            return str(refusal)
        missing = missing_needs(device) if optimization.needs_compiler else []
        return "; ".join(need.sentence for need in missing) or None

    @cached_property
    def _unusable(self) -> Sequence[str]:
        """A sentence on each GPU that NVML shows and the installed torch cannot use."""
        gpus, build = devices.visible_gpus(), torch_build()
        if build is None or not gpus:
            return []
        if build.cuda is None:
            return [describe_missing_cuda(build.version)] * len(gpus)
        architectures = ask_for_architectures()
        return [
            describe_missing_kernels(str(gpu), capability, build.version, architectures)
            for gpu, capability in gpu_state.read_capabilities().items()
            if not has_kernels(capability, architectures)
        ]

    def describe(self) -> list[str]:
        """Return a line for each thing that cells lack, and for each GPU that others have."""
        lacks = Counter(lack for cell in self._study.cells if (lack := self.find(cell)))
        lines = [
            f"cannot run here: {format_count(count, 'cell')}: {lack}"
            for lack, count in lacks.items()
        ]
        if any(cell.axes.device == "cuda" for cell in self._study.cells):
            text = "; ".join(lacks)
            lines += [
                f"left out: {words}" for words in devices.list_left_out() if words not in text
            ]
            lines += [f"taken: {words}" for words in gpu_state.describe_occupations().values()]
        return lines
