"""What a table's row must say of a cell, from the simulation alone: a value for each column."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulation import host
from simulation.card import CONTEXT_BYTES, HELD_BYTES, MIB, WORK_MHZ
from simulation.cells import MEASURE, NEW_TOKENS, SimulatedCell
from simulation.expected import AsJson, Begins, Within, about
from simulation.ledger import Pass
from simulation.machine import FLOP_PER_S, GRID_KG_PER_KWH, LOAD_BYTES, SEEN_BY_CODECARBON
from simulation.model import ACTIVATION_BYTES, NOISE
from simulation.reference import IMAGE_TOKENS, ROWS, TEXT_TOKENS, Reference
from simulation.windows import (
    LOOKS_T,
    Windows,
    count_iterations,
    count_rounds,
    measure_width,
    part_passes,
)

SHARE = 0.004
"""What an energy over a window may be off: the docs give 10 ms of a round, and there are five."""


def list_truths(cell: SimulatedCell, reference: Reference) -> dict[str, Any]:
    """Return what every column must show that the simulation can know."""
    windows = part_passes(cell)
    return {
        **_list_latencies(cell, windows, reference),
        **_list_generation(cell, windows, reference),
        **_list_energies(cell, windows),
        **_list_operations(cell, windows, reference),
        **_list_memory(cell, reference),
        **_list_conditions(cell, windows),
    }


def _list_latencies(cell: SimulatedCell, windows: Windows, reference: Reference) -> dict[str, Any]:
    seconds = np.array([it.seconds for it in windows.latency])
    lengths = count_iterations(cell, windows.latency)
    rounds = [float(np.median(each)) for each in np.split(seconds, np.cumsum(lengths)[:-1])]
    width = measure_width(rounds, cell)
    half = width * np.mean(rounds)
    median = np.median(seconds)
    turns = [it.batch for it in (*windows.warmup, *windows.latency)]
    assert len(set(turns[:2])) == 2, "the batches are distinct"
    assert all(batch == turns[index % 2] for index, batch in enumerate(turns)), "and take turns"
    assert len({it.batch for it in windows.energy}) == 2, "in the energy window, too"
    if not windows.latency[0].is_compiled:
        stated_s = cell.machine.settings.slowdown * np.mean(reference.forwards_s())
        assert stated_s < median < stated_s * (1 + NOISE), "the ledger is of the stated costs"
    # A call on the host's clock ends to the nanosecond, one on a card begins some launches late.
    near = {"rel": 1e-4}
    return {
        "latency": about(median, **near),
        "latency_p50_s": about(median, **near),
        "latency_mean_s": about(np.mean(seconds), **near),
        "latency_p90_s": about(np.percentile(seconds, 90), **near),
        "latency_p99_s": about(np.percentile(seconds, 99), **near),
        "latency_stdev_s": about(np.std(seconds, ddof=1), rel=5e-3),
        "latency_min_s": about(np.min(seconds), **near),
        "latency_max_s": about(np.max(seconds), **near),
        "latency_low_s": about(median - half, rel=5e-4),
        "latency_high_s": about(median + half, rel=5e-4),
        "latency_rounds_s": AsJson(about(rounds, **near)),
        "latency_half_width": about(width, rel=0.01),
        **_list_end(cell, "latency", width, with_looks=True),
        "latency_iterations": len(seconds),
        "latency_warmup_iterations": len(windows.warmup),
        "latency_steady": True,
        "latency_window_s": about(np.sum(seconds), **near),
        "latency_clock": "cuda_events" if cell.job.cell.gpus else "perf_counter_ns",
        "threads": 1,
    }


def _list_end(
    cell: SimulatedCell, cost: str, width: float, *, with_looks: bool = False
) -> dict[str, Any]:
    """Return what says how a window ended."""
    target = cell.job.measure.target_interval
    if cell.job.measure.repeats:
        ended_by, looks = "fixed", 1
    else:
        ended_by, looks = "target" if width <= target else "cap", len(LOOKS_T)
    of_looks = {f"{cost}_looks": looks} if with_looks else {}
    return {f"{cost}_ended_by": ended_by, **of_looks}


def _list_generation(cell: SimulatedCell, windows: Windows, reference: Reference) -> dict[str, Any]:
    first, whole = (
        float(np.median([it.seconds for it in passes])) for passes in (windows.first, windows.whole)
    )
    slowdown = cell.machine.settings.slowdown
    for passes, tokens in ((windows.first, 1), (windows.whole, NEW_TOKENS)):
        stated_s = slowdown * reference.run(tokens).seconds
        # On two cards some transfers are on top.
        longest_s = stated_s * (1 + NOISE) + 0.004
        assert all(stated_s < it.seconds + 1e-9 < longest_s for it in passes), (stated_s, passes)
    widths = [
        measure_width([it.seconds for it in passes], cell)
        for passes in (windows.first, windows.whole)
    ]
    half = widths[1] * np.mean([it.seconds for it in windows.whole])
    near = {"rel": 1e-3}
    return {
        "generation_rounds": len(windows.whole),
        "generation_half_width": about(max(widths), rel=0.02),
        **_list_end(cell, "generation", max(widths)),
        "generation_s": about(whole, **near),
        "generation_low_s": about(whole - half, rel=2e-3),
        "generation_high_s": about(whole + half, rel=2e-3),
        "time_to_first_token_s": about(first, **near),
        "time_per_output_token_s": about((whole - first) / (NEW_TOKENS - 1), rel=4e-3),
        "tokens_per_s": about(ROWS * NEW_TOKENS / whole, **near),
        "samples_per_s": about(ROWS / whole, **near),
        "generation_reason": None,
    }


def _measure_power(cell: SimulatedCell, passes: Sequence[Pass], device: str) -> float:
    """Return the mean power of a device over passes that follow each other."""
    machine = cell.machine
    start_s, end_s = passes[0].begun_s, passes[-1].ended_s
    if device == "cpu":
        seen = 1.0 if machine.settings.has_rapl else SEEN_BY_CODECARBON["cpu"]
        meters = [machine.host.supply]
    else:
        seen, meters = 1.0, [machine.cards[index].supply for index in machine.settings.shown]
    drawn = sum(meter.joules(end_s) - meter.joules(start_s) for meter in meters)
    return seen * drawn / (end_s - start_s)


def _list_energies(cell: SimulatedCell, windows: Windows) -> dict[str, Any]:
    settings, row = cell.machine.settings, cell.row
    has_gpu = bool(settings.shown)
    power_w = {
        "cpu": _measure_power(cell, windows.energy, "cpu"),
        "ram": host.DRAM_W if settings.has_rapl else host.RAM_W,
        "gpu": _measure_power(cell, windows.energy, "gpu") if has_gpu else None,
    }
    pass_s = np.mean([it.seconds for it in windows.energy])
    sample_s = pass_s / ROWS
    joules = {name: watts and watts * sample_s for name, watts in power_w.items()}
    energy, power = (sum(filter(None, values.values())) for values in (joules, power_w))
    cpu_seen = 1.0 if settings.has_rapl else SEEN_BY_CODECARBON["cpu"]
    cards = [cell.machine.cards[index] for index in settings.shown]
    idle = host.REST_W * cpu_seen + power_w["ram"] + sum(card.rest_w for card in cards)
    rounds = json.loads(row.energy_rounds_j)
    assert len(rounds) == count_rounds(cell, [(joules,) for joules in rounds])
    width = measure_width(rounds, cell)
    half = width * np.mean(rounds)
    # The passes of a round are few, and their noise is in its energy.
    true_rounds = about([energy] * len(rounds), rel=0.03)
    assert rounds == true_rounds
    generations_s = [it.seconds for it in windows.generation_energy]
    least_s = MEASURE.energy.window_s * (1.0 if cell.job.measure.repeats else 0.3)
    assert sum(generations_s) >= least_s
    whole_s = np.mean(generations_s)
    token_w = power_w["ram"] + sum(
        _measure_power(cell, windows.generation_energy, device)
        for device in ("cpu", *(["gpu"] if has_gpu else []))
    )
    source = {
        "cpu": ("measured", "RAPL package-0")
        if settings.has_rapl
        else ("modelled", "a model of load"),
        "ram": ("measured", "RAPL dram")
        if settings.has_rapl
        else ("constant", f"{host.RAM_W:g} W"),
        "gpu": ("measured", "NVML total energy counter, whole GPU") if has_gpu else (None, None),
    }
    by_device = {
        name: value
        for device in ("cpu", "ram", "gpu")
        for name, value in {
            f"energy_{device}_j": joules[device] and about(joules[device], rel=SHARE + 0.002),
            f"power_{device}_w": power_w[device] and about(power_w[device], rel=SHARE),
            f"energy_{device}_kind": source[device][0],
            f"energy_{device}_method": source[device][1],
        }.items()
    }
    batches = row.energy_batches
    planned_s = MEASURE.energy.window_s * len(rounds) / (cell.job.measure.repeats or max(LOOKS_T))
    generation_j = token_w * whole_s / ROWS
    # The interval is that of the rounds, whose spread is the noise of few passes.
    reach = (row.energy_generation_high_j - row.energy_generation_low_j) / 2
    assert 0 < reach < 0.1 * generation_j
    return {
        **by_device,
        "energy_generation_j": about(generation_j, rel=SHARE + 0.004),
        "energy_generation_low_j": about(row.energy_generation_j - reach),
        "energy_generation_high_j": about(row.energy_generation_j + reach),
        "tokens_per_j": about(NEW_TOKENS / generation_j, rel=SHARE + 0.004),
        "energy_idle_share": about(idle / power, rel=SHARE + 0.004),
        "energy": about(energy, rel=SHARE + 0.002),
        "energy_net_j": about(energy - idle * sample_s, rel=SHARE + 0.004),
        "energy_low_j": about(row.energy - half),
        "energy_high_j": about(row.energy + half),
        "energy_rounds_j": AsJson(true_rounds),
        "energy_half_width": about(width, rel=1e-4),
        **_list_end(cell, "energy", width, with_looks=True),
        # Of a generation's energy a record has the sum, and how sharp it is.
        "energy_per_token_rounds": cell.job.measure.repeats or Within(3, max(LOOKS_T)),
        "energy_per_token_half_width": Within(0.0, cell.job.measure.target_interval),
        **_list_end(cell, "energy_per_token", 0.0),
        "energy_per_token_j": about(token_w * whole_s / (ROWS * NEW_TOKENS), rel=SHARE + 0.004),
        "energy_reason": None,
        "energy_net_reason": None,
        "energy_per_token_reason": None,
        "power_w": about(power, rel=SHARE),
        # Whole passes one after another, with nothing between.
        "energy_window_s": about(batches * pass_s, rel=0.004),
        "energy_batches": about(planned_s / pass_s, abs=len(rounds)),
        "energy_samples": batches * ROWS,
        "idle_w": about(idle, rel=0.002),
        "co2e_g": about(row.energy / 3.6e6 * GRID_KG_PER_KWH * 1e3),
        "grid_kg_per_kwh": about(GRID_KG_PER_KWH),
    }


def _list_operations(cell: SimulatedCell, windows: Windows, reference: Reference) -> dict[str, Any]:
    stage_of, layers = reference.model.stage_of, reference.layers
    by_stage: dict[str, int] = {}
    for name, layer in layers.items():
        stage = stage_of(name) or "other"
        by_stage[stage] = by_stage.get(stage, 0) + layer.flops
    flops = sum(by_stage.values())
    step = sum(layer.flops for layer in reference.count_step(2).values())
    rate = flops / np.median([it.seconds for it in windows.latency])
    peak = FLOP_PER_S[cell.job.cell.axes.device]
    return {
        "flops": flops,
        "flops_text": f"{flops / 1e3:.2f} KFLOPS",
        "flops_per_sample": flops / ROWS,
        **{f"flops_{name}": by_stage.get(name) or None for name in STAGES},
        "flops_reason": None,
        "flops_decode_step": step,
        # What nothing reads is left out of a trace.
        "flops_normalisation": about(NORM_SHARE * reference.count_normalised(), rel=0.01),
        "flops_counter": "fvcore",
        "flops_convention": Begins("2 per multiply-add over convolutions, linear layers"),
        "achieved_flop_per_s": about(rate, rel=1e-3),
        "utilisation": about(rate / peak, rel=2e-3),
    }


NORM_SHARE = 5
"""Operations of a normalisation for each element."""
STAGES = ("vision", "qformer", "connector", "prefill", "other")


def _list_memory(cell: SimulatedCell, reference: Reference) -> dict[str, Any]:
    cards = len(cell.machine.settings.shown)
    weights = reference.model.weights_bytes
    held = weights + ACTIVATION_BYTES["generate"] * ROWS
    reserved = -(-held // (2 * MIB)) * 2 * MIB
    rss = host.INTERPRETER_BYTES + (held if not cards else 0)
    setup = host.INTERPRETER_BYTES + weights + LOAD_BYTES
    used = cards * (HELD_BYTES + CONTEXT_BYTES + reserved)
    text = reference.model.model.config.text_config
    # Keys and values of each layer; the last token that is generated is not fed again.
    positions = IMAGE_TOKENS + TEXT_TOKENS + NEW_TOKENS - 1
    cache = 2 * text.num_hidden_layers * ROWS * positions * text.hidden_size * 4
    kib = {"rel": 0.0, "abs": 1024}
    # Without cards the tensors are real ones.
    peak = cards * held if cards else reference.count_held_bytes(NEW_TOKENS)
    # What an operator holds while it works is seen by the profiler alone.
    near = {"rel": 0.0, "abs": 0 if cards else 0.005 * peak}
    return {
        "peak_memory_bytes": cards * held if cards else about(rss, **kib),
        "peak_rss_bytes": about(rss, **kib),
        "setup_peak_rss_bytes": about(setup, **kib),
        "rss_before_load_bytes": host.INTERPRETER_BYTES,
        "peak_allocated_bytes": about(peak, **near),
        "peak_reserved_bytes": cards * reserved if cards else None,
        "device_used_bytes": used if cards else None,
        "device_used_before_bytes": cards * HELD_BYTES if cards else None,
        "weights_bytes": weights,
        "kv_cache_bytes": cache,
        "activations_bytes": about(peak - weights - cache, **near),
        "kv_cache_reason": None,
        "memory_reason": None,
    }


def _list_conditions(cell: SimulatedCell, windows: Windows) -> dict[str, Any]:
    machine, settings = cell.machine, cell.machine.settings
    start_s = machine.host.resets_s[1]
    if settings.is_passed_by:
        # A window begins with a collection of what was left before.
        start_s = windows.warmup[0].begun_s - host.GC_S
    end_s = cell.list_passes("generate", NEW_TOKENS)[-1].ended_s
    cards = [machine.cards[index] for index in machine.settings.shown]
    ends = {"start": start_s, "end": end_s}
    near = {"rel": 0.0, "abs": 0.02}
    by_end = {
        name: value
        for end, at_s in ends.items()
        for name, value in {
            f"load_{end}": about(machine.host.load(at_s), rel=0.0, abs=0.001),
            f"clock_mhz_{end}": about(machine.host.clock_mhz(at_s), rel=0.0, abs=0.2),
            f"temperature_c_{end}": about(machine.host.temperature_c(at_s), **near),
        }.items()
    }
    indices = [card.index for card in cards]
    return {
        **by_end,
        "gpu_clock_mhz": WORK_MHZ + min(indices) if cards else None,
        "gpu_memory_clock_mhz": 2619 + min(indices) if cards else None,
        "gpu_temperature_c": 68 + max(indices) if cards else None,
        "gpu_power_limit_w": 450 + min(indices) if cards else None,
        "gpu_throttle_reasons": "sw_power_cap" if cards else None,
        "windows_repeated": int(machine.settings.is_passed_by),
        "target_missed": None,
        "foreign_cpu_share": about(machine.settings.foreign_share, rel=0.01),
        "disturbed": False,
        "disturbance": None,
        "conditions_reason": None,
    }
