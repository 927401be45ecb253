"""A text that holds a special token of the tokenizer is no text to it: the sample is left out."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from vlmeter.data.prompts import PromptError
from vlmeter.data.samples import IMAGES, SAMPLES, StoredSamples, Text
from vlmeter.models.samples import Items
from vlmeter.status import UnsupportedError
from vlmeter.storage.parquet import write_table

FAMILIES = {
    "Qwen2-VL": ("<|image_pad|>", ["<|vision_start|>", "<|im_end|>"]),
    "Gemma 3": ("<image_soft_token>", ["<start_of_image>", "<end_of_turn>"]),
    "Pixtral": ("[IMG]", ["[IMG_BREAK]", "[/INST]"]),
    "LLaVA": ("<image>", ["</s>"]),
}


@pytest.fixture
def make_family_feeder(loaded, make_feeder):
    """A feeder of the tiny model whose processor has the tokens of another family."""

    def make(image_token, special):
        core = loaded.tokenizer.backend_tokenizer
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=type(core).from_str(core.to_str()))
        tokenizer.add_special_tokens({"additional_special_tokens": [image_token, *special]})
        processor = SimpleNamespace(
            tokenizer=tokenizer, image_token=AddedToken(image_token), video_token="<a video>"
        )
        return make_feeder(replace(loaded, processor=processor), max_input_len=30)

    return make


@pytest.mark.parametrize("name", FAMILIES)
def test_any_special_token_in_a_text_is_named_with_its_field(make_family_feeder, name):
    image_token, special = FAMILIES[name]
    feeder = make_family_feeder(image_token, special)
    template = "{context} {question} {options}"
    for token in (image_token, *special, "<a video>"):
        for field, text in {
            "question": Text("a", f"what {token} is", "", ("cat",)),
            "context": Text("a", "what", f"{token}\nis", ("cat",)),
            "options": Text("a", "what", "", ("cat", f"a{token}")),
        }.items():
            with pytest.raises(PromptError) as raised:
                feeder.fit(template, text)
            assert f"has {token} in its {field}, a special token" in str(raised.value)


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_of_another_family_are_text(make_family_feeder, name):
    feeder = make_family_feeder(*FAMILIES[name])
    others = " ".join(image for family, (image, _) in FAMILIES.items() if family != name)
    text = Text("a", f"what \n {others}".replace("<image>", "< image >"), "", ())
    assert feeder.fit("{question}", text).question is None


def test_a_text_that_the_template_does_not_ask_for_is_not_looked_at(make_family_feeder):
    feeder = make_family_feeder("[IMG]", [])
    assert feeder.fit("{question}", Text("a", "what", "[IMG]", ("[IMG]",))).tokens


def test_a_template_with_the_image_itself_is_unsupported(make_family_feeder):
    feeder = make_family_feeder("[IMG]", [])
    with pytest.raises(UnsupportedError, match=r"template holds \[IMG\], which the processor puts"):
        feeder.fit("[IMG] {question}", Text("a", "what", "", ()))


def test_a_sample_with_a_special_token_is_left_out_and_the_others_are_kept(
    loaded, make_feeder, pictures, tmp_path
):
    questions = ["what", "what <image> is", "is"]
    stored = StoredSamples(tmp_path / "samples.parquet", tmp_path / "images.parquet")
    rows = [
        {"id": f"s{n}", "question": asked, "image": pictures[n]}
        for n, asked in enumerate(questions)
    ]
    write_table(stored.samples, rows, SAMPLES)
    images = ({"id": row["id"], "image": row["image"], "width": 28, "height": 28} for row in rows)
    write_table(stored.images, images, IMAGES)

    items = Items(stored, make_feeder(loaded, max_input_len=20), lambda _: "{question}")

    assert [(item.id, item.prompt.text) for item in items.read()] == [("s0", "what"), ("s2", "is")]
    assert [item.image for item in items.read()] == [pictures[0], pictures[2]]
    assert [sample.id for sample in items.left_out] == ["s1"]
    assert "has <image> in its question" in items.left_out[0].reason
