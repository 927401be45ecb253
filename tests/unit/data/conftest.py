"""A folder with a table in any format, read as a data set."""

import pytest
from cell_tables import PNG, write
from stored_data import make_dataset_job

from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import Columns, DataSource
from vlmeter.data.manifests import read_samples_manifest
from vlmeter.data.source import check_source
from vlmeter.storage.parquet import read_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells") / "set"
    folder.mkdir()
    (folder / "a.png").write_bytes(PNG)
    return folder


@pytest.fixture(scope="module")
def read(folder):
    """Download rows from a table of a format; return samples and the reasons of the others."""

    def run(rows, form="parquet", task="vqa", **columns):
        path = write(folder, rows, form)
        job = make_dataset_job(DataSource(path=str(folder), table=path.name), task, **columns)
        samples, manifest = folder.parent / "samples.parquet", folder.parent / "samples.json"
        download_dataset(job, samples, manifest)
        bad = {each.id: each.reason for each in read_samples_manifest(manifest).bad_samples}
        return read_table(samples), bad

    return run


@pytest.fixture(scope="module")
def check(folder):
    """Look at the first rows of a table, as the study does before anything runs."""

    def run(rows, form="parquet", **columns):
        path = write(folder, rows, form)
        columns = {"image": "image", **columns}
        check_source(DataSource(path=str(folder), table=path.name), Columns(**columns))

    return run
