"""How a model decodes its answers."""

from dataclasses import dataclass


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
