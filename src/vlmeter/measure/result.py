"""The results of measuring a cell: latency, generation, memory, conditions, settings of torch.

They are read by much that measures nothing, so this module imports nothing that measures. Results
of energy, FLOPs and layers stand beside what makes them.
"""

from dataclasses import dataclass

SLOWDOWNS = (
    "hw_slowdown",
    "sw_thermal_slowdown",
    "hw_thermal_slowdown",
    "hw_power_brake_slowdown",
)
"""The card protects itself, or its supply does: cooler, it would be faster. A power cap is none of
them, since a card at full load works at its limit."""


@dataclass(frozen=True)
class WindowEnd:
    """What ended a window, and how narrow its interval was then."""

    ended_by: str
    """`target`: its interval was as narrow as asked for; `cap`: it was not, and the window had
    lasted as long as it may; `fixed`: the number of its rounds was given."""
    rounds: int
    looks: int
    """How often the interval was to be looked at: its level is 95 % for all looks together."""
    half_width: float | None
    """Half the width of the 95 % interval over rounds as a share of their mean; of several figures
    the widest. None with a single round."""
    target: float | None
    """The half-width that was asked for; None where the number of rounds was given."""


@dataclass(frozen=True)
class Latency:
    """The time of one call, which is one forward pass of one full batch."""

    latency_s: float
    """Median over all timed iterations."""
    mean_s: float
    p50_s: float
    p90_s: float
    p99_s: float
    stdev_s: float | None
    """None for a single iteration."""
    min_s: float
    max_s: float
    iterations: int
    rounds_s: list[float]
    """The median of each round."""
    low_s: float | None
    """Lower end of the 95 % interval: `latency_s` less the t half-width of the rounds' medians.
    None with a single round."""
    high_s: float | None
    warmup_iterations: int
    steady: bool
    """False when the warm-up ended at its cap, before its times had settled."""
    window_s: float
    """The sum of the timed calls."""
    end: WindowEnd
    clock: str
    threads: int | None
    """Threads that the framework computes with."""


@dataclass(frozen=True)
class Generation:
    """What generating a fixed number of tokens costs in time."""

    new_tokens: int
    time_to_first_token_s: float
    """Median time to generate one token: image, prompt and the first choice."""
    time_per_output_token_s: float | None
    """(T(n) - T(1)) / (n - 1), of medians; None where that is no positive time."""
    time_per_output_token_reason: str | None
    """Why there is none."""
    generation_s: float
    """Median time T(n) of the whole generation."""
    low_s: float | None
    """Lower end of the 95 % interval of `generation_s`, from the spread of the repeats."""
    high_s: float | None
    tokens_per_s: float
    """New tokens of the whole batch over `generation_s`."""
    samples_per_s: float
    end: WindowEnd
    """Its half-width is that of T(1) or of T(n), whichever is wider."""


@dataclass(frozen=True)
class MissingGeneration:
    """Stands for `Generation` that could not be timed."""

    generation_reason: str


@dataclass(frozen=True)
class Memory:
    """Peak memory, on the host and on the device."""

    peak_rss_bytes: int
    """Largest resident size of the process on the host since `begin_workload`."""
    setup_peak_rss_bytes: int
    """The same between `start` and `begin_workload`: loading the model, answering the questions."""
    rss_before_load_bytes: int
    """Resident size at `start`: interpreter and libraries."""
    peak_allocated_bytes: int | None
    """Largest sum of tensors on the device, on a CPU as torch's profiler saw them in passes apart.
    Of several devices the largest sums are added up."""
    peak_reserved_bytes: int | None
    """Largest size that the framework's allocator held; None on a CPU, as the next two."""
    device_used_bytes: int | None
    """What the driver counts as used at `stop`, by every process: allocator, context, kernels."""
    device_used_before_bytes: int | None
    """The same at `start`: what the driver reserves and other processes hold."""
    weights_bytes: int
    """Parameters and buffers, tied ones once."""
    peak_rss_method: str
    """`VmHWM` (set back at both beginnings) or `ru_maxrss` (over the life of the process)."""


@dataclass(frozen=True)
class MissingMemory:
    """Stands for `Memory` that could not be read."""

    memory_reason: str


@dataclass(frozen=True)
class CacheMemory:
    """What the key-value cache of a batch takes at the end of a generation of the timed length."""

    kv_cache_bytes: int | None
    """Of all tensors that it holds: keys and values, of cross attention too, windows, states."""
    kv_cache_reason: str | None
    """Why they could not be counted."""


@dataclass(frozen=True)
class GpuConditions:
    """One GPU's part of the conditions; what the card does not report is None."""

    device: str
    """`gpu0`, with NVML's index."""
    samples: int
    """How often it was read while it worked."""
    sm_clock_mhz: float | None
    """Median over the samples, as the next three."""
    memory_clock_mhz: float | None
    power_w: float | None
    temperature_c: float | None
    power_limit_w: float | None
    throttle_reasons: list[str] | None
    """What held the clocks down in any sample, sorted."""

    def slowdowns(self) -> list[str]:
        """Return those of its throttle reasons with which its figures are no longer its own."""
        return [reason for reason in self.throttle_reasons or () if reason in SLOWDOWNS]


@dataclass(frozen=True)
class Conditions:
    """What the machine was like in the windows of a measurement whose figures count."""

    load_start: float
    load_end: float
    clock_mhz_start: float | None
    """Mean over the processors; None where the system does not report it."""
    clock_mhz_end: float | None
    temperature_c_start: float | None
    """Of the hottest processor sensor."""
    temperature_c_end: float | None
    gpus: list[GpuConditions]
    """Each GPU that the measurement ran on, while it worked."""
    foreign_cpu_share: float | None
    """Share of the machine's processor time that other processes took."""
    window_s: float
    """All windows together."""
    windows_repeated: int
    """How often a window was measured again because it was disturbed."""
    disturbed: bool
    """Other processes took part of the machine, or a GPU was slowed down to protect it: times and
    energies are not those of the machine by itself."""
    disturbance: str | None
    """Which, in words."""


@dataclass(frozen=True)
class MissingConditions:
    """Stands for `Conditions` that could not be read at the end."""

    conditions_reason: str


@dataclass(frozen=True)
class TorchSettings:
    """Settings of torch that hold on every device."""

    version: str
    matmul_precision: str
    deterministic: bool
    cpu_capability: str
    mkl: bool
    mkldnn: bool
    mkldnn_matmul_fp32: str
    threads: int
    interop_threads: int
    environment: dict[str, str]


@dataclass(frozen=True)
class CudaSettings:
    """Settings of torch that hold on the GPUs of a process."""

    version: str | None
    cudnn: int | None
    capability: str
    matmul_fp32: str
    """`ieee` or `tf32`, as the next one."""
    convolution_fp32: str
    fp16_reduced_precision_sums: bool
    bf16_reduced_precision_sums: bool
    fp16_accumulation: bool
    cudnn_benchmark: bool
    cudnn_deterministic: bool
    environment: dict[str, str]
