"""How a model decodes its answers: as the study says, or as the model's own config says."""

from dataclasses import dataclass

from vlmeter.errors import shorten
from vlmeter.status import UnsupportedError

Settings = dict[str, object]
"""Fields of transformers' GenerationConfig by name."""

_APPLIED = frozenset(
    {
        "num_beams",
        "length_penalty",
        "early_stopping",
        "min_new_tokens",
        "repetition_penalty",
        "encoder_repetition_penalty",
        "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size",
        "bad_words_ids",
        "forced_bos_token_id",
        "forced_eos_token_id",
        "suppress_tokens",
        "begin_suppress_tokens",
        "sequence_bias",
        "exponential_decay_length_penalty",
        "remove_invalid_values",
        "renormalize_logits",
    }
)
"""What decides an answer token by token, the same at every run."""
_DECIDED_ELSEWHERE = frozenset(
    {
        # By the study: the longest answer, the cache, what is compiled.
        *("max_length", "max_new_tokens", "min_length"),
        *("cache_implementation", "cache_config", "max_cache_len"),
        *("compile_config", "disable_compile"),
        # With every decoding: the tokens that begin, end and pad an answer.
        *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"),
        # By who calls: what is returned beside the answer.
        *("output_attentions", "output_hidden_states", "output_scores", "output_logits"),
        "return_dict_in_generate",
        # Of draws, and nothing is drawn.
        *("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p"),
        *("epsilon_cutoff", "eta_cutoff"),
        "transformers_version",
    }
)
_WITHOUT_EFFECT: Settings = {
    "do_sample": False,
    "use_cache": True,
    "num_return_sequences": 1,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "low_memory": False,
    "token_healing": False,
    "is_assistant": False,
    "guidance_scale": 1.0,
    "penalty_alpha": 0.0,
}
"""Values at which a setting does nothing. At others it draws, or no forced length can be timed."""


@dataclass(frozen=True)
class Decoding:
    """Settings of greedy decoding, or of a beam search where there are several beams."""

    max_new_tokens: int
    num_beams: int
    length_penalty: float
    """Exponent of the length that a beam's score is divided by."""
    min_new_tokens: int
    """An answer does not end before."""
    repetition_penalty: float
    """What a token's score is divided by once it was used; 1 is none."""
    by_model: bool
    """Whether the model's own settings hold in place of these, but for the longest answer."""


def select_applied(own: Settings) -> Settings:
    """Return those of a model's own settings that shape its answers and can be measured.

    Args:
        own: The fields that its generation config sets.

    Raises:
        UnsupportedError: a field would draw at random, or answers by it cannot be measured.
    """
    for name, value in own.items():
        if name in _APPLIED | _DECIDED_ELSEWHERE or value == _WITHOUT_EFFECT.get(name):
            continue
        raise UnsupportedError(
            f"generation: model: what its generation config asks for cannot be measured: "
            f"{shorten(name, 40)}: {shorten(value)}"
        )
    return {name: value for name, value in own.items() if name in _APPLIED}


class WrongLengthError(Exception):
    """A generation has another length than it was forced to."""
