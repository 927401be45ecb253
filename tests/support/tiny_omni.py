"""Tiny checkpoints of models that hear, too, and answer by a part of their own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import transformers
from tiny_grids import AROUND, INTERLEAVED, PATCH_PX, POSITIONS, VISION, build_files
from tiny_parts import DECODER, IMAGE, SPECIAL, WIDTH, Built
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

AUDIO = {
    "num_mel_bins": 8,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": WIDTH,
    "d_model": WIDTH,
    "max_source_positions": 20,
    "n_window": 4,
    "output_dim": WIDTH,
}
FRAME = {"vision_bos_token": "<vision_start>", "vision_eos_token": "<vision_end>"}
HEARD = {f"{name}_token": "<audio>" for name in ("audio", "audio_bos", "audio_eos")}


def _build_omni(
    prefix: str, name: str, vision: dict[str, Any], text: dict[str, Any], **audio: int
) -> Built:
    """Build the whole without what speaks, which a checkpoint may lack."""
    tokens = {"image": IMAGE, "video": AROUND["video"], "audio": SPECIAL.index("<audio>")}
    config = getattr(transformers, f"{prefix}Config")(
        thinker_config={
            "model_type": f"{name}_thinker",
            "audio_config": {"model_type": f"{name}_audio_encoder", **AUDIO, **audio},
            "vision_config": {"model_type": f"{name}_vision_encoder", **VISION, **vision},
            "text_config": {"model_type": f"{name}_text", **DECODER, **text},
            **{f"{kind}_token_id": token for kind, token in tokens.items()},
            "vision_start_token_id": AROUND["vision_start"],
        },
        enable_audio_output=False,
    )
    side = 2 * PATCH_PX
    images = Qwen2VLImageProcessorPil(
        patch_size=PATCH_PX,
        size={"shortest_edge": 4 * side * side, "longest_edge": 16 * side * side},
    )
    files = build_files(f"{prefix}Processor", images, **FRAME, **HEARD)
    heard = transformers.WhisperFeatureExtractor(feature_size=8).to_dict()
    return (
        getattr(transformers, f"{prefix}ForConditionalGeneration")(config),
        replace(files, options={"feature_extractor": heard}),
    )


FAMILIES: dict[str, Callable[[], Built]] = {
    "qwen2-5-omni": lambda: _build_omni(
        "Qwen2_5Omni",
        "qwen2_5_omni",
        {"window_size": 4 * PATCH_PX, "fullatt_block_indexes": [1]},
        {"rope_parameters": POSITIONS},
    ),
    "qwen3-omni": lambda: _build_omni(
        "Qwen3OmniMoe",
        "qwen3_omni_moe",
        {"deepstack_visual_indexes": [0], "num_position_embeddings": 16},
        {
            "rope_parameters": INTERLEAVED,
            "head_dim": WIDTH // 2,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": WIDTH,
        },
        downsample_hidden_size=8,
    ),
}
