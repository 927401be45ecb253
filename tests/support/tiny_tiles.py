"""Tiny checkpoints of models that cut an image into tiles of one size."""

from collections.abc import Callable
from typing import Any

import transformers
from tiny_parts import (
    CHAT,
    DECODER,
    IMAGE,
    LAYERS,
    LLAMA,
    PATCH_PX,
    SIDE_PX,
    SPECIAL,
    SQUARE,
    VISION,
    WIDTH,
    Built,
    ProcessorFiles,
)
from tiny_parts import tokenizer as make_tokenizer
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

QWEN2 = {"model_type": "qwen2", **DECODER}
PATCHES = (SIDE_PX // PATCH_PX) ** 2
GRIDS = [[SIDE_PX, 2 * SIDE_PX], [2 * SIDE_PX, SIDE_PX], [2 * SIDE_PX, 2 * SIDE_PX]]


def _build_files(name: str, images: Any, tokens: dict[str, str], **options: Any) -> ProcessorFiles:
    tokenizer = make_tokenizer(start=False, video_token="<video>", **tokens)
    return ProcessorFiles(name, images, tokenizer, CHAT, options)


def _internvl() -> Built:
    config = transformers.InternVLConfig(
        vision_config={
            **LAYERS,
            "image_size": [SIDE_PX, SIDE_PX],
            "patch_size": [PATCH_PX, PATCH_PX],
        },
        text_config=QWEN2,
        image_token_id=IMAGE,
        image_seq_length=PATCHES // 4,
    )
    images = GotOcr2ImageProcessorPil(size=SQUARE, crop_to_patches=True, max_patches=4)
    tokens = {
        "context_image_token": "<image>",
        "start_image_token": "<vision_start>",
        "end_image_token": "<vision_end>",
    }
    files = _build_files("InternVLProcessor", images, tokens, image_seq_length=PATCHES // 4)
    return transformers.InternVLForConditionalGeneration(config), files


def _smolvlm() -> Built:
    config = transformers.SmolVLMConfig(
        vision_config=VISION, text_config=LLAMA, image_token_id=IMAGE, scale_factor=2
    )
    images = SmolVLMImageProcessorPil(
        size={"longest_edge": 2 * SIDE_PX}, max_image_size={"longest_edge": SIDE_PX}
    )
    files = _build_files("SmolVLMProcessor", images, {}, image_seq_len=PATCHES // 4)
    return transformers.SmolVLMForConditionalGeneration(config), files


def _llava_next() -> Built:
    config = transformers.LlavaNextConfig(
        vision_config={"model_type": "clip_vision_model", **VISION, "projection_dim": WIDTH},
        text_config=LLAMA,
        image_token_index=IMAGE,
        image_seq_length=PATCHES,
        image_grid_pinpoints=GRIDS,
    )
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": SIDE_PX}, crop_size=SQUARE, image_grid_pinpoints=GRIDS
    )
    files = _build_files(
        "LlavaNextProcessor",
        images,
        {"image_token": "<image>"},
        patch_size=PATCH_PX,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    return transformers.LlavaNextForConditionalGeneration(config), files


def _llava_onevision() -> Built:
    config = transformers.LlavaOnevisionConfig(
        vision_config={"model_type": "siglip_vision_model", **VISION, "vision_use_head": False},
        text_config=QWEN2,
        image_token_index=IMAGE,
        video_token_index=SPECIAL.index("<video>"),
        image_grid_pinpoints=GRIDS,
    )
    images = LlavaOnevisionImageProcessorPil(size=SQUARE, image_grid_pinpoints=GRIDS)
    files = _build_files(
        "LlavaOnevisionProcessor",
        images,
        {"image_token": "<image>"},
        num_image_tokens=PATCHES,
        vision_feature_select_strategy="full",
    )
    return transformers.LlavaOnevisionForConditionalGeneration(config), files


def _mllama() -> Built:
    """A layer of the text's own, then one that looks at the image."""
    config = transformers.MllamaConfig(
        vision_config={
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 2,
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "image_size": SIDE_PX,
            "patch_size": PATCH_PX,
            "intermediate_layers_indices": [0],
            "vision_output_dim": 2 * WIDTH,
            "supported_aspect_ratios": [
                [rows, columns]
                for rows in range(1, 5)
                for columns in range(1, 5)
                if rows * columns <= 4
            ],
        },
        text_config={**DECODER, "num_hidden_layers": 3, "cross_attention_layers": [1]},
        image_token_index=IMAGE,
    )
    images = MllamaImageProcessorPil(size=SQUARE)
    files = _build_files("MllamaProcessor", images, {"image_token": "<image>"})
    return transformers.MllamaForConditionalGeneration(config), files


FAMILIES: dict[str, Callable[[], Built]] = {
    "internvl": _internvl,
    "smolvlm": _smolvlm,
    "llava-next": _llava_next,
    "llava-onevision": _llava_onevision,
    "mllama": _mllama,
}
