"""Each file of a study has one place, for real names as for wildcards."""

from pathlib import Path

import pytest

from vlmeter.storage.layout import CellKey, StudyFolder

FOLDER = StudyFolder(Path("results/small"))
KEY = CellKey("photos", "tiny-bs1")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (FOLDER.machine, "machine.json"),
        (FOLDER.dataset("photos").samples, "data/photos/samples.parquet"),
        (FOLDER.dataset("photos").manifest, "data/photos/samples.json"),
        (FOLDER.dataset("photos").images("224"), "data/photos/img224/images.parquet"),
        (
            FOLDER.dataset("photos").images_manifest("224-native"),
            "data/photos/img224-native/images.json",
        ),
        (FOLDER.model_manifest("tiny-2.7b", "fp16"), "models/tiny-2.7b-fp16.json"),
        (FOLDER.cell(KEY).measurement, "cells/photos/tiny-bs1/measurement.json"),
        (FOLDER.cell(KEY).record, "cells/photos/tiny-bs1/record.json"),
        (FOLDER.control.measurement, "control/measurement.json"),
        (FOLDER.shards(KEY).costs, "shards/photos/tiny-bs1/costs.json"),
        (FOLDER.shards(KEY).answers(1, 3), "shards/photos/tiny-bs1/1-of-3.parquet"),
        (FOLDER.shards(KEY).manifest(1, 3), "shards/photos/tiny-bs1/1-of-3.json"),
        (FOLDER.layer_table(KEY), "layers/photos/tiny-bs1.csv"),
        (FOLDER.attempt("shards", "photos", "a.1-of-3"), "attempts/shards/photos/a.1-of-3.json"),
        (FOLDER.figure("tradeoff"), "figures/tradeoff.svg"),
        (FOLDER.log("machine"), "logs/machine.log"),
        (FOLDER.log("cells", "photos", "a", "score"), "logs/cells/photos/a/score.log"),
    ],
)
def test_a_file_lies_in_its_place(path, name):
    assert str(path) == f"results/small/{name}"


def test_a_pattern_of_a_rule_is_the_place_of_any_cell():
    pattern = str(FOLDER.cell(CellKey("{dataset}", "{cell}")).record)
    assert pattern.format(dataset="photos", cell="tiny-bs1") == str(FOLDER.cell(KEY).record)
