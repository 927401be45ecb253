"""What the loopback Hub serves: the published study's model and data sets, tiny but of their form.

The model is the demo's, in the layout of Salesforce/blip2-opt-2.7b. The data sets have the real
ones' features, configurations, splits and card, a few of the demo's rows, and every kind of row
that has ever been awkward.
"""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from datasets import ClassLabel, Features, Image, List, Value
from hubserver import Hub, Repo
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
    """Serve all that `config/config.yaml` names; `rows` of the demo's in each data set."""
    add_model(hub)
    add_coco(hub, rows)
    add_scienceqa(hub, rows)
    add_textvqa(hub, rows)


def add_model(hub: Hub, name: str = MODEL, licence: str | None = "mit") -> Repo:
    """Serve the demo's model in the layout of Salesforce/blip2-opt-2.7b."""
    commit = COMMITS.get(name, "a" * 40)
    return hub.add("models", name, model_files(licence), commit)


def model_files(licence: str | None = "mit") -> dict[str, bytes]:
    """The files of the model: fp32 in two shards with their index, and pickles beside them."""
    demo = DEMO / "model"
    config = json.loads((demo / "config.json").read_text())
    processor = json.loads((demo / "processor_config.json").read_text())
    image_processor = processor.pop("image_processor")
    shards, index = _shards(demo / "model.safetensors")
    card = {"license": licence} if licence else {}
    return {
        "README.md": _card({**card, "pipeline_tag": "image-text-to-text"}, "# BLIP-2"),
        "config.json": _json(_as_written_in_2024(config)),
        "generation_config.json": (demo / "generation_config.json").read_bytes(),
        "preprocessor_config.json": _json({**image_processor, "processor_class": "Blip2Processor"}),
        "processor_config.json": _json(processor),
        "special_tokens_map.json": _json(
            {"bos_token": "<s>", "eos_token": "\n", "pad_token": "<pad>", "unk_token": "<unk>"}
        ),
        "tokenizer.json": (demo / "tokenizer.json").read_bytes(),
        "tokenizer_config.json": (demo / "tokenizer_config.json").read_bytes(),
        **shards,
        "model.safetensors.index.json": _json(index),
        "pytorch_model-00001-of-00001.bin": b"a pickle that nobody opens" * 1000,
        "pytorch_model.bin.index.json": _json({"metadata": {}, "weight_map": {}}),
    }


def _as_written_in_2024(config: dict[str, Any]) -> dict[str, Any]:
    """Name the number format as the transformers of that time did."""
    parts = {
        key: _as_written_in_2024(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in ("dtype", "transformers_version")
    }
    return {**parts, "torch_dtype": "float32", "transformers_version": "4.47.0.dev0"}


def _shards(weights: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    shards: list[dict[str, Any]] = [{} for _ in range(SHARDS)]
    places, total = {}, 0
    with safe_open(weights, "pt") as file:
        names = sorted(file.keys())
        for number, name in enumerate(names):
            tensor = file.get_tensor(name).float()
            shard = number * SHARDS // len(names)
            shards[shard][name] = tensor
            places[name] = _shard_name(shard)
            total += tensor.numel() * 4
    files = {
        _shard_name(number): save(tensors, metadata={"format": "pt"})
        for number, tensors in enumerate(shards)
    }
    return files, {"metadata": {"total_size": total}, "weight_map": places}


def _shard_name(number: int) -> str:
    return f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"


def add_coco(hub: Hub, rows: int) -> Repo:
    """COCO captions: the splits val and test, two files each."""
    given = [{**row, "answer": list(row["answer"])} for row in _demo_rows("coco", rows)]
    given[0]["answer"] = ['A sign that says "stop".', "a sign\nthat says stop"]
    given[1]["answer"] = ["一只红色的鸟在树上。", "Красная птица на дереве", "طائر أحمر"]
    made = [
        {
            **given[number % len(given)],
            "question_id": f"{number:012}.jpg",
            "file_name": f"{number:012}.jpg",
            "id": number,
            "image": image,
        }
        for number, image in enumerate(awkward_images().values(), start=900_000)
    ]
    unusable = [
        {**given[0], "question_id": "without-image.jpg", "image": None},
        {**given[0], "question_id": "without-captions.jpg", "answer": []},
        {**given[0], "question_id": "empty-caption.jpg", "answer": [""]},
    ]
    parts = {"val": [*given, *made, *unusable], "test": given[:4]}
    return _add_dataset(hub, COCO, {"default": parts}, COCO_FEATURES, files=2)


def add_scienceqa(hub: Hub, rows: int) -> Repo:
    """ScienceQA: two configurations; in the full one most rows have no image."""
    given = [{**row, "choices": list(row["choices"])} for row in _demo_rows("scienceqa", rows)]
    given[0]["choices"], given[0]["answer"] = ["yes", "no", "maybe", "never", "often"], 4
    given[1]["choices"], given[1]["answer"] = ["true", "false"], 0
    given[2]["hint"] = 'Read this.\n"Quoted", with a comma\tand a tab.'
    unusable = [
        {**given[3], "answer": 7},
        {**given[3], "choices": ["", "no"], "answer": 0},
    ]
    full = [*given, {**given[4], "image": None}]
    configs = {
        "ScienceQA-FULL": {"validation": full, "test": full},
        "ScienceQA-IMG": {"validation": given[:4], "test": [*given, *unusable]},
    }
    return _add_dataset(hub, SCIENCEQA, configs, SCIENCEQA_FEATURES, files=1)


def add_textvqa(hub: Hub, rows: int) -> Repo:
    """TextVQA: three splits, validation in three files; ten answers, some of them empty."""
    given = [{**row, "answers": list(row["answers"])} for row in _demo_rows("textvqa", rows)]
    given[0]["answers"] = ["", *given[0]["answers"][1:]]
    given[1]["question"] = "what does “Größe” mean, and 大小?"
    unusable = [{**given[2], "question_id": 999_999, "answers": [""] * 10}]
    parts = {"train": given[:4], "validation": [*given, *unusable], "test": given[:4]}
    return _add_dataset(hub, TEXTVQA, {"default": parts}, TEXTVQA_FEATURES, files=3)


def awkward_images() -> dict[str, dict[str, Any]]:
    """Images of every kind that has ever been awkward, by what is awkward about them."""
    picture = Pillow.fromarray(np.arange(40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8))
    turned = Pillow.Exif()
    turned[0x0112] = 6
    wide = Pillow.new("L", (8000, 8000), 200)
    images = {
        "grey": _encoded(picture.convert("L"), "PNG"),
        "palette": _encoded(picture.convert("P"), "PNG"),
        "palette-transparent": _encoded(picture.quantize(8), "GIF", transparency=0),
        "cmyk": _encoded(picture.convert("CMYK"), "JPEG"),
        "rgba": _encoded(picture.convert("RGBA"), "PNG"),
        "turned": _encoded(picture, "JPEG", exif=turned),
        "one-pixel": _encoded(picture.crop((0, 0, 1, 1)), "PNG"),
        "large": _encoded(wide, "JPEG"),
    }
    return {name: {"bytes": data, "path": f"{name}.jpg"} for name, data in images.items()}


def add_noise(
    hub: Hub, name: str, files: int = 3, groups: int = 4, rows: int = 10, row_bytes: int = 40_000
) -> Repo:
    """Serve rows that cannot be compressed: what is fetched shows in bytes."""
    features = Features(
        {
            "key": Value("int32"),
            "image": Image(),
            "label": ClassLabel(names=["cat", "dog"]),
            "choices": List(Value("string")),
            "other": Value("binary"),
        }
    )
    random = np.random.default_rng(0)
    count = files * groups * rows
    made = [
        {
            "key": number,
            "image": {"bytes": random.bytes(row_bytes), "path": None},
            "label": number % 2,
            "choices": ["a cat", "a dog"],
            "other": random.bytes(row_bytes // 4),
        }
        for number in range(count)
    ]
    return _add_dataset(
        hub, name, {"default": {"test": made}}, features, files=files, group_rows=rows
    )


def _encoded(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _demo_rows(name: str, count: int) -> list[dict[str, Any]]:
    return pq.read_table(DEMO / "data" / f"{name}.parquet").slice(0, count).to_pylist()


def _add_dataset(
    hub: Hub,
    name: str,
    configs: dict[str, dict[str, list[dict[str, Any]]]],
    features: Features,
    files: int,
    group_rows: int = 5,
) -> Repo:
    """Serve configurations of splits as parquet files, with the card that tells of them."""
    made: dict[str, bytes] = {}
    for config, splits in configs.items():
        folder = "data" if config == "default" else config
        for split, rows in splits.items():
            for number, part in enumerate(_parts(rows, files)):
                path = f"{folder}/{split}-{number:05}-of-{files:05}.parquet"
                made[path] = parquet(part, features, group_rows)
    commit = COMMITS.get(name, "d" * 40)
    return hub.add(
        "datasets", name, {"README.md": _dataset_card(configs, features), **made}, commit
    )


def _parts(rows: list[dict[str, Any]], count: int) -> Iterable[list[dict[str, Any]]]:
    step = -(-len(rows) // count)
    return (rows[first : first + step] for first in range(0, len(rows), step))


def parquet(rows: list[dict[str, Any]], features: Features, group_rows: int) -> bytes:
    """Write rows as `datasets` does: the features stand in the file's own metadata."""
    out = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=features.arrow_schema)
    pq.write_table(table, out, row_group_size=group_rows)
    return out.getvalue()


def _dataset_card(configs: dict[str, dict[str, Any]], features: Features) -> bytes:
    told = [
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
    places = [
        {
            "config_name": config,
            "data_files": [
                {"split": split, "path": f"{'data' if config == 'default' else config}/{split}-*"}
                for split in splits
            ],
        }
        for config, splits in configs.items()
    ]
    return _card({"dataset_info": told, "configs": places}, "# A data set")


def _card(data: dict[str, Any], text: str) -> bytes:
    return f"---\n{yaml.safe_dump(data, sort_keys=False)}---\n{text}\n".encode()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()
