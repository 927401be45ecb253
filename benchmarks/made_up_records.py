"""What cells would leave that nobody measured: plausible figures in the form of real ones."""

import random
from typing import Any

from vlmeter.axes import Axes
from vlmeter.status import Status

ROUNDS = 3
_END = {"ended_by": "fixed", "rounds": ROUNDS, "looks": 1, "half_width": 0.025, "target": None}
_IMAGE_TOKENS = 32
_MODEL_PX = 224
_FAST = {"compile": 0.7, "sdpa": 0.85, "flex_attention": 0.9, "int8": 0.8, "int4": 0.75}
"""Share of eager's time."""


def measurement(axes: Axes, question_tokens: int, chance: random.Random) -> dict[str, Any]:
    """Return `measurement.json` of a cell, without the checksums of its tables.

    Args:
        axes: The cell's values. The largest batch of the largest images does not fit.
        question_tokens: Length of the data set's longest text.
        chance: What differs from process to process.
    """
    if axes.batch_size >= 64 and axes.image_size >= 448:
        reason = "the allocator found no 4.0 GiB: made up, like all of this study"
        return _heading(Status.OUT_OF_MEMORY, reason)
    text = min(question_tokens, axes.max_input_len)
    batch = axes.batch_size
    flops = batch * (703_200 + 5_320 * text)
    share = _FAST.get(axes.optimization, 1.0) * chance.gauss(1, 0.02)
    latency_s = share * 0.021 * batch**0.86 * (1 + text / 150)
    return {
        **_heading(Status.OK, None),
        "input": _input(axes, text),
        "latency_detail": _latency(latency_s, chance),
        "generation": _generation(latency_s, batch),
        "request": {"request_reason": "made up"},
        "energy_detail": _energy(latency_s * 28 / batch, batch, chance),
        "flops_detail": _flops(flops, batch, latency_s),
        "memory": {
            "peak_rss_bytes": 500_000_000 + batch * 9_000_000,
            "setup_peak_rss_bytes": 480_000_000,
            "rss_before_load_bytes": 390_000_000,
            "peak_allocated_bytes": None,
            "peak_reserved_bytes": None,
            "device_used_bytes": None,
            "device_used_before_bytes": None,
            "weights_bytes": 4_041_600,
            "peak_rss_method": "VmHWM",
        },
        "kv_cache": {"kv_cache_bytes": 30_000 * batch, "kv_cache_reason": None},
        "compile": None,
        "checks": {"image_tokens_present": True, "image_changes_logits": True},
        "model": {
            "source": "demo/model",
            "revision": None,
            "licence": None,
            "type": "blip-2",
            "family": "BLIP-2",
            "asked_by": "plain prompt",
            "image_backend": "PIL",
            "digest": "9c20e257a710df0f",
            "parameters": 1_010_400,
            "attention": dict.fromkeys(("vision", "qformer", "prefill"), "eager"),
            "dtype_by_stage": dict.fromkeys(("vision", "qformer", "prefill"), "float32"),
            "weights_bytes_by_stage": dict.fromkeys(("vision", "qformer", "prefill"), 10**9),
        },
        "decoding": _decoding(),
        "time_spent_s": {"whole": 30.0, "start": 4.0, "set_up": 2.0, "checks": 1.0},
        "conditions": _conditions(),
        "provenance": {
            "git": {"commit": "0" * 40, "dirty": False},
            "code": "0" * 16,
            "software": {"torch": "made up", "transformers": "made up"},
            "threads": 1,
            "cpu": {"name": "made up", "physical_cores": 2, "logical_cores": 2},
            "gpus": [],
            "os": "made up",
            "torch": _torch(),
            "cuda": None,
            "host": "made up",
            "memory_bytes": 16 << 30,
            "container": None,
            "python": "made up",
            "samples_sha256": "0" * 64,
            "images_sha256": "0" * 64,
        },
    }


def _heading(status: Status, reason: str | None) -> dict[str, Any]:
    return {"status": status.value, "reason": reason, "traceback": None, "attempt": 1}


def _input(axes: Axes, text: int) -> dict[str, Any]:
    return {
        "samples": 300,
        "truncated_samples": 0,
        "bad_samples": [],
        "batch_samples": axes.batch_size,
        "distinct_batches": 4,
        "repeated": False,
        "text_tokens": text,
        "image_tokens": _IMAGE_TOKENS,
        "image_tokens_min": _IMAGE_TOKENS,
        "image_tokens_mean": float(_IMAGE_TOKENS),
        "image_tokens_max": _IMAGE_TOKENS,
        "image_settings": {},
        "sequence_length": text + _IMAGE_TOKENS,
        # Whatever the size on disk, the processor feeds one: such cells repeat a computation.
        "pixel_shape": [3, _MODEL_PX, _MODEL_PX],
        "prompt_templates": {"{question}": 300},
        "shape_digest": f"{text:08x}{axes.batch_size:08x}",
        "content_digest": f"{text:08x}{axes.image_size:08x}",
    }


def _decoding() -> dict[str, Any]:
    return {
        "method": "greedy",
        "do_sample": False,
        "max_new_tokens": 12,
        "num_beams": 1,
        "length_penalty": 1.0,
        "min_new_tokens": 0,
        "repetition_penalty": 1.0,
        "eos_token_ids": [2],
        "pad_token_id": 1,
        "padding_side": "left",
    }


def _torch() -> dict[str, Any]:
    return {
        "version": "made up",
        "matmul_precision": "highest",
        "deterministic": False,
        "cpu_capability": "made up",
        "mkl": True,
        "mkldnn": True,
        "mkldnn_matmul_fp32": "none",
        "threads": 1,
        "interop_threads": 1,
        "environment": {},
    }


def _conditions() -> dict[str, Any]:
    return {
        "load_start": 0.5,
        "load_end": 1.0,
        "clock_mhz_start": None,
        "clock_mhz_end": None,
        "temperature_c_start": None,
        "temperature_c_end": None,
        "gpus": [],
        "foreign_cpu_share": 0.0,
        "window_s": 30.0,
        "windows_repeated": 0,
        "disturbed": False,
        "disturbance": None,
    }


def _spread(value: float, chance: random.Random) -> list[float]:
    return [value * chance.gauss(1, 0.01) for _ in range(ROUNDS)]


def _latency(latency_s: float, chance: random.Random) -> dict[str, Any]:
    return {
        "latency_s": latency_s,
        "mean_s": latency_s * 1.01,
        "p50_s": latency_s,
        "p90_s": latency_s * 1.04,
        "p99_s": latency_s * 1.1,
        "stdev_s": latency_s * 0.02,
        "min_s": latency_s * 0.97,
        "max_s": latency_s * 1.2,
        "iterations": 120,
        "rounds_s": _spread(latency_s, chance),
        "low_s": latency_s * 0.975,
        "high_s": latency_s * 1.025,
        "warmup_iterations": 9,
        "steady": True,
        "window_s": 10.2,
        "end": _END,
        "clock": "perf_counter_ns",
        "threads": 1,
    }


def _generation(latency_s: float, batch: int) -> dict[str, Any]:
    return {
        "new_tokens": 8,
        "time_to_first_token_s": latency_s * 1.1,
        "time_per_output_token_s": 0.002,
        "time_per_output_token_reason": None,
        "generation_s": latency_s * 1.1 + 0.014,
        "low_s": latency_s * 1.1 + 0.013,
        "high_s": latency_s * 1.1 + 0.015,
        "tokens_per_s": batch * 240.0,
        "samples_per_s": batch * 30.0,
        "end": _END,
    }


def _energy(energy_j: float, batch: int, chance: random.Random) -> dict[str, Any]:
    samples = 100 * batch
    parts = [("cpu", 0.3, "modelled", "cpu_load"), ("ram", 0.7, "constant", "20 W")]
    return {
        "energy_j": energy_j,
        "energy_net_j": energy_j * 0.2,
        "energy_reason": None,
        "energy_net_reason": None,
        "energy_per_token_j": energy_j * 0.12,
        "energy_per_token_reason": None,
        "window_s": 10.0,
        "batches": 100,
        "samples": samples,
        "power_w": 28.0,
        "idle_w": 22.4,
        "co2e_g": energy_j * 1e-4,
        "grid_kg_per_kwh": 0.37,
        "components": [
            {
                "device": device,
                "energy_j": energy_j * share * samples,
                "power_w": 28.0 * share,
                "kind": kind,
                "method": method,
                "reason": None,
                "idle_w": 22.4 * share,
                "codecarbon_j": None,
                "difference": None,
            }
            for device, share, kind, method in parts
        ],
        "rounds_j": _spread(energy_j, chance),
        "low_j": energy_j * 0.96,
        "high_j": energy_j * 1.04,
        "end": _END,
        "token_end": _END,
    }


def _flops(flops: int, batch: int, latency_s: float) -> dict[str, Any]:
    return {
        "flops": flops,
        "flops_reason": None,
        "per_sample": flops / batch,
        "by_stage": {
            "vision": flops * 70 // 100,
            "qformer": flops * 2 // 100,
            "prefill": flops * 28 // 100,
        },
        "decode_step": batch * 5_320,
        "decode_step_reason": None,
        "normalisation_flops": flops // 100,
        "convention": "made up",
        "counter": "made up",
        "uncounted": {"aten::softmax": 11},
        "batch_size": batch,
        "achieved_flop_per_s": flops / latency_s,
        "utilisation": None,
    }
