"""The time of a generation of forced length: its first token, each further one, the whole."""

import math
import statistics
from collections.abc import Callable
from functools import partial

from vlmeter.errors import Sentence
from vlmeter.measure.clock import Clock, pause_garbage_collection
from vlmeter.measure.latency import Timing, number_timings
from vlmeter.measure.result import Generation
from vlmeter.measure.spread import compute_interval_95
from vlmeter.measure.stopping import StoppingRule, run_rounds


def measure_generation(
    generate: Callable[[int], object],
    clock: Clock,
    new_tokens: int,
    batch_size: int,
    rule: StoppingRule,
    window_s: float = math.inf,
) -> tuple[Generation, list[Timing]]:
    """Time generations of one token and of `new_tokens`, in turn.

    The two lengths alternate so that a drift of the machine reaches both alike.

    Args:
        generate: Generates exactly as many tokens as it is given, for one full batch.
        clock: The clock of the device.
        new_tokens: Length of the whole generation, at least 1.
        batch_size: Samples in the batch.
        rule: When the timed pairs are enough, after one that is thrown away.
        window_s: Seconds after which they are enough in any case, if the rule gives no number.

    Returns:
        The figures, and every timed call, kinds `generate_first` and `generate_all`.
    """
    calls = [partial(generate, 1), partial(generate, new_tokens)]
    with pause_garbage_collection():
        clock.time_calls(calls)
        pairs: list[list[float]] = []

        def time_pair() -> list[float]:
            pairs.append(clock.time_calls(calls))
            return pairs[-1]

        end = run_rounds(time_pair, rule, lambda: math.fsum(map(math.fsum, pairs)) >= window_s)
    first = statistics.median(pair[0] for pair in pairs)
    whole = statistics.median(pair[1] for pair in pairs)
    low_s, high_s = compute_interval_95(whole, [pair[1] for pair in pairs], end.looks)
    per_token, reason = compute_time_per_output_token(first, whole, new_tokens)
    rows = [
        *number_timings("generate_first", [pair[:1] for pair in pairs]),
        *number_timings("generate_all", [pair[1:] for pair in pairs]),
    ]
    generation = Generation(
        new_tokens=new_tokens,
        time_to_first_token_s=first,
        time_per_output_token_s=per_token,
        time_per_output_token_reason=reason,
        generation_s=whole,
        low_s=low_s,
        high_s=high_s,
        tokens_per_s=batch_size * new_tokens / whole,
        samples_per_s=batch_size / whole,
        end=end,
    )
    return generation, rows


def compute_time_per_output_token(
    first_s: float, whole_s: float, new_tokens: int
) -> tuple[float | None, str | None]:
    """Return the time of each token after the first, or the reason why there is none.

    Args:
        first_s: Time to generate one token.
        whole_s: Time to generate `new_tokens`.
        new_tokens: How many.
    """
    if new_tokens < 2:
        return None, Sentence("a single token was generated, so there is no further one to time")
    if whole_s <= first_s:
        return None, Sentence(
            f"generating {new_tokens} tokens took no longer ({whole_s:.6g} s) than generating"
            f" one ({first_s:.6g} s): the difference is below the noise"
        )
    return (whole_s - first_s) / (new_tokens - 1), None
