"""One cell measured: its answers under natural decoding, its cost under a fixed workload.

Runs in the cell's child. Two passes, so that an early end of an answer never looks like speed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from vlmeter import devices
from vlmeter.bench import Bench, set_up
from vlmeter.files import json_digest, read_json
from vlmeter.host import describe_host, is_here
from vlmeter.measure.clock import Clock, clock_for
from vlmeter.measure.conditions import ConditionsProbe
from vlmeter.measure.energy import EnergyMeter, energy_meter
from vlmeter.measure.energy_result import Energy, with_generation
from vlmeter.measure.energy_sources import EnergySettings, describe_energy_sources
from vlmeter.measure.flops import count_flops
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import LatencyPlan, Timing, measure_latency
from vlmeter.measure.memory import memory_probe
from vlmeter.measure.nvml import Gpu, open_devices
from vlmeter.models.answer import answers
from vlmeter.models.compilation import Compilation
from vlmeter.models.countable import countable
from vlmeter.models.load import attention_in_use, dtypes_in_use
from vlmeter.models.options import option_scores
from vlmeter.provenance import git_state


@dataclass(frozen=True)
class Measured:
    """What a cell that went well leaves."""

    predictions: list[dict[str, object]]
    timings: list[dict[str, object]]
    blocks: dict[str, Any]
    """The blocks of `measurement.json`."""


def measure_cell(job: Mapping[str, Any], inputs: Mapping[str, str]) -> Measured:
    """Measure one cell.

    Args:
        job: What `Jobs.inference` tells.
        inputs: Paths of the manifests `images`, `model` and of `machine`.
    """
    cell = job["cell"]
    axes, measure = cell["axes"], cell["measure"]
    machine = _machine(inputs, measure)
    clock = clock_for(axes["device"])
    gpus = open_devices(axes["device"])
    memory = memory_probe(axes["device"], gpus)
    memory.start()
    bench = set_up(job, inputs)
    checks = bench.check_image_is_seen()
    predictions = (
        []
        if job.get("cost_only") or not bench.loaded.answers_mean_something
        else _predictions(bench, cell)
    )

    optimization = bench.loaded.optimization
    # Before anything is compiled: a generation would compile every layer for lengths of its own.
    effects = bench.check_generation()
    compilation = Compilation(bench.loaded.model, optimization)
    if optimization.compiled:
        compilation.start(bench.forwards(), clock)
    effects |= bench.check_forward()
    memory.begin_workload()
    conditions = ConditionsProbe(gpus[0] if gpus else None)
    conditions.start()
    latency = measure_latency(
        bench.forwards(), clock, _latency_plan(measure), threads=torch.get_num_threads()
    )
    meter = _energy_meter(machine, measure, axes["device"])
    energy = meter.measure(
        bench.forwards(),
        clock,
        window_s=measure["energy"]["window_s"],
        samples_per_batch=axes["batch_size"],
        repeats=measure["repeats"],
    )
    compiled = compilation.stop() if optimization.compiled else None
    generation, energy = _decoding(bench, cell, clock, meter, energy)
    conditions_block = conditions.stop().as_dict()
    memory_block = memory.stop(bench.loaded.model).as_dict()
    with countable(bench.loaded):
        flops = count_flops(
            bench.loaded.model,
            bench.cost_batches[0],
            bench.loaded.family.stage_of,
            decoder=bench.loaded.generator,
            prompt_tokens=bench.sequence_length,
        )
    peak = _peak_flop_per_s(machine, axes)
    blocks = {
        "input": bench.described(),
        "latency_detail": latency.as_dict(),
        "generation": generation.as_dict(),
        "energy_detail": energy.as_dict(),
        "flops_detail": flops.as_dict(latency_s=latency.latency_s, peak_flop_per_s=peak),
        "memory": memory_block,
        "compile": compiled,
        "checks": checks,
        "model": {**_model_block(bench, inputs), **effects},
        "decoding": _decoding_block(bench, cell),
        "conditions": conditions_block,
        "provenance": _provenance(job, bench, machine, gpus),
    }
    timings = [_timing_row(row) for row in (*latency.rows, *generation.rows)]
    return Measured(predictions, timings, blocks)


def _predictions(bench: Bench, cell: Mapping[str, Any]) -> list[dict[str, object]]:
    batch_size = cell["axes"]["batch_size"]
    parts = bench.loaded, bench.feeder, bench.items, batch_size
    count = len(bench.items)
    told = answers(*parts, cell["decoding"])
    rows = list(tqdm(told, total=count, desc="answers", unit="sample"))
    if cell["task"] == "multiple_choice":
        scores = tqdm(option_scores(*parts), total=count, desc="options", unit="sample")
        rows = [{**row, "option_scores": own} for row, own in zip(rows, scores, strict=True)]
    return rows


def _decoding(
    bench: Bench,
    cell: Mapping[str, Any],
    clock: Clock,
    meter: EnergyMeter,
    energy: Energy,
) -> tuple[Any, Energy]:
    """Time decoding of a forced length, and put its energy per token beside the forward's."""
    axes, measure = cell["axes"], cell["measure"]
    new_tokens = measure["new_tokens"]

    generation = measure_generation(
        bench.generation,
        clock,
        new_tokens=new_tokens,
        batch_size=axes["batch_size"],
        repeats=measure["repeats"],
    )
    decoding = meter.measure(
        [partial(bench.generation, new_tokens)],
        clock,
        window_s=measure["energy"]["window_s"],
        samples_per_batch=axes["batch_size"],
        repeats=measure["repeats"],
        tokens_per_batch=axes["batch_size"] * new_tokens,
    )
    return generation, with_generation(energy, decoding)


def _latency_plan(measure: Mapping[str, Any]) -> LatencyPlan:
    return LatencyPlan(
        window_s=measure["window_s"],
        min_iterations=measure["min_iterations"],
        repeats=measure["repeats"],
        max_warmup_s=measure["max_warmup_s"],
    )


def _energy_meter(
    machine: Mapping[str, Any], measure: Mapping[str, Any], device: str
) -> EnergyMeter:
    return energy_meter(machine["energy"], EnergySettings.of(measure["energy"]), device)


def _peak_flop_per_s(machine: Mapping[str, Any], axes: Mapping[str, Any]) -> float | None:
    """Return the machine's measured peak for the cell's device and number format, if known."""
    peaks = machine.get("peak_flop_per_s") or {}
    value = peaks.get(f"{axes['device']}-{axes['dtype']}")
    return None if value is None else float(value)


def _model_block(bench: Bench, inputs: Mapping[str, str]) -> dict[str, Any]:
    manifest: Any = read_json(Path(inputs["model"]))
    loaded = bench.loaded
    return {
        "source": manifest["source"].get("hub") or manifest["source"].get("path"),
        "revision": manifest["revision"],
        "licence": manifest.get("licence"),
        "digest": json_digest(manifest["files"])[:16],
        "parameters": manifest["parameters"],
        "attention": attention_in_use(loaded.model, loaded.family),
        "dtype_by_stage": dtypes_in_use(
            loaded.model, loaded.family, loaded.optimization.quantization
        ),
    }


def _decoding_block(bench: Bench, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return how answers were decoded, with what the model brings along for it."""
    loaded = bench.loaded
    return {
        "method": "greedy" if cell["decoding"]["num_beams"] == 1 else "beam search",
        "do_sample": False,
        **cell["decoding"],
        "eos_token_ids": list(loaded.eos_token_ids),
        "pad_token_id": loaded.pad_token_id,
        "padding_side": loaded.tokenizer.padding_side,
    }


def _machine(inputs: Mapping[str, str], measure: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of this machine: the stored one, or where that is of another, its own.

    Idle watts and peaks are read while nothing else runs, which a cell cannot see to: those of
    another machine are left out rather than taken for this one's.
    """
    described = read_json(Path(inputs["machine"]))
    if is_here(described):
        return described
    settings = EnergySettings.of(measure["energy"])
    return {**describe_host(), "energy": describe_energy_sources(settings, open_devices("cuda"))}


def _provenance(
    job: Mapping[str, Any], bench: Bench, machine: Mapping[str, Any], gpus: Sequence[Gpu]
) -> dict[str, Any]:
    """Return where the figures come from; of the machine's GPUs those that the cell had."""
    held = {gpu.uuid() for gpu in gpus}
    return {
        "git": git_state(),
        "code": job["code"],
        "software": dict(job["software"]),
        "threads": torch.get_num_threads(),
        **{key: machine[key] for key in ("host", "cpu", "memory_bytes", "os", "container")},
        "python": machine["python"],
        "gpus": [gpu.as_dict() for gpu in devices.visible_gpus() if gpu.uuid in held],
        "samples_sha256": bench.images["samples_sha256"],
        "images_sha256": bench.images["sha256"],
    }


def _timing_row(row: Timing) -> dict[str, object]:
    return dict(row._asdict())
