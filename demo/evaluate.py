"""Recompute the demo checkpoint's scores on the evaluation sets.

Usage: python -m demo.evaluate [--model demo/model] [--data demo/data]

Greedy decoding in fp32, with padding on the left and a newline as the end of the answer.
"""

import argparse
import string
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jiwer
import torch
from datasets import Dataset
from transformers import AutoProcessor, Blip2ForConditionalGeneration, Blip2Processor

from .checkpoint import EOS, IMAGE_SIDE_PX
from .make_data import EVALUATION_SETS

BATCH = 16
NEW_TOKENS_MAX = 30
TEXT_LENGTHS = (200, 100, 50)
"""Numbers of text tokens, with the start token, to which a question is cut from the right."""
PUNCTUATION = str.maketrans("", "", string.punctuation)
Row = dict[str, Any]


class Setting(NamedTuple):
    """The form in which the model gets questions and pictures."""

    text_length: int = 200
    image_side_px: int = IMAGE_SIDE_PX
    templated: bool = False
    """Whether questions have the form "Question: ... Answer:"."""
    swapped: bool = False
    """Whether every question has the next sample's picture, to measure the score of guessing."""


@torch.inference_mode()
def answer_rows(
    model: Blip2ForConditionalGeneration,
    processor: Blip2Processor,
    rows: Sequence[Row],
    prompts: Sequence[str],
    setting: Setting,
) -> list[str]:
    """Return the model's answers to prompts about the rows' pictures."""
    answers: list[str] = []
    pictures = [row["image"].convert("RGB") for row in rows]
    if setting.swapped:
        pictures = [*pictures[1:], pictures[0]]
    side_px = setting.image_side_px
    for start in range(0, len(rows), BATCH):
        inputs = processor(
            images=pictures[start : start + BATCH],
            text=list(prompts[start : start + BATCH]),
            padding=True,
            truncation=True,
            # The processor subtracts the query tokens from this length.
            max_length=setting.text_length + processor.num_query_tokens,
            size={"height": side_px, "width": side_px},
            return_tensors="pt",
        )
        output = model.generate(
            **inputs,
            max_new_tokens=NEW_TOKENS_MAX,
            do_sample=False,
            num_beams=1,
            eos_token_id=processor.tokenizer.convert_tokens_to_ids(EOS),
            pad_token_id=processor.tokenizer.pad_token_id,
            interpolate_pos_encoding=side_px != IMAGE_SIDE_PX,
        )
        new_ids = output[:, inputs["input_ids"].shape[1] :]
        answers += processor.batch_decode(new_ids, skip_special_tokens=True)
    return [answer.strip() for answer in answers]


def normalise(text: str) -> str:
    """Lower-case, drop punctuation and repeated spaces."""
    return " ".join(text.lower().translate(PUNCTUATION).split())


def compute_caption_wer(rows: Sequence[Row], answers: Sequence[str]) -> float:
    """Return the corpus word error rate against the best reference of each sample."""
    errors = words = 0
    for row, answer in zip(rows, answers, strict=True):
        results = [jiwer.process_words(normalise(ref), normalise(answer)) for ref in row["answer"]]
        best = min(results, key=lambda result: result.wer)
        errors += best.substitutions + best.deletions + best.insertions
        words += best.substitutions + best.deletions + best.hits
    return errors / words


def compute_vqa_accuracy(row: Row, answer: str) -> float:
    """Return the mean score against each nine of the ten annotators, of whom three must agree."""
    references = [normalise(reference) for reference in row["answers"]]
    matches = references.count(normalise(answer))
    scores = [
        min(1.0, (matches - (reference == normalise(answer))) / 3) for reference in references
    ]
    return sum(scores) / len(scores)


def compute_option_accuracy(row: Row, answer: str) -> float:
    """Return 1 if the answer is exactly the text of the right option."""
    return float(normalise(answer) == normalise(row["choices"][row["answer"]]))


def build_prompts(name: str, rows: Sequence[Row], templated: bool) -> list[str]:
    """Return the prompts: nothing for captions, the question for the other sets."""
    if name == "coco":
        return [""] * len(rows)
    form = "Question: {} Answer:" if templated else "{}"
    return [form.format(row["question"]) for row in rows]


def score(name: str, rows: Sequence[Row], answers: Sequence[str]) -> str:
    """Return the figures of a data set as a line of text."""
    if name == "coco":
        return f"WER {compute_caption_wer(rows, answers):.3f}"
    if name == "scienceqa":
        scores = [compute_option_accuracy(*pair) for pair in zip(rows, answers, strict=True)]
        chance = sum(1 / len(row["choices"]) for row in rows) / len(rows)
        return f"accuracy {sum(scores) / len(scores):.3f} (chance {chance:.3f})"
    scores = [compute_vqa_accuracy(*pair) for pair in zip(rows, answers, strict=True)]
    small = [
        value
        for row, value in zip(rows, scores, strict=True)
        if "Small lettering" in row["image_classes"]
    ]
    return (
        f"VQA accuracy {sum(scores) / len(scores):.3f} "
        f"(small lettering, {len(small)} samples: {sum(small) / len(small):.3f})"
    )


def describe(setting: Setting) -> str:
    """Describe a setting in a few words."""
    form = ", templated" * setting.templated + ", pictures swapped" * setting.swapped
    return f"{setting.text_length} tokens, {setting.image_side_px} px{form}"


def main() -> None:
    """Print the scores of every setting that the study varies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("demo/model"))
    parser.add_argument("--data", type=Path, default=Path("demo/data"))
    parser.add_argument("--show", type=int, default=0, help="answers to print per set")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    model = Blip2ForConditionalGeneration.from_pretrained(arguments.model, dtype=torch.float32)
    model.eval()
    processor = AutoProcessor.from_pretrained(arguments.model)
    settings = [Setting(text_length=length) for length in TEXT_LENGTHS]
    settings += [
        Setting(templated=True),
        Setting(swapped=True),
        Setting(image_side_px=2 * IMAGE_SIDE_PX),
    ]
    for name in EVALUATION_SETS:
        rows = list(Dataset.from_parquet(str(arguments.data / f"{name}.parquet")))
        for setting in settings:
            if name == "coco" and setting.templated:
                continue
            if name in ("coco", "lettering") and setting.text_length != TEXT_LENGTHS[0]:
                continue
            started_s = time.monotonic()
            answers = answer_rows(
                model, processor, rows, build_prompts(name, rows, setting.templated), setting
            )
            elapsed_s = time.monotonic() - started_s
            print(
                f"{name:10} {describe(setting):36} {score(name, rows, answers)}, {elapsed_s:.1f} s"
            )
            for row, answer in list(zip(rows, answers, strict=True))[: arguments.show]:
                print(f"    {row['question'][-60:]!r} -> {answer!r}")


if __name__ == "__main__":
    main()
