"""The demo's promises, recomputed with the project's own loading, decoding and metrics."""

import json
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from datasets import Image, List, Value
from transformers import AutoConfig

from vlmeter.config.load import load_config
from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.data.samples import StoredSamples
from vlmeter.metrics.base import Example
from vlmeter.metrics.evaluate import evaluate
from vlmeter.models.batches import Feeder
from vlmeter.models.families.prompts import family_prompts
from vlmeter.models.generate import generate_answers
from vlmeter.models.load import load_model
from vlmeter.models.prepare_model import prepare_model
from vlmeter.models.samples import Items
from vlmeter.storage.parquet import read_table
from vlmeter.study.study import Study

ROOT = Path(__file__).parents[2]

ASKED = {"asked": "Question: {question} Answer:"}
CAPTION_FEATURES = {
    "question_id": Value("string"),
    "image": Image(),
    "question": Value("string"),
    "answer": List(Value("string")),
    "id": Value("int64"),
    "license": Value("int8"),
    "file_name": Value("string"),
    "coco_url": Value("string"),
    "height": Value("int32"),
    "width": Value("int32"),
    "date_captured": Value("string"),
}
SCIENCE_FEATURES = {
    "image": Image(),
    "question": Value("string"),
    "choices": List(Value("string")),
    "answer": Value("int8"),
    **{
        name: Value("string")
        for name in (
            "hint",
            "task",
            "grade",
            "subject",
            "topic",
            "category",
            "skill",
            "lecture",
            "solution",
        )
    },
}
TEXT_FEATURES = {
    "image_id": Value("string"),
    "question_id": Value("int32"),
    "question": Value("string"),
    "question_tokens": List(Value("string")),
    "image": Image(),
    "image_width": Value("int32"),
    "image_height": Value("int32"),
    "flickr_original_url": Value("string"),
    "flickr_300k_url": Value("string"),
    "answers": List(Value("string")),
    "image_classes": List(Value("string")),
    "set_name": Value("string"),
    "ocr_tokens": List(Value("string")),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    folder = tmp_path_factory.mktemp("demo")
    study = Study(load_config(ROOT / "config/demo.yaml"))
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(ROOT)
    prepare_model(study.model_job("tiny-blip2", "fp32"), folder / "model.json")
    for name in study.config.datasets:
        samples = folder / name / "samples.parquet"
        manifest = samples.with_suffix(".json")
        download_dataset(study.dataset_job(name), samples, manifest)
        images = samples.with_name("images.parquet")
        size = 448 if name == "lettering" else 224
        preprocess_images(manifest, size, images, images.with_suffix(".json"))
    monkeypatch.undo()
    return study, folder


def scores(
    study: tuple[Study, Path],
    dataset: str,
    prompt: str = "bare",
    samples_used: int | None = None,
    **changes: object,
) -> dict[str, float]:
    plan, folder = study
    axes = replace(plan.cells[0].axes, **changes)
    loaded = load_model(folder / "model", axes.device, axes.dtype, random=False, seed=0)
    feeder = Feeder(loaded, axes.image_input, axes.max_input_len)
    samples = folder / dataset / "samples.parquet"
    stored = StoredSamples(samples, samples.with_name("images.parquet"))
    assert len(stored) == plan.config.datasets[dataset].sample.n
    assert len(stored) % 16 != 0
    block = plan.config.datasets[dataset]
    template = {**block.prompts, **ASKED}[prompt]
    items = Items(stored, feeder, lambda _: template, 0, samples_used)
    said = {
        row.id: row.prediction
        for row in generate_answers(loaded, feeder, items.read(), 16, plan.decoding(dataset))
    }
    rows = read_table(samples, ["id", "references", "choices", "answer_index"])
    examples = [
        Example(
            id=row["id"],
            prediction=said[row["id"]],
            references=tuple(row["references"]),
            choices=tuple(row["choices"]),
            answer_index=row["answer_index"],
        )
        for row in rows
        if row["id"] in said
    ]
    assert len(examples) == len(items)
    figures = evaluate(block.task, examples, seed=0, resamples=100).figures
    return {figure.name: figure.value for figure in figures}


def test_captions_are_right_for_most_words(study: tuple[Study, Path]) -> None:
    assert scores(study, "coco")["wer"] < 0.3


def test_words_in_the_images_are_read(study: tuple[Study, Path]) -> None:
    assert scores(study, "textvqa")["vqa_accuracy"] > 0.6


def test_words_are_read_by_the_template_of_the_model_s_family_too(
    study: tuple[Study, Path],
) -> None:
    family = family_prompts(AutoConfig.from_pretrained(ROOT / "demo/model"), chat=False)
    assert family.question == ASKED["asked"]
    assert scores(study, "textvqa", "asked", samples_used=32)["vqa_accuracy"] > 0.6


def test_small_lettering_is_lost_at_the_model_s_size_and_read_at_twice_that(
    study: tuple[Study, Path],
) -> None:
    halved, native = (
        scores(study, "lettering", samples_used=32, image_size=448, image_input=image_input)
        for image_input in ("processor", "native")
    )
    assert halved["vqa_accuracy"] < 0.1
    assert native["vqa_accuracy"] > 0.6


def test_diagrams_are_understood_and_a_cut_question_costs_accuracy(
    study: tuple[Study, Path],
) -> None:
    whole, half, short = (
        scores(study, "scienceqa", max_input_len=length) for length in (200, 100, 50)
    )
    assert whole["accuracy"] > whole["random_baseline"] + 0.2
    assert short["accuracy"] < half["accuracy"] < whole["accuracy"]
    assert short["accuracy"] < whole["accuracy"] - 0.1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coco", CAPTION_FEATURES),
        ("scienceqa", SCIENCE_FEATURES),
        ("textvqa", TEXT_FEATURES),
        ("lettering", TEXT_FEATURES),
    ],
)
def test_data_sets_have_the_features_of_the_published_ones(
    name: str, expected: dict[str, object]
) -> None:
    schema = pq.read_schema(ROOT / f"demo/data/{name}.parquet")
    assert datasets.Features.from_arrow_schema(schema) == datasets.Features(expected)


def test_the_checkpoint_is_small_and_holds_no_pickle() -> None:
    files = [path for path in (ROOT / "demo/model").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 4_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".jinja", ".txt"}
    config = json.loads((ROOT / "demo/model/config.json").read_text())
    assert config["architectures"] == ["Blip2ForConditionalGeneration"]


def test_the_small_signs_are_small_few_and_no_others() -> None:
    path = ROOT / "demo/data/lettering.parquet"
    rows = pq.read_table(path, columns=["image_classes"]).to_pylist()
    assert {tuple(row["image_classes"]) for row in rows} == {("Sign", "Small lettering")}
    assert path.stat().st_size < 400_000


def test_captions_have_five_references_and_signs_ten_answers() -> None:
    captions = pq.read_table(ROOT / "demo/data/coco.parquet", columns=["answer"])
    signs = pq.read_table(ROOT / "demo/data/textvqa.parquet", columns=["answers"])
    assert {len(row) for row in captions.column("answer").to_pylist()} == {5}
    assert {len(row) for row in signs.column("answers").to_pylist()} == {10}
