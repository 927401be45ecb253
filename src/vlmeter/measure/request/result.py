"""The time of a request, whole and in parts. Imports nothing that measures."""

from dataclasses import dataclass

DECODE_IMAGE, RESIZE, PROCESSOR, TOKENIZE = "decode_image", "resize", "processor", "tokenize"
TRANSFER, VISION, CONNECTOR, PREFILL = "transfer", "vision", "connector", "prefill"
DECODE, DETOKENIZE, OTHER = "decode", "detokenize", "other"
PREPROCESSING = (DECODE_IMAGE, RESIZE, PROCESSOR, TOKENIZE)
"""What happens on the host before the model's device has anything to do."""
PARTS = (
    *PREPROCESSING,
    *(TRANSFER, VISION, CONNECTOR, PREFILL, DECODE, DETOKENIZE, OTHER),
)
"""The parts of a request, in their order; they are disjoint and sum to the whole."""
NO_OVERLAP = "none"
"""No part of the next batch is prepared while this one is computed."""


@dataclass(frozen=True)
class RequestPart:
    """The time of one part, of all samples of a batch together."""

    name: str
    seconds: float | None
    """Median over the passes with marks; None where it cannot be told apart."""
    low_s: float | None
    """The 95 % interval, by the rule of `Request.low_s`."""
    high_s: float | None
    reason: str | None
    """Why it cannot be told apart, and where its time is then."""


@dataclass(frozen=True)
class Request:
    """The time of a full batch of requests: all are prepared, then all are answered."""

    request_s: float
    """Median over the rounds, each timed without marks, from the files' bytes to the texts."""
    low_s: float | None
    """The 95 % interval: `request_s` less the t half-width of the rounds. None with one round."""
    high_s: float | None
    rounds_s: list[float]
    samples_per_s: float
    """Samples of the batch over `request_s`."""
    tokens_in: int
    """Positions of a sample that the language model reads, image positions included."""
    tokens_out: int
    """Forced new tokens of a sample."""
    overlap: str
    """What of the next batch happens meanwhile."""
    parts: list[RequestPart]
    """In the order of `PARTS`; empty where a request could not be timed in parts."""
    parts_sum_s: float | None
    """Median over the passes with marks of their whole time."""
    preprocessing_share: float | None
    """Median share of the parts before the transfer in a pass with marks."""
    preprocessing_low: float | None
    """Its 95 % interval, as that of the whole."""
    preprocessing_high: float | None
    vision_share: float | None
    """Median share of the vision encoder in a pass with marks."""
    notes: list[str]
    """What a reader must know, in sentences."""


@dataclass(frozen=True)
class MissingRequest:
    """Stands for `Request` that could not be timed."""

    request_reason: str
