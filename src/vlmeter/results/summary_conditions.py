"""The columns of `summary.csv` for memory, the model and where the cell ran."""

from dataclasses import dataclass

from vlmeter.measure.result import Conditions, Memory, MissingConditions, MissingMemory
from vlmeter.results.summary_fields import cost_block, keep, record_column
from vlmeter.results.summary_request import RequestColumns
from vlmeter.results.summary_values import (
    choose_peak_memory,
    compute_activation_bytes,
    count_connector_bytes,
    describe_kernels,
    describe_missed_target,
    describe_quantization,
    find_highest,
    find_lowest,
    format_json,
    format_pairs,
    format_settings,
    join_throttle_reasons,
    name_drivers,
    name_gpus,
)

_memory = cost_block(lambda figures: keep(figures.memory, Memory))
_kv_cache = cost_block(lambda figures: figures.kv_cache)
_no_memory = cost_block(lambda figures: keep(figures.memory, MissingMemory))
_compile = cost_block(lambda figures: figures.compile)
_checks = cost_block(lambda figures: figures.checks)
_model = cost_block(lambda figures: figures.model)
_provenance = cost_block(lambda figures: figures.provenance)
_git = cost_block(lambda figures: figures.provenance.git)
_conditions = cost_block(lambda figures: keep(figures.conditions, Conditions))
_no_conditions = cost_block(lambda figures: keep(figures.conditions, MissingConditions))


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class MemoryColumns(RequestColumns):
    """Peak memory, and what compilation did."""

    peak_memory_bytes: int | None = record_column(
        "B",
        "Peak of tensors on the GPU; for a cell on the CPU, of the process.",
        choose_peak_memory,
    )
    peak_rss_bytes: int | None = _memory.column(
        "B",
        "Peak resident memory of the process while its cost was measured.",
        lambda memory: memory.peak_rss_bytes,
    )
    setup_peak_rss_bytes: int | None = _memory.column(
        "B",
        "The same while the model was loaded and answered.",
        lambda memory: memory.setup_peak_rss_bytes,
    )
    rss_before_load_bytes: int | None = _memory.column(
        "B",
        "Resident memory, no peak, before the model was loaded.",
        lambda memory: memory.rss_before_load_bytes,
    )
    peak_allocated_bytes: int | None = _memory.column(
        "B", "Peak of tensors on the device.", lambda memory: memory.peak_allocated_bytes
    )
    peak_reserved_bytes: int | None = _memory.column(
        "B", "Peak held by the device's allocator.", lambda memory: memory.peak_reserved_bytes
    )
    device_used_bytes: int | None = _memory.column(
        "B",
        "Device memory in use according to the driver, as `nvidia-smi` shows it.",
        lambda memory: memory.device_used_bytes,
    )
    device_used_before_bytes: int | None = _memory.column(
        "B",
        "The same before the model was loaded: what others hold.",
        lambda memory: memory.device_used_before_bytes,
    )
    weights_bytes: int | None = _memory.column(
        "B", "Parameters and buffers.", lambda memory: memory.weights_bytes
    )
    kv_cache_bytes: int | None = _kv_cache.column(
        "B",
        "Key-value cache of a batch at the end of a generation of the forced length.",
        lambda cache: cache.kv_cache_bytes,
    )
    activations_bytes: int | None = record_column(
        "B",
        "What weights and key-value cache leave of the peak of tensors.",
        compute_activation_bytes,
    )
    kv_cache_reason: str | None = _kv_cache.column(
        "", "Why the key-value cache was not counted.", lambda cache: cache.kv_cache_reason
    )
    memory_reason: str | None = _no_memory.column(
        "", "Why no memory was read.", lambda missing: missing.memory_reason
    )
    compile_time_s: float | None = _compile.column(
        "s",
        "First call of the compiled model: compilation and one pass.",
        lambda compiled: compiled.compile_time_s,
    )
    graphs: int | None = _compile.column("", "Captured graphs.", lambda compiled: compiled.graphs)
    graph_breaks: int | None = _compile.column(
        "", "Breaks between them.", lambda compiled: compiled.graph_breaks
    )
    recompiles: int | None = _compile.column(
        "", "Compilations after the first.", lambda compiled: compiled.recompiles
    )
    quality_pass_compiled: bool | None = _compile.column(
        "",
        "Whether the answers came from compiled code.",
        lambda compiled: compiled.quality_pass_compiled,
    )
    decode_compiled: bool | None = _compile.column(
        "", "Whether decode steps were compiled.", lambda compiled: compiled.decode_compiled
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ModelColumns(MemoryColumns):
    """The model, in the form in which it ran."""

    image_tokens_present: bool | None = _checks.column(
        "",
        "Whether the prompt held the image's tokens.",
        lambda checks: checks.image_tokens_present,
    )
    image_changes_logits: bool | None = _checks.column(
        "", "Whether another image gave other logits.", lambda checks: checks.image_changes_logits
    )
    model_source: str | None = _model.column(
        "", "Where the weights came from.", lambda model: model.source
    )
    model_revision: str | None = _model.column("", "Their commit.", lambda model: model.revision)
    model_digest: str | None = _model.column(
        "", "Digest of the model's files.", lambda model: model.digest
    )
    model_parameters: int | None = _model.column(
        "", "Parameters of the model.", lambda model: model.parameters
    )
    model_type: str | None = _model.column(
        "", "Type of the model in transformers.", lambda model: model.type
    )
    model_asked_by: str | None = _model.column(
        "", "Chat template or plain prompt.", lambda model: model.asked_by
    )
    model_image_backend: str | None = _model.column(
        "",
        "What the processor makes pixels with, PIL or torchvision: they differ by a grey level.",
        lambda model: model.image_backend,
    )
    model_attention: str | None = _model.column(
        "", "Attention implementation per stage.", lambda model: format_pairs(model.attention)
    )
    model_kernels: str | None = _model.column(
        "", "Kernels that ran per stage, as the profiler saw them.", describe_kernels
    )
    model_not_as_asked: str | None = _model.column(
        "",
        "What ran otherwise than asked for.",
        lambda model: "; ".join(model.not_as_asked) or None,
    )
    model_cache: str | None = _model.column(
        "", "Key-value cache of generation.", lambda model: model.cache
    )
    quantized_layers: int | None = _model.column(
        "",
        "Linear layers with quantised weights.",
        lambda model: model.quantization.layers if model.quantization else None,
    )
    model_quantization: str | None = _model.column(
        "", "What the weights of each stage were brought to.", describe_quantization
    )
    weights_text_bytes: int | None = _model.column(
        "B",
        "Parameters and buffers of the language model.",
        lambda model: model.weights_bytes_by_stage.get("prefill"),
    )
    weights_vision_bytes: int | None = _model.column(
        "B", "Of the vision tower.", lambda model: model.weights_bytes_by_stage.get("vision")
    )
    weights_connector_bytes: int | None = _model.column(
        "B", "Of the projector or the Q-Former between them.", count_connector_bytes
    )
    model_dtypes: str | None = _model.column(
        "", "Number format per stage.", lambda model: format_pairs(model.dtype_by_stage)
    )
    model_licence: str | None = _model.column(
        "", "Licence of the weights.", lambda model: model.licence
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class MachineColumns(ModelColumns):
    """The code, the software and the machine."""

    git_commit: str | None = _git.column(
        "", "Commit of the working directory.", lambda git: git.commit
    )
    git_dirty: bool | None = _git.column(
        "", "Whether it had uncommitted changes.", lambda git: git.dirty
    )
    code_digest: str | None = _provenance.column(
        "", "Digest of the measuring code.", lambda origin: origin.code
    )
    software: str | None = _provenance.column(
        "", "Library versions, as JSON.", lambda origin: format_json(origin.software)
    )
    torch_settings: str | None = _provenance.column(
        "",
        "Build, precision, CPU kernels and threads of torch, as JSON.",
        lambda origin: format_settings(origin.torch),
    )
    cuda_settings: str | None = _provenance.column(
        "",
        "Versions, precision and launch settings of CUDA, as JSON; of cells on a GPU.",
        lambda origin: format_settings(origin.cuda),
    )
    samples_sha256: str | None = _provenance.column(
        "", "SHA-256 of the samples' file.", lambda origin: origin.samples_sha256
    )
    images_sha256: str | None = _provenance.column(
        "", "SHA-256 of the images' file.", lambda origin: origin.images_sha256
    )
    machine_host: str | None = _provenance.column(
        "", "Equal for machines alike in hardware.", lambda origin: origin.host
    )
    machine_cpu: str | None = _provenance.column(
        "", "Processor of the machine.", lambda origin: origin.cpu.name
    )
    machine_gpus: str | None = _provenance.column("", "GPUs that the cell had.", name_gpus)
    device_count: int | None = _provenance.column(
        "",
        "Devices that the cell had: its GPUs, or the one machine of a cell on the CPU.",
        lambda origin: len(origin.gpus) or 1,
    )
    machine_driver: str | None = _provenance.column("", "Version of their driver.", name_drivers)
    machine_os: str | None = _provenance.column("", "Operating system.", lambda origin: origin.os)
    machine_container: str | None = _provenance.column(
        "", "Kind of container.", lambda origin: origin.container
    )
    machine_python: str | None = _provenance.column(
        "", "Version of Python.", lambda origin: origin.python
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ConditionColumns(MachineColumns):
    """What the machine was like during the measurement."""

    load_start: float | None = _conditions.column(
        "", "Host load before the windows.", lambda conditions: conditions.load_start
    )
    load_end: float | None = _conditions.column(
        "", "Host load after the windows.", lambda conditions: conditions.load_end
    )
    clock_mhz_start: float | None = _conditions.column(
        "MHz",
        "Clock of the CPU before the windows.",
        lambda conditions: conditions.clock_mhz_start,
    )
    clock_mhz_end: float | None = _conditions.column(
        "MHz", "Clock of the CPU after the windows.", lambda conditions: conditions.clock_mhz_end
    )
    temperature_c_start: float | None = _conditions.column(
        "°C",
        "Temperature of the CPU before the windows.",
        lambda conditions: conditions.temperature_c_start,
    )
    temperature_c_end: float | None = _conditions.column(
        "°C",
        "Temperature of the CPU after the windows.",
        lambda conditions: conditions.temperature_c_end,
    )
    gpu_clock_mhz: float | None = _conditions.column(
        "MHz",
        "Clock of the GPU's multiprocessors at work: median; of several GPUs the lowest.",
        lambda conditions: find_lowest(conditions, lambda gpu: gpu.sm_clock_mhz),
    )
    gpu_memory_clock_mhz: float | None = _conditions.column(
        "MHz",
        "The same of its memory.",
        lambda conditions: find_lowest(conditions, lambda gpu: gpu.memory_clock_mhz),
    )
    gpu_temperature_c: float | None = _conditions.column(
        "°C",
        "Temperature of the GPU at work: median; of several GPUs the highest.",
        lambda conditions: find_highest(conditions, lambda gpu: gpu.temperature_c),
    )
    gpu_power_limit_w: float | None = _conditions.column(
        "W",
        "Power limit of the GPU; of several the lowest.",
        lambda conditions: find_lowest(conditions, lambda gpu: gpu.power_limit_w),
    )
    gpu_throttle_reasons: str | None = _conditions.column(
        "",
        "What held the GPU's clocks down at some time of the work, by NVML's names.",
        join_throttle_reasons,
    )
    foreign_cpu_share: float | None = _conditions.column(
        "",
        "Share of processor time that other processes took.",
        lambda conditions: conditions.foreign_cpu_share,
    )
    disturbed: bool | None = _conditions.column(
        "",
        "Whether foreign load, or a GPU that was slowed down to protect it, was seen.",
        lambda conditions: conditions.disturbed,
    )
    disturbance: str | None = _conditions.column(
        "", "What was seen.", lambda conditions: conditions.disturbance
    )
    windows_repeated: int | None = _conditions.column(
        "",
        "How often a window was measured again because it was disturbed.",
        lambda conditions: conditions.windows_repeated,
    )
    target_missed: str | None = record_column(
        "",
        "Costs whose interval stayed wider than `measure.target_interval`, with the half-width.",
        describe_missed_target,
    )
    conditions_reason: str | None = _no_conditions.column(
        "",
        "Why the conditions were not read at the end.",
        lambda missing: missing.conditions_reason,
    )
