"""Training batches: fresh samples in the processor's layout, none of them an evaluation sample."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from transformers import Blip2Processor

from .checkpoint import IMAGE_SIDE_PX, PATCH_PX, QUERY_TOKENS
from .drawing import EVALUATION, TRAINING, Sample, random_stream
from .make_data import SAMPLES_PER_SET, SETS, draw_samples
from .make_data import SEED as EVALUATION_SEED
from .science import draw_science_sample
from .signs import draw_sign_sample

SEED = 7
"""Every phase and picture size adds its own offset."""
FIRST_CAPTION_SHARE = 0.5
TEMPLATE_SHARE = 0.35
"""Share of questions trained as "Question: ... Answer:" instead of bare."""
CUT_SHARE = 0.1
"""Share of questions that lose their end, so that the model guesses when its question is cut."""
LENGTH_CYCLE = ("short", "medium", "short", "long", "short")
"""Length class of the science questions by step: one class per batch wastes no padding."""
IGNORED = -100


class Part(NamedTuple):
    """The share of one set at one picture size in every step."""

    name: str
    image_side_px: int
    samples: int


class Batch(NamedTuple):
    """Tensors of one step for one set."""

    pixel_values: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    facts: torch.Tensor
    """Multi-hot rows, one per sample."""
    mark_places: tuple[torch.Tensor, torch.Tensor]
    """Sample and vision token of every mark."""
    mark_ids: torch.Tensor


class Batcher:
    """Draws training batches in the processor's layout."""

    def __init__(self, processor: Blip2Processor, facts: list[str], marks: list[str]) -> None:
        self.processor = processor
        self.fact_ids = {fact: i for i, fact in enumerate(facts)}
        self.mark_ids = {mark: i for i, mark in enumerate(marks)}
        # Equal pictures tell equal facts, so only pictures of equal facts need comparing.
        self.evaluation_pictures: defaultdict[tuple[str, ...], set[bytes]] = defaultdict(set)
        for name in SETS:
            for sample in draw_samples(name, EVALUATION, EVALUATION_SEED, SAMPLES_PER_SET):
                self.evaluation_pictures[tuple(sample.facts)].add(sample.image.tobytes())
        images = processor.image_processor
        self.mean = torch.tensor(images.image_mean).view(1, 3, 1, 1)
        self.std = torch.tensor(images.image_std).view(1, 3, 1, 1)

    def draw(self, part: Part, phase_number: int, step: int) -> Batch:
        """Draw the batch of one part of one step."""
        set_index = list(SETS).index(part.name)
        native = part.image_side_px == IMAGE_SIDE_PX
        seed = SEED + 2 * phase_number + (not native)
        samples, texts = [], []
        for i in range(part.samples):
            rng = random_stream(TRAINING, set_index, seed, step * part.samples + i)
            length = LENGTH_CYCLE[step % len(LENGTH_CYCLE)]
            sample = _draw(rng, part.name, native, length)
            while self._is_evaluation_picture(sample):
                sample = _draw(rng, part.name, native, length)
            samples.append(sample)
            texts.append(choose_texts(rng, sample))
        ids, mask, labels = self._tokens(texts)
        pixels = self._pixels(samples, part.image_side_px)
        marks = self._marks(samples, part.image_side_px // PATCH_PX)
        return Batch(pixels, ids, mask, labels, self._facts(samples), *marks)

    def _is_evaluation_picture(self, sample: Sample) -> bool:
        same_facts = self.evaluation_pictures.get(tuple(sample.facts))
        return same_facts is not None and sample.image.tobytes() in same_facts

    def _pixels(self, samples: list[Sample], side_px: int) -> torch.Tensor:
        shown = [_resize(sample.image, side_px) for sample in samples]
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in shown]))
        return pixels.permute(0, 3, 1, 2).float().sub_(255 * self.mean).div_(255 * self.std)

    def _tokens(
        self, texts: list[tuple[str, str]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        tokenizer = self.processor.tokenizer
        image_id = tokenizer.convert_tokens_to_ids(self.processor.image_token.content)
        rows, starts = [], []
        for prompt, answer in texts:
            start = [image_id] * QUERY_TOKENS + tokenizer(prompt).input_ids
            end = [*tokenizer(answer, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
            rows.append(start + end)
            starts.append(len(start))
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
        labels = torch.full((len(rows), longest), IGNORED)
        for i, (row, start_length) in enumerate(zip(rows, starts, strict=True)):
            ids[i, : len(row)] = torch.tensor(row)
            labels[i, start_length : len(row)] = ids[i, start_length : len(row)]
        return ids, (ids != tokenizer.pad_token_id).long(), labels

    def _facts(self, samples: list[Sample]) -> torch.Tensor:
        facts = torch.zeros(len(samples), len(self.fact_ids))
        for i, sample in enumerate(samples):
            for fact in sample.facts:
                if fact in self.fact_ids:
                    facts[i, self.fact_ids[fact]] = 1
        return facts

    def _marks(
        self, samples: list[Sample], patches_per_side: int
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        sample_ids, tokens, mark_ids = [], [], []
        for i, sample in enumerate(samples):
            for mark in sample.marks:
                column = mark.x_px * patches_per_side // sample.image.width
                row = mark.y_px * patches_per_side // sample.image.height
                sample_ids.append(i)
                # The class token stands before the patches.
                tokens.append(1 + row * patches_per_side + column)
                mark_ids.append(self.mark_ids[mark.name])
        return (torch.tensor(sample_ids), torch.tensor(tokens)), torch.tensor(mark_ids)


def choose_texts(rng: np.random.Generator, sample: Sample) -> tuple[str, str]:
    """Choose the prompt and the answer that one step trains."""
    if not sample.question:
        first = rng.random() < FIRST_CAPTION_SHARE
        # The first wording is the one among the five that every picture has.
        return "", sample.details["first"] if first else sample.answers[int(rng.integers(5))]
    answers = sample.answers
    answer = max(answers, key=answers.count)
    question = sample.question
    if rng.random() < CUT_SHARE:
        words = question.split()
        question = " ".join(words[: int(rng.integers(1, len(words)))])
    return f"Question: {question} Answer:" if rng.random() < TEMPLATE_SHARE else question, answer


def _draw(rng: np.random.Generator, name: str, native: bool, length: str) -> Sample:
    if name == "scienceqa":
        return draw_science_sample(rng, length)
    if name == "textvqa" and native:
        # Small lettering is lost at this size: training on it would teach to guess.
        return draw_sign_sample(rng, small=False)
    return SETS[name].draw(rng)


def _resize(image: Image.Image, side_px: int) -> Image.Image:
    if image.width > side_px:
        # Averaging pixels is close to the processor's bicubic filter and eight times as fast.
        return image.reduce(image.width // side_px)
    return image.resize((side_px, side_px), Image.Resampling.BICUBIC)
