"""Values of the summary that stand nowhere in a record as they are, but follow from it."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from vlmeter.cell.measurement import DecodingBlock, ModelBlock, Provenance
from vlmeter.errors import Sentence
from vlmeter.measure.energy.result import Component, Energy
from vlmeter.measure.result import (
    Conditions,
    CudaSettings,
    Generation,
    GpuConditions,
    Memory,
    TorchSettings,
)
from vlmeter.metrics.figure import Figure
from vlmeter.results.record import Quality, Record

DeviceKind = Literal["cpu", "gpu", "ram"]
"""A kind of device whose energy is measured apart."""


def format_json(value: object) -> str:
    """Return a value as JSON, each character as it is."""
    return json.dumps(value, ensure_ascii=False)


def format_settings(settings: TorchSettings | CudaSettings | None) -> str | None:
    """Return settings of torch as JSON."""
    return None if settings is None else format_json(vars(settings))


def read_metrics(metrics_json: str | None) -> dict[str, Figure]:
    """Return the figures of quality of a row's column `metrics`, by name."""
    figures = (Figure(**metric) for metric in json.loads(metrics_json or "[]"))
    return {figure.name: figure for figure in figures}


def format_pairs(table: Mapping[str, object] | None) -> str | None:
    """Return a table as text, or nothing where it is empty."""
    return "; ".join(f"{key}: {value}" for key, value in (table or {}).items()) or None


def format_shape(shape: Sequence[int]) -> str | None:
    """Return the lengths of a tensor's dimensions as text."""
    return "x".join(map(str, shape)) or None


def describe_decoding(decoding: DecodingBlock) -> str:
    """Describe how answers were decoded, leaving out what is as usual."""
    words = [decoding.method, f"at most {decoding.max_new_tokens} new tokens"]
    if decoding.num_beams > 1:
        words[0] += f" of {decoding.num_beams} beams, length penalty {decoding.length_penalty:g}"
    if decoding.min_new_tokens:
        words.append(f"at least {decoding.min_new_tokens}")
    if decoding.repetition_penalty != 1:
        words.append(f"repetition penalty {decoding.repetition_penalty:g}")
    if decoding.own_settings is not None:
        own = json.dumps(decoding.own_settings, ensure_ascii=False, sort_keys=True)
        words.append(f"by the model's own settings {own}")
    ends = ", ".join(map(str, decoding.eos_token_ids)) or "none"
    words += [f"end of answer: token {ends}", f"padding on the {decoding.padding_side}"]
    return "; ".join(words)


def describe_bad_samples(quality: Quality) -> str | None:
    """Return the first reason for each sample that was not scored, by its id."""
    reasons = {sample.id: sample.reason for sample in reversed(quality.bad_samples)}
    return format_pairs(dict(reversed(reasons.items())))


def describe_missed_target(record: Record) -> str | None:
    """Return the costs whose windows ended with a wider interval than was asked for, in words."""
    if record.figures is None:
        return None
    figures, generation = record.figures, record.figures.generation
    ends = {
        "latency": figures.latency_detail.end,
        "energy": figures.energy_detail.end,
        "generation": generation.end if isinstance(generation, Generation) else None,
        "energy per token": figures.energy_detail.token_end,
    }
    missed = {
        cost: Sentence(f"± {end.half_width:.2g} instead of ± {end.target:g}")
        for cost, end in ends.items()
        if end is not None and end.ended_by == "cap" and end.half_width is not None
    }
    return format_pairs(missed)


def compute_device_energy(energy: Energy, device: DeviceKind) -> float | None:
    """Return the joules per sample of all devices of a kind; a record holds whole windows."""
    total_j = _add_up(part.energy_j for part in _list_components(energy, device))
    return total_j / energy.samples if total_j is not None and energy.samples else None


def compute_device_power(energy: Energy, device: DeviceKind) -> float | None:
    """Return the watts of all devices of a kind."""
    return _add_up(part.power_w for part in _list_components(energy, device))


def join_component_kinds(energy: Energy, device: DeviceKind) -> str | None:
    """Return whether the energy of a kind of device is measured, modelled or constant."""
    return _join(part.kind for part in _list_components(energy, device))


def join_component_methods(energy: Energy, device: DeviceKind) -> str | None:
    """Return by what the energy of a kind of device was read or modelled."""
    return _join(part.method for part in _list_components(energy, device))


def _list_components(energy: Energy, device: DeviceKind) -> list[Component]:
    return [part for part in energy.components if part.device.rstrip("0123456789") == device]


def _join(words: Iterable[str]) -> str | None:
    return " and ".join(dict.fromkeys(word for word in words if word)) or None


def _add_up(values: Iterable[float | None]) -> float | None:
    """Return the sum; None where a part of it is missing, or all of it."""
    parts = list(values)
    present = [part for part in parts if part is not None]
    return float(sum(present)) if present and len(present) == len(parts) else None


def choose_peak_memory(record: Record) -> int | None:
    """Return the peak that decides whether a cell fits: of the GPU's tensors, or of the process."""
    if record.figures is None or not isinstance(record.figures.memory, Memory):
        return None
    memory = record.figures.memory
    on_gpu = record.cell.device == "cuda"
    return memory.peak_allocated_bytes if on_gpu else memory.peak_rss_bytes


def compute_activation_bytes(record: Record) -> int | None:
    """Return what is left of the peak of tensors; None where that is not to be said.

    A peak that is less than weights and cache together was in a forward pass, which keeps no cache.
    """
    if record.figures is None or not isinstance(record.figures.memory, Memory):
        return None
    memory, cache_bytes = record.figures.memory, record.figures.kv_cache.kv_cache_bytes
    if memory.peak_allocated_bytes is None or cache_bytes is None:
        return None
    rest = memory.peak_allocated_bytes - memory.weights_bytes - cache_bytes
    return rest if rest >= 0 else None


def describe_kernels(model: ModelBlock) -> str | None:
    """Return the kernels that ran, by stage."""
    kernels = {**model.kernels, "decode": model.decode_kernels}
    return format_pairs({stage: " + ".join(ran) for stage, ran in kernels.items() if ran})


def describe_quantization(model: ModelBlock) -> str | None:
    """Return what the weights were brought to, by stage; or what the checkpoint came in."""
    quantization = model.quantization
    if quantization is None:
        return None
    if quantization.came_quantized is not None:
        # Some packages unpack all weights at the first pass.
        runs = "" if quantization.layers else "; runs unpacked"
        return f"came quantised: {quantization.came_quantized}{runs}"
    kinds = {stage: weights.kind or "plain" for stage, weights in quantization.stages.items()}
    return format_pairs(kinds)


def count_connector_bytes(model: ModelBlock) -> int | None:
    """Return the bytes of what lies between the image and the language model."""
    sizes = model.weights_bytes_by_stage
    parts = [sizes[stage] for stage in ("qformer", "connector") if stage in sizes]
    return sum(parts) if parts else None


def name_gpus(provenance: Provenance) -> str | None:
    """Return the names of the GPUs, equal ones with their count."""
    counts = Counter(gpu.name for gpu in provenance.gpus)
    names = [f"{count} x {name}" if count > 1 else name for name, count in counts.items()]
    return ", ".join(names) or None


def name_drivers(provenance: Provenance) -> str | None:
    """Return the versions of the GPUs' drivers, each once."""
    return ", ".join(dict.fromkeys(gpu.driver for gpu in provenance.gpus if gpu.driver)) or None


def find_lowest(
    conditions: Conditions, read: Callable[[GpuConditions], float | None]
) -> float | None:
    """Return a reading of the GPUs at work, of several the lowest."""
    return min(_list_readings(conditions, read), default=None)


def find_highest(
    conditions: Conditions, read: Callable[[GpuConditions], float | None]
) -> float | None:
    """Return a reading of the GPUs at work, of several the highest."""
    return max(_list_readings(conditions, read), default=None)


def _list_readings(
    conditions: Conditions, read: Callable[[GpuConditions], float | None]
) -> list[float]:
    return [value for gpu in conditions.gpus if (value := read(gpu)) is not None]


def join_throttle_reasons(conditions: Conditions) -> str | None:
    """Return what held the clocks of any GPU down."""
    reasons = {reason for gpu in conditions.gpus for reason in gpu.throttle_reasons or ()}
    return "; ".join(sorted(reasons)) or None
