"""Tiny checkpoints of real model classes, random and built offline: a folder as the Hub has it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_grids
import tiny_omni
import tiny_tiles
import tiny_video
import torch
import transformers
from tiny_parts import (
    CHAT,
    DECODER,
    END,
    ENDS,
    IMAGE,
    LAYERS,
    LLAMA,
    OPT,
    PATCH_PX,
    QFORMER,
    QUERIES,
    SIDE_PX,
    SPECIAL,
    SQUARE,
    T5,
    UNKNOWN,
    VISION,
    VOCABULARY,
    WIDTH,
    Built,
    tokenizer,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.utils.import_utils import is_torchvision_available


def _blip2(text: dict[str, Any]) -> Built:
    config = transformers.Blip2Config(
        vision_config=VISION,
        qformer_config=QFORMER,
        text_config=text,
        num_query_tokens=QUERIES,
        image_token_index=IMAGE,
    )
    processor = transformers.Blip2Processor(
        BlipImageProcessorPil(size=SQUARE), tokenizer(), num_query_tokens=QUERIES
    )
    return transformers.Blip2ForConditionalGeneration(config), processor


def _blip() -> Built:
    """Its text begins with a token that its tokenizer has not, as in the published checkpoints."""
    text = {**LAYERS, **ENDS, "vocab_size": VOCABULARY + 1, "bos_token_id": VOCABULARY}
    config = transformers.BlipConfig(
        vision_config=VISION,
        text_config={
            **text,
            "eos_token_id": UNKNOWN,
            "sep_token_id": END,
            "encoder_hidden_size": WIDTH,
            "projection_dim": WIDTH,
        },
    )
    words = tokenizer(start=False)
    words.add_special_tokens({"cls_token": "<s>", "sep_token": "</s>"})
    processor = transformers.BlipProcessor(BlipImageProcessorPil(size=SQUARE), words)
    return transformers.BlipForConditionalGeneration(config), processor


def _kosmos2() -> Built:
    text = {"layers": 2, "attention_heads": 2, "embed_dim": WIDTH, "ffn_dim": 2 * WIDTH}
    words = tokenizer()
    processor = transformers.Kosmos2Processor(_clip(), words, num_patch_index_tokens=32)
    config = transformers.Kosmos2Config(
        vision_config=VISION,
        text_config={**text, **ENDS, "vocab_size": len(words), "max_position_embeddings": 512},
    )
    return transformers.Kosmos2ForConditionalGeneration(config), processor


def _instructblip() -> Built:
    config = transformers.InstructBlipConfig(
        vision_config=VISION,
        qformer_config=QFORMER,
        text_config=LLAMA,
        num_query_tokens=QUERIES,
        image_token_index=IMAGE,
    )
    processor = transformers.InstructBlipProcessor(
        BlipImageProcessorPil(size=SQUARE), tokenizer(), tokenizer(), num_query_tokens=QUERIES
    )
    return transformers.InstructBlipForConditionalGeneration(config), processor


def _clip(**options: Any) -> CLIPImageProcessorPil:
    return CLIPImageProcessorPil(size={"shortest_edge": SIDE_PX}, crop_size=SQUARE, **options)


def _llava() -> Built:
    config = transformers.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **VISION, "projection_dim": WIDTH},
        text_config=LLAMA,
        image_token_index=IMAGE,
        image_seq_length=(SIDE_PX // PATCH_PX) ** 2,
    )
    processor = transformers.LlavaProcessor(
        _clip(),
        tokenizer(image_token="<image>"),
        patch_size=PATCH_PX,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    )
    return transformers.LlavaForConditionalGeneration(config), processor


def _idefics3() -> Built:
    config = transformers.Idefics3Config(
        vision_config=VISION, text_config=LLAMA, image_token_id=IMAGE, scale_factor=2
    )
    processor = transformers.Idefics3Processor(
        Idefics3ImageProcessorPil(
            size={"longest_edge": 2 * SIDE_PX}, max_image_size={"longest_edge": SIDE_PX}
        ),
        tokenizer(),
        image_seq_len=4,
        chat_template=CHAT,
    )
    return transformers.Idefics3ForConditionalGeneration(config), processor


def _paligemma() -> Built:
    config = transformers.PaliGemmaConfig(
        vision_config={
            "model_type": "siglip_vision_model",
            **VISION,
            "vision_use_head": False,
            "projection_dim": WIDTH,
        },
        text_config={"model_type": "gemma", **DECODER, "head_dim": WIDTH // 2},
        image_token_index=IMAGE,
        projection_dim=WIDTH,
        hidden_size=WIDTH,
    )
    images = SiglipImageProcessorPil(size=SQUARE)
    images.image_seq_length = (SIDE_PX // PATCH_PX) ** 2
    processor = transformers.PaliGemmaProcessor(
        images, tokenizer(start=False, image_token="<image>")
    )
    return transformers.PaliGemmaForConditionalGeneration(config), processor


def _gemma3() -> Built:
    config = transformers.Gemma3Config(
        vision_config={**VISION, "vision_use_head": False},
        text_config={**DECODER, "head_dim": WIDTH // 2},
        mm_tokens_per_image=4,
        boi_token_index=SPECIAL.index("<start_of_image>"),
        eoi_token_index=SPECIAL.index("<end_of_image>"),
        image_token_index=SPECIAL.index("<image_soft_token>"),
    )
    processor = transformers.Gemma3Processor(
        Gemma3ImageProcessorPil(size=SQUARE),
        tokenizer(
            image_token="<image_soft_token>",
            boi_token="<start_of_image>",
            eoi_token="<end_of_image>",
        ),
        image_seq_length=4,
        chat_template=CHAT.replace("<image>", "<start_of_image>"),
    )
    return transformers.Gemma3ForConditionalGeneration(config), processor


def _git() -> Built:
    config = transformers.GitConfig(
        vision_config=VISION,
        **LAYERS,
        **ENDS,
        vocab_size=VOCABULARY,
        max_position_embeddings=512,
    )
    return transformers.GitForCausalLM(config), transformers.GitProcessor(_clip(), tokenizer())


def _florence2() -> Built:
    config = transformers.Florence2Config(
        vision_config={
            "depths": [1, 1],
            "embed_dim": [16, WIDTH],
            "num_heads": [2, 2],
            "num_groups": [2, 2],
            "patch_size": [PATCH_PX, 3],
            "patch_stride": [4, 2],
            "patch_padding": [3, 1],
            "patch_prenorm": [False, True],
            "window_size": 4,
            "projection_dim": WIDTH,
            "max_temporal_embeddings": 10,
            "max_position_embeddings": 16,
        },
        text_config={
            "model_type": "bart",
            **ENDS,
            "vocab_size": VOCABULARY,
            "d_model": WIDTH,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 2 * WIDTH,
            "decoder_ffn_dim": 2 * WIDTH,
            "max_position_embeddings": 512,
            # The very token that ends an answer starts it, as in the published checkpoints.
            "decoder_start_token_id": END,
            "forced_eos_token_id": None,
        },
        image_token_id=IMAGE,
    )
    images = CLIPImageProcessorPil(size=SQUARE, do_center_crop=False)
    images.image_seq_length = 17
    processor = transformers.Florence2Processor(images, tokenizer(image_token="<image>"))
    return transformers.Florence2ForConditionalGeneration(config), processor


FAMILIES: dict[str, Callable[[], Built]] = {
    "blip2-opt": lambda: _blip2(OPT),
    "blip2-flan-t5": lambda: _blip2(T5),
    "instructblip": _instructblip,
    "blip": _blip,
    "kosmos-2": _kosmos2,
    "llava": _llava,
    "idefics3": _idefics3,
    "paligemma": _paligemma,
    "gemma3": _gemma3,
    "git": _git,
    "florence2": _florence2,
    **tiny_grids.FAMILIES,
    **tiny_omni.FAMILIES,
    **tiny_tiles.FAMILIES,
    **tiny_video.FAMILIES,
}
"""Every family that is proved here, by the name of its tiny checkpoint."""
HERE = [name for name in FAMILIES if (name in tiny_video.FAMILIES) == is_torchvision_available()]
"""Those that this process can build: some where it is lent torchvision, the others where not."""


def write_checkpoint(name: str, folder: Path) -> None:
    """Write a family's tiny checkpoint; the same weights every time."""
    torch.manual_seed(0)
    model, processor = FAMILIES[name]()
    with torch.no_grad():
        for place, parameter in model.named_parameters():
            # Far from zero, so that the image and every word make a difference.
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.2)
            elif "gate" in place.rpartition(".")[2]:
                torch.nn.init.ones_(parameter)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
