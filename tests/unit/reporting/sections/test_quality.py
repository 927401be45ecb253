"""Each section shows every metric of its cells, not only the task's metric."""

from typing import Any

from markdown_it import MarkdownIt
from study_factory import MadeStudy
from study_steps import render_all

MULTIPLE_CHOICE = [
    ("wer", "WER", 0.5),
    ("accuracy", "Accuracy", 0.25),
    ("accuracy_likelihood", "Accuracy, likeliest option", 0.75),
    ("unparsed_rate", "Unparsed", 0.4),
    ("random_baseline", "Random choice", 0.3),
]


def parse_tables(study: MadeStudy, folder: Any) -> list[list[list[str]]]:
    """Return the report's tables with a column of metrics, as rows of texts."""
    render_all(study, folder, draw=False)
    tokens = MarkdownIt("commonmark").enable("table").parse((folder / "report.md").read_text())
    parsed: list[list[list[str]]] = []
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            parsed.append([])
        elif token.type == "tr_open":
            parsed[-1].append([])
        elif token.type == "inline" and tokens[place - 1].type in ("th_open", "td_open"):
            parsed[-1][-1].append(token.content)
    return [table for table in parsed if "Metric" in table[0]]


def make_metric(name: str, label: str, value: float | None) -> dict[str, Any]:
    ends = {"low": None, "high": None} if value is None else {"low": value - 0.1, "high": value}
    return {"name": name, "label": label, "value": value, **ends, "note": None,
            "higher_is_better": True, "scored": 300}  # fmt: skip


def test_option_likelihood_and_unparsed_rate_stand_beside_the_accuracy(tmp_path):
    made = MadeStudy()
    for (dataset, _), record in made.records.items():
        if dataset == "scienceqa" and record["status"] == "ok":
            record["quality"]["metrics"] = [
                make_metric(*arguments) for arguments in MULTIPLE_CHOICE
            ]
    optimization = parse_tables(made, tmp_path)[3]
    assert optimization[0] == ["Metric", "Eager", "Compile", "Flash"]
    shown = {label: f"{value:.3f} [{value - 0.1:.3f}, {value:.3f}]" for _, label, value in
             MULTIPLE_CHOICE}  # fmt: skip
    assert optimization[1:] == [[label, text, text, "–"] for label, text in shown.items()]


def test_several_data_sets_have_their_own_rows_and_metrics(tmp_path):
    sizes = parse_tables(MadeStudy(), tmp_path)[1]
    assert sizes[0] == ["Data set", "Metric", "224", "336", "448"]
    names = [(row[0], row[1]) for row in sizes[1:]]
    assert names[:4] == [
        ("COCO", "WER"),
        ("COCO", "WER, median"),
        ("COCO", "MER"),
        ("COCO", "CIDEr-D"),
    ]
    assert ("ScienceQA", "Accuracy") in names


def test_without_a_figure_there_is_no_table(tmp_path):
    made = MadeStudy()
    made.take_weights_away()
    assert parse_tables(made, tmp_path) == []
