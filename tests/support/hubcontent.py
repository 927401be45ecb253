"""The content of the loopback Hub: small versions of the published study's model and data sets.

The model is the demo's, in the file layout of Salesforce/blip2-opt-2.7b. The data sets have the
features, configurations, splits and cards of the published ones, a few of the demo's rows, and rows
of every kind that needs care.
"""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from datasets import ClassLabel, Features, Image, List, Value
from hubrepo import Repo
from hubserver import Hub
from PIL import Image as Pillow
from safetensors import safe_open
from safetensors.torch import save

DEMO = Path(__file__).parents[2] / "demo"
MODEL = "Salesforce/blip2-opt-2.7b"
COCO = "lmms-lab-encoder/COCO-Caption2017"
SCIENCEQA = "lmms-lab-encoder/ScienceQA"
TEXTVQA = "lmms-lab-encoder/textvqa"
COMMITS = {
    MODEL: "59a1ef6c1e5117b3f65523d1c6066825bcf315e3",
    COCO: "3bdd5827e243cc3084ac69a1111e69c3ab9193ff",
    SCIENCEQA: "5c1e4ce0a5ce4ce05c1e4ce0a5ce4ce05c1e4ce0",
    TEXTVQA: "9c0699cd19768ac5ab97568f6b3cbac4c0062884",
}
SHARDS = 2
COCO_FEATURES = Features(
    {
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
)
SCIENCEQA_FEATURES = Features(
    {
        "image": Image(),
        "question": Value("string"),
        "choices": List(Value("string")),
        "answer": Value("int8"),
        **{
            name: Value("string")
            for name in ("hint", "task", "grade", "subject", "topic", "category", "skill")
        },
        "lecture": Value("string"),
        "solution": Value("string"),
    }
)
TEXTVQA_FEATURES = Features(
    {
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
)


def add_study(hub: Hub, rows: int = 24) -> None:
    """Serve all that `config/config.yaml` names; each data set has `rows` of the demo's rows."""
    add_model(hub)
    add_coco(hub, rows)
    add_scienceqa(hub, rows)
    add_textvqa(hub, rows)


def add_model(hub: Hub, name: str = MODEL, licence: str | None = "mit") -> Repo:
    """Serve the demo's model in the file layout of Salesforce/blip2-opt-2.7b."""
    commit = COMMITS.get(name, "a" * 40)
    return hub.add("models", name, make_model_files(licence), commit)


def make_model_files(licence: str | None = "mit") -> dict[str, bytes]:
    """Return the model's files: fp32 in two shards with their index, and a pickle."""
    demo = DEMO / "model"
    config = json.loads((demo / "config.json").read_text())
    processor = json.loads((demo / "processor_config.json").read_text())
    image_processor = processor.pop("image_processor")
    shards, index = _make_shards(demo / "model.safetensors")
    card = {"license": licence} if licence else {}
    return {
        "README.md": _make_card({**card, "pipeline_tag": "image-text-to-text"}, "# BLIP-2"),
        "config.json": _encode_json(_convert_to_2024(config)),
        "generation_config.json": (demo / "generation_config.json").read_bytes(),
        "preprocessor_config.json": _encode_json(
            {**image_processor, "processor_class": "Blip2Processor"}
        ),
        "processor_config.json": _encode_json(processor),
        "special_tokens_map.json": _encode_json(
            {"bos_token": "<s>", "eos_token": "\n", "pad_token": "<pad>", "unk_token": "<unk>"}
        ),
        "tokenizer.json": (demo / "tokenizer.json").read_bytes(),
        "tokenizer_config.json": (demo / "tokenizer_config.json").read_bytes(),
        **shards,
        "model.safetensors.index.json": _encode_json(index),
        "pytorch_model-00001-of-00001.bin": b"a pickle that nobody opens" * 1000,
        "pytorch_model.bin.index.json": _encode_json({"metadata": {}, "weight_map": {}}),
    }


def _convert_to_2024(config: dict[str, Any]) -> dict[str, Any]:
    """Name the number format as transformers did in 2024."""
    parts = {
        key: _convert_to_2024(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in ("dtype", "transformers_version")
    }
    return {**parts, "torch_dtype": "float32", "transformers_version": "4.47.0.dev0"}


def _make_shards(weights: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    shards: list[dict[str, Any]] = [{} for _ in range(SHARDS)]
    shard_of, total_bytes = {}, 0
    with safe_open(weights, "pt") as file:
        names = sorted(file.keys())
        for number, name in enumerate(names):
            tensor = file.get_tensor(name).float()
            shard = number * SHARDS // len(names)
            shards[shard][name] = tensor
            shard_of[name] = _format_shard_name(shard)
            total_bytes += tensor.numel() * 4
    files = {
        _format_shard_name(number): save(tensors, metadata={"format": "pt"})
        for number, tensors in enumerate(shards)
    }
    return files, {"metadata": {"total_size": total_bytes}, "weight_map": shard_of}


def _format_shard_name(number: int) -> str:
    return f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"


def add_coco(hub: Hub, rows: int) -> Repo:
    """COCO captions: the splits val and test, two files each."""
    source_rows = [{**row, "answer": list(row["answer"])} for row in _read_demo_rows("coco", rows)]
    source_rows[0]["answer"] = ['A sign that says "stop".', "a sign\nthat says stop"]
    source_rows[1]["answer"] = ["一只红色的鸟在树上。", "Красная птица на дереве", "طائر أحمر"]
    image_rows = [
        {
            **source_rows[number % len(source_rows)],
            "question_id": f"{number:012}.jpg",
            "file_name": f"{number:012}.jpg",
            "id": number,
            "image": image,
        }
        for number, image in enumerate(make_awkward_images().values(), start=900_000)
    ]
    unusable = [
        {**source_rows[0], "question_id": "without-image.jpg", "image": None},
        {**source_rows[0], "question_id": "without-captions.jpg", "answer": []},
        {**source_rows[0], "question_id": "empty-caption.jpg", "answer": [""]},
    ]
    parts = {"val": [*source_rows, *image_rows, *unusable], "test": source_rows[:4]}
    return _add_dataset(hub, COCO, {"default": parts}, COCO_FEATURES, files=2)


def add_scienceqa(hub: Hub, rows: int) -> Repo:
    """ScienceQA: two configurations; in the full one most rows have no image."""
    source_rows = [
        {**row, "choices": list(row["choices"])} for row in _read_demo_rows("scienceqa", rows)
    ]
    source_rows[0]["choices"], source_rows[0]["answer"] = (
        ["yes", "no", "maybe", "never", "often"],
        4,
    )
    source_rows[1]["choices"], source_rows[1]["answer"] = ["true", "false"], 0
    source_rows[2]["hint"] = 'Read this.\n"Quoted", with a comma\tand a tab.'
    unusable = [
        {**source_rows[3], "answer": 7},
        {**source_rows[3], "choices": ["", "no"], "answer": 0},
    ]
    full = [*source_rows, {**source_rows[4], "image": None}]
    configs = {
        "ScienceQA-FULL": {"validation": full, "test": full},
        "ScienceQA-IMG": {"validation": source_rows[:4], "test": [*source_rows, *unusable]},
    }
    return _add_dataset(hub, SCIENCEQA, configs, SCIENCEQA_FEATURES, files=1)


def add_textvqa(hub: Hub, rows: int) -> Repo:
    """TextVQA: three splits, validation in three files; ten answers, some of them empty."""
    source_rows = [
        {**row, "answers": list(row["answers"])} for row in _read_demo_rows("textvqa", rows)
    ]
    source_rows[0]["answers"] = ["", *source_rows[0]["answers"][1:]]
    source_rows[1]["question"] = "what does “Größe” mean, and 大小?"
    unusable = [{**source_rows[2], "question_id": 999_999, "answers": [""] * 10}]
    parts = {
        "train": source_rows[:4],
        "validation": [*source_rows, *unusable],
        "test": source_rows[:4],
    }
    return _add_dataset(hub, TEXTVQA, {"default": parts}, TEXTVQA_FEATURES, files=3)


def make_awkward_images() -> dict[str, dict[str, Any]]:
    """Return an image of every kind that needs care, by the name of the kind."""
    picture = Pillow.fromarray(np.arange(40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8))
    turned = Pillow.Exif()
    turned[0x0112] = 6
    wide = Pillow.new("L", (8000, 8000), 200)
    images = {
        "grey": _encode(picture.convert("L"), "PNG"),
        "palette": _encode(picture.convert("P"), "PNG"),
        "palette-transparent": _encode(picture.quantize(8), "GIF", transparency=0),
        "cmyk": _encode(picture.convert("CMYK"), "JPEG"),
        "rgba": _encode(picture.convert("RGBA"), "PNG"),
        "turned": _encode(picture, "JPEG", exif=turned),
        "one-pixel": _encode(picture.crop((0, 0, 1, 1)), "PNG"),
        "large": _encode(wide, "JPEG"),
    }
    return {name: {"bytes": data, "path": f"{name}.jpg"} for name, data in images.items()}


def add_noise(
    hub: Hub,
    name: str,
    files: int = 3,
    groups: int = 4,
    rows: int = 10,
    row_bytes: int = 40_000,
    config: str = "default",
    split: str = "test",
    other_configs: Sequence[str] = (),
) -> Repo:
    """Serve rows that cannot be compressed, so that bytes sent show what was fetched.

    Each of the other configurations has a single row.
    """
    features = Features(
        {
            "key": Value("int32"),
            "image": Image(),
            "label": ClassLabel(names=["cat", "dog"]),
            "choices": List(Value("string")),
            "other": Value("string"),
        }
    )
    generator = np.random.default_rng(0)
    count = files * groups * rows
    noise_rows = [
        {
            "key": number,
            "image": {"bytes": generator.bytes(row_bytes), "path": None},
            "label": number % 2,
            "choices": ["a cat", "a dog"],
            "other": generator.bytes(row_bytes // 4).hex(),
        }
        for number in range(count)
    ]
    configs = {each: {split: noise_rows[:1]} for each in other_configs}
    configs[config] = {split: noise_rows}
    return _add_dataset(hub, name, configs, features, files=files, group_rows=rows)


def _encode(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _read_demo_rows(name: str, count: int) -> list[dict[str, Any]]:
    return pq.read_table(DEMO / "data" / f"{name}.parquet").slice(0, count).to_pylist()


def _add_dataset(
    hub: Hub,
    name: str,
    configs: dict[str, dict[str, list[dict[str, Any]]]],
    features: Features,
    files: int,
    group_rows: int = 5,
) -> Repo:
    """Serve configurations of splits as parquet files, with a card that describes them."""
    tables: dict[str, bytes] = {}
    for config, splits in configs.items():
        folder = "data" if config == "default" else config
        for split, rows in splits.items():
            for number, part in enumerate(_split_rows(rows, files)):
                path = f"{folder}/{split}-{number:05}-of-{files:05}.parquet"
                tables[path] = encode_parquet(part, features, group_rows)
    commit = COMMITS.get(name, "d" * 40)
    return hub.add(
        "datasets", name, {"README.md": _make_dataset_card(configs, features), **tables}, commit
    )


def _split_rows(rows: list[dict[str, Any]], count: int) -> Iterable[list[dict[str, Any]]]:
    step = -(-len(rows) // count)
    return (rows[first : first + step] for first in range(0, len(rows), step))


def encode_parquet(rows: list[dict[str, Any]], features: Features, group_rows: int) -> bytes:
    """Return rows as a parquet file like those of `datasets`, with the features in its metadata."""
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=features.arrow_schema)
    pq.write_table(table, out, row_group_size=group_rows)
    return out.getvalue()


def _make_dataset_card(configs: dict[str, dict[str, Any]], features: Features) -> bytes:
    dataset_info = [
        {
            "config_name": config,
            "features": features._to_yaml_list(),
            "splits": [
                {"name": split, "num_bytes": 1, "num_examples": len(rows)}
                for split, rows in splits.items()
            ],
        }
        for config, splits in configs.items()
    ]
    data_files = [
        {
            "config_name": config,
            "data_files": [
                {"split": split, "path": f"{'data' if config == 'default' else config}/{split}-*"}
                for split in splits
            ],
        }
        for config, splits in configs.items()
    ]
    return _make_card({"dataset_info": dataset_info, "configs": data_files}, "# A data set")


def _make_card(data: dict[str, Any], text: str) -> bytes:
    return f"---\n{yaml.safe_dump(data, sort_keys=False)}---\n{text}\n".encode()


def _encode_json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()
