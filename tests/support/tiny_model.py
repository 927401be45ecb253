"""A BLIP-2 of the real classes that loads in a moment, with its processor and some samples."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from job_factory import get_optimization
from PIL import Image
from tokenizers import AddedToken, Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vlmeter.data.samples import Text
from vlmeter.models.batches import Feeder
from vlmeter.models.items import Item
from vlmeter.models.load import load_model

SIDE_PX, QUERIES = 28, 4
SPECIAL = ("<pad>", "<s>", "\n", "<unk>", "<image>")
WORDS = (
    "question",
    "answer",
    ":",
    "?",
    "what",
    "colour",
    "is",
    "the",
    "cat",
    "dog",
    "red",
    "one",
    "two",
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """For so small a model a second thread is only waited for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_processor():
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    core = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])]
    )
    core.add_special_tokens([AddedToken(word, normalized=False) for word in SPECIAL])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="\n",
        unk_token="<unk>",
    )
    images = BlipImageProcessorPil(size={"height": SIDE_PX, "width": SIDE_PX})
    return Blip2Processor(images, tokenizer, num_query_tokens=QUERIES)


def make_model():
    torch.manual_seed(0)
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
    config = Blip2Config(
        vision_config={**layers, "intermediate_size": 32, "image_size": SIDE_PX, "patch_size": 7},
        qformer_config={
            **layers,
            "intermediate_size": 32,
            "encoder_hidden_size": 16,
            "vocab_size": 1,
            "max_position_embeddings": 1,
        },
        text_config={
            **layers,
            "model_type": "opt",
            "vocab_size": len(SPECIAL) + len(WORDS),
            "word_embed_proj_dim": 16,
            "ffn_dim": 32,
            "max_position_embeddings": 128,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        num_query_tokens=QUERIES,
        image_token_index=SPECIAL.index("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    # Weights far from zero, so that the image and every word make a difference.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.4)
    return model.eval()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A folder as `from_pretrained` reads it, in fp32."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    make_model().save_pretrained(folder)
    make_processor().save_pretrained(folder)
    return folder


@dataclass
class Loader:
    folder: object

    def __call__(self, optimization="eager", device="cpu", dtype="fp32", random=False):
        how = get_optimization(optimization)
        return load_model(self.folder, device, dtype, how, random=random, seed=0)


@pytest.fixture(scope="session")
def load(checkpoint):
    """Load the checkpoint on a device, in a number format and under an optimisation."""
    return Loader(checkpoint)


@pytest.fixture(scope="session")
def loaded(load):
    """The checkpoint in fp32; not to be changed."""
    return load()


def picture(seed, side=SIDE_PX):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def pictures():
    """Five encoded images, each of its own noise."""
    return [picture(seed) for seed in range(5)]


QUESTIONS = ("what colour", "is the cat red ? one two", "", "what is the dog ?", "cat cat cat")


@pytest.fixture(scope="session")
def make_feeder():
    def make(loaded, image_input="processor", max_input_len=50):
        return Feeder(loaded, image_input, max_input_len)

    return make


@pytest.fixture(scope="session")
def make_items():
    """Make samples with questions of different length, every one with a picture of its own."""

    def make(feeder, template="question : {question} answer :", side=SIDE_PX, questions=QUESTIONS):
        texts = [Text(str(i), question, "", ()) for i, question in enumerate(questions)]
        return [
            Item(
                text.id,
                picture(int(text.id), side),
                feeder.fit(template, text).prompt(template, text),
                template,
            )
            for text in texts
        ]

    return make


@pytest.fixture(scope="session")
def feeder(loaded, make_feeder):
    return make_feeder(loaded)


@pytest.fixture(scope="session")
def items(feeder, make_items):
    return make_items(feeder)
