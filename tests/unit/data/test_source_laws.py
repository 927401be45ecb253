"""A sample is drawn: each row as likely as another, from groups each as likely as another."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vlmeter.data.job import DataSource
from vlmeter.data.source import draw_sample, open_source, read_draw

DRAWS = 300
ROWS, GROUP_ROWS, SAMPLE = 24, 6, 4
LEAST, MOST = 0.6, 1.4
"""Of its share a row is drawn this often, in 300 draws with the seeds 0 to 299."""


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """24 rows in two files of two groups."""
    folder = tmp_path_factory.mktemp("split")
    for part in range(2):
        numbers = range(part * ROWS // 2, (part + 1) * ROWS // 2)
        table = pa.table({"number": list(numbers)})
        pq.write_table(table, folder / f"{part}.parquet", row_group_size=GROUP_ROWS)
    return open_source(DataSource(path=str(folder)))


def draw(split, n, seed):
    return [
        row.values["number"]
        for row in read_draw(split, ["number"], draw_sample(split, ["number"], n, seed))
    ]


def test_every_row_is_as_likely_as_another(split):
    samples = [draw(split, SAMPLE, seed) for seed in range(DRAWS)]
    assert {len(set(sample)) for sample in samples} == {SAMPLE}
    counts = Counter(number for sample in samples for number in sample)
    share = DRAWS * SAMPLE / ROWS
    assert set(counts) == set(range(ROWS))
    for number, count in counts.items():
        assert LEAST * share < count < MOST * share, number


def test_every_two_groups_are_as_likely_to_be_drawn_together(split):
    """A sample that is larger than a group is not always of the groups that follow each other."""
    together = Counter(
        frozenset(number // GROUP_ROWS for number in draw(split, 2 * GROUP_ROWS, seed))
        for seed in range(DRAWS)
    )
    assert len(together) == 6
    assert all(LEAST < count / (DRAWS / 6) < MOST for count in together.values())


def test_a_smaller_sample_than_a_group_is_not_its_first_rows(split):
    places = Counter(
        number % GROUP_ROWS for seed in range(DRAWS) for number in draw(split, 1, seed)
    )
    assert set(places) == set(range(GROUP_ROWS))
    assert all(LEAST < count / (DRAWS / GROUP_ROWS) < MOST for count in places.values())


def test_the_whole_split_is_drawn_in_its_order_whatever_the_seed(split):
    assert {tuple(draw(split, n, seed)) for n in (ROWS, ROWS + 9) for seed in range(3)} == {
        tuple(range(ROWS))
    }
