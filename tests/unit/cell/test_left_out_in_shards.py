"""A shard whose samples cannot all be asked goes on where the one before it ended."""

from dataclasses import replace

import pytest
from figures_factory import make_figures
from job_factory import AXES

from vlmeter.cell.ending import Ending
from vlmeter.cell.gather_shards import GatheredOutputs, gather_shards
from vlmeter.cell.job import Shard
from vlmeter.cell.measurement import Measurement
from vlmeter.cell.shard import ShardManifest
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.errors import UserError
from vlmeter.results.cell import RecordCell
from vlmeter.status import Status
from vlmeter.storage.files import file_sha256, write_json
from vlmeter.storage.parquet import read_table, write_table

OK = Ending(Status.OK, None, None, attempt=1)


@pytest.fixture
def gather(tmp_path):
    """Gather two shards of four samples each, of which these are answered, of so many in all."""

    def run(answered, left_out, samples):
        costs = tmp_path / "photos/c/costs.json"
        timings = costs.with_name("timings.parquet")
        write_table(timings, [{"kind": "forward", "seconds": 0.1}], TIMINGS)
        figures = make_figures(RecordCell(id="c", dataset="photos", **AXES.as_dict()), seconds=0.1)
        figures = replace(
            figures,
            input=replace(figures.input, samples=samples),
            provenance=replace(figures.provenance, images_sha256="images"),
        )
        measurement = Measurement(OK, figures, {"timings": file_sha256(timings)})
        write_json(costs, measurement.as_plain())
        shards = []
        for number, (places, missing) in enumerate(zip(answered, left_out, strict=True)):
            path = tmp_path / f"photos/c/{number + 1}-of-2.json"
            answers = path.with_suffix(".parquet")
            write_table(answers, ({"id": f"s{place}"} for place in places), PREDICTIONS)
            files = {answers.stem: file_sha256(answers)}
            start, rows = 4 * number, len(places)
            manifest = ShardManifest(
                OK,
                Shard(number + 1, 2),
                start,
                start + 4,
                rows,
                "images",
                files,
                missing,
            )
            write_json(path, manifest.as_plain())
            shards.append(path)
        outputs = GatheredOutputs(*(tmp_path / f"cell/{name}" for name in
                                    ("measurement.json", "p.parquet", "t.parquet")))  # fmt: skip
        gather_shards(costs, shards, outputs)
        return [row["id"] for row in read_table(outputs.predictions)]

    return run


@pytest.mark.parametrize(
    ("answered", "left_out"),
    [([(0, 1, 3), (4, 5, 6, 7)], (1, 0)), ([(0,), (7,)], (3, 3)), ([(0, 1, 2, 3), ()], (0, 4))],
)
def test_what_is_left_out_is_no_gap(gather, answered, left_out):
    ids = gather(answered, left_out, samples=8 - sum(left_out))
    assert ids == [f"s{place}" for places in answered for place in places]


@pytest.mark.parametrize(
    ("left_out", "samples", "words"),
    [((0, 0), 7, "does not go on"), ((1, 0), 8, "ends at sample 8 of 9")],
)
def test_a_sample_that_is_missing_without_a_reason_is_noticed(gather, left_out, samples, words):
    with pytest.raises(UserError, match=words):
        gather([(0, 1, 3), (4, 5, 6, 7)], left_out, samples)
