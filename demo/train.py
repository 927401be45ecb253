"""Train the demo checkpoint from nothing on freshly drawn samples.

Usage: python -m demo.train [--folder demo/model] [--first-phase N]

Every step draws samples that no other step has seen, from the training stream of the seeds; the
evaluation sets come from another stream. The first phase learns to see at the native picture size;
the second adds pictures of twice that side, for which the position embeddings are interpolated.
"""

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, IterableDataset
from transformers import Blip2ForConditionalGeneration

from .batches import SEED, Batch, Batcher, Part
from .checkpoint import (
    IMAGE_SIDE_PX,
    QUERY_TOKENS,
    WIDTH,
    load_model,
    make_model,
    make_processor,
    save_checkpoint,
)
from .drawing import TRAINING
from .make_data import SETS, draw_samples

VOCABULARY_SAMPLES = 3000
"""Samples per set whose words and facts make the vocabularies."""
WARMUP_STEPS = 200
WEIGHT_DECAY = 0.02
FACTS_WEIGHT = 0.1
MARKS_WEIGHT = 0.5
HELP_STEPS_SHARE = 0.8
"""Share of a phase's steps over which the auxiliary losses fade out."""
LARGE_SIDE_PX = 2 * IMAGE_SIDE_PX


class Phase(NamedTuple):
    """One run of the optimizer over its whole learning-rate schedule."""

    steps: int
    peak_learning_rate: float
    parts: tuple[Part, ...]


NATIVE_PARTS = (
    Part("coco", IMAGE_SIDE_PX, 24),
    Part("scienceqa", IMAGE_SIDE_PX, 24),
    Part("textvqa", IMAGE_SIDE_PX, 32),
)
LARGE_PARTS = (
    Part("coco", LARGE_SIDE_PX, 3),
    Part("scienceqa", LARGE_SIDE_PX, 4),
    Part("textvqa", LARGE_SIDE_PX, 12),
)
PHASES = (
    Phase(2200, 1.5e-3, NATIVE_PARTS),
    Phase(1000, 1e-3, NATIVE_PARTS + LARGE_PARTS),
)


def learning_rate_share(step: int, steps: int) -> float:
    """Rise linearly, then fall along a cosine to a hundredth."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    done = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


def make_batcher() -> Batcher:
    """Collect the words, the facts and the marks of the first training samples."""
    texts, facts, marks = set[str](), set[str](), set[str]()
    for name in SETS:
        for sample in draw_samples(name, TRAINING, SEED, VOCABULARY_SAMPLES):
            texts.update([sample.question, *sample.answers, *sample.choices])
            facts.update(sample.facts)
            marks.update(mark.name for mark in sample.marks)
    return Batcher(make_processor(sorted(texts)), sorted(facts), sorted(marks))


class Stream(IterableDataset[list[Batch]]):
    """The batches of all steps of one phase, drawn in a process of its own."""

    def __init__(self, batcher: Batcher, phase_number: int) -> None:
        super().__init__()
        self.batcher = batcher
        self.phase_number = phase_number

    def __iter__(self) -> Iterator[list[Batch]]:
        """Yield one batch per part for every step."""
        phase = PHASES[self.phase_number]
        for step in range(phase.steps):
            yield [self.batcher.draw(part, self.phase_number, step) for part in phase.parts]


class Helpers(torch.nn.Module):
    """The two auxiliary heads, which teach the model to see and are thrown away.

    One reads off every marked patch what it shows; the other reads all facts off the queries. The
    language model's loss alone would take many times the steps.
    """

    def __init__(self, facts: int, marks: int) -> None:
        super().__init__()
        self.facts = torch.nn.Linear(QUERY_TOKENS * WIDTH, facts)
        self.marks = torch.nn.Linear(WIDTH, marks)
        # Most facts are absent from most pictures.
        torch.nn.init.constant_(self.facts.bias, -4.0)

    def forward(
        self, patches: torch.Tensor, queries: torch.Tensor, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses of the facts and of the marks."""
        facts_loss = torch.nn.functional.binary_cross_entropy_with_logits(
            self.facts(queries.flatten(1)), batch.facts, reduction="sum"
        ) / len(queries)
        marks_loss = torch.nn.functional.cross_entropy(
            self.marks(patches[tuple(batch.mark_places)]), batch.mark_ids
        )
        return facts_loss, marks_loss


def train_phase(model: Blip2ForConditionalGeneration, batcher: Batcher, phase_number: int) -> None:
    """Train the model in place over one phase."""
    phase = PHASES[phase_number]
    helpers = Helpers(len(batcher.fact_ids), len(batcher.mark_ids))
    parameters = [*model.parameters(), *helpers.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, lr=phase.peak_learning_rate, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_share(step, phase.steps)
    )
    model.train()
    started_s = time.monotonic()
    stream = DataLoader(Stream(batcher, phase_number), batch_size=None, num_workers=1)
    for step, batches in enumerate(stream):
        fading = max(0.0, 1 - step / (HELP_STEPS_SHARE * phase.steps))
        shown = []
        for part, batch in zip(phase.parts, batches, strict=True):
            output = model(
                pixel_values=batch.pixel_values,
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                labels=batch.labels,
                interpolate_pos_encoding=part.image_side_px != IMAGE_SIDE_PX,
            )
            facts_loss, marks_loss = helpers(
                output.vision_outputs.last_hidden_state,
                output.qformer_outputs.last_hidden_state,
                batch,
            )
            help_loss = FACTS_WEIGHT * facts_loss + MARKS_WEIGHT * marks_loss
            (output.loss + fading * help_loss).backward()
            shown.append(
                f"{part.name} {part.image_side_px} {output.loss:.3f} "
                f"{facts_loss:.2f} {marks_loss:.2f}"
            )
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 50 == 0 or step == phase.steps - 1:
            spent_s = time.monotonic() - started_s
            print(f"{spent_s:6.0f} s  step {step}  {'  '.join(shown)}", flush=True)


def main() -> None:
    """Run the phases one after the other, each from the checkpoint that the last one saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo/model"))
    parser.add_argument("--first-phase", type=int, default=0)
    arguments = parser.parse_args()
    # One thread here and one process that draws: on a shared machine two threads that wait for
    # each other are slower.
    torch.set_num_threads(1)
    batcher = make_batcher()
    processor = batcher.processor
    for phase_number in range(arguments.first_phase, len(PHASES)):
        torch.manual_seed(SEED + phase_number)
        if phase_number == 0:
            model = make_model(processor.tokenizer)
        else:
            model = load_model(arguments.folder)
        train_phase(model, batcher, phase_number)
        save_checkpoint(model, processor, arguments.folder)


if __name__ == "__main__":
    main()
