"""Laws of the comparison of two cells: samples meet by id, whatever their order and weight."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics.base import ratio
from vlmeter.metrics.drift import Answers
from vlmeter.metrics.uncertainty import compute_difference

IDS = st.sampled_from([f"s{number}" for number in range(9)])
SCORES = st.dictionaries(
    IDS, st.tuples(st.integers(0, 12).map(float), st.integers(1, 9).map(float)), min_size=2
)
ANSWERS = st.dictionaries(IDS, st.sampled_from(["red", "a dog", ""]), max_size=9)
FEW = settings(max_examples=20)


def write_scores(path, scores):
    values, weights = zip(*scores.values(), strict=True)
    columns = {"id": list(scores), "wer": values, "wer_weight": weights}
    pq.write_table(pa.table(columns), path)
    return path


def write_answers(path, answers):
    texts = pa.array(answers.values(), pa.string())
    pq.write_table(pa.table({"id": pa.array(answers, pa.string()), "prediction": texts}), path)
    return path


def shuffle(table, random):
    return {id_: table[id_] for id_ in random.sample(list(table), len(table))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scores")


@given(SCORES, SCORES, st.randoms(), st.integers(0, 3), st.integers(20, 60))
@FEW
def test_scores_are_paired_by_id_whatever_their_order(folder, cell, base, random, seed, resamples):
    paths = write_scores(folder / "a.parquet", cell), write_scores(folder / "b.parquet", base)
    paired = Answers(seed=seed, resamples=resamples).compare_quality(*paths, "wer")
    common = [id_ for id_ in cell if id_ in base]
    if not common:
        assert paired is None
        return
    figures = [
        ratio([table[id_][0] * table[id_][1] for id_ in common], [table[id_][1] for id_ in common])
        for table in (cell, base)
    ]
    assert paired.samples == len(common)
    assert paired.difference == compute_difference(*figures, seed=seed, resamples=resamples)

    again = paths[0], write_scores(folder / "c.parquet", shuffle(base, random))
    assert Answers(seed=seed, resamples=resamples).compare_quality(*again, "wer") == paired


@given(ANSWERS, ANSWERS, st.randoms())
@FEW
def test_changed_answers_are_counted_by_id_whatever_their_order(folder, cell, base, random):
    common = [id_ for id_ in cell if id_ in base]
    for own, others in ((cell, base), (shuffle(cell, random), shuffle(base, random))):
        paths = (
            write_answers(folder / "a.parquet", own),
            write_answers(folder / "b.parquet", others),
        )
        changed = Answers(seed=0, resamples=100).count_changed(*paths)
        assert changed == (sum(cell[id_] != base[id_] for id_ in common), len(common))
