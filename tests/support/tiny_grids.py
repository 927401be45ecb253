"""Tiny checkpoints of models that take an image as a grid of patches, as large as it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import transformers
from tiny_parts import (
    CHAT,
    DECODER,
    ENDS,
    IMAGE,
    LAYERS,
    SPECIAL,
    WIDTH,
    WORDS,
    Built,
    ProcessorFiles,
)
from tiny_parts import tokenizer as make_tokenizer
from tokenizers import AddedToken
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil
from transformers.models.glm46v.image_processing_pil_glm46v import Glm46VImageProcessorPil
from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
    PaddleOCRVLImageProcessorPil,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

PATCH_PX = 14
AROUND = {name: SPECIAL.index(f"<{name}>") for name in ("video", "vision_start", "vision_end")}
TOKENS = {
    "image_token_id": IMAGE,
    "video_token_id": AROUND["video"],
    "vision_start_token_id": AROUND["vision_start"],
    "vision_end_token_id": AROUND["vision_end"],
}
VISION = {
    "depth": 2,
    "num_heads": 2,
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "out_hidden_size": WIDTH,
    "patch_size": PATCH_PX,
}
POSITIONS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
INTERLEAVED = {**POSITIONS, "mrope_interleaved": True}
MODEL_TOKENS = {
    "image_token": "<image>",
    "video_token": "<video>",
    "vision_start_token": "<vision_start>",
    "vision_end_token": "<vision_end>",
}
FRAMED = CHAT.replace("<image>", "<vision_start><image><vision_end>")


def build_files(name: str, images: Any, **extra: str) -> ProcessorFiles:
    tokenizer = make_tokenizer(start=False, **MODEL_TOKENS, **extra)
    return ProcessorFiles(name, images, tokenizer, FRAMED)


def _list_pixels(patch_px: int = PATCH_PX) -> dict[str, Any]:
    side = 2 * patch_px
    return {
        "patch_size": patch_px,
        "size": {"shortest_edge": 4 * side * side, "longest_edge": 16 * side * side},
    }


def _build_qwen(prefix: str, positions: dict[str, Any], **options: Any) -> Built:
    """Build a Qwen, whose classes have one pattern of names."""
    vision = {**VISION, **options.pop("vision", {})}
    text = {**DECODER, "rope_parameters": positions, **options.pop("text", {})}
    config = getattr(transformers, f"{prefix}Config")(
        vision_config=vision, text_config=text, **TOKENS, **ENDS
    )
    model = getattr(transformers, f"{prefix}ForConditionalGeneration")(config)
    name = options.pop("processor", f"{prefix}Processor")
    return model, build_files(name, Qwen2VLImageProcessorPil(**_list_pixels()))


def _qwen3_vl(prefix: str, **text: Any) -> Built:
    return _build_qwen(
        prefix,
        INTERLEAVED,
        processor="Qwen3VLProcessor",
        vision={"deepstack_visual_indexes": [0], "num_position_embeddings": 16},
        text={"head_dim": WIDTH // 2, **text},
    )


def _qwen3_5() -> Built:
    """One layer of linear attention, one of the usual kind; and a tokenizer of its own class."""
    pieces = {piece: number for number, piece in enumerate((*SPECIAL, "\u0120"))}
    tokenizer = transformers.Qwen3_5Tokenizer(
        vocab=pieces,
        merges=[],
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="</s>",
        extra_special_tokens=MODEL_TOKENS,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    tokenizer.add_tokens([AddedToken(word, lstrip=True, single_word=True) for word in WORDS])
    model, files = _build_qwen(
        "Qwen3_5",
        {**INTERLEAVED, "partial_rotary_factor": 1.0},
        processor="Qwen3VLProcessor",
        vision={"num_position_embeddings": 16},
        text={
            "head_dim": WIDTH // 2,
            "layer_types": ["linear_attention", "full_attention"],
            **{f"linear_{what}_head_dim": 8 for what in ("key", "value")},
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "vocab_size": len(pieces) + len(WORDS),
        },
    )
    return model, replace(files, tokenizer=tokenizer)


def _qwen2_5_vl() -> Built:
    vision = {"fullatt_block_indexes": [1], "window_size": 4 * PATCH_PX}
    return _build_qwen("Qwen2_5_VL", POSITIONS, vision=vision)


def _qwen2_vl() -> Built:
    vision = {"embed_dim": WIDTH, "mlp_ratio": 2}
    return _build_qwen("Qwen2VL", POSITIONS, vision=vision)


def _build_glm(prefix: str, images: Any) -> Built:
    tokens = {
        "image_token_id": IMAGE,
        "video_token_id": AROUND["video"],
        **{f"{what}_start_token_id": AROUND["vision_start"] for what in ("image", "video")},
        **{f"{what}_end_token_id": AROUND["vision_end"] for what in ("image", "video")},
    }
    vision = {**VISION, "model_type": "glm4v_vision", "image_size": 4 * PATCH_PX}
    text = {
        **DECODER,
        "model_type": "glm4v_text",
        "rope_parameters": {**POSITIONS, "partial_rotary_factor": 1.0},
    }
    config = getattr(transformers, f"{prefix}Config")(
        vision_config=vision, text_config=text, **tokens, **ENDS
    )
    model = getattr(transformers, f"{prefix}ForConditionalGeneration")(config)
    return model, build_files(f"{prefix}Processor", images(**_list_pixels()))


def _paddleocr_vl() -> Built:
    config = transformers.PaddleOCRVLConfig(
        vision_config={**LAYERS, "image_size": 4 * PATCH_PX, "patch_size": PATCH_PX},
        text_config={**DECODER, "head_dim": WIDTH // 2, "rope_parameters": POSITIONS},
        **TOKENS,
    )
    files = build_files("PaddleOCRVLProcessor", PaddleOCRVLImageProcessorPil(**_list_pixels()))
    return transformers.PaddleOCRVLForConditionalGeneration(config), files


def _gemma4() -> Built:
    """One layer with a window, one without, and keys that a layer shares with another."""
    config = transformers.Gemma4Config(
        vision_config={
            **LAYERS,
            "num_key_value_heads": 2,
            "head_dim": WIDTH // 2,
            "patch_size": 4,
            "pooling_kernel_size": 2,
            "position_embedding_size": 64,
        },
        text_config={
            **DECODER,
            "head_dim": WIDTH // 2,
            "global_head_dim": WIDTH // 2,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
            "vocab_size_per_layer_input": DECODER["vocab_size"],
            "hidden_size_per_layer_input": 8,
        },
        audio_config=None,
        image_token_id=IMAGE,
        video_token_id=AROUND["video"],
        boi_token_id=AROUND["vision_start"],
        eoi_token_id=AROUND["vision_end"],
        audio_token_id=SPECIAL.index("<audio>"),
    )
    frame = {"boi_token": "<vision_start>", "eoi_token": "<vision_end>"}
    audio = {"audio_token": "<audio>", "boa_token": "<audio>", "eoa_token": "<audio>"}
    # The fewest tokens that its processor makes.
    images = Gemma4ImageProcessorPil(patch_size=4, pooling_kernel_size=2, max_soft_tokens=70)
    files = build_files("Gemma4Processor", images, **frame, **audio)
    return transformers.Gemma4ForConditionalGeneration(config), files


FAMILIES: dict[str, Callable[[], Built]] = {
    "qwen3-vl": lambda: _qwen3_vl("Qwen3VL"),
    "qwen3-vl-moe": lambda: _qwen3_vl(
        "Qwen3VLMoe", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=WIDTH
    ),
    "qwen3-5": _qwen3_5,
    "qwen2-5-vl": _qwen2_5_vl,
    "qwen2-vl": _qwen2_vl,
    "gemma4": _gemma4,
    "glm-4v": lambda: _build_glm("Glm4v", Glm4vImageProcessorPil),
    "glm-4-6v": lambda: _build_glm("Glm46V", Glm46VImageProcessorPil),
    "paddleocr-vl": _paddleocr_vl,
}
