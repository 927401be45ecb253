"""The columns of `summary.csv` that say which cell it is, how it answered and what it was fed."""

from dataclasses import dataclass

from vlmeter.axes import Axes
from vlmeter.measure.flops.result import FlopsDetail, MissingFlops
from vlmeter.results.summary_fields import Block, cost_block, record_column
from vlmeter.results.summary_values import (
    describe_bad_samples,
    describe_decoding,
    format_json,
    format_shape,
)

_wer = Block(lambda record: record.find_metric("wer"))
_task = Block(lambda record: record.find_task_metric())
_unparsed = Block(lambda record: record.find_metric("unparsed_rate"))
_quality = Block(lambda record: record.quality)
_input = cost_block(lambda figures: figures.input)
_decoding = cost_block(lambda figures: figures.decoding)
_flops: Block[FlopsDetail | MissingFlops] = cost_block(lambda figures: figures.flops_detail)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class _CellId:
    cell: str = record_column("", "The cell's id.", lambda record: record.cell.id)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class CellColumns(Axes, _CellId):
    """The cell, its value on every axis, and its headline figures."""

    dataset: str = record_column("", "Name of the data set.", lambda record: record.cell.dataset)
    status: str = record_column(
        "", "How the cell ended.", lambda record: record.ending.status.value
    )
    reason: str | None = record_column(
        "", "Why it ended so, in words.", lambda record: record.ending.reason
    )
    wer_value: float | None = record_column(
        "", "Corpus word error rate.", lambda record: record.headline.wer_value
    )
    latency: float | None = record_column(
        "s",
        "Median time of one forward pass of a full batch.",
        lambda record: record.headline.latency,
    )
    energy: float | None = record_column(
        "J", "Gross energy per sample.", lambda record: record.headline.energy
    )
    flops: float | None = _flops.column(
        "FLOP",
        "Floating-point operations of one forward pass of a full batch.",
        lambda flops: flops.flops,
    )
    flops_text: str | None = record_column(
        "", "The same as the source writes it.", lambda record: record.headline.flops
    )
    attempt: int = record_column(
        "", "Which try at this cell, from 1.", lambda record: record.ending.attempt
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class QualityColumns(CellColumns):
    """How the cell answered."""

    wer_low: float | None = _wer.column(
        "", "Lower end of the 95 % interval of wer_value.", lambda wer: wer.low
    )
    wer_high: float | None = _wer.column(
        "", "Upper end of the 95 % interval of wer_value.", lambda wer: wer.high
    )
    wer_note: str | None = _wer.column(
        "", "What is to be said about it, or why there is none.", lambda wer: wer.note
    )
    task_metric: str | None = _task.column(
        "", "Name of the task's own metric.", lambda task: task.name
    )
    task_metric_label: str | None = _task.column(
        "", "Its name for people.", lambda task: task.label
    )
    task_value: float | None = _task.column("", "Its value.", lambda task: task.value)
    task_low: float | None = _task.column(
        "", "Lower end of its 95 % interval.", lambda task: task.low
    )
    task_high: float | None = _task.column(
        "", "Upper end of its 95 % interval.", lambda task: task.high
    )
    task_higher_is_better: bool | None = _task.column(
        "", "Whether a higher value is a better one.", lambda task: task.higher_is_better
    )
    task_note: str | None = _task.column(
        "", "What is to be said about it, or why there is none.", lambda task: task.note
    )
    unparsed_rate: float | None = _unparsed.column(
        "", "Share of answers in which no option could be read.", lambda rate: rate.value
    )
    metrics: str | None = _quality.column(
        "",
        "Every metric with interval and note, as JSON.",
        lambda quality: format_json([vars(metric) for metric in quality.metrics]),
    )
    quality_samples: int | None = _quality.column(
        "", "Samples of the data set.", lambda quality: quality.samples
    )
    scored_samples: int | None = _quality.column(
        "", "Samples that were scored.", lambda quality: quality.scored
    )
    bad_samples: int | None = _quality.column(
        "",
        "Samples that were left out, or could not be scored by every metric.",
        lambda quality: quality.unscored,
    )
    bad_sample_reasons: str | None = _quality.column(
        "", "Their ids and reasons.", describe_bad_samples
    )
    quality_definition: str | None = _quality.column(
        "", "How quality was scored, in words.", lambda quality: quality.definition
    )


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class InputColumns(QualityColumns):
    """What the cell was fed."""

    text_tokens: int | None = _input.column(
        "tokens", "Text of a padded sample.", lambda fed: fed.text_tokens
    )
    image_tokens: int | None = _input.column(
        "tokens", "Image of a sample of the cost batches.", lambda fed: fed.image_tokens
    )
    image_tokens_min: int | None = _input.column(
        "tokens", "Image of the sample with the fewest.", lambda fed: fed.image_tokens_min
    )
    image_tokens_mean: float | None = _input.column(
        "tokens", "Image of a sample, mean of all.", lambda fed: fed.image_tokens_mean
    )
    image_tokens_max: int | None = _input.column(
        "tokens", "Image of the sample with the most.", lambda fed: fed.image_tokens_max
    )
    sequence_length: int | None = _input.column(
        "tokens", "What the language model sees of a sample.", lambda fed: fed.sequence_length
    )
    pixel_shape: str | None = _input.column(
        "px",
        "Channels x height x width that the model got.",
        lambda fed: format_shape(fed.pixel_shape),
    )
    prompt_template: str | None = _input.column(
        "",
        "What the prompts were made from, as a JSON list.",
        lambda fed: format_json(list(fed.prompt_templates)) if fed.prompt_templates else None,
    )
    decoding: str | None = _decoding.column(
        "", "How answers were decoded, in words.", describe_decoding
    )
    cost_samples: int | None = _input.column(
        "", "Samples whose image could be read.", lambda fed: fed.samples
    )
    truncated_samples: int | None = _input.column(
        "", "Samples whose text was cut to max_input_len.", lambda fed: fed.truncated_samples
    )
    batch_samples: int | None = _input.column(
        "", "Samples in a cost batch.", lambda fed: fed.batch_samples
    )
    batch_repeats: bool | None = _input.column(
        "", "Whether samples repeat to fill a batch.", lambda fed: fed.repeated
    )
    shape_digest: str | None = _input.column(
        "",
        "Equal for equal token ids, masks and shapes: the same computation.",
        lambda fed: fed.shape_digest,
    )
    content_digest: str | None = _input.column(
        "", "Equal where the pixels are equal too: identical input.", lambda fed: fed.content_digest
    )
