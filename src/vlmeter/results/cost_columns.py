"""The columns of `summary.csv` for latency, energy and FLOPs."""

from vlmeter.results.columns import Column, Kind


def _make_latency(name: str, kind: Kind, unit: str, description: str, key: str = "") -> Column:
    key = key or name.removeprefix("latency_")
    return Column(name, kind, unit, description, f"latency_detail.{key}")


LATENCY_COLUMNS = (
    _make_latency("latency_mean_s", "number", "s", "Mean over all timed passes."),
    _make_latency("latency_p50_s", "number", "s", "50th percentile."),
    _make_latency("latency_p90_s", "number", "s", "90th percentile."),
    _make_latency("latency_p99_s", "number", "s", "99th percentile."),
    _make_latency("latency_stdev_s", "number", "s", "Standard deviation."),
    _make_latency("latency_min_s", "number", "s", "Shortest pass."),
    _make_latency("latency_max_s", "number", "s", "Longest pass."),
    _make_latency("latency_low_s", "number", "s", "Lower end of the 95 % interval over rounds."),
    _make_latency("latency_high_s", "number", "s", "Upper end of the 95 % interval over rounds."),
    _make_latency("latency_rounds_s", "text", "s", "Median of each round, as a JSON list."),
    _make_latency("latency_iterations", "integer", "", "Timed passes."),
    _make_latency("latency_warmup_iterations", "integer", "", "Passes before the window."),
    _make_latency("latency_steady", "flag", "", "Whether times had settled before the window."),
    _make_latency("latency_window_s", "number", "s", "Sum of the timed passes."),
    _make_latency("latency_clock", "text", "", "The clock that was read."),
    _make_latency("threads", "integer", "", "Threads that the framework computed with.", "threads"),
    Column(
        "new_tokens", "integer", "tokens", "Forced length of a generation.", "generation.new_tokens"
    ),
    Column(
        "time_to_first_token_s",
        "number",
        "s",
        "Generation: time to the first token of a batch.",
        "generation.time_to_first_token_s",
    ),
    Column(
        "time_per_output_token_s",
        "number",
        "s",
        "Generation: time of each further token of a batch.",
        "generation.time_per_output_token_s",
    ),
    Column(
        "tokens_per_s", "number", "tokens/s", "Generation: throughput.", "generation.tokens_per_s"
    ),
    Column(
        "samples_per_s",
        "number",
        "samples/s",
        "Generation: throughput.",
        "generation.samples_per_s",
    ),
)


def _make_energy(name: str, kind: Kind, unit: str, description: str, key: str = "") -> Column:
    return Column(
        name, kind, unit, description, f"energy_detail.{key or name.removeprefix('energy_')}"
    )


def _make_component(device: str, words: str) -> tuple[Column, ...]:
    return (
        Column(f"energy_{device}_j", "number", "J", f"Energy per sample of {words}."),
        Column(f"power_{device}_w", "number", "W", f"Mean power of {words} in the window."),
        Column(f"energy_{device}_kind", "text", "", "How known: measured, modelled or constant."),
        Column(f"energy_{device}_method", "text", "", "By what it was read or modelled."),
    )


ENERGY_COLUMNS = (
    _make_energy("energy_net_j", "number", "J", "Energy per sample above idle.", "energy_net_j"),
    _make_energy(
        "energy_low_j", "number", "J", "Lower end of the 95 % interval over rounds.", "low_j"
    ),
    _make_energy(
        "energy_high_j", "number", "J", "Upper end of the 95 % interval over rounds.", "high_j"
    ),
    _make_energy("energy_rounds_j", "text", "J", "Of each round, as a JSON list."),
    _make_energy("energy_reason", "text", "", "Why energy was not measured.", "energy_reason"),
    _make_energy(
        "energy_per_token_j", "number", "J", "Energy per generated token.", "energy_per_token_j"
    ),
    _make_energy(
        "energy_net_reason", "text", "", "Why there is no net energy.", "energy_net_reason"
    ),
    _make_energy(
        "energy_per_token_reason",
        "text",
        "",
        "Why there is no energy per token.",
        "energy_per_token_reason",
    ),
    _make_energy("power_w", "number", "W", "Mean power of all devices in the window.", "power_w"),
    _make_energy("energy_window_s", "number", "s", "Length of the energy window."),
    _make_energy("energy_batches", "integer", "", "Batches in the window."),
    _make_energy("energy_samples", "integer", "", "Samples in the window."),
    _make_energy("idle_w", "number", "W", "Power of the idle machine."),
    _make_energy("co2e_g", "number", "g", "CO2 equivalent per sample."),
    _make_energy("grid_kg_per_kwh", "number", "kg/kWh", "CO2 equivalent of the grid's energy."),
    *_make_component("cpu", "the CPU"),
    *_make_component("gpu", "all GPUs"),
    *_make_component("ram", "the memory"),
)


def _make_flops(name: str, description: str, key: str) -> Column:
    return Column(name, "number", "FLOP", description, f"flops_detail.{key}")


FLOP_COLUMNS = (
    _make_flops("flops_per_sample", "Operations of one sample.", "per_sample"),
    _make_flops("flops_vision", "Of which in the vision encoder.", "by_stage.vision"),
    _make_flops("flops_qformer", "Of which in the Q-Former.", "by_stage.qformer"),
    _make_flops("flops_connector", "Of which in another connector.", "by_stage.connector"),
    _make_flops("flops_prefill", "Of which in the language model.", "by_stage.prefill"),
    _make_flops("flops_other", "Of which outside every stage.", "by_stage.other"),
    Column("flops_reason", "text", "", "Why flops is empty.", "flops_detail.flops_reason"),
    _make_flops("flops_decode_step", "Of one further decode step of a batch.", "decode_step"),
    _make_flops(
        "flops_normalisation", "Of normalisations, which flops leaves out.", "normalisation_flops"
    ),
    Column("flops_counter", "text", "", "Whose count it is.", "flops_detail.counter"),
    Column("flops_convention", "text", "", "What was counted, how.", "flops_detail.convention"),
    Column("flops_uncounted", "text", "", "Operators without a count, with their calls."),
    Column(
        "achieved_flop_per_s",
        "number",
        "FLOP/s",
        "flops over latency.",
        "flops_detail.achieved_flop_per_s",
    ),
    Column(
        "utilisation",
        "number",
        "",
        "Achieved over peak FLOP/s, where the peak is known.",
        "flops_detail.utilisation",
    ),
)
