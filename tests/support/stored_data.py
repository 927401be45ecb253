"""Jobs of data sets and models, and the files that such jobs leave."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from vlmeter.data.job import Columns, DatasetJob, DataSource, Sampling
from vlmeter.data.manifests import ImagesManifest, SamplesManifest, UnusableSample
from vlmeter.data.samples import SAMPLES
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.storage.files import file_sha256, write_json
from vlmeter.storage.parquet import count_rows, write_table


def make_dataset_job(
    source: DataSource,
    task: str = "vqa",
    n: int = 100,
    seed: int = 0,
    image: str = "image",
    **columns: str,
) -> DatasetJob:
    """Return the job of a data set; `columns` are the source's by what they hold."""
    return DatasetJob("photos", task, source, Columns(image, **columns), Sampling(n, seed))


def make_model_job(
    folder: Path,
    dtype: str = "fp32",
    weights: str = "pretrained",
    allow: Sequence[str] = (),
    model: str = "tiny",
) -> ModelJob:
    """Return the job of a model in a folder."""
    return ModelJob(model, dtype, ModelSource(path=str(folder), allow=list(allow)), weights)


def write_samples(
    table: Path, rows: Iterable[Mapping[str, object]], bad: Sequence[UnusableSample] = ()
) -> Path:
    """Write samples as `download_dataset` leaves them; return their manifest."""
    write_table(table, rows, SAMPLES)
    described = SamplesManifest(
        dataset=table.parent.name,
        task="vqa",
        source=DataSource(path="photos"),
        revision=None,
        licence=None,
        content=None,
        sample=Sampling(n=100, seed=0),
        n=count_rows(table),
        bad_samples=list(bad),
        sha256=file_sha256(table),
    )
    manifest = table.with_suffix(".json")
    write_json(manifest, asdict(described))
    return manifest


def write_images_manifest(manifest: Path, n: int, sha256: str = "images") -> None:
    """Write a manifest of `n` images that are not there."""
    write_json(manifest, asdict(ImagesManifest("photos", 28, "samples", n, [], sha256)))
