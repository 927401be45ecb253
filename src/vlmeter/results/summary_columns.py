"""The columns of `summary.csv`: their names, units and descriptions."""

from vlmeter.axes import AXES, Axis
from vlmeter.results.columns import Column, Kind
from vlmeter.results.cost_columns import ENERGY_COLUMNS, FLOP_COLUMNS, LATENCY_COLUMNS


def _make_axis_column(axis: Axis) -> Column:
    kind: Kind = "integer" if axis.is_number else "text"
    return Column(axis.name, kind, axis.unit, axis.description, f"cell.{axis.name}")


_CELL = (
    Column("cell", "text", "", "The cell's id.", "cell.id"),
    *map(_make_axis_column, AXES),
    Column("dataset", "text", "", "Name of the data set.", "cell.dataset"),
    Column("status", "text", "", "How the cell ended.", "status"),
    Column("reason", "text", "", "Why it ended so, in words.", "reason"),
    Column("wer_value", "number", "", "Corpus word error rate.", "wer_value"),
    Column("latency", "number", "s", "Median time of one forward pass of a full batch.", "latency"),
    Column("energy", "number", "J", "Gross energy per sample.", "energy"),
    Column(
        "flops",
        "number",
        "FLOP",
        "Floating-point operations of one forward pass of a full batch.",
        "flops_detail.flops",
    ),
    Column("flops_text", "text", "", "The same as the source writes it.", "flops"),
    Column("attempt", "integer", "", "Which try at this cell, from 1.", "attempt"),
)

_QUALITY = (
    Column("wer_low", "number", "", "Lower end of the 95 % interval of wer_value."),
    Column("wer_high", "number", "", "Upper end of the 95 % interval of wer_value."),
    Column("wer_note", "text", "", "What is to be said about it, or why there is none."),
    Column("task_metric", "text", "", "Name of the task's own metric."),
    Column("task_metric_label", "text", "", "Its name for people."),
    Column("task_value", "number", "", "Its value."),
    Column("task_low", "number", "", "Lower end of its 95 % interval."),
    Column("task_high", "number", "", "Upper end of its 95 % interval."),
    Column("task_higher_is_better", "flag", "", "Whether a higher value is a better one."),
    Column("task_note", "text", "", "What is to be said about it, or why there is none."),
    Column("unparsed_rate", "number", "", "Share of answers in which no option could be read."),
    Column(
        "metrics", "text", "", "Every metric with interval and note, as JSON.", "quality.metrics"
    ),
    Column("quality_samples", "integer", "", "Samples of the data set.", "quality.samples"),
    Column("scored_samples", "integer", "", "Samples that were scored.", "quality.scored"),
    Column("bad_samples", "integer", "", "Samples that could not be scored by every metric."),
    Column("bad_sample_reasons", "text", "", "Their ids and reasons."),
    Column(
        "quality_definition", "text", "", "How quality was scored, in words.", "quality.definition"
    ),
)

_INPUT = (
    Column("text_tokens", "integer", "tokens", "Text of a padded sample.", "input.text_tokens"),
    Column("image_tokens", "integer", "tokens", "Image of a sample.", "input.image_tokens"),
    Column(
        "sequence_length",
        "integer",
        "tokens",
        "What the language model sees of a sample.",
        "input.sequence_length",
    ),
    Column("pixel_shape", "text", "px", "Channels x height x width that the model got."),
    Column("prompt_template", "text", "", "What the prompts were made from, as a JSON list."),
    Column("decoding", "text", "", "How answers were decoded, in words."),
    Column("cost_samples", "integer", "", "Samples whose image could be read.", "input.samples"),
    Column(
        "truncated_samples",
        "integer",
        "",
        "Samples whose text was cut to max_input_len.",
        "input.truncated_samples",
    ),
    Column("batch_samples", "integer", "", "Samples in a cost batch.", "input.batch_samples"),
    Column(
        "batch_repeats", "flag", "", "Whether samples repeat to fill a batch.", "input.repeated"
    ),
    Column(
        "shape_digest",
        "text",
        "",
        "Equal for equal token ids, masks and shapes: the same computation.",
        "input.shape_digest",
    ),
    Column(
        "content_digest",
        "text",
        "",
        "Equal where the pixels are equal too: identical input.",
        "input.content_digest",
    ),
)


def _make_memory(name: str, description: str) -> Column:
    return Column(name, "integer", "B", description, f"memory.{name}")


def _make_compile(name: str, kind: Kind, description: str, unit: str = "") -> Column:
    return Column(name, kind, unit, description, f"compile.{name}")


def _make_condition(name: str, unit: str, description: str) -> Column:
    return Column(name, "number", unit, description, f"conditions.{name}")


_REST = (
    Column(
        "peak_memory_bytes",
        "integer",
        "B",
        "Peak of tensors on the GPU; for a cell on the CPU, of the process.",
    ),
    _make_memory(
        "peak_rss_bytes", "Peak resident memory of the process while its cost was measured."
    ),
    _make_memory("setup_peak_rss_bytes", "The same while the model was loaded and answered."),
    _make_memory("rss_before_load_bytes", "Resident memory, no peak, before the model was loaded."),
    _make_memory("peak_allocated_bytes", "Peak of tensors on the device."),
    _make_memory("peak_reserved_bytes", "Peak held by the device's allocator."),
    _make_memory("device_used_bytes", "Device memory in use according to the driver."),
    _make_memory(
        "device_used_before_bytes",
        "The same before the model was loaded: what the driver reserves and others hold.",
    ),
    _make_memory("weights_bytes", "Parameters and buffers."),
    Column("memory_reason", "text", "", "Why no memory was read.", "memory.memory_reason"),
    _make_compile(
        "compile_time_s",
        "number",
        "First call of the compiled model: compilation and one pass.",
        "s",
    ),
    _make_compile("graphs", "integer", "Captured graphs."),
    _make_compile("graph_breaks", "integer", "Breaks between them."),
    _make_compile("recompiles", "integer", "Compilations after the first."),
    _make_compile("quality_pass_compiled", "flag", "Whether the answers came from compiled code."),
    _make_compile("decode_compiled", "flag", "Whether decode steps were compiled."),
    Column(
        "image_tokens_present",
        "flag",
        "",
        "Whether the prompt held the image's tokens.",
        "checks.image_tokens_present",
    ),
    Column(
        "image_changes_logits",
        "flag",
        "",
        "Whether another image gave other logits.",
        "checks.image_changes_logits",
    ),
    Column("model_source", "text", "", "Where the weights came from.", "model.source"),
    Column("model_revision", "text", "", "Their commit.", "model.revision"),
    Column("model_digest", "text", "", "Digest of the model's files.", "model.digest"),
    Column("model_parameters", "integer", "", "Parameters of the model.", "model.parameters"),
    Column("model_type", "text", "", "Type of the model in transformers.", "model.type"),
    Column("model_asked_by", "text", "", "Chat template or plain prompt.", "model.asked_by"),
    Column("model_attention", "text", "", "Attention implementation per stage."),
    Column("model_kernels", "text", "", "Kernels that ran per stage, as the profiler saw them."),
    Column("model_not_as_asked", "text", "", "What ran otherwise than asked for."),
    Column("model_cache", "text", "", "Key-value cache of generation.", "model.cache"),
    Column(
        "quantized_layers",
        "integer",
        "",
        "Linear layers with quantised weights.",
        "model.quantization.layers",
    ),
    Column("model_dtypes", "text", "", "Number format per stage."),
    Column("model_licence", "text", "", "Licence of the weights.", "model.licence"),
    Column("git_commit", "text", "", "Commit of the working directory.", "provenance.git.commit"),
    Column("git_dirty", "flag", "", "Whether it had uncommitted changes.", "provenance.git.dirty"),
    Column("code_digest", "text", "", "Digest of the measuring code.", "provenance.code"),
    Column("software", "text", "", "Library versions, as JSON.", "provenance.software"),
    Column(
        "torch_settings",
        "text",
        "",
        "Build, precision, CPU kernels and threads of torch, as JSON.",
        "provenance.torch",
    ),
    Column(
        "cuda_settings",
        "text",
        "",
        "Versions, precision and launch settings of CUDA, as JSON; of cells on a GPU.",
        "provenance.cuda",
    ),
    Column(
        "samples_sha256", "text", "", "SHA-256 of the samples' file.", "provenance.samples_sha256"
    ),
    Column("images_sha256", "text", "", "SHA-256 of the images' file.", "provenance.images_sha256"),
    Column("machine_host", "text", "", "Equal for machines alike in hardware.", "provenance.host"),
    Column("machine_cpu", "text", "", "Processor of the machine.", "provenance.cpu.name"),
    Column("machine_gpus", "text", "", "GPUs that the cell had."),
    Column("machine_driver", "text", "", "Version of their driver."),
    Column("machine_os", "text", "", "Operating system.", "provenance.os"),
    Column("machine_container", "text", "", "Kind of container.", "provenance.container"),
    Column("machine_python", "text", "", "Version of Python.", "provenance.python"),
    Column("load_start", "number", "", "Host load before the windows.", "conditions.load_start"),
    Column("load_end", "number", "", "Host load after the windows.", "conditions.load_end"),
    *(
        _make_condition(f"{name}_{end}", unit, f"{words} of the CPU {moment} the windows.")
        for name, unit, words in (
            ("clock_mhz", "MHz", "Clock"),
            ("temperature_c", "°C", "Temperature"),
        )
        for end, moment in (("start", "before"), ("end", "after"))
    ),
    Column(
        "gpu_clock_mhz",
        "number",
        "MHz",
        "Clock of the GPU's multiprocessors at work: median; of several GPUs the lowest.",
    ),
    Column("gpu_memory_clock_mhz", "number", "MHz", "The same of its memory."),
    Column(
        "gpu_temperature_c",
        "number",
        "°C",
        "Temperature of the GPU at work: median; of several GPUs the highest.",
    ),
    Column("gpu_power_limit_w", "number", "W", "Power limit of the GPU; of several the lowest."),
    Column(
        "gpu_throttle_reasons",
        "text",
        "",
        "What held the GPU's clocks down at some time of the work, by NVML's names.",
    ),
    _make_condition("foreign_cpu_share", "", "Share of processor time that other processes took."),
    Column(
        "disturbed",
        "flag",
        "",
        "Whether foreign load, or a GPU that was slowed down to protect it, was seen.",
        "conditions.disturbed",
    ),
    Column("disturbance", "text", "", "What was seen.", "conditions.disturbance"),
    Column(
        "conditions_reason",
        "text",
        "",
        "Why the conditions were not read at the end.",
        "conditions.conditions_reason",
    ),
)

SUMMARY_COLUMNS = (
    *_CELL,
    *_QUALITY,
    *_INPUT,
    *LATENCY_COLUMNS,
    *ENERGY_COLUMNS,
    *FLOP_COLUMNS,
    *_REST,
)
"""A row per cell, in this order in every study."""
