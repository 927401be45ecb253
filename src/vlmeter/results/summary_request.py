"""The columns of `summary.csv` for a whole request, from an image's file to the answer's words."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from vlmeter.measure.request.result import (
    CONNECTOR,
    DECODE,
    DECODE_IMAGE,
    DETOKENIZE,
    OTHER,
    PREFILL,
    PROCESSOR,
    RESIZE,
    TOKENIZE,
    TRANSFER,
    VISION,
    MissingRequest,
    Request,
)
from vlmeter.results.summary_fields import cost_block, keep
from vlmeter.results.summary_generation import GenerationColumns
from vlmeter.results.summary_values import format_json

_request = cost_block(lambda figures: keep(figures.request, Request))
_no_request = cost_block(lambda figures: keep(figures.request, MissingRequest))


def _read_part(name: str) -> Callable[[Request], float | None]:
    return lambda request: next((part.seconds for part in request.parts if part.name == name), None)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class RequestColumns(GenerationColumns):
    """The time of a full batch of requests, whole and in parts."""

    request_s: float | None = _request.column(
        "s",
        "Median time of a full batch of requests, from the images' files to the answers' words.",
        lambda request: request.request_s,
    )
    request_low_s: float | None = _request.column(
        "s", "Lower end of the 95 % interval over rounds.", lambda request: request.low_s
    )
    request_high_s: float | None = _request.column(
        "s", "Upper end of the 95 % interval over rounds.", lambda request: request.high_s
    )
    request_rounds_s: str | None = _request.column(
        "s", "Of each round, as a JSON list.", lambda request: format_json(request.rounds_s)
    )
    request_samples_per_s: float | None = _request.column(
        "samples/s", "Requests: throughput.", lambda request: request.samples_per_s
    )
    request_tokens_in: int | None = _request.column(
        "tokens",
        "What the language model reads of a request, image included.",
        lambda request: request.tokens_in,
    )
    request_tokens_out: int | None = _request.column(
        "tokens", "Forced length of an answer.", lambda request: request.tokens_out
    )
    request_overlap: str | None = _request.column(
        "",
        "What of the next batch is prepared while one is computed.",
        lambda request: request.overlap,
    )
    request_decode_image_s: float | None = _request.column(
        "s", "Part: the images' files to RGB pixels.", _read_part(DECODE_IMAGE)
    )
    request_resize_s: float | None = _request.column(
        "s", "Part: to the cell's image_size.", _read_part(RESIZE)
    )
    request_processor_s: float | None = _request.column(
        "s", "Part: the model's processor, but for its tokenizer.", _read_part(PROCESSOR)
    )
    request_tokenize_s: float | None = _request.column(
        "s", "Part: filling templates, and the tokenizer.", _read_part(TOKENIZE)
    )
    request_transfer_s: float | None = _request.column(
        "s", "Part: to the device, in the cell's number format.", _read_part(TRANSFER)
    )
    request_vision_s: float | None = _request.column(
        "s", "Part: the vision encoder.", _read_part(VISION)
    )
    request_connector_s: float | None = _request.column(
        "s", "Part: the Q-Former, or another connector.", _read_part(CONNECTOR)
    )
    request_prefill_s: float | None = _request.column(
        "s", "Part: all else up to the first decode step.", _read_part(PREFILL)
    )
    request_decode_s: float | None = _request.column(
        "s", "Part: the decode steps, which give all tokens but the first.", _read_part(DECODE)
    )
    request_detokenize_s: float | None = _request.column(
        "s", "Part: tokens to words.", _read_part(DETOKENIZE)
    )
    request_other_s: float | None = _request.column(
        "s", "What is in no part, or in one that cannot be told apart.", _read_part(OTHER)
    )
    request_parts: str | None = _request.column(
        "",
        "Every part with its interval, or why it cannot be told apart, as JSON.",
        lambda request: format_json([asdict(part) for part in request.parts]),
    )
    request_parts_sum_s: float | None = _request.column(
        "s", "Whole time of the passes with marks, median.", lambda request: request.parts_sum_s
    )
    request_preprocessing_share: float | None = _request.column(
        "",
        "Share of all parts before the transfer in a request.",
        lambda request: request.preprocessing_share,
    )
    request_preprocessing_low: float | None = _request.column(
        "",
        "Lower end of its 95 % interval over rounds.",
        lambda request: request.preprocessing_low,
    )
    request_preprocessing_high: float | None = _request.column(
        "",
        "Upper end of its 95 % interval over rounds.",
        lambda request: request.preprocessing_high,
    )
    vision_share: float | None = _request.column(
        "", "Share of the vision encoder in a request.", lambda request: request.vision_share
    )
    request_notes: str | None = _request.column(
        "",
        "What is to be said about the request.",
        lambda request: "; ".join(request.notes) or None,
    )
    request_reason: str | None = _no_request.column(
        "", "Why no request was timed.", lambda missing: missing.request_reason
    )
