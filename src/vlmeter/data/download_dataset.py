"""Downloads a sample of a data set: from its source to `samples.parquet` and a manifest."""

import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from vlmeter.data.cells import CellError
from vlmeter.data.job import DatasetJob, DataSource
from vlmeter.data.manifests import SamplesManifest, UnusableSample
from vlmeter.data.parquet_files import Files, Row
from vlmeter.data.rows import UnusableError, build_sample, make_id, open_image_files
from vlmeter.data.samples import SAMPLES, Sample
from vlmeter.data.source import draw_sample, open_source, read_draw
from vlmeter.data.synthetic import make_synthetic_rows
from vlmeter.errors import UserError, shorten
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from vlmeter.storage.files import file_sha256, read_json, write_json, write_placed_json
from vlmeter.storage.parquet import count_rows, write_table

_LOG = logging.getLogger(__name__)


def download_dataset(
    job: DatasetJob,
    samples: Path,
    manifest: Path,
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    key: str | None = None,
) -> None:
    """Write a sample of a data set.

    Args:
        job: The data set.
        samples: `samples.parquet`, to write.
        manifest: Its manifest, which is written after it.
        retry_policy: Of requests to the Hub.
        key: Digest of what the job depends on.

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
    write_placed_json(manifest, asdict(described), key)


def _select_usable(
    job: DatasetJob, drawn: "_DrawnRows", bad: list[UnusableSample]
) -> Iterator[Sample]:
    """Yield the samples that can be used; append the others to `bad`.

    Raises:
        UserError: no sample is usable, or two have the same id.
    """
    dataset, columns = job.dataset, job.columns.list_present()
    image_files = open_image_files(job.source)
    ids: set[str] = set()
    for row in tqdm(drawn.rows, total=drawn.length, desc=dataset, unit="sample"):
        sample = None
        try:
            sample = build_sample(row, columns, job.task, image_files)
        except (CellError, UnusableError) as error:
            id_ = make_id(row, columns)
            _LOG.warning("%s: sample %s %s; it is left out", dataset, shorten(id_), error)
            bad.append(UnusableSample(id_, str(error)))
        else:
            id_ = sample.id
        if id_ in ids:
            raise UserError(
                f'data set {dataset}: the id "{shorten(id_)}" stands more than once, in Unicode\'s '
                f"composed form (NFC); give datasets.{dataset}.columns.id a unique column or leave "
                "it out."
            )
        ids.add(id_)
        if sample is not None:
            yield sample
    if len(ids) == len(bad):
        first = f"; the first: sample {shorten(bad[0].id)} {bad[0].reason}" if bad else ""
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
