"""Tiny checkpoints of models whose images torchvision makes: built where a process has it."""

from collections.abc import Callable
from typing import Any

import transformers
from tiny_gemma3n import build_gemma3n
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

PATCHES = (SIDE_PX // PATCH_PX) ** 2


def _build_files(
    name: str, images: Any, words: tuple[str, ...] = (), chat: str | None = CHAT, **options: Any
) -> ProcessorFiles:
    tokens = options.pop("tokens", {})
    tokenizer = make_tokenizer(start=False, **tokens)
    tokenizer.add_special_tokens({"additional_special_tokens": list(words)})
    return ProcessorFiles(name, images, tokenizer, chat, options)


def _mistral3() -> Built:
    """A Pixtral tower: image tokens by size, in rows that end with a token of their own."""
    config = transformers.Mistral3Config(
        vision_config={"model_type": "pixtral", **VISION, "head_dim": WIDTH // 2},
        text_config={**LLAMA, "model_type": "mistral", "head_dim": WIDTH // 2},
        image_token_index=IMAGE,
        spatial_merge_size=2,
    )
    images = transformers.PixtralImageProcessor(
        size={"longest_edge": SIDE_PX}, patch_size={"height": PATCH_PX, "width": PATCH_PX}
    )
    files = _build_files(
        "PixtralProcessor",
        images,
        patch_size=PATCH_PX,
        spatial_merge_size=2,
        image_token="<image>",
        image_break_token="<vision_start>",
        image_end_token="<vision_end>",
    )
    return transformers.Mistral3ForConditionalGeneration(config), files


def _llama4() -> Built:
    words = ("image_start", "image_end", "image", "patch", "tile_x_separator", "tile_y_separator")
    images = transformers.Llama4ImageProcessor(size=SQUARE, max_patches=4)
    files = _build_files(
        "Llama4Processor",
        images,
        tuple(f"<|{word}|>" for word in words),
        CHAT.replace("<image>", "<|image|>"),
        patch_size=PATCH_PX,
    )
    config = transformers.Llama4Config(
        vision_config={
            **VISION,
            "vision_output_dim": WIDTH,
            "projector_input_dim": WIDTH,
            "projector_output_dim": WIDTH,
            "intermediate_size": 4 * WIDTH,
        },
        text_config={
            **DECODER,
            "intermediate_size_mlp": 2 * WIDTH,
            "head_dim": WIDTH // 2,
            "num_local_experts": 3,
            "vocab_size": len(files.tokenizer),
        },
        boi_token_index=files.tokenizer.convert_tokens_to_ids("<|image_start|>"),
        eoi_token_index=files.tokenizer.convert_tokens_to_ids("<|image_end|>"),
        image_token_index=files.tokenizer.convert_tokens_to_ids("<|patch|>"),
    )
    return transformers.Llama4ForConditionalGeneration(config), files


def _lfm2_vl() -> Built:
    """One layer of convolution, one of attention."""
    config = transformers.Lfm2VlConfig(
        vision_config={
            "model_type": "siglip2_vision_model",
            **LAYERS,
            "num_patches": PATCHES,
            "patch_size": PATCH_PX,
            "vision_use_head": False,
        },
        text_config={
            "model_type": "lfm2",
            **DECODER,
            "layer_types": ["conv", "full_attention"],
            "block_multiple_of": 8,
        },
        image_token_id=IMAGE,
        projector_hidden_size=WIDTH,
    )
    images = transformers.Lfm2VlImageProcessor(
        size=SQUARE,
        encoder_patch_size=PATCH_PX,
        tile_size=SIDE_PX,
        min_image_tokens=1,
        max_image_tokens=4,
        max_tiles=4,
    )
    tokens = {
        "image_token": "<image>",
        "image_start_token": "<vision_start>",
        "image_end_token": "<vision_end>",
        "image_thumbnail_token": "<global-img>",
    }
    files = _build_files("Lfm2VlProcessor", images, tokens=tokens)
    return transformers.Lfm2VlForConditionalGeneration(config), files


def _molmo2() -> Built:
    words = ("im_patch", "im_col", "im_start", "low_res_im_start", "frame_start", "im_end")
    more = ("frame_end", "im_low")
    images = transformers.Molmo2ImageProcessor(
        size=SQUARE, max_crops=2, overlap_margins=[0, 0], patch_size=PATCH_PX
    )
    tokens = {"image_token": "<image>", "video_token": "<video>"}
    special = tuple(f"<{word}>" for word in (*words, *more))
    files = _build_files("Molmo2Processor", images, special, tokens=tokens)
    ids = {word: files.tokenizer.convert_tokens_to_ids(f"<{word}>") for word in (*words, *more)}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": WIDTH // 2}
    config = transformers.Molmo2Config(
        vision_config={
            **LAYERS,
            **heads,
            "image_size": [SIDE_PX, SIDE_PX],
            "patch_size": PATCH_PX,
            "num_position_embeddings": PATCHES,
        },
        adapter_config={
            **heads,
            "vision_feature_layer": [-1, -2],
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "text_hidden_size": WIDTH,
        },
        text_config={
            **LAYERS,
            **heads,
            "vocab_size": len(files.tokenizer),
            "additional_vocab_size": 8,
            "max_position_embeddings": 512,
        },
        image_start_token_id=ids["im_start"],
        low_res_image_start_token_id=ids["low_res_im_start"],
        image_end_token_id=ids["im_end"],
        image_patch_id=ids["im_patch"],
        frame_start_token_id=ids["frame_start"],
        frame_end_token_id=ids["frame_end"],
    )
    return transformers.Molmo2ForConditionalGeneration(config), files


def _phi4_multimodal() -> Built:
    """Tiles of 32 by 32 patches: its processor counts tokens for no other number. No chat."""
    patch_px = 2
    side_px = 32 * patch_px
    images = transformers.Phi4MultimodalImageProcessor(
        size={"height": side_px, "width": side_px}, patch_size=patch_px, dynamic_hd=4
    )
    heard = transformers.Phi4MultimodalFeatureExtractor(feature_size=8).to_dict()
    files = _build_files(
        "Phi4MultimodalProcessor",
        images,
        chat=None,
        tokens={"image_token": "<image>", "audio_token": "<audio>"},
        audio_processor=heard,
    )
    config = transformers.Phi4MultimodalConfig(
        vision_config={
            "num_hidden_layers": 2,
            # So many patches in a tile are work enough.
            **dict.fromkeys(("hidden_size", "intermediate_size"), WIDTH // 4),
            "num_attention_heads": 1,
            "image_size": side_px,
            "crop_size": side_px,
            "patch_size": patch_px,
            "image_token_id": IMAGE,
        },
        audio_config={
            "hidden_size": WIDTH,
            "intermediate_size": WIDTH,
            "num_blocks": 1,
            "num_attention_heads": 2,
            "ext_pw_out_channel": WIDTH,
            "depthwise_separable_out_channel": WIDTH,
            "nemo_conv_channels": WIDTH,
            "input_size": 8,
            "audio_token_id": SPECIAL.index("<audio>"),
            "feature_layer": -1,
        },
        **{**DECODER, "max_position_embeddings": 4096},
    )
    return transformers.Phi4MultimodalForCausalLM(config), files


FAMILIES: dict[str, Callable[[], Built]] = {
    "mistral3": _mistral3,
    "llama4": _llama4,
    "lfm2-vl": _lfm2_vl,
    "molmo2": _molmo2,
    "phi4-multimodal": _phi4_multimodal,
    "gemma3n": build_gemma3n,
}
