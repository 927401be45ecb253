"""A tiny checkpoint of Gemma 3n, whose vision tower is timm's."""

from typing import Any

import transformers
from tiny_parts import CHAT, DECODER, WIDTH, Built, tokenizer

_TOKENS = {
    "image": "image_soft_token",
    "boi": "start_of_image",
    "eoi": "end_of_image",
    "audio": "audio",
    "boa": "vision_start",
    "eoa": "vision_end",
}
_CONVOLUTIONS = [
    ["er_r1_k3_s2_e2_c8"],
    ["uir_r1_a3_k3_s2_e2_c8"],
    ["uir_r1_a3_k3_s2_e2_c16", "mqa_r1_k3_h2_s1_d8_c16", "uir_r1_a0_k0_s1_e2_c16"],
]
"""Stages of a MobileNetV5: convolutions, in the last one attention, too."""


def tiny_mobilenet_v5(*, pretrained: bool = False, **options: Any) -> Any:
    """Build the vision tower of Gemma 3n with few of its blocks, as timm builds all of them."""
    from timm.models import mobilenetv5
    from timm.models._efficientnet_builder import decode_arch_def

    return mobilenetv5.mobilenetv5_300m_enc(
        pretrained,
        block_args=decode_arch_def(_CONVOLUTIONS),
        stem_size=8,
        msfa_output_resolution=2,
        **options,
    )


def build_gemma3n() -> Built:
    """What sees is timm's; of four layers of text the last two read the cache of those before."""
    from timm.models import register_model

    register_model(tiny_mobilenet_v5)
    tokens = {f"{name}_token": f"<{word}>" for name, word in _TOKENS.items()}
    words = tokenizer(start=False, **tokens)
    ids: dict[str, Any] = {
        f"{name}_id": words.convert_tokens_to_ids(word) for name, word in tokens.items()
    }
    processor = transformers.Gemma3nProcessor(
        transformers.Gemma3nAudioFeatureExtractor(feature_size=8),
        transformers.SiglipImageProcessor(size={"height": 32, "width": 32}),
        words,
        CHAT.replace("<image>", tokens["image_token"]),
        image_seq_length=4,
    )
    vocabulary = len(words)
    config = transformers.Gemma3nConfig(
        vision_config={
            "architecture": tiny_mobilenet_v5.__name__,
            "vocab_offset": vocabulary,
            "vocab_size": 4,
        },
        text_config={
            **DECODER,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 16,
            "head_dim": WIDTH // 2,
            "vocab_size_per_layer_input": vocabulary,
            "hidden_size_per_layer_input": 8,
            "altup_num_inputs": 2,
            "laurel_rank": 4,
        },
        audio_config={
            "hidden_size": WIDTH,
            "input_feat_size": 8,
            "conf_num_attention_heads": 2,
            "conf_num_hidden_layers": 1,
            "sscp_conv_channel_size": [4, 4],
            "vocab_offset": vocabulary + 4,
            "vocab_size": 4,
        },
        vision_soft_tokens_per_image=4,
        **ids,
    )
    return transformers.Gemma3nForConditionalGeneration(config), processor
