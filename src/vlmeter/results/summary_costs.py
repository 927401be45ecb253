"""The columns of `summary.csv` for latency, energy and FLOPs."""

from dataclasses import dataclass

from vlmeter.measure.flops.result import FlopsDetail, MissingFlops
from vlmeter.measure.result import Generation, MissingGeneration
from vlmeter.results.summary_cell import InputColumns
from vlmeter.results.summary_fields import Block, cost_block, keep
from vlmeter.results.summary_values import (
    compute_device_energy,
    compute_device_power,
    format_json,
    format_pairs,
    join_component_kinds,
    join_component_methods,
)

_latency = cost_block(lambda figures: figures.latency_detail)
_generation = cost_block(lambda figures: keep(figures.generation, Generation))
_no_generation = cost_block(lambda figures: keep(figures.generation, MissingGeneration))
_energy = cost_block(lambda figures: figures.energy_detail)
_token_energy = cost_block(lambda figures: figures.energy_detail.token_end)
_flops: Block[FlopsDetail | MissingFlops] = cost_block(lambda figures: figures.flops_detail)
_counted = cost_block(lambda figures: keep(figures.flops_detail, FlopsDetail))

_KIND = "How known: measured, modelled or constant."
_METHOD = "By what it was read or modelled."
_HALF_WIDTH = "Half the width of the 95 % interval over rounds, as a share of their mean."
_ENDED_BY = (
    "What ended the window: `target`, its interval was narrow enough; `cap`, its time was up; "
    "`fixed`, `measure.repeats`."
)
_LOOKS = "How often the interval was to be looked at; it is a 95 % interval for all looks together."


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class LatencyColumns(InputColumns):
    """The time of a forward pass, and of a generation."""

    latency_mean_s: float | None = _latency.column(
        "s", "Mean over all timed passes.", lambda latency: latency.mean_s
    )
    latency_p50_s: float | None = _latency.column(
        "s", "50th percentile.", lambda latency: latency.p50_s
    )
    latency_p90_s: float | None = _latency.column(
        "s", "90th percentile.", lambda latency: latency.p90_s
    )
    latency_p99_s: float | None = _latency.column(
        "s", "99th percentile.", lambda latency: latency.p99_s
    )
    latency_stdev_s: float | None = _latency.column(
        "s", "Standard deviation.", lambda latency: latency.stdev_s
    )
    latency_min_s: float | None = _latency.column(
        "s", "Shortest pass.", lambda latency: latency.min_s
    )
    latency_max_s: float | None = _latency.column(
        "s", "Longest pass.", lambda latency: latency.max_s
    )
    latency_low_s: float | None = _latency.column(
        "s", "Lower end of the 95 % interval over rounds.", lambda latency: latency.low_s
    )
    latency_high_s: float | None = _latency.column(
        "s", "Upper end of the 95 % interval over rounds.", lambda latency: latency.high_s
    )
    latency_rounds_s: str | None = _latency.column(
        "s",
        "Median of each round, as a JSON list.",
        lambda latency: format_json(latency.rounds_s),
    )
    latency_half_width: float | None = _latency.column(
        "", _HALF_WIDTH, lambda it: it.end.half_width
    )
    latency_ended_by: str | None = _latency.column("", _ENDED_BY, lambda it: it.end.ended_by)
    latency_looks: int | None = _latency.column("", _LOOKS, lambda it: it.end.looks)
    latency_iterations: int | None = _latency.column(
        "", "Timed passes.", lambda latency: latency.iterations
    )
    latency_warmup_iterations: int | None = _latency.column(
        "", "Passes before the window.", lambda latency: latency.warmup_iterations
    )
    latency_steady: bool | None = _latency.column(
        "", "Whether times had settled before the window.", lambda latency: latency.steady
    )
    latency_window_s: float | None = _latency.column(
        "s", "Sum of the timed passes.", lambda latency: latency.window_s
    )
    latency_clock: str | None = _latency.column(
        "", "The clock that was read.", lambda latency: latency.clock
    )
    threads: int | None = _latency.column(
        "", "Threads that the framework computed with.", lambda latency: latency.threads
    )
    time_to_first_token_s: float | None = _generation.column(
        "s",
        "Generation: time to the first token of a batch.",
        lambda generation: generation.time_to_first_token_s,
    )
    time_per_output_token_s: float | None = _generation.column(
        "s",
        "Generation: time of each further token of a batch.",
        lambda generation: generation.time_per_output_token_s,
    )
    tokens_per_s: float | None = _generation.column(
        "tokens/s", "Generation: throughput.", lambda generation: generation.tokens_per_s
    )
    samples_per_s: float | None = _generation.column(
        "samples/s", "Generation: throughput.", lambda generation: generation.samples_per_s
    )
    generation_rounds: int | None = _generation.column(
        "", "Timed pairs of generations, of one token and of all.", lambda it: it.end.rounds
    )
    generation_half_width: float | None = _generation.column(
        "",
        "As `latency_half_width`, of the first token or of the whole, whichever is wider.",
        lambda generation: generation.end.half_width,
    )
    generation_ended_by: str | None = _generation.column("", _ENDED_BY, lambda it: it.end.ended_by)
    generation_reason: str | None = _no_generation.column(
        "", "Why the generation was not timed.", lambda missing: missing.generation_reason
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class EnergyColumns(LatencyColumns):
    """The energy of a sample, and of the machine's devices."""

    energy_net_j: float | None = _energy.column(
        "J", "Energy per sample above idle.", lambda energy: energy.energy_net_j
    )
    energy_low_j: float | None = _energy.column(
        "J", "Lower end of the 95 % interval over rounds.", lambda energy: energy.low_j
    )
    energy_high_j: float | None = _energy.column(
        "J", "Upper end of the 95 % interval over rounds.", lambda energy: energy.high_j
    )
    energy_rounds_j: str | None = _energy.column(
        "J", "Of each round, as a JSON list.", lambda energy: format_json(energy.rounds_j)
    )
    energy_half_width: float | None = _energy.column(
        "", _HALF_WIDTH, lambda energy: energy.end.half_width
    )
    energy_ended_by: str | None = _energy.column("", _ENDED_BY, lambda it: it.end.ended_by)
    energy_looks: int | None = _energy.column("", _LOOKS, lambda it: it.end.looks)
    energy_reason: str | None = _energy.column(
        "", "Why energy was not measured.", lambda energy: energy.energy_reason
    )
    energy_per_token_j: float | None = _energy.column(
        "J", "Energy per generated token.", lambda energy: energy.energy_per_token_j
    )
    energy_per_token_rounds: int | None = _token_energy.column(
        "", "Rounds of the window of generations.", lambda end: end.rounds
    )
    energy_per_token_half_width: float | None = _token_energy.column(
        "", _HALF_WIDTH, lambda end: end.half_width
    )
    energy_per_token_ended_by: str | None = _token_energy.column(
        "", _ENDED_BY, lambda end: end.ended_by
    )
    energy_net_reason: str | None = _energy.column(
        "", "Why there is no net energy.", lambda energy: energy.energy_net_reason
    )
    energy_per_token_reason: str | None = _energy.column(
        "", "Why there is no energy per token.", lambda energy: energy.energy_per_token_reason
    )
    power_w: float | None = _energy.column(
        "W", "Mean power of all devices in the window.", lambda energy: energy.power_w
    )
    energy_window_s: float | None = _energy.column(
        "s", "Length of the energy window.", lambda energy: energy.window_s
    )
    energy_batches: int | None = _energy.column(
        "", "Batches in the window.", lambda energy: energy.batches
    )
    energy_samples: int | None = _energy.column(
        "", "Samples in the window.", lambda energy: energy.samples
    )
    idle_w: float | None = _energy.column(
        "W", "Power of the idle machine.", lambda energy: energy.idle_w
    )
    co2e_g: float | None = _energy.column(
        "g", "CO2 equivalent per sample.", lambda energy: energy.co2e_g
    )
    grid_kg_per_kwh: float | None = _energy.column(
        "kg/kWh",
        "CO2 equivalent of the grid's energy.",
        lambda energy: energy.grid_kg_per_kwh,
    )
    energy_cpu_j: float | None = _energy.column(
        "J", "Energy per sample of the CPU.", lambda energy: compute_device_energy(energy, "cpu")
    )
    power_cpu_w: float | None = _energy.column(
        "W",
        "Mean power of the CPU in the window.",
        lambda energy: compute_device_power(energy, "cpu"),
    )
    energy_cpu_kind: str | None = _energy.column(
        "", _KIND, lambda energy: join_component_kinds(energy, "cpu")
    )
    energy_cpu_method: str | None = _energy.column(
        "", _METHOD, lambda energy: join_component_methods(energy, "cpu")
    )
    energy_gpu_j: float | None = _energy.column(
        "J", "Energy per sample of all GPUs.", lambda energy: compute_device_energy(energy, "gpu")
    )
    power_gpu_w: float | None = _energy.column(
        "W",
        "Mean power of all GPUs in the window.",
        lambda energy: compute_device_power(energy, "gpu"),
    )
    energy_gpu_kind: str | None = _energy.column(
        "", _KIND, lambda energy: join_component_kinds(energy, "gpu")
    )
    energy_gpu_method: str | None = _energy.column(
        "", _METHOD, lambda energy: join_component_methods(energy, "gpu")
    )
    energy_ram_j: float | None = _energy.column(
        "J", "Energy per sample of the memory.", lambda energy: compute_device_energy(energy, "ram")
    )
    power_ram_w: float | None = _energy.column(
        "W",
        "Mean power of the memory in the window.",
        lambda energy: compute_device_power(energy, "ram"),
    )
    energy_ram_kind: str | None = _energy.column(
        "", _KIND, lambda energy: join_component_kinds(energy, "ram")
    )
    energy_ram_method: str | None = _energy.column(
        "", _METHOD, lambda energy: join_component_methods(energy, "ram")
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class CostColumns(EnergyColumns):
    """The operations of a forward pass, beside its time and its energy."""

    flops_per_sample: float | None = _counted.column(
        "FLOP", "Operations of one sample.", lambda flops: flops.per_sample
    )
    flops_vision: float | None = _counted.column(
        "FLOP", "Of which in the vision encoder.", lambda flops: flops.by_stage.get("vision")
    )
    flops_qformer: float | None = _counted.column(
        "FLOP", "Of which in the Q-Former.", lambda flops: flops.by_stage.get("qformer")
    )
    flops_connector: float | None = _counted.column(
        "FLOP", "Of which in another connector.", lambda flops: flops.by_stage.get("connector")
    )
    flops_prefill: float | None = _counted.column(
        "FLOP", "Of which in the language model.", lambda flops: flops.by_stage.get("prefill")
    )
    flops_other: float | None = _counted.column(
        "FLOP", "Of which outside every stage.", lambda flops: flops.by_stage.get("other")
    )
    flops_reason: str | None = _flops.column(
        "", "Why flops is empty.", lambda flops: flops.flops_reason
    )
    flops_decode_step: float | None = _flops.column(
        "FLOP", "Of one further decode step of a batch.", lambda flops: flops.decode_step
    )
    flops_normalisation: float | None = _counted.column(
        "FLOP",
        "Of normalisations, which flops leaves out; empty where fvcore cannot trace.",
        lambda flops: flops.normalisation_flops,
    )
    flops_counter: str | None = _counted.column(
        "", "Whose count it is.", lambda flops: flops.counter
    )
    flops_convention: str | None = _counted.column(
        "", "What was counted, how.", lambda flops: flops.convention
    )
    flops_uncounted: str | None = _counted.column(
        "",
        "Operators without a count, with their calls.",
        lambda flops: format_pairs(flops.uncounted),
    )
    achieved_flop_per_s: float | None = _counted.column(
        "FLOP/s", "flops over latency.", lambda flops: flops.achieved_flop_per_s
    )
    utilisation: float | None = _counted.column(
        "",
        "Achieved over peak FLOP/s, where the peak is known.",
        lambda flops: flops.utilisation,
    )
