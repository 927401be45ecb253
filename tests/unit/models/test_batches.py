"""What a model is fed: image tokens in every row, one shape for the whole workload."""

from dataclasses import replace

import pytest
import torch

from vlmeter.data.prompts import TemplateTooLongError

IMAGE_TOKEN, PAD, BOS = 4, 0, 1


def logits(loaded, inputs):
    with torch.inference_mode():
        return loaded.model(**inputs).logits


def test_a_row_is_image_tokens_then_the_start_then_the_text(feeder, items):
    inputs = feeder.batch(items[2:3])
    assert inputs["input_ids"].tolist() == [[IMAGE_TOKEN] * 4 + [BOS, 5, 7, 6, 7]]
    assert inputs["pixel_values"].shape == (1, 3, 28, 28)
    assert set(feeder.count_image_tokens(inputs)) == {4}


def test_a_prompts_tokens_are_those_of_the_batch(feeder, items):
    for item in items:
        sequence = feeder.batch([item])["input_ids"].shape[1]
        assert sequence == 4 + item.prompt.tokens


def test_shorter_rows_are_padded_on_the_left_of_their_text(feeder, items):
    inputs = feeder.batch(items[1:3])
    missing = items[1].prompt.tokens - items[2].prompt.tokens
    assert (inputs["attention_mask"] == 0).sum(dim=1).tolist() == [0, missing]
    assert inputs["input_ids"][1, -4:].tolist() == [5, 7, 6, 7]
    assert (inputs["input_ids"][1] == PAD).sum() == missing


def test_a_prompt_is_cut_to_the_cells_length(loaded, make_feeder, make_items):
    items = make_items(make_feeder(loaded, max_input_len=7))
    assert [(item.prompt.tokens, item.prompt.truncated) for item in items] == [
        (7, False),
        (7, True),
        (5, False),
        (7, True),
        (7, True),
    ]
    assert items[1].prompt.text == "question : is the answer :"


def test_a_template_that_does_not_fit_is_unsupported(loaded, make_feeder, make_items):
    with pytest.raises(TemplateTooLongError, match="more than max_input_len 4"):
        make_items(make_feeder(loaded, max_input_len=4))


def test_every_batch_of_the_workload_is_as_long_as_the_longest_prompt(feeder, items):
    longest = max(item.prompt.tokens for item in items)
    batches = feeder.workload(items, max(items, key=lambda item: item.prompt.tokens), 2, 9)
    for inputs in batches:
        assert inputs["input_ids"].shape == inputs["attention_mask"].shape == (2, 4 + longest)
        assert set(feeder.count_image_tokens(inputs)) == {4}
    assert len(batches) == 2


def test_padding_does_not_change_what_comes_next(loaded, feeder, items):
    longest = max(items, key=lambda item: item.prompt.tokens)
    for item in items:
        plain = logits(loaded, feeder.batch([item]))[0, -1]
        (padded, *_) = feeder.workload([item, longest], longest, 1, 1)
        assert padded["input_ids"].shape[1] == 4 + longest.prompt.tokens
        assert torch.allclose(plain, logits(loaded, padded)[0, -1], atol=1e-4, rtol=0)


def test_a_row_does_not_depend_on_the_others(loaded, feeder, items):
    together = logits(loaded, feeder.batch(items))[:, -1]
    for row, item in enumerate(items):
        alone = logits(loaded, feeder.batch([item]))[0, -1]
        assert torch.allclose(alone, together[row], atol=1e-4, rtol=0)


def test_a_processor_without_image_tokens_is_refused(loaded, make_feeder, items):
    class BareProcessor:
        """As processors were before image tokens: pixels and text side by side."""

        tokenizer = loaded.processor.tokenizer

        def __call__(self, images, text, **options):
            inputs = loaded.processor(images=images, text=text, **options)
            inputs["input_ids"] = inputs["input_ids"][:, 4:]
            inputs["attention_mask"] = inputs["attention_mask"][:, 4:]
            return inputs

    feeder = make_feeder(replace(loaded, processor=BareProcessor()))
    with pytest.raises(
        ValueError, match=r"the prompt holds \[0, 0\] image tokens, the model wants 4"
    ):
        feeder.count_image_tokens(feeder.batch(items[:2]))


def test_a_row_with_too_few_image_tokens_is_refused(feeder, items):
    inputs = feeder.batch(items[:2])
    inputs["input_ids"][1, 0] = PAD
    with pytest.raises(ValueError, match=r"holds \[4, 3\] image tokens"):
        feeder.count_image_tokens(inputs)


def test_the_native_size_reaches_the_model_and_the_processors_does_not(
    loaded, make_feeder, make_items
):
    shapes = {}
    for image_input in ("processor", "native"):
        feeder = make_feeder(loaded, image_input=image_input)
        inputs = feeder.batch(make_items(feeder, side=42)[:1])
        shapes[image_input] = tuple(inputs["pixel_values"].shape)
        assert torch.isfinite(logits(loaded, inputs)).all()
    assert shapes == {"processor": (1, 3, 28, 28), "native": (1, 3, 42, 42)}


def test_pixels_have_the_models_number_format_and_ids_stay_whole(load, make_feeder, make_items):
    feeder = make_feeder(load(dtype="bf16"))
    inputs = feeder.batch(make_items(feeder)[:1])
    assert inputs["pixel_values"].dtype == torch.bfloat16
    assert inputs["input_ids"].dtype == torch.int64
