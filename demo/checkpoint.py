"""The parts of the demo checkpoint before training: tokenizer, processor, configuration, model."""

import copy
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    GenerationConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

PAD, BOS, EOS, UNKNOWN, IMAGE = SPECIAL_TOKENS = ("<pad>", "<s>", "\n", "<unk>", "<image>")
"""Their ids are their positions here. A newline ends the answer, as in the released checkpoint."""

IMAGE_SIDE_PX = 224
PATCH_PX = 28
QUERY_TOKENS = 16
WIDTH = 96
HEADS = 3
POSITIONS_MAX = 288
"""Room for the query tokens, 200 text tokens and 40 new ones."""
TEMPLATE_WORDS = "question answer short context options : , . ? ( ) a b c d e"


def make_processor(texts: Iterable[str]) -> Blip2Processor:
    """Make the processor, with a tokenizer whose vocabulary has every word of the texts."""
    normalizer = normalizers.Lowercase()
    splitter = pre_tokenizers.BertPreTokenizer()
    words = set(TEMPLATE_WORDS.split())
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    vocabulary = [*SPECIAL_TOKENS, *sorted(words)]
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token=UNKNOWN))
    core.normalizer = normalizer
    core.pre_tokenizer = splitter
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, vocabulary.index(BOS))]
    )
    core.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        padding_side="left",
        truncation_side="right",
        clean_up_tokenization_spaces=False,
    )
    # Named here because, without torchvision, the library chooses the same class with a warning.
    images = BlipImageProcessorPil(size={"height": IMAGE_SIDE_PX, "width": IMAGE_SIDE_PX})
    return Blip2Processor(images, tokenizer, num_query_tokens=QUERY_TOKENS)


def make_model(tokenizer: PreTrainedTokenizerFast) -> Blip2ForConditionalGeneration:
    """Make the untrained model for a tokenizer's vocabulary."""
    ids = {
        "pad_token_id": SPECIAL_TOKENS.index(PAD),
        "bos_token_id": SPECIAL_TOKENS.index(BOS),
        "eos_token_id": SPECIAL_TOKENS.index(EOS),
    }
    config = Blip2Config(
        vision_config={
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 4,
            "num_attention_heads": HEADS,
            "image_size": IMAGE_SIDE_PX,
            "patch_size": PATCH_PX,
            "initializer_range": 0.02,
        },
        qformer_config={
            # The Q-Former reads no text here, so its word embeddings are as small as possible.
            "vocab_size": 1,
            "max_position_embeddings": 1,
            "hidden_size": WIDTH,
            "intermediate_size": WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": HEADS,
            "encoder_hidden_size": WIDTH,
            "cross_attention_frequency": 1,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        text_config={
            "model_type": "opt",
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "word_embed_proj_dim": WIDTH,
            "ffn_dim": 2 * WIDTH,
            "num_hidden_layers": 3,
            "num_attention_heads": HEADS,
            "max_position_embeddings": POSITIONS_MAX,
            "dropout": 0.0,
            "attention_dropout": 0.0,
            **ids,
        },
        num_query_tokens=QUERY_TOKENS,
        image_token_index=SPECIAL_TOKENS.index(IMAGE),
        image_text_hidden_size=WIDTH,
    )
    model = Blip2ForConditionalGeneration(config)
    _initialise(model)
    generation = GenerationConfig(**ids, max_new_tokens=40, do_sample=False, num_beams=1)
    model.generation_config = generation
    model.language_model.generation_config = generation
    return model


def _initialise(model: Blip2ForConditionalGeneration) -> None:
    """Replace the library's initial weights, which suit a model ten times as wide.

    At this width a standard deviation of 0.02 leaves the attention uniform and the positions
    without effect for hundreds of steps.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, torch.nn.Embedding):
            torch.nn.init.normal_(module.weight, std=WIDTH**-0.5)
    # Equal queries would have equal gradients and stay equal; in the library all are zero at first.
    torch.nn.init.normal_(model.query_tokens)
    positions = model.vision_model.embeddings.position_embedding
    with torch.no_grad():
        positions[0, 1:] = _encode_positions(IMAGE_SIDE_PX // PATCH_PX, WIDTH)


def _encode_positions(patches_per_side: int, width: int) -> torch.Tensor:
    """Encode rows and columns as waves, which can be interpolated between the patches."""
    frequencies = torch.pi / patches_per_side * 2.0 ** torch.linspace(-1, 2, width // 4)
    angles = torch.outer(torch.arange(patches_per_side) + 0.5, frequencies)
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows = waves[:, None].expand(-1, patches_per_side, -1)
    columns = waves[None].expand(patches_per_side, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def load_model(folder: Path) -> Blip2ForConditionalGeneration:
    """Load a saved model in fp32, with the generation settings where `generate` reads them."""
    model = Blip2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    # The library restores these settings only for the whole model, but `generate` uses those of the
    # language model.
    model.language_model.generation_config = model.generation_config
    return model


def save_checkpoint(
    model: Blip2ForConditionalGeneration, processor: Blip2Processor, folder: Path
) -> None:
    """Write the folder that `from_pretrained` reads, in half precision to keep it small."""
    copy.deepcopy(model).to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
