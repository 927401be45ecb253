"""How likely options are is what one plain forward per option gives."""

import io
from dataclasses import replace

import pytest
import torch
from PIL import Image
from transformers import Blip2ForConditionalGeneration

from vlmeter.data.prompts import Prompt
from vlmeter.models.batches import Feeder
from vlmeter.models.items import split_into_batches
from vlmeter.models.load import LoadedModel
from vlmeter.models.option_scores import score_options

CHOICES = (
    ("red", "the cat", "one two dog"),
    ("dog", "cat"),
    (),
    ("is the cat red ?",),
    ("two", "two"),
)


@pytest.fixture
def items(feeder, make_items):
    return [
        replace(item, choices=choices)
        for item, choices in zip(make_items(feeder), CHOICES, strict=True)
    ]


def scores_of(loaded, feeder, items, batch_size):
    return [
        own
        for batch in split_into_batches(items, batch_size)
        for own in score_options(loaded, feeder, feeder.batch(batch), batch)
    ]


def plain_score(loaded, item, option):
    """The mean log-likelihood by one unpadded forward, the whole softmax at every position."""
    words = loaded.tokenizer(option, add_special_tokens=False)["input_ids"]
    image = Image.open(io.BytesIO(item.image))
    inputs = loaded.processor(
        images=[image], text=[f"{item.prompt.text} {option}".strip()], return_tensors="pt"
    )
    with torch.inference_mode():
        likelihoods = loaded.model(**inputs).logits.log_softmax(-1)
    first = inputs["input_ids"].shape[1] - len(words)
    of_words = [likelihoods[0, first + i - 1, word].item() for i, word in enumerate(words)]
    return sum(of_words) / len(of_words)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_scores_in_batches_are_those_of_plain_forwards(loaded, feeder, items, batch_size):
    scores = scores_of(loaded, feeder, items, batch_size)
    assert [len(own) for own in scores] == [3, 2, 0, 1, 2]
    for item, own in zip(items, scores, strict=True):
        expected = [plain_score(loaded, item, option) for option in item.choices]
        assert own == pytest.approx(expected, abs=1e-5)
        assert own == [] or max(own) < 0
    assert scores[4][0] == pytest.approx(scores[4][1], abs=1e-6)


def test_options_follow_the_prompt_as_it_was_cut(loaded, make_feeder, make_items):
    feeder = make_feeder(loaded, max_input_len=7)
    item = replace(make_items(feeder)[1], choices=("red", "one two"))
    assert item.prompt.truncated
    [own] = scores_of(loaded, feeder, [item], 1)
    assert own == pytest.approx([plain_score(loaded, item, o) for o in item.choices], abs=1e-5)


def test_the_picture_and_the_prompt_both_count(loaded, feeder, items):
    def scores(item):
        [own] = scores_of(loaded, feeder, [item], 1)
        return own

    first, other = items[0], items[1]
    assert scores(replace(first, image=other.image)) != pytest.approx(scores(first), abs=1e-4)
    assert scores(replace(first, prompt=other.prompt)) != pytest.approx(scores(first), abs=1e-4)


def test_an_option_without_tokens_has_no_score(loaded, feeder, items):
    [own] = scores_of(loaded, feeder, [replace(items[0], choices=("", "red"))], 1)
    assert own[0] is None
    assert own[1] < 0


def test_an_empty_prompt_is_followed_by_the_option_alone(loaded, feeder, items):
    item = replace(items[0], prompt=Prompt("", 1, truncated=False), choices=("red", "cat dog"))
    [own] = scores_of(loaded, feeder, [item], 1)
    assert own == pytest.approx([plain_score(loaded, item, o) for o in item.choices], abs=1e-5)


class Talkative:
    """A processor that ends every prompt with a word of its own."""

    def __init__(self, processor):
        self._processor = processor
        self.tokenizer = processor.tokenizer

    def __call__(self, text, **options):
        return self._processor(text=[f"{each} is" for each in text], **options)


def test_options_follow_what_the_processor_ends_the_prompt_with(loaded, make_feeder, items):
    odd = replace(loaded, processor=Talkative(loaded.processor))
    item = replace(items[0], choices=("red", "one two"))
    [own] = scores_of(odd, make_feeder(odd), [item], 1)
    prompt = replace(item.prompt, text=f"{item.prompt.text} is")
    expected = [plain_score(loaded, replace(item, prompt=prompt), o) for o in item.choices]
    assert own == pytest.approx(expected, abs=1e-5)


def test_an_encoder_decoder_scores_options_by_its_decoder(loaded, make_items):
    config = loaded.model.config.to_dict()
    config["text_config"] = {
        "model_type": "t5",
        "vocab_size": config["text_config"]["vocab_size"],
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 32,
        "num_layers": 2,
        "num_heads": 2,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 0,
    }
    torch.manual_seed(0)
    model = Blip2ForConditionalGeneration(type(loaded.model.config)(**config)).eval()
    assert model.config.is_encoder_decoder
    t5: LoadedModel = replace(loaded, model=model, decoder_start_token_id=0)
    feeder = Feeder(t5, "processor", 50)
    [item] = make_items(feeder, questions=("what colour",))
    item = replace(item, choices=("red", "one two dog"))
    [own] = scores_of(t5, feeder, [item], 1)
    for option, score in zip(item.choices, own, strict=True):
        words = t5.tokenizer(option, add_special_tokens=False)["input_ids"]
        inputs = feeder.batch([item])
        del inputs["decoder_input_ids"]
        with torch.inference_mode():
            loss = model(**inputs, labels=torch.tensor([words])).loss
        assert score == pytest.approx(-loss.item(), abs=1e-5)
