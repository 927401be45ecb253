"""`vlmeter init` asks the Hub for splits and a footer, and for no row."""

import pytest
from hubcontent import MODEL, add_study

from vlmeter.config.load import load_config
from vlmeter.data.job import DataSource
from vlmeter.errors import UserError
from vlmeter.study.init_study import find_data, init_study


@pytest.mark.parametrize(
    ("name", "options", "split", "columns"),
    [
        ("textvqa", {}, "validation", {"question": "question", "references": "answers"}),
        (
            "ScienceQA",
            {"config": "ScienceQA-IMG"},
            "validation",
            {"choices": "choices", "answer_index": "answer"},
        ),
        ("COCO-Caption2017", {"split": "test"}, "test", {"references": "answer"}),
    ],
)
def test_columns_come_from_the_types_and_the_split_from_its_name(
    hub, fetcher, tmp_path, name, options, split, columns
):
    add_study(hub, rows=10)

    data = find_data(f"lmms-lab-encoder/{name}", DataSource(**options))
    new = init_study(tmp_path / "mine", MODEL, data, {}, fetcher.retry_policy)

    (dataset,) = load_config(new.config).datasets.values()
    assert dataset.source.split == split
    assert columns.items() <= dataset.columns.model_dump().items()
    footer_bytes = 1 << 16
    assert all(request.sent_bytes <= footer_bytes for request in hub.requests)


def test_a_data_set_that_is_not_there_is_refused_in_words(hub, fetcher, tmp_path):
    with pytest.raises(UserError, match="the Hub has no such repository"):
        init_study(tmp_path / "mine", MODEL, find_data("a/b"), {}, fetcher.retry_policy)
    assert not (tmp_path / "mine").exists()
