"""Why a measured cell has no value in a column of the summary, for a gate that this breaks.

Where a column beside it has the reason as it was recorded, that is it. Else the value is missing by
what the cell is, or by what its device does not report.
"""

import re

from vlmeter.errors import Sentence
from vlmeter.results.summary_row import SummaryRow

_ON_A_GPU = re.compile(r"gpu_.*|(energy|power)_gpu_.*|peak_reserved_.*|device_used_.*")
_NO_GPU = Sentence("the cell has no GPU")

_ABSENCES: list[tuple[str, list[str], Sentence]] = [
    ("wer_value|unparsed_rate", ["wer_note"], Sentence("no answer was scored by it")),
    ("wer_.*", ["wer_note"], Sentence("there are too few samples for an interval")),
    ("task_value", ["task_note"], Sentence("its task has no metric of its own")),
    ("task_.*", ["task_note"], Sentence("there are too few samples for an interval")),
    (".*_samples", [], Sentence("its answers were not scored")),
    ("latency_.*", [], Sentence("it was timed in a single pass or round")),
    (
        "time_per_output_token_s",
        ["generation_reason"],
        Sentence("further tokens took no longer than the first"),
    ),
    (
        "energy_per_right_.*",
        ["energy_per_right_reason"],
        Sentence("there are too few samples or rounds for an interval"),
    ),
    (
        "energy_generation_.*|tokens_per_j",
        ["energy_per_token_reason", "energy_reason"],
        Sentence("the energy of a generation was not measured"),
    ),
    (
        "energy_idle_share",
        ["energy_net_reason", "energy_reason"],
        Sentence("the idle power of its devices is not known"),
    ),
    (
        "kv_cache_bytes|activations_bytes",
        ["kv_cache_reason", "memory_reason"],
        Sentence("the peak was in a forward pass, which keeps no cache"),
    ),
    (
        "time_to_.*|(tokens|samples)_per_s|generation_.*",
        ["generation_reason"],
        Sentence("no generation was timed"),
    ),
    (
        "energy_per_token_j",
        ["energy_per_token_reason", "energy_reason"],
        Sentence("the energy of a generation was not measured"),
    ),
    (
        "energy_net_j|idle_w",
        ["energy_net_reason", "energy_reason"],
        Sentence("the idle power of its devices is not known"),
    ),
    ("energy_(low|high)_j", ["energy_reason"], Sentence("it was measured in a single round")),
    ("co2e_g|grid_.*", ["energy_reason"], Sentence("the emissions of the grid are not known")),
    ("(energy|power)_.*|energy", ["energy_reason"], Sentence("its devices report none")),
    (
        "flops_decode_step",
        [],
        Sentence("a decode step could not be counted: decode_step_reason of its record says why"),
    ),
    ("utilisation", ["flops_reason"], Sentence("the peak rate of its device is not known")),
    (
        "flops_(vision|qformer|connector|prefill|other)|weights_.*_bytes",
        ["flops_reason"],
        Sentence("its model has no such part"),
    ),
    ("flops.*|achieved_.*", ["flops_reason"], Sentence("its operations could not be counted")),
    (
        "peak_.*|setup_.*|rss_.*|device_used_.*|weights_bytes",
        ["memory_reason"],
        Sentence("the system or the driver does not report it"),
    ),
    ("compile_.*|graphs|graph_.*|recompiles", [], Sentence("nothing was compiled")),
    ("quantized_layers", [], Sentence("nothing was quantised")),
    (
        "load_.*|clock_.*|temperature_.*|gpu_.*|foreign_.*",
        ["conditions_reason"],
        Sentence("the system or the card does not report it"),
    ),
]
"""By a pattern of columns, of which the first that fits counts: the columns that may hold a reason,
and why there is no value where none of them does."""


def explain_absence(row: SummaryRow, column: str) -> str:
    """Return why a cell that ended well has no value in a column of numbers."""
    if row.device == "cpu" and _ON_A_GPU.fullmatch(column):
        return _NO_GPU
    for pattern, reasons, otherwise in _ABSENCES:
        if re.fullmatch(pattern, column):
            recorded = (getattr(row, reason) for reason in reasons)
            return next((reason for reason in recorded if reason), otherwise)
    return Sentence("its record holds no such figure")
