"""Makes up the layer profiles of a study."""

from typing import Any

from vlmeter.axes import Axes
from vlmeter.results.outline import ProfiledCell

KINDS = {
    "linear": ("language_model.model.decoder.layers.{}.fc1", "prefill", 0.55, 0.80),
    "attention": ("vision_model.encoder.layers.{}.self_attn", "vision", 0.17, 0.16),
    "normalisation": (
        "language_model.model.decoder.layers.{}.final_layer_norm",
        "prefill",
        0.08,
        0,
    ),
    "activation": ("vision_model.encoder.layers.{}.mlp.activation_fn", "vision", 0.06, 0),
    "convolution": ("vision_model.embeddings.patch_embedding", "vision", 0.05, 0.04),
    "embedding": ("language_model.model.decoder.embed_tokens", "prefill", 0.02, 0),
}


def make_layer_rows(axes: Axes) -> list[dict[str, Any]]:
    """Return disjoint rows that add up to 21 ms * batch^0.86."""
    batch = axes.batch_size
    total_ms, flops = 21.0 * batch**0.86, 751.06e9 * batch
    rows = []
    for kind, (module, stage, share, work) in KINDS.items():
        repeats = 4 if "{}" in module else 1
        for index in range(repeats):
            rows.append(
                {
                    "module": module.format(index),
                    "kind": kind,
                    "stage": stage,
                    "calls": 1,
                    "time_ms": total_ms * share / repeats,
                    "share": share / repeats,
                    "flops": int(flops * work / repeats),
                    "parameters": 1_000_000,
                }
            )
    rest = 1 - sum(share for _, _, share, _ in KINDS.values())
    for stage in ("vision", "prefill", ""):
        rows.append(
            {
                "module": "(other)",
                "kind": "other",
                "stage": stage,
                "calls": 1,
                "time_ms": total_ms * rest / 3,
                "share": rest / 3,
                "flops": None,
                "parameters": 0,
            }
        )
    return [*rows, *make_decode_rows(batch)]


def make_decode_rows(batch: int) -> list[dict[str, Any]]:
    """Return a decode step's rows: 8 ms at batch 1, hardly more at 16; 1 of 141 of the FLOPs."""
    total_ms, flops = 8.0 * batch**0.1, 5.32e9 * batch
    module = "language_model.model.decoder.layers.0.fc1"
    shape = {"stage": "decode", "calls": 1}
    return [
        {
            "module": module,
            "kind": "linear",
            **shape,
            "time_ms": total_ms * 0.75,
            "share": 0.75,
            "flops": flops,
            "parameters": 2_600_000_000,
        },
        {
            "module": "(other)",
            "kind": "other",
            **shape,
            "time_ms": total_ms * 0.25,
            "share": 0.25,
            "flops": None,
            "parameters": 0,
        },
    ]


def make_layer_record(dataset: str, entry: ProfiledCell) -> dict[str, Any]:
    return {
        "status": "ok",
        "reason": None,
        "cell": {"id": entry.cell, "dataset": dataset, **entry.axes.as_dict()},
        "total_ms": 21.0,
        "overhead_share": 0.062,
        "decode": {"overhead_share": 0.081},
        "decode_reason": None,
        "input": {"pixel_shape": [3, 224, 224]},
    }
