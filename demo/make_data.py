"""Draw the evaluation sets of the demo and write them as parquet files.

Usage: python -m demo.make_data [--folder demo/data]
"""

import argparse
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset, Features, Image, List, Value

from .captions import draw_caption_sample
from .drawing import EVALUATION, Sample, make_generator
from .lectures import count_words
from .science import draw_science_sample
from .signs import EVALUATION_SMALL_SHARE, draw_sign_sample

SAMPLES_PER_SET = 108
"""Not a multiple of 16 on purpose: with batches of 16 the last batch has only 12."""
LETTERING_SAMPLES = 88
"""Few, but enough to show the difference; with batches of 16 the last batch has only 8."""
SEED = 2024
ROW_GROUP_ROWS = 12
Row = dict[str, Any]

TEXTS = List(Value("string"))
COCO_FEATURES = Features(
    {
        "question_id": Value("string"),
        "image": Image(),
        "question": Value("string"),
        "answer": TEXTS,
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
        "choices": TEXTS,
        "answer": Value("int8"),
        "hint": Value("string"),
        "task": Value("string"),
        "grade": Value("string"),
        "subject": Value("string"),
        "topic": Value("string"),
        "category": Value("string"),
        "skill": Value("string"),
        "lecture": Value("string"),
        "solution": Value("string"),
    }
)
TEXTVQA_FEATURES = Features(
    {
        "image_id": Value("string"),
        "question_id": Value("int32"),
        "question": Value("string"),
        "question_tokens": TEXTS,
        "image": Image(),
        "image_width": Value("int32"),
        "image_height": Value("int32"),
        "flickr_original_url": Value("string"),
        "flickr_300k_url": Value("string"),
        "answers": TEXTS,
        "image_classes": TEXTS,
        "set_name": Value("string"),
        "ocr_tokens": TEXTS,
    }
)


def build_coco_row(sample: Sample, index: int) -> Row:
    """Return a captioned picture with the columns of the Hub's data set."""
    name = f"{index:012d}.png"
    return {
        "question_id": name,
        "image": _encode_png(sample, name),
        "question": "Describe the picture in one sentence.",
        "answer": sample.answers,
        "id": index,
        "license": 0,
        "file_name": name,
        "coco_url": "",
        "height": sample.image.height,
        "width": sample.image.width,
        "date_captured": "",
    }


def build_scienceqa_row(sample: Sample, index: int) -> Row:
    """Return a diagram and its choices with the columns of the Hub's data set."""
    return {
        "image": _encode_png(sample, f"{index:04d}.png"),
        "question": sample.question,
        "choices": sample.choices,
        "answer": sample.choices.index(sample.answers[0]),
        "hint": "",
        "task": "closed choice",
        "grade": "grade4",
        "subject": "natural science",
        "topic": sample.details["topic"],
        "category": sample.details["topic"],
        "skill": "read a diagram",
        "lecture": sample.details["lecture"],
        "solution": sample.details["solution"],
    }


def build_textvqa_row(sample: Sample, index: int) -> Row:
    """Return a street scene and its ten answers with the columns of the Hub's data set."""
    return {
        "image_id": f"{index:016x}",
        "question_id": index,
        "question": sample.question,
        "question_tokens": sample.question.rstrip("?").split(),
        "image": _encode_png(sample, f"{index:016x}.png"),
        "image_width": sample.image.width,
        "image_height": sample.image.height,
        "flickr_original_url": "",
        "flickr_300k_url": "",
        "answers": sample.answers,
        "image_classes": ["Sign", f"{sample.details['lettering'].capitalize()} lettering"],
        "set_name": "val",
        "ocr_tokens": sample.details["words"].split(),
    }


class DemoSet(NamedTuple):
    """A data set: functions that draw a sample and build its row."""

    draw: Callable[[np.random.Generator], Sample]
    build_row: Callable[[Sample, int], Row]
    features: Features
    evaluation_draw: Callable[[np.random.Generator], Sample] | None = None
    """Draws evaluation samples; None if they are drawn like training samples."""
    samples: int = SAMPLES_PER_SET
    """Number of samples in the evaluation set."""


SETS: dict[str, DemoSet] = {
    "coco": DemoSet(draw_caption_sample, build_coco_row, COCO_FEATURES),
    "scienceqa": DemoSet(draw_science_sample, build_scienceqa_row, SCIENCEQA_FEATURES),
    "textvqa": DemoSet(
        draw_sign_sample,
        build_textvqa_row,
        TEXTVQA_FEATURES,
        partial(draw_sign_sample, small_share=EVALUATION_SMALL_SHARE),
    ),
}


EVALUATION_SETS: dict[str, DemoSet] = {
    **SETS,
    # Only small lettering, to see whether the model reads it in a larger input.
    "lettering": DemoSet(
        partial(draw_sign_sample, small=True),
        build_textvqa_row,
        TEXTVQA_FEATURES,
        samples=LETTERING_SAMPLES,
    ),
}
"""With the set on which nothing is trained."""


def draw_samples(name: str, purpose: int, seed: int, count: int) -> Iterator[Sample]:
    """Draw the first samples of a stream of a data set."""
    set_index = list(EVALUATION_SETS).index(name)
    demo_set = EVALUATION_SETS[name]
    draw = (purpose == EVALUATION and demo_set.evaluation_draw) or demo_set.draw
    for index in range(count):
        yield draw(make_generator(purpose, set_index, seed, index))


def write_set(name: str, folder: Path) -> Path:
    """Write an evaluation set and return its path."""
    demo_set = EVALUATION_SETS[name]
    samples = draw_samples(name, EVALUATION, SEED, demo_set.samples)
    rows = [demo_set.build_row(sample, index) for index, sample in enumerate(samples)]
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(rows, features=demo_set.features).to_parquet(path, batch_size=ROW_GROUP_ROWS)
    return path


def _encode_png(sample: Sample, name: str) -> dict[str, object]:
    buffer = io.BytesIO()
    sample.image.save(buffer, "PNG", optimize=True)
    return {"bytes": buffer.getvalue(), "path": name}


def main() -> None:
    """Write the sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo/data"))
    folder: Path = parser.parse_args().folder
    for name in EVALUATION_SETS:
        path = write_set(name, folder)
        questions = Dataset.from_parquet(str(path))["question"]
        lengths = sorted(count_words(question) for question in questions)
        print(f"{path}: {path.stat().st_size} bytes, questions of {lengths[0]}-{lengths[-1]} words")


if __name__ == "__main__":
    main()
