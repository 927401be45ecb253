"""Peak memory of a cell: on the host, in a GPU's allocator, at the driver."""

import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from vlmeter.measure.nvml import Gpu, is_gpu
from vlmeter.measure.result import Memory

_RESET_PEAK = "5"
"""Written to clear_refs: sets VmHWM back to the present size (Linux, proc(5))."""


class Weight(Protocol):
    """The part of a tensor that its size needs."""

    def numel(self) -> int:
        """Number of elements."""

    def element_size(self) -> int:
        """Bytes of one element."""

    def data_ptr(self) -> int:
        """Where it is stored, equal for tied weights."""


class Model(Protocol):
    """The part of `torch.nn.Module` that its size needs."""

    def parameters(self) -> Iterable[Weight]:
        """Its parameters, each once."""

    def buffers(self) -> Iterable[Weight]:
        """Its buffers, each once."""


class CudaMemory(Protocol):
    """The part of the `torch.cuda` module that counts memory."""

    def init(self) -> None:
        """Create the context, without which there are no statistics."""

    def device_count(self) -> int:
        """How many devices this process sees."""

    def reset_peak_memory_stats(self, device: str) -> None:
        """Set the peaks back to the present use."""

    def empty_cache(self) -> None:
        """Give back what the allocator holds and no tensor uses."""

    def max_memory_allocated(self, device: str) -> int:
        """Peak bytes in tensors."""

    def max_memory_reserved(self, device: str) -> int:
        """Peak bytes held by the allocator."""


class MemoryProbe:
    """Watches the peaks: from `start`, before the model is loaded, over `begin_workload` to `stop`.

    The figures are of the workload alone, so that they belong to the same shape as all other costs.
    """

    def __init__(
        self,
        device: str,
        cuda: CudaMemory | None = None,
        gpus: Sequence[Gpu] = (),
        proc: Path = Path("/proc/self"),
    ) -> None:
        """Choose what to watch.

        Args:
            device: `cpu`; `cuda` for all GPUs that the process sees, or `cuda:N` for one.
            cuda: `torch.cuda` for a CUDA device, or a fake.
            gpus: The driver's view of them; it may see fewer, or none.
            proc: The process's folder in procfs; where it is missing, `getrusage` serves.
        """
        self._devices = [device]
        if device == "cuda" and cuda is not None:
            self._devices = [f"cuda:{index}" for index in range(cuda.device_count())]
        self._cuda = cuda
        self._gpus = gpus
        self._proc = proc
        self._can_reset = False
        self._before_bytes = 0
        self._setup_bytes = 0
        self._device_before_bytes: int | None = None

    def start(self) -> None:
        """Note the present size and forget earlier peaks."""
        self._before_bytes = self._status_bytes("VmRSS") or _max_rss_bytes()
        self._device_before_bytes = self._device_used_bytes()
        if self._cuda is not None:
            self._cuda.init()
        self._forget_peaks()

    def begin_workload(self) -> None:
        """Keep the peak of what was before as that of the set-up, and forget it."""
        self._setup_bytes = self._peak_rss_bytes()
        if self._cuda is not None:
            # What the allocator holds for earlier shapes would count as reserved.
            self._cuda.empty_cache()
        self._forget_peaks()

    def _forget_peaks(self) -> None:
        try:
            (self._proc / "clear_refs").write_text(_RESET_PEAK)
            self._can_reset = True
        except OSError:
            self._can_reset = False
        if self._cuda is not None:
            for device in self._devices:
                self._cuda.reset_peak_memory_stats(device)

    def _peak_rss_bytes(self) -> int:
        high_water = self._status_bytes("VmHWM") if self._can_reset else None
        return _max_rss_bytes() if high_water is None else high_water

    def stop(self, model: Model) -> Memory:
        """Read the peaks.

        Args:
            model: Its weights are counted.
        """
        cuda = self._cuda
        return Memory(
            peak_rss_bytes=self._peak_rss_bytes(),
            setup_peak_rss_bytes=self._setup_bytes,
            rss_before_load_bytes=self._before_bytes,
            peak_allocated_bytes=None if cuda is None else self._sum(cuda.max_memory_allocated),
            peak_reserved_bytes=None if cuda is None else self._sum(cuda.max_memory_reserved),
            device_used_bytes=self._device_used_bytes(),
            device_used_before_bytes=self._device_before_bytes,
            weights_bytes=compute_weights_bytes(model),
            peak_rss_method="VmHWM" if self._can_reset else "ru_maxrss",
        )

    def _device_used_bytes(self) -> int | None:
        counts = [gpu.used_bytes() for gpu in self._gpus]
        used = [count for count in counts if count is not None]
        return sum(used) if used and len(used) == len(counts) else None

    def _sum(self, read: Callable[[str], int]) -> int:
        return sum(read(device) for device in self._devices)

    def _status_bytes(self, key: str) -> int | None:
        try:
            lines = (self._proc / "status").read_text("utf-8").splitlines()
        except OSError:
            return None
        sizes = [line.split()[1] for line in lines if line.startswith(f"{key}:")]
        return int(sizes[0]) * 1024 if sizes else None


def _max_rss_bytes() -> int:
    """Return the peak since the process began, which exec carries over and nothing resets."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def compute_weights_bytes(model: Model) -> int:
    """Return the bytes of a model's parameters and buffers; tied weights count once."""
    return compute_bytes([*model.parameters(), *model.buffers()])


def compute_bytes(weights: Iterable[Weight]) -> int:
    """Return the bytes that weights are stored in; what shares its storage counts once."""
    plain = [tensor for weight in weights for tensor in _list_parts(weight)]
    sizes = {
        (tensor.data_ptr(), tensor.numel()): tensor.numel() * tensor.element_size()
        for tensor in plain
    }
    return sum(sizes.values())


def _list_parts(weight: Any) -> list[Weight]:  # noqa: ANN401 - a tensor, maybe one made of others
    """Return the tensors that a weight is stored in: a quantised one is packed into several."""
    if hasattr(weight, "__tensor_flatten__"):
        names, _ = weight.__tensor_flatten__()
        return [part for name in names for part in _list_parts(getattr(weight, name))]
    # bitsandbytes keeps scales beside the packed numbers, where no parameter shows them.
    state = getattr(weight, "quant_state", None)
    beside = [] if state is None else state.as_dict(packed=False).values()
    return [weight, *(part for part in beside if hasattr(part, "element_size"))]


def compute_cache_bytes(cache: object) -> int:
    """Return the bytes of all tensors that a cache holds, whatever its class.

    They lie in layers of many forms: keys and values, those of cross attention, windows, states of
    linear attention. What layers share counts once, and a counter of one element does not.
    """
    return compute_bytes(tensor for tensor in _list_tensors(cache, set()) if tensor.numel() > 1)


def _list_tensors(block: object, seen: set[int]) -> Iterator[Any]:
    """Yield the tensors in an object's attributes, tables and lists; a model's weights are none."""
    if id(block) in seen or hasattr(block, "parameters"):
        return
    seen.add(id(block))
    if hasattr(block, "element_size"):
        yield block
    elif isinstance(block, list | tuple):
        for part in block:
            yield from _list_tensors(part, seen)
    else:
        parts = block if isinstance(block, Mapping) else getattr(block, "__dict__", {})
        for part in list(parts.values()):
            yield from _list_tensors(part, seen)


def make_memory_probe(device: str, gpus: Sequence[Gpu] = ()) -> MemoryProbe:
    """Return the probe of a device with the real counters behind it."""
    if not is_gpu(device):
        return MemoryProbe(device)
    import torch  # noqa: PLC0415  (a CPU cell's probe starts before torch is loaded)

    return MemoryProbe(device, torch.cuda if torch.cuda.is_available() else None, gpus)
