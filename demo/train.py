"""Train the demo checkpoint from random weights on newly drawn samples.

Usage: python -m demo.train [--folder demo/model]

Every step draws samples that no other step has, from the random streams of training; those of the
evaluation sets are others. The model first learns from pictures of its native size. Later, pictures
of twice that side are added, for which the position embeddings are interpolated.
"""

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader, IterableDataset

from .batches import ALL_QUESTIONS, SEED, Batch, Batcher, Part
from .checkpoint import (
    IMAGE_SIDE_PX,
    QUERY_TOKENS,
    WIDTH,
    make_model,
    make_processor,
    save_checkpoint,
)
from .drawing import TRAINING
from .make_data import SETS, draw_samples

VOCABULARY_SAMPLES = 3000
"""Samples per data set whose words and facts form the vocabularies."""
STEPS = 2400
WARMUP_STEPS = 100
PEAK_LEARNING_RATE = 1.5e-3
WEIGHT_DECAY = 0.02
FACTS_WEIGHT = 0.05
MARKS_WEIGHT = 0.3
AUXILIARY_STEPS = 1900
"""Steps over which the auxiliary losses fade out."""
SAVE_STEPS = 200
NATIVE_PARTS = (
    Part("coco", IMAGE_SIDE_PX, 20),
    Part("scienceqa", IMAGE_SIDE_PX, 36),
    Part("textvqa", IMAGE_SIDE_PX, 24),
)
LARGE_SIDE_PX = 2 * IMAGE_SIDE_PX
LARGE_FROM_STEP = 1300
LARGE_PARTS = (
    Part("coco", LARGE_SIDE_PX, 3),
    Part("scienceqa", LARGE_SIDE_PX, 4),
    Part("textvqa", LARGE_SIDE_PX, 12),
)
LENGTH_CYCLE = (ALL_QUESTIONS, "short", ALL_QUESTIONS, "medium", ALL_QUESTIONS, "long")
"""Length class of the science questions by step."""


def select_parts(step: int) -> tuple[Part, ...]:
    """Return the parts of a step; later steps have large pictures too."""
    return NATIVE_PARTS if step < LARGE_FROM_STEP else NATIVE_PARTS + LARGE_PARTS


def compute_learning_rate_share(step: int) -> float:
    """Return the share of the peak rate: a linear rise, then a cosine fall to a hundredth."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2


def make_batcher() -> Batcher:
    """Make a batcher whose vocabularies are those of the first training samples."""
    texts, facts, names = set[str](), set[str](), set[str]()
    for set_name in SETS:
        for sample in draw_samples(set_name, TRAINING, SEED, VOCABULARY_SAMPLES):
            texts.update([sample.question, *sample.answers, *sample.choices])
            facts.update(sample.facts)
            names.update(name for mark in sample.marks for name in mark.names)
    return Batcher(make_processor(sorted(texts)), sorted(facts), sorted(names))


class Stream(IterableDataset[list[Batch]]):
    """The batches of all steps, drawn in a process of its own."""

    def __init__(self, batcher: Batcher) -> None:
        super().__init__()
        self.batcher = batcher

    def __iter__(self) -> Iterator[list[Batch]]:
        """Yield the batches of every step, one for each part."""
        for step in range(STEPS):
            length = LENGTH_CYCLE[step % len(LENGTH_CYCLE)]
            yield [self.batcher.draw(part, step, length) for part in select_parts(step)]


class AuxiliaryHeads(torch.nn.Module):
    """Two heads that teach the model to see and are not saved.

    The first predicts from every marked patch what it shows, the second all facts from the queries.
    With the language model's loss alone, training would take many times as many steps.
    """

    def __init__(self, facts: int, names: int) -> None:
        super().__init__()
        self.facts = torch.nn.Linear(QUERY_TOKENS * WIDTH, facts)
        self.marks = torch.nn.Linear(WIDTH, names)
        # Most facts and names are absent from most pictures and patches.
        torch.nn.init.constant_(self.facts.bias, -4.0)
        torch.nn.init.constant_(self.marks.bias, -3.0)

    def forward(
        self, patches: torch.Tensor, queries: torch.Tensor, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses of the facts and of the marks."""
        facts_loss = torch.nn.functional.binary_cross_entropy_with_logits(
            self.facts(queries.flatten(1)), batch.facts, reduction="sum"
        ) / len(queries)
        marks_loss = torch.nn.functional.binary_cross_entropy_with_logits(
            self.marks(patches[tuple(batch.mark_places)]), batch.mark_names, reduction="sum"
        ) / len(batch.mark_names)
        return facts_loss, marks_loss


def train(folder: Path) -> None:
    """Train a new model and save it every `SAVE_STEPS` steps."""
    batcher = make_batcher()
    torch.manual_seed(SEED)
    model = make_model(batcher.processor.tokenizer)
    heads = AuxiliaryHeads(len(batcher.fact_ids), len(batcher.name_ids))
    parameters = [*model.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, compute_learning_rate_share)
    model.train()
    started_s = time.monotonic()
    stream = DataLoader(Stream(batcher), batch_size=None, num_workers=1)
    for step, batches in enumerate(stream):
        auxiliary_weight = max(0.0, 1 - step / AUXILIARY_STEPS)
        losses = []
        for part, batch in zip(select_parts(step), batches, strict=True):
            output = model(
                pixel_values=batch.pixel_values,
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                labels=batch.labels,
                interpolate_pos_encoding=part.image_side_px != IMAGE_SIDE_PX,
            )
            facts_loss, marks_loss = heads(
                output.vision_outputs.last_hidden_state,
                output.qformer_outputs.last_hidden_state,
                batch,
            )
            auxiliary_loss = FACTS_WEIGHT * facts_loss + MARKS_WEIGHT * marks_loss
            (output.loss + auxiliary_weight * auxiliary_loss).backward()
            losses.append(
                f"{part.name} {part.image_side_px} {output.loss:.3f} "
                f"{facts_loss:.2f} {marks_loss:.2f}"
            )
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % SAVE_STEPS == SAVE_STEPS - 1 or step == STEPS - 1:
            save_checkpoint(model, batcher.processor, folder)
        if step % 50 == 0 or step == STEPS - 1:
            elapsed_s = time.monotonic() - started_s
            print(f"{elapsed_s:6.0f} s  step {step}  {'  '.join(losses)}", flush=True)


def main() -> None:
    """Train into the folder of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo/model"))
    # A single thread, beside the process that draws: on a shared machine two threads that wait for
    # each other are slower.
    torch.set_num_threads(1)
    train(parser.parse_args().folder)


if __name__ == "__main__":
    main()
