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
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import (
    MiniCPMV4_6ImageProcessorPil,
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


def _minicpmv4_6() -> Built:
    """The text model of Qwen3.5: a layer of linear attention, one of the usual kind."""
    pairs = ("image", "slice", "image_id")
    words = {f"{pair}_{end}_token": f"<{pair}_{end}>" for pair in pairs for end in ("start", "end")}
    tokens = {"image_token": "<image>", **words}
    images = MiniCPMV4_6ImageProcessorPil(
        scale_resolution=8 * PATCH_PX, patch_size=PATCH_PX, max_slice_nums=2, use_image_id=False
    )
    files = _build_files("MiniCPMV4_6Processor", images, tokens)
    files.tokenizer.add_special_tokens({"additional_special_tokens": list(words.values())})
    config = transformers.MiniCPMV4_6Config(
        vision_config={
            **LAYERS,
            "image_size": 8 * PATCH_PX,
            "patch_size": PATCH_PX,
            "insert_layer_id": 0,
        },
        text_config={
            "model_type": "qwen3_5_text",
            **DECODER,
            "vocab_size": len(files.tokenizer),
            "head_dim": WIDTH // 2,
            "layer_types": ["linear_attention", "full_attention"],
            **{f"linear_{what}_head_dim": 8 for what in ("key", "value")},
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
        },
        insert_layer_id=0,
        image_token_id=IMAGE,
        video_token_id=files.tokenizer.convert_tokens_to_ids("<video>"),
    )
    return transformers.MiniCPMV4_6ForConditionalGeneration(config), files


FAMILIES: dict[str, Callable[[], Built]] = {
    "internvl": _internvl,
    "smolvlm": _smolvlm,
    "llava-next": _llava_next,
    "llava-onevision": _llava_onevision,
    "mllama": _mllama,
    "minicpm-v-4-6": _minicpmv4_6,
}
