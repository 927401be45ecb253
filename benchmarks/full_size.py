"""The source's architecture at full size, with random weights: does it cost what was published?

Run by `make bench`; needs 9 GB of memory and a minute or two. Published FLOPs are those of
`report/published/blip2-opt-2.7b.yaml`, per sample and with their numbers of text tokens.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from comparison import Comparison

from vlmeter.measure.flops.count import count_flops
from vlmeter.measure.memory import compute_weights_bytes
from vlmeter.models.families import find_family, image_token_id
from vlmeter.models.random_weights import build_random_model, store_architecture

ARCHITECTURE = Path(__file__).parents[1] / "config" / "architectures" / "blip2-opt-2.7b"
NEEDED_BYTES = 10 << 30
PUBLISHED = ((9, 751.06), (10, 756.4), (16, 788.3), (68, 1066.7))
"""Text tokens of one sample, and the GFLOP behind the published figure: 751.3 of one sample, then
9.08 T, 9.46 T and 12.8 T of the last batch of 12."""


def full_size(device: str) -> Iterator[Comparison]:
    """Build the model once, and count one forward pass per number of text tokens."""
    if psutil.virtual_memory().available < NEEDED_BYTES:
        print("full size: left out, 10 GB of free memory are needed")
        return
    folder = Path(tempfile.mkdtemp())
    try:
        parameters = store_architecture(ARCHITECTURE, folder)
        start = time.perf_counter()
        model = build_random_model(folder, torch.bfloat16, device, "eager", seed=0)
        seconds = time.perf_counter() - start
    finally:
        shutil.rmtree(folder)
    model = model.eval().requires_grad_(False)
    print(f"full size: {parameters / 1e9:.3f} G parameters in bf16 built in {seconds:.1f} s")
    yield Comparison(
        "full size / bytes of its weights", compute_weights_bytes(model), 2 * parameters, "B", 0.001
    )
    for text_tokens, published in PUBLISHED:
        inputs = inputs_of(model, 1, text_tokens, device, torch.bfloat16)
        counted = count_flops(model, inputs, find_family(model.config).stage_of, 1)
        flops = (counted.flops or 0) / 1e9
        yield Comparison(f"full size, {text_tokens} text tokens", flops, published, "GFLOP", 0.001)


def inputs_of(
    model: Any, rows: int, text_tokens: int, device: str, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """The tensors of some samples: their image positions, some text, random pixels."""
    config = model.config
    image_id = image_token_id(config)
    assert image_id is not None
    image = torch.full((rows, config.num_query_tokens), image_id)
    ids = torch.cat([image, torch.full((rows, text_tokens), 5)], dim=1)
    side = config.vision_config.image_size
    pixels = torch.randn(rows, 3, side, side, generator=torch.Generator().manual_seed(0))
    inputs = {
        "pixel_values": pixels.to(dtype),
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
    }
    return {name: tensor.to(device) for name, tensor in inputs.items()}
