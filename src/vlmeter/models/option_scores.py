"""How likely a model finds each option of a multiple choice, as the answer to its prompt.

The score is the mean log-likelihood of an option's tokens after the prompt: the per-token
likelihood by which Brown et al., 2020 (arXiv 2005.14165, section 2.4) choose among completions, so
that a long option is no worse for its length.
"""

import math
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import torch

from vlmeter.models.batches import Feeder
from vlmeter.models.families import Family, is_encoder_decoder
from vlmeter.models.families.base import uses_chat_template
from vlmeter.models.inputs import Inputs, list_text_inputs
from vlmeter.models.items import Item, split_into_batches
from vlmeter.models.load import LoadedModel


class _Pair(NamedTuple):
    """An option as the answer to a prompt of a batch."""

    row: int
    """The prompt's in the batch."""
    item: Item
    option: str


def score_options(
    loaded: LoadedModel, feeder: Feeder, inputs: Inputs, items: Sequence[Item]
) -> list[list[float | None]]:
    """Return the scores of each sample's options, in their order.

    Each option is fed with the whole prompt, as many at once as the batch has rows, however many
    options each sample has. None stands for an option without a token of its own.

    Args:
        loaded: The model.
        feeder: What makes its batches.
        inputs: The samples' batch, as `Feeder.batch` makes it.
        items: The samples.
    """
    pairs = [_Pair(row, item, option) for row, item in enumerate(items) for option in item.choices]
    score = _score_in_decoder if is_encoder_decoder(loaded.model.config) else _score_continuations
    scores = chain.from_iterable(
        score(loaded, _select_rows(feeder, inputs, batch), batch)
        for batch in split_into_batches(pairs, len(items))
    )
    return [list(islice(scores, len(item.choices))) for item in items]


def _select_rows(feeder: Feeder, inputs: Inputs, pairs: Sequence[_Pair]) -> Inputs:
    """Return a batch with the row of each pair, out of the batch that has each row once.

    Where the tiles or patches of all images stand one after another, only the processor knows whose
    they are: such a batch is prepared anew. With one part for each row, every row has its own.
    """
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    rows = len(inputs["input_ids"])
    if any(len(value) != rows for value in tensors.values()):
        return feeder.batch([pair.item for pair in pairs])
    index = torch.tensor([pair.row for pair in pairs], device=inputs["input_ids"].device)
    return {**inputs, **{name: value[index] for name, value in tensors.items()}}


def _score_continuations(
    loaded: LoadedModel, inputs: Inputs, pairs: Sequence[_Pair]
) -> list[float | None]:
    """Score options that continue the prompt, each behind the end of its row."""
    # After the end of a chat template an answer begins; a plain text goes on after a space.
    chat = uses_chat_template(loaded.processor)
    targets = [
        _find_own_tokens(loaded.tokenizer, "" if chat else pair.item.prompt.text, pair.option)
        for pair in pairs
    ]
    longest = max(map(len, targets))
    continued = append_tokens(inputs, targets, loaded.family)
    if loaded.family.takes_positions:
        continued["position_ids"] = (continued["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
    # The logits at a position are those of the next token.
    logits = _compute_logits(loaded, continued)[:, -longest - 1 : -1]
    return [
        _compute_mean_log_likelihood(of_row, target)
        for of_row, target in zip(logits, targets, strict=True)
    ]


def append_tokens(inputs: Inputs, targets: Sequence[Sequence[int]], family: Family) -> Inputs:
    """Return a batch with more tokens in each row; shorter ones are filled up and masked."""
    ids = inputs["input_ids"]
    longest = max(map(len, targets))
    rows = [[*target, *[0] * (longest - len(target))] for target in targets]
    masks = [[1] * len(target) + [0] * (longest - len(target)) for target in targets]
    types = [[family.answer_token_type] * longest for _ in targets]
    added = {"input_ids": rows, "attention_mask": masks, "token_type_ids": types}
    continued = dict(inputs)
    for name in list_text_inputs(inputs):
        value = inputs[name]
        if value.shape[1] != ids.shape[1]:
            continue
        more = value.new_zeros((len(rows), longest, *value.shape[2:]))
        if name in added:
            more = torch.tensor(added[name], device=value.device).to(value.dtype).view_as(more)
        elif name in family.inputs_kept_by_answers:
            more = value[:, -1:].expand_as(more)
        continued[name] = torch.cat([value, more], dim=1)
    return continued


def _score_in_decoder(
    loaded: LoadedModel, inputs: Inputs, pairs: Sequence[_Pair]
) -> list[float | None]:
    """Score options as a decoder's whole output, where the encoder reads the prompt."""
    targets = [
        loaded.tokenizer(pair.option, add_special_tokens=False)["input_ids"] for pair in pairs
    ]
    longest = max(1, *map(len, targets))
    labels = [target + [loaded.pad_token_id] * (longest - len(target)) for target in targets]
    # The model shifts the labels into what its decoder reads.
    del inputs["decoder_input_ids"]
    inputs["labels"] = torch.tensor(labels, device=loaded.device)
    return [
        _compute_mean_log_likelihood(of_row, target)
        for of_row, target in zip(_compute_logits(loaded, inputs), targets, strict=True)
    ]


def _compute_logits(loaded: LoadedModel, inputs: Inputs) -> torch.Tensor:
    with loaded.inference():
        logits: torch.Tensor = loaded.model(**inputs).logits
    return logits


def _compute_mean_log_likelihood(logits: torch.Tensor, target: Sequence[int]) -> float | None:
    """Return the mean over a target's tokens; row i of the logits is that of token i."""
    if not target:
        return None
    of_target = logits[: len(target)].float()
    wanted = torch.tensor(target, device=logits.device)
    chosen = of_target.gather(1, wanted[:, None])[:, 0]
    value = float((chosen - of_target.logsumexp(dim=1)).mean())
    return None if math.isnan(value) else value


def _find_own_tokens(tokenizer: Any, prompt: str, option: str) -> list[int]:  # noqa: ANN401
    """Return the tokens that an option adds to a prompt; it follows after a space."""
    space = "" if not prompt or prompt[-1].isspace() or not option else " "
    alone: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    whole: list[int] = tokenizer(f"{prompt}{space}{option}", add_special_tokens=False)["input_ids"]
    # Where the option's first letters merge with the prompt's last, that token counts as its own.
    shared = 0
    while shared < min(len(alone), len(whole)) and alone[shared] == whole[shared]:
        shared += 1
    return whole[shared:]
