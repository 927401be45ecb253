"""A BLIP-2 of the real classes, small enough to run in milliseconds."""

import torch
from transformers import Blip2Config, Blip2ForConditionalGeneration, OPTConfig

IMAGE_TOKEN = 59
QUERIES = 4
STAGES = {
    "vision": ["vision_model"],
    "qformer": ["qformer", "language_projection"],
    "prefill": ["language_model"],
}


def tiny_blip2(attention="eager", vision_layers=2, qformer_layers=2, text_layers=2):
    torch.manual_seed(0)
    config = Blip2Config(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": vision_layers,
            "num_attention_heads": 4,
            "image_size": 28,
            "patch_size": 14,
        },
        qformer_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": qformer_layers,
            "num_attention_heads": 4,
            "encoder_hidden_size": 32,
            "vocab_size": 50,
        },
        text_config=OPTConfig(
            vocab_size=60,
            hidden_size=32,
            word_embed_proj_dim=32,
            ffn_dim=64,
            num_hidden_layers=text_layers,
            num_attention_heads=4,
            max_position_embeddings=64,
        ).to_dict(),
        image_token_index=IMAGE_TOKEN,
        num_query_tokens=QUERIES,
    )
    config._attn_implementation = attention
    return Blip2ForConditionalGeneration(config).eval().requires_grad_(False)


def batch(samples=3, text_tokens=7, padded=0):
    """Inputs with image tokens first, the first `padded` text positions of sample 0 masked."""
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(3, 50, (samples, text_tokens), generator=generator)
    ids = torch.cat([torch.full((samples, QUERIES), IMAGE_TOKEN), text], dim=1)
    mask = torch.ones_like(ids)
    mask[0, QUERIES : QUERIES + padded] = 0
    pixels = torch.randn(samples, 3, 28, 28, generator=generator)
    return {"pixel_values": pixels, "input_ids": ids, "attention_mask": mask}
