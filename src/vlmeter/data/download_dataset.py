"""Downloads a sample of a data set: from its source to `samples.parquet` and a manifest."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from vlmeter.data.image_files import ImageFiles
from vlmeter.data.job import DatasetJob, DataSource
from vlmeter.data.manifests import SamplesManifest, UnusableSample
from vlmeter.data.parquet_files import Files, Row
from vlmeter.data.samples import SAMPLES, Sample
from vlmeter.data.source import draw_sample, open_source, read_draw
from vlmeter.data.synthetic import make_synthetic_rows
from vlmeter.data.text_files import holds_only_text
from vlmeter.errors import UserError
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from vlmeter.storage.files import file_sha256, read_json, write_json
from vlmeter.storage.parquet import count_rows, write_table

_LETTERS = 26
_LOG = logging.getLogger(__name__)


def download_dataset(
    job: DatasetJob,
    samples: Path,
    manifest: Path,
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
) -> None:
    """Write a sample of a data set.

    Args:
        job: The data set.
        samples: `samples.parquet`, to write.
        manifest: Its manifest, which is written after it.
        retry_policy: Of requests to the Hub.

    Raises:
        UserError: the source cannot be read, lacks a column, or no sample is usable.
    """
    drawn = _draw_rows(job, manifest, retry_policy)
    bad: list[UnusableSample] = []
    usable = _select_usable(job, drawn, bad)
    write_table(samples, (sample._asdict() for sample in usable), SAMPLES)
    described = SamplesManifest(
        dataset=job.dataset,
        task=job.task,
        source=job.source,
        revision=drawn.revision,
        licence=drawn.licence,
        content=job.content,
        sample=job.sample,
        n=count_rows(samples),
        bad_samples=bad,
        sha256=file_sha256(samples),
    )
    write_json(manifest, asdict(described))


def _select_usable(
    job: DatasetJob, drawn: "_DrawnRows", bad: list[UnusableSample]
) -> Iterator[Sample]:
    """Yield the samples that can be used; append the others to `bad`.

    Raises:
        UserError: no sample is usable, or two have the same id.
    """
    dataset, columns = job.dataset, job.columns.list_present()
    image_files = _open_image_files(job.source)
    ids: set[str] = set()
    for row in tqdm(drawn.rows, total=drawn.length, desc=dataset, unit="sample"):
        try:
            sample = _build_sample(row, columns, job.task, image_files)
        except _UnusableError as error:
            id_ = _make_id(row, columns)
            _LOG.warning("%s: sample %s %s; it is left out", dataset, id_, error)
            bad.append(UnusableSample(id_, str(error)))
            continue
        if sample.id in ids:
            raise UserError(
                f'data set {dataset}: the id "{sample.id}" stands more than once; '
                f"give datasets.{dataset}.columns.id a unique column or leave it out."
            )
        ids.add(sample.id)
        yield sample
    if not ids:
        first = f"; the first: sample {bad[0].id} {bad[0].reason}" if bad else ""
        raise UserError(f"data set {dataset}: none of its {len(bad)} samples is usable{first}.")


class _DrawnRows(NamedTuple):
    """The rows of a sample, which are read as they are iterated."""

    rows: Iterator[Row]
    length: int
    revision: str | None = None
    """The source's commit on the Hub."""
    licence: str | None = None
    """As the source names it."""


def _draw_rows(job: DatasetJob, manifest: Path, retry_policy: RetryPolicy) -> _DrawnRows:
    source, sample = job.source, job.sample
    if source.synthetic is not None:
        rows = make_synthetic_rows(source.synthetic, sample.n, sample.seed)
        return _DrawnRows(rows, sample.n)
    pin = manifest.with_name("revision.json")
    files = open_source(source, _read_pin(pin, source), retry_policy)
    _write_pin(pin, source, files)
    columns = sorted(set(job.columns.list_present().values()))
    draw = draw_sample(files, columns, sample.n, sample.seed)
    rows = read_draw(files, columns, draw)
    return _DrawnRows(rows, len(draw.picked), files.revision, files.licence)


def _read_pin(pin: Path, source: DataSource) -> str | None:
    """Return the commit that an earlier download of the same source took."""
    if not pin.exists():
        return None
    pinned = read_json(pin)
    return str(pinned["revision"]) if pinned.get("source") == asdict(source) else None


def _write_pin(pin: Path, source: DataSource, files: Files) -> None:
    """Keep the commit of a source that names no revision, for the next downloads."""
    if files.revision is None or source.revision:
        return
    _LOG.warning(
        "%s names no revision: resolved to %s, kept in %s and used from now on",
        source.hub,
        files.revision,
        pin,
    )
    write_json(pin, {"source": asdict(source), "revision": files.revision})


class _UnusableError(ValueError):
    """A sample cannot be used; the message follows the sample's id."""


def _open_image_files(source: DataSource) -> ImageFiles:
    """Return the files that an image column may name: those in the source's folder."""
    folder = None if source.path is None else Path(source.path)
    return ImageFiles(folder if folder is not None and folder.is_dir() else None)


def _make_id(row: Row, columns: Mapping[str, str]) -> str:
    value = row.values[columns["id"]] if "id" in columns else None
    return f"row-{row.number}" if value is None or value == "" else str(value)


def _build_sample(
    row: Row, columns: Mapping[str, str], task: str, image_files: ImageFiles
) -> Sample:
    """Return the sample that a row of the source is.

    Raises:
        _UnusableError: the row has no image, or no answer to compare a prediction with.
    """
    fields = {key: row.values[name] for key, name in columns.items()}
    if holds_only_text(row.table):
        for key in {"choices", "references"} & fields.keys():
            fields[key] = _parse_list(fields[key])
    picture = image_files.read_picture(fields["image"], row.table)
    if picture.data is None:
        raise _UnusableError(picture.problem)
    answer_index = _parse_index(fields.get("answer_index"))
    options = fields.get("choices")
    if options and not isinstance(options, list):
        raise _UnusableError(f"has one value as its choices, not a list: {str(options)[:40]}")
    choices = ["" if option is None else str(option) for option in options or []]
    return Sample(
        id=_make_id(row, columns),
        image=picture.data,
        file=picture.file,
        question=str(fields.get("question") or ""),
        context=str(fields.get("context") or ""),
        choices=choices,
        answer_index=answer_index,
        references=_select_right_choice(choices, answer_index)
        if task == "multiple_choice"
        else _select_filled_texts(fields.get("references")),
    )


def _parse_list(text: str) -> str | list[str]:
    """Return the content of a CSV's cell: a text, or a list of texts if it is one in JSON.

    Raises:
        _UnusableError: the cell is in brackets but is no such list. Read as a text, a list in
            another notation would be a reference that no answer equals.
    """
    if not (text.strip().startswith("[") and text.strip().endswith("]")):
        return text
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _UnusableError(
            f'has a cell {text.strip()[:40]} that is no JSON list of texts, such as ["a", "b"]'
        )
    return values


def _select_right_choice(choices: list[str], index: int | None) -> list[str]:
    if index is None or not 0 <= index < len(choices):
        raise _UnusableError(f"answer index {index} is not among its {len(choices)} choices")
    if len(choices) > _LETTERS:
        raise _UnusableError(f"has {len(choices)} choices, and there are {_LETTERS} letters")
    if not choices[index].strip():
        raise _UnusableError(f"has an empty text as its right choice {index}")
    return [choices[index]]


def _parse_index(value: Any) -> int | None:  # noqa: ANN401 - whatever the column holds
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _select_filled_texts(value: Any) -> list[str]:  # noqa: ANN401 - a text, a number, a list, or null
    values = value if isinstance(value, list) else [value]
    texts = [str(text) for text in values if text is not None and str(text).strip()]
    if not texts:
        raise _UnusableError("has no reference: every expected text is empty")
    return texts
