"""The manifests of samples and images are read as they were written."""

import json
from dataclasses import asdict

import pytest
from stored_data import write_images_manifest, write_samples

from vlmeter.data.job import DataSource, Synthetic
from vlmeter.data.manifests import (
    UnusableSample,
    read_images_manifest,
    read_samples_manifest,
)
from vlmeter.errors import UserError
from vlmeter.storage.files import file_sha256, read_json, write_json


def test_a_samples_manifest_names_its_table_and_what_was_left_out(tmp_path):
    table = tmp_path / "photos/samples.parquet"
    left_out = UnusableSample("b", "has no image")
    manifest = read_samples_manifest(write_samples(table, [{"id": "a"}], [left_out]))
    assert (manifest.dataset, manifest.n, manifest.bad_samples) == ("photos", 1, [left_out])
    assert manifest.sha256 == file_sha256(table)


def test_a_synthetic_source_is_read_back(tmp_path):
    path = write_samples(tmp_path / "photos/samples.parquet", [])
    source = DataSource(synthetic=Synthetic(text_tokens=5, image_size=32))
    write_json(path, {**read_json(path), "source": asdict(source)})
    assert read_samples_manifest(path).source == source


def test_an_images_manifest_is_read_as_it_was_written(tmp_path):
    write_images_manifest(tmp_path / "images.json", n=3)
    manifest = read_images_manifest(tmp_path / "images.json")
    assert (manifest.image_size, manifest.n, manifest.sha256) == (28, 3, "images")


@pytest.mark.parametrize("read", [read_samples_manifest, read_images_manifest])
@pytest.mark.parametrize("content", [{}, {"dataset": "photos", "n": "three"}])
def test_what_is_no_manifest_is_refused(read, content, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"a\.json.*: delete it and run again"):
        read(path)
