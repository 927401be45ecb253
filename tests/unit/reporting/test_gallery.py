"""The gallery: which samples and answers it shows, and that their texts stay texts."""

import json
import re
from io import BytesIO
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from markdown_it import MarkdownIt
from PIL import Image
from row_factory import make_row
from study_factory import AXES, MadeStudy, cell_id
from study_files import Files
from study_steps import collect, parse_page, render_all

from vlmeter.data.preprocess_images import encode_thumbnail_jpeg
from vlmeter.errors import UserError
from vlmeter.reporting.collect_answers import choose_cells
from vlmeter.reporting.gallery import grade_answer, read_pictures
from vlmeter.storage.files import read_json

CUT = cell_id({**AXES, "batch_size": 16, "max_input_len": 50})


def sort(blocks):
    return sorted(blocks, key=lambda block: block["dataset"])


def collect_datasets(study: MadeStudy, folder: Any, samples: int = 12) -> list[dict[str, Any]]:
    files = render_all(study, folder, draw=False)
    collect(study, files, samples)
    return read_json(files.answers)["datasets"]


def test_the_worst_answers_of_the_reference_come_first(tmp_path):
    textvqa = next(
        dataset
        for dataset in collect_datasets(MadeStudy(), tmp_path)
        if dataset["dataset"] == "textvqa"
    )
    assert textvqa["metric"] == "VQA accuracy"
    scores = [sample["answers"][0]["score"] for sample in textvqa["samples"]]
    assert scores == sorted(scores)
    assert [sample["id"] for sample in textvqa["samples"]] == ["q0", "q1", "q3", "q2"]
    assert textvqa["samples"][0]["prompt"] == "What is on sample 0?"
    assert textvqa["samples"][0]["references"] == ["r0", "r"]


def test_a_metric_of_errors_has_its_highest_first(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        for metric in (record["quality"] or {"metrics": []})["metrics"]:
            metric["higher_is_better"] = False
    first = collect_datasets(study, tmp_path)[0]
    assert [sample["id"] for sample in first["samples"]] == ["q2", "q1", "q3", "q0"]


def test_an_answer_in_another_unicode_form_is_no_changed_one(tmp_path):
    made = MadeStudy(words=" caf\u00e9")
    before = collect_datasets(made, tmp_path)
    for path in (tmp_path / "cells").glob("*/*/predictions.parquet"):
        table = pq.read_table(path)
        for place in (0, 1):
            column = pc.utf8_normalize(table.column(place), form="NFD")
            table = table.set_column(place, table.column_names[place], column)
        if "-bs16" in str(path):
            pq.write_table(table, path)
    collect(made, files := Files(tmp_path, manifests=sorted(tmp_path.glob("samples/*/*.json"))))
    after = read_json(files.answers)["datasets"]
    assert [block["cells"] for block in sort(after)] == [block["cells"] for block in sort(before)]
    assert any(cell["changed"] for block in after for cell in block["cells"])


def test_the_reference_stands_beside_what_changed_most(tmp_path):
    for block in collect_datasets(MadeStudy(), tmp_path):
        assert len(block["cells"]) == 4
        first, second, *rest = block["cells"]
        assert first["changed"] == 0
        assert (second["cell"], second["changed"], second["shared"]) == (CUT, 1, 4)
        assert {entry["changed"] for entry in rest} == {0}


def test_a_changed_answer_is_shown_though_others_are_worse(tmp_path):
    block = collect_datasets(MadeStudy(), tmp_path, samples=1)[0]
    assert [(entry["id"], entry["changed"]) for entry in block["samples"]] == [("q3", True)]
    assert [entry["text"] for entry in block["samples"][0]["answers"]] == ["d", "another", "d", "d"]


def test_no_more_samples_than_asked_for_and_none_for_zero(tmp_path):
    assert [
        len(dataset["samples"]) for dataset in collect_datasets(MadeStudy(), tmp_path / "a", 2)
    ] == [2, 2, 2]
    assert collect_datasets(MadeStudy(), tmp_path / "b", 0) == []
    assert list((tmp_path / "b" / "gallery").iterdir()) == [tmp_path / "b/gallery/answers.json"]


def test_long_texts_are_cut(tmp_path):
    study = MadeStudy(words=" long" * 500)
    sample = collect_datasets(study, tmp_path)[0]["samples"][0]
    assert len(sample["prompt"]) == 600
    assert len(sample["answers"][0]["text"]) == 400
    assert sample["references"][0].endswith("…")


def test_where_nothing_was_scored_there_is_no_gallery(tmp_path, failed):
    study = MadeStudy()
    study.take_weights_away()
    for record in study.records.values():
        if record["status"] == "ok":
            record["quality"]["scored"] = 0
    assert collect_datasets(study, tmp_path) == []
    for folder in (tmp_path, failed.folder):
        assert "Sample answers" not in (folder / "report.md").read_text()


def test_a_sample_without_a_picture_says_so(rendered):
    text = (rendered.folder / "report.md").read_text()
    part = text.split("### Sample answers")[1]
    assert part.count("| no picture | What is on sample 3? |") == 3
    assert part.count("![Picture of sample q0](gallery/") == 3


def test_equal_answers_are_shown_once(rendered):
    part = (rendered.folder / "report.md").read_text().split("### Sample answers")[1]
    assert "| all settings: **a** (0.549) |" in part
    assert "batch 16 · text ≤ 50 tokens: **another** (0.610)" in part
    assert "batch 16 · text ≤ 50 tokens: 1 of 4 answers differ from batch 16; 0 better" in part


def test_pictures_are_small_and_checked(rendered, tmp_path):
    pictures = read_pictures(rendered.answers)
    assert len(pictures) == 9
    assert max(map(len, pictures.values())) < 20_000
    (tmp_path / "answers.json").write_bytes(rendered.answers.read_bytes())
    with pytest.raises(UserError, match=r"textvqa-0\.jpg is missing"):
        read_pictures(tmp_path / "answers.json")


def test_a_picture_keeps_its_shape_and_orientation():
    data = BytesIO()
    image = Image.new("RGBA", (800, 400), (255, 0, 0, 0))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(data, format="PNG", exif=exif)
    with Image.open(BytesIO(encode_thumbnail_jpeg(data.getvalue(), 100))) as small:
        assert (small.format, small.size, small.mode) == ("JPEG", (50, 100), "RGB")
        assert min(small.getpixel((10, 10))) > 250


def test_hostile_answers_stay_text_in_both_forms(hostile):
    sample = json.loads(hostile.answers.read_text())["datasets"][0]["samples"][0]
    assert "<script>" in sample["prompt"]
    for name in ("report.md", "report.ru.md"):
        tokens = MarkdownIt("commonmark").enable("table").parse((hostile.folder / name).read_text())
        inline = [child for token in tokens for child in token.children or []]
        html = {child.content for child in inline if child.type == "html_inline"}
        assert html <= {"<br>"}
        assert "link_open" not in {child.type for child in inline}
    page = parse_page(hostile)
    shown = [text for text in page.texts["dd"] if text.startswith("What is on sample 0?")]
    assert len(shown) == 3
    assert all('<script>alert("x")</script>' in text for text in shown)
    assert not re.search(r"<b>not</b>", (hostile.folder / "study.html").read_text())


def test_a_cell_of_another_model_may_stand_in_for_a_failed_reference():
    rows = [
        make_row(dataset="d", cell=name, status=status, scored_samples=4)
        for name, status in (("base", "crashed"), ("x", "ok"), ("y", "ok"))
    ]
    assert [row.cell for row in choose_cells(rows, {}, {"m": "base"})] == ["x", "y"]


@pytest.mark.parametrize(
    ("score", "higher", "bounded", "grade"),
    [
        *((1.0, True, True, "right"), (0.3, True, True, "partly"), (0.0, True, True, "wrong")),
        *((0.0, False, True, "right"), (0.5, False, True, "partly"), (1.4, False, True, "wrong")),
        # A score of captions has no highest value.
        *(
            (3.1, True, False, "partly"),
            (0.0, True, False, "wrong"),
            (None, True, True, "unscored"),
        ),
    ],
)
def test_an_answer_is_graded_by_its_score(score, higher, bounded, grade):
    assert grade_answer(score, higher=higher, bounded=bounded) == grade
