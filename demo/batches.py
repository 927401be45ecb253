"""Training batches: new samples in the processor's layout, without any evaluation picture."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from transformers import Blip2Processor

from .checkpoint import IMAGE_SIDE_PX, PATCH_PX, QUERY_TOKENS
from .drawing import EVALUATION, TRAINING, Sample, make_generator, pick_distinct
from .make_data import EVALUATION_SETS, SETS, draw_samples
from .make_data import SEED as EVALUATION_SEED
from .science import draw_science_sample
from .signs import draw_sign_sample

SEED = 7
LARGE_SEED = 8
"""Seed of the pictures at twice the native side."""
FIRST_CAPTION_SHARE = 0.5
TEMPLATE_SHARE = 0.35
"""Share of questions trained as "Question: ... Answer:" instead of bare."""
CUT_SHARE = 0.1
"""Share of questions that are cut, so that the model learns to guess when its question is cut."""
ALL_QUESTIONS = "all"
"""In place of a length class: all short questions about a picture, each with its answer."""
IGNORED = -100


class Part(NamedTuple):
    """The samples of a data set at a picture size in every step."""

    name: str
    image_side_px: int
    samples: int


class Batch(NamedTuple):
    """The tensors of a part of a step."""

    pixel_values: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    facts: torch.Tensor
    """Multi-hot, a row per sample."""
    mark_places: tuple[torch.Tensor, torch.Tensor]
    """Index of the sample and of the vision token of every mark."""
    mark_names: torch.Tensor
    """Multi-hot, a row per mark."""


class Batcher:
    """Draws training batches in the processor's layout."""

    def __init__(self, processor: Blip2Processor, facts: list[str], names: list[str]) -> None:
        self.processor = processor
        self.fact_ids = {fact: i for i, fact in enumerate(facts)}
        self.name_ids = {name: i for i, name in enumerate(names)}
        # Equal pictures have equal facts, so only pictures with equal facts are compared.
        self.evaluation_pictures: defaultdict[tuple[str, ...], set[bytes]] = defaultdict(set)
        for name, demo_set in EVALUATION_SETS.items():
            for sample in draw_samples(name, EVALUATION, EVALUATION_SEED, demo_set.samples):
                self.evaluation_pictures[tuple(sample.facts)].add(sample.image.tobytes())
        images = processor.image_processor
        self.mean = torch.tensor(images.image_mean).view(1, 3, 1, 1)
        self.std = torch.tensor(images.image_std).view(1, 3, 1, 1)

    def draw(self, part: Part, step: int, length: str) -> Batch:
        """Draw the batch of a part of a step.

        Args:
            part: The data set and the picture size.
            step: Number of the step, which selects the samples of the stream.
            length: Length class of the science questions, or ALL_QUESTIONS. The whole batch has
                the same class, so that little is padded.
        """
        set_index = list(SETS).index(part.name)
        native = part.image_side_px == IMAGE_SIDE_PX
        seed = SEED if native else LARGE_SEED
        samples, texts = [], []
        for i in range(part.samples):
            rng = make_generator(TRAINING, set_index, seed, step * part.samples + i)
            sample = _draw_sample(rng, part.name, native, length)
            while self._is_evaluation_picture(sample):
                sample = _draw_sample(rng, part.name, native, length)
            samples.append(sample)
            texts.append(choose_texts(rng, sample, length))
        ids, mask, labels = self._tokenize(texts)
        pixels = self._normalise_pixels(samples, part.image_side_px)
        marks = self._encode_marks(samples, part.image_side_px // PATCH_PX)
        return Batch(pixels, ids, mask, labels, self._encode_facts(samples), *marks)

    def _is_evaluation_picture(self, sample: Sample) -> bool:
        same_facts = self.evaluation_pictures.get(tuple(sample.facts))
        return same_facts is not None and sample.image.tobytes() in same_facts

    def _normalise_pixels(self, samples: list[Sample], side_px: int) -> torch.Tensor:
        images = [_resize(sample.image, side_px) for sample in samples]
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
        return pixels.permute(0, 3, 1, 2).float().sub_(255 * self.mean).div_(255 * self.std)

    def _tokenize(
        self, texts: list[list[tuple[str, str]]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        tokenizer = self.processor.tokenizer
        image_id = tokenizer.convert_tokens_to_ids(self.processor.image_token.content)
        rows, targets = [], []
        for turns in texts:
            row = [image_id] * QUERY_TOKENS + [tokenizer.bos_token_id]
            target = [IGNORED] * len(row)
            for prompt, answer in turns:
                prompt_ids = tokenizer(prompt, add_special_tokens=False).input_ids
                answer_ids = tokenizer(answer, add_special_tokens=False).input_ids
                row += [*prompt_ids, *answer_ids, tokenizer.eos_token_id]
                target += [IGNORED] * len(prompt_ids) + [*answer_ids, tokenizer.eos_token_id]
            rows.append(row)
            targets.append(target)
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for i, (row, target) in enumerate(zip(rows, targets, strict=True)):
            ids[i, : len(row)] = torch.tensor(row)
            labels[i, : len(row)] = torch.tensor(target)
        return ids, (ids != tokenizer.pad_token_id).long(), labels

    def _encode_facts(self, samples: list[Sample]) -> torch.Tensor:
        facts = torch.zeros(len(samples), len(self.fact_ids))
        for i, sample in enumerate(samples):
            for fact in sample.facts:
                if fact in self.fact_ids:
                    facts[i, self.fact_ids[fact]] = 1
        return facts

    def _encode_marks(
        self, samples: list[Sample], patches_per_side: int
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        sample_ids, tokens, rows = [], [], []
        for i, sample in enumerate(samples):
            for mark in sample.marks:
                column = mark.x_px * patches_per_side // sample.image.width
                row = mark.y_px * patches_per_side // sample.image.height
                sample_ids.append(i)
                # The class token comes before the patches.
                tokens.append(1 + row * patches_per_side + column)
                rows.append([self.name_ids[name] for name in mark.names])
        names = torch.zeros(len(rows), len(self.name_ids))
        for mark_row, ids in zip(names, rows, strict=True):
            mark_row[ids] = 1
        return (torch.tensor(sample_ids), torch.tensor(tokens)), names


def choose_texts(rng: np.random.Generator, sample: Sample, length: str) -> list[tuple[str, str]]:
    """Choose the prompts and answers that a step trains for a sample, usually a single pair."""
    if not sample.question:
        first = rng.random() < FIRST_CAPTION_SHARE
        # The first wording is the only caption whose form is the same for every picture.
        return [("", sample.details["first"] if first else sample.answers[int(rng.integers(5))])]
    if length == ALL_QUESTIONS and sample.questions:
        # Several answers per picture teach far more than the answer that the evaluation needs.
        pairs = pick_distinct(rng, list(sample.questions.items()), len(sample.questions))
        return [(_apply_template(rng, question), answer) for question, answer in pairs]
    answer = max(sample.answers, key=sample.answers.count)
    question = sample.question
    if rng.random() < CUT_SHARE:
        words = question.split()
        question = " ".join(words[: int(rng.integers(1, len(words)))])
    return [(_apply_template(rng, question), answer)]


def _apply_template(rng: np.random.Generator, question: str) -> str:
    return f"Question: {question} Answer:" if rng.random() < TEMPLATE_SHARE else question


def _draw_sample(rng: np.random.Generator, name: str, native: bool, length: str) -> Sample:
    if name == "scienceqa":
        return draw_science_sample(rng, "short" if length == ALL_QUESTIONS else length)
    if name == "textvqa":
        # Small lettering is unreadable at the native size, so training on it would teach guessing.
        return draw_sign_sample(rng, small=False if native else None)
    return SETS[name].draw(rng)


def _resize(image: Image.Image, side_px: int) -> Image.Image:
    if image.width > side_px:
        # Averaging pixels is close to the processor's bicubic filter and eight times as fast.
        return image.reduce(image.width // side_px)
    return image.resize((side_px, side_px), Image.Resampling.BICUBIC)
