"""A data set's job goes through plain params unchanged."""

from dataclasses import asdict

import pytest
from stored_data import make_dataset_job

from vlmeter.data.job import DatasetJob, DataSource, Synthetic
from vlmeter.storage.typed import from_params


@pytest.mark.parametrize(
    "source",
    [
        DataSource(hub="org/data", split="test", revision="0" * 40),
        DataSource(path="photos", table="labels.csv"),
        DataSource(synthetic=Synthetic(text_tokens=5, image_size=32)),
    ],
    ids=["hub", "path", "synthetic"],
)
def test_the_params_of_a_job_give_the_job(source):
    job = make_dataset_job(source, id="key", references="answer")
    assert from_params(DatasetJob, asdict(job)) == job


def test_columns_that_a_source_lacks_are_not_read():
    columns = make_dataset_job(DataSource(path="photos"), references="answer").columns
    assert columns.list_present() == {"image": "image", "references": "answer"}
