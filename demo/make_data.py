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
from .drawing import EVALUATION, Sample, random_stream
from .lectures import count_words
from .science import draw_science_sample
from .signs import EVALUATION_SMALL_SHARE, draw_sign_sample

SAMPLES_PER_SET = 108
"""Not a multiple of 16 on purpose: the last batch of 16 is a short one of 12."""
LETTERING_SAMPLES = 88
"""As few as show the difference: 64 is 4 batches of 16, and 88 ends in a short one of 8."""
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


def coco_row(sample: Sample, index: int) -> Row:
    """Lay a captioned picture out in the Hub's columns."""
    name = f"{index:012d}.png"
    return {
        "question_id": name,
        "image": _png(sample, name),
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


def scienceqa_row(sample: Sample, index: int) -> Row:
    """Lay a diagram and its choices out in the Hub's columns."""
    return {
        "image": _png(sample, f"{index:04d}.png"),
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


def textvqa_row(sample: Sample, index: int) -> Row:
    """Lay a street scene and its ten answers out in the Hub's columns."""
    return {
        "image_id": f"{index:016x}",
        "question_id": index,
        "question": sample.question,
        "question_tokens": sample.question.rstrip("?").split(),
        "image": _png(sample, f"{index:016x}.png"),
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
    """One data set: how its samples are drawn and laid out."""

    draw: Callable[[np.random.Generator], Sample]
    row: Callable[[Sample, int], Row]
    features: Features
    evaluation_draw: Callable[[np.random.Generator], Sample] | None = None
    """Where evaluation draws otherwise than training."""
    samples: int = SAMPLES_PER_SET
    """In the evaluation set."""


SETS: dict[str, DemoSet] = {
    "coco": DemoSet(draw_caption_sample, coco_row, COCO_FEATURES),
    "scienceqa": DemoSet(draw_science_sample, scienceqa_row, SCIENCEQA_FEATURES),
    "textvqa": DemoSet(
        draw_sign_sample,
        textvqa_row,
        TEXTVQA_FEATURES,
        partial(draw_sign_sample, small_share=EVALUATION_SMALL_SHARE),
    ),
}


EVALUATION_SETS: dict[str, DemoSet] = {
    **SETS,
    # Signs of small lettering alone, for the question whether a larger input reads them.
    "lettering": DemoSet(
        partial(draw_sign_sample, small=True),
        textvqa_row,
        TEXTVQA_FEATURES,
        samples=LETTERING_SAMPLES,
    ),
}
"""Also the sets that nothing is trained on."""


def draw_samples(name: str, purpose: int, seed: int, count: int) -> Iterator[Sample]:
    """Draw the first samples of one stream of one set."""
    set_index = list(EVALUATION_SETS).index(name)
    demo_set = EVALUATION_SETS[name]
    draw = (purpose == EVALUATION and demo_set.evaluation_draw) or demo_set.draw
    for index in range(count):
        yield draw(random_stream(purpose, set_index, seed, index))


def write_set(name: str, folder: Path) -> Path:
    """Write one evaluation set and return its path."""
    demo_set = EVALUATION_SETS[name]
    samples = draw_samples(name, EVALUATION, SEED, demo_set.samples)
    rows = [demo_set.row(sample, index) for index, sample in enumerate(samples)]
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(rows, features=demo_set.features).to_parquet(path, batch_size=ROW_GROUP_ROWS)
    return path


def _png(sample: Sample, name: str) -> dict[str, object]:
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
