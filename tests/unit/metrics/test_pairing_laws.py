"""Laws of pairing: a prediction meets its sample by id, whatever the order of either."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics import pairing
from vlmeter.metrics.pairing import read_pairs

IDS = st.lists(st.sampled_from([f"s{number}" for number in range(8)]), unique=True)
PREDICTED = st.lists(
    st.tuples(st.sampled_from([f"s{number}" for number in range(10)]), st.none() | st.just("x")),
    max_size=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pairs")


@given(IDS, PREDICTED)
@settings(max_examples=30)
def test_a_sample_has_its_own_prediction_or_a_reason(folder, ids, predicted):
    samples = {
        "id": pa.array(ids, pa.string()),
        "references": pa.array([[f"reference of {id_}"] for id_ in ids], pa.list_(pa.string())),
        "choices": pa.array([[] for _ in ids], pa.list_(pa.string())),
        "answer_index": pa.array([None for _ in ids], pa.int64()),
    }
    pq.write_table(pa.table(samples), folder / "samples.parquet")
    texts = [
        None if text is None else f"answer {place}" for place, (_, text) in enumerate(predicted)
    ]
    answers = {
        "id": pa.array([id_ for id_, _ in predicted], pa.string()),
        "prediction": pa.array(texts, pa.string()),
    }
    pq.write_table(pa.table(answers), folder / "predictions.parquet")

    with pytest.MonkeyPatch.context() as patched:
        # Several blocks, of which the last is not full.
        patched.setattr(pairing, "_BLOCK_SAMPLES", 3)
        pairs = read_pairs(folder / "samples.parquet", folder / "predictions.parquet")
        paired = {each.id: (each.prediction, each.references) for each in pairs.examples}

    own = {
        id_: [text for (other, _), text in zip(predicted, texts, strict=True) if other == id_]
        for id_ in ids
    }
    usable = [id_ for id_ in ids if len(own[id_]) == 1 and own[id_][0] is not None]
    assert paired == {id_: (own[id_][0], (f"reference of {id_}",)) for id_ in usable}
    assert list(paired) == pairs.examples.ids.to_pylist() == usable
    assert (pairs.samples, len(pairs.examples)) == (len(ids), len(usable))
    strays = dict.fromkeys(id_ for id_, _ in predicted if id_ not in ids)
    assert [stray.id for stray in pairs.strays] == [
        *(id_ for id_ in ids if id_ not in usable),
        *strays,
    ]
