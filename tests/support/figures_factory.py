"""Makes up what the measurement of a cell leaves, typed and complete."""

import hashlib
from dataclasses import replace
from typing import Any

from vlmeter.cell.measurement import (
    Checks,
    DecodingBlock,
    Figures,
    InputBlock,
    ModelBlock,
    Provenance,
)
from vlmeter.data.manifests import UnusableSample
from vlmeter.machine.description import Cpu
from vlmeter.measure.energy.result import Component, Energy
from vlmeter.measure.flops.result import FlopsDetail
from vlmeter.measure.request.result import Request, RequestPart
from vlmeter.measure.result import (
    CacheMemory,
    Conditions,
    CudaSettings,
    Generation,
    GpuConditions,
    Latency,
    Memory,
    TorchSettings,
    WindowEnd,
)
from vlmeter.provenance import GitState
from vlmeter.results.cell import RecordCell


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def make_figures(cell: RecordCell, seconds: float, tokens: int = 9) -> Figures:
    """Return the figures of a cell.

    Args:
        cell: The cell.
        seconds: Its latency, from which its energy follows.
        tokens: Length of its prompts before they are cut.
    """
    batch, text = cell.batch_size, min(tokens, cell.max_input_len)
    return Figures(
        input=make_input(cell, text, tokens),
        model=make_model(),
        decoding=make_decoding(),
        provenance=make_provenance(cell.dataset),
        latency_detail=make_latency(seconds),
        generation=make_generation(seconds, batch),
        request=make_request(seconds, batch),
        energy_detail=make_energy(seconds * 115 / batch, batch),
        compile=None,
        conditions=make_conditions(),
        flops_detail=make_flops(batch * (703.2e9 + 5.32e9 * text), batch, seconds),
        memory=make_memory(batch),
        kv_cache=CacheMemory(batch * 3_000_000, None),
        checks=Checks(image_tokens_present=True, image_changes_logits=True),
        time_spent_s={"costs": 10.0, "whole": 20.0, "share_measured": 0.5},
    )


def make_input(cell: RecordCell, text: int, tokens: int) -> InputBlock:
    shape = digest(cell.dataset, text, cell.batch_size)
    return InputBlock(
        samples=300,
        prompt_templates={"{question}": 300},
        truncated_samples=12 if tokens > text else 0,
        bad_samples=[UnusableSample("q17", "the image is cut short")],
        batch_samples=cell.batch_size,
        distinct_batches=1,
        repeated=False,
        text_tokens=text,
        image_tokens=32,
        image_tokens_min=32,
        image_tokens_mean=32.0,
        image_tokens_max=32,
        image_settings={},
        sequence_length=32 + text,
        pixel_shape=[3, 224, 224],
        shape_digest=shape,
        content_digest=digest(shape, cell.image_size),
    )


def make_model() -> ModelBlock:
    return ModelBlock(
        source="Salesforce/blip2-opt-2.7b",
        revision="59a1ef6c1e51",
        licence=None,
        digest="5a5a5a5a5a5a5a5a",
        parameters=3_744_679_936,
        type="blip-2",
        family="BLIP-2",
        asked_by="plain prompt",
        image_backend="PIL",
        attention={"vision": "eager", "prefill": "eager"},
        dtype_by_stage={},
        weights_bytes_by_stage={},
    )


def make_decoding() -> DecodingBlock:
    return DecodingBlock(
        method="greedy",
        do_sample=False,
        max_new_tokens=16,
        num_beams=1,
        length_penalty=1.0,
        min_new_tokens=0,
        repetition_penalty=1.0,
        own_settings=None,
        eos_token_ids=[2],
        pad_token_id=1,
        padding_side="left",
    )


def make_provenance(dataset: str) -> Provenance:
    return Provenance(
        git=GitState("0123abcdef0123abcdef", dirty=False),
        code="c0dec0dec0dec0de",
        software={"torch": "2.13.0", "transformers": "5.23.0"},
        threads=2,
        torch=make_torch_settings(),
        cuda=None,
        host="4057",
        cpu=Cpu(name="Example CPU @ 2.50GHz", physical_cores=2, logical_cores=None),
        memory_bytes=24_000_000_000,
        os="Linux-6.1-x86_64",
        container=None,
        python="3.11.7",
        gpus=[],
        samples_sha256=digest(dataset),
        images_sha256=digest(dataset, "images"),
    )


def make_torch_settings() -> TorchSettings:
    return TorchSettings(
        version="2.13.0",
        matmul_precision="highest",
        deterministic=False,
        cpu_capability="AVX512",
        mkl=True,
        mkldnn=True,
        mkldnn_matmul_fp32="ieee",
        threads=2,
        interop_threads=2,
        environment={},
    )


def make_latency(seconds: float) -> Latency:
    return Latency(
        latency_s=seconds,
        mean_s=seconds * 1.01,
        p50_s=seconds,
        p90_s=seconds * 1.04,
        p99_s=seconds * 1.1,
        stdev_s=seconds * 0.02,
        min_s=seconds * 0.97,
        max_s=seconds * 1.2,
        iterations=120,
        rounds_s=[seconds * 0.99, seconds, seconds * 1.01],
        low_s=seconds * 0.975,
        high_s=seconds * 1.025,
        warmup_iterations=9,
        steady=True,
        window_s=10.2,
        end=make_end(3),
        clock="perf_counter_ns",
        threads=2,
    )


def make_end(rounds: int) -> WindowEnd:
    return WindowEnd("fixed", rounds, looks=1, half_width=0.025, target=None)


def make_generation(seconds: float, batch: int) -> Generation:
    return Generation(
        new_tokens=16,
        time_to_first_token_s=seconds * 1.1,
        time_per_output_token_s=0.012,
        time_per_output_token_reason=None,
        generation_s=seconds * 1.1 + 0.18,
        low_s=seconds * 1.08 + 0.18,
        high_s=seconds * 1.12 + 0.18,
        tokens_per_s=batch * 60.0,
        samples_per_s=batch * 3.75,
        end=make_end(3),
    )


def make_request(seconds: float, batch: int) -> Request:
    """Return a request whose preprocessing takes a fifth as long as a forward pass."""
    parts_s = {
        "decode_image": 0.08,
        "resize": 0.02,
        "processor": 0.08,
        "tokenize": 0.02,
        "transfer": 0.01,
        "vision": 0.6,
        "connector": 0.05,
        "prefill": 0.4,
        "decode": 0.5,
        "detokenize": 0.01,
        "other": 0.01,
    }
    whole = sum(parts_s.values())
    return Request(
        request_s=seconds * whole,
        low_s=seconds * whole * 0.98,
        high_s=seconds * whole * 1.02,
        rounds_s=[seconds * whole * 0.99, seconds * whole, seconds * whole * 1.01],
        samples_per_s=batch / (seconds * whole),
        tokens_in=43,
        tokens_out=16,
        overlap="none",
        parts=[
            RequestPart(name, seconds * it, seconds * it * 0.97, seconds * it * 1.03, None)
            for name, it in parts_s.items()
        ],
        parts_sum_s=seconds * whole,
        preprocessing_share=0.2 / whole,
        preprocessing_low=0.19 / whole,
        preprocessing_high=0.21 / whole,
        vision_share=0.6 / whole,
        notes=[],
    )


def make_energy(joules: float, batch: int) -> Energy:
    return Energy(
        energy_j=joules,
        energy_net_j=joules * 0.6,
        energy_reason=None,
        energy_net_reason=None,
        energy_per_token_j=None,
        energy_per_token_reason=None,
        window_s=10.0,
        batches=100,
        samples=100 * batch,
        power_w=None,
        idle_w=None,
        co2e_g=None,
        grid_kg_per_kwh=None,
        components=[
            make_component("cpu", joules * 80 * batch, 90.0, "modelled", "cpu_load"),
            make_component("ram", joules * 20 * batch, 20.0, "constant", "20 W"),
        ],
        rounds_j=[joules * 0.98, joules, joules * 1.02],
        low_j=joules * 0.96,
        high_j=joules * 1.04,
        end=make_end(3),
    )


def make_component(
    device: str, joules: float | None, watts: float, kind: str, method: str
) -> Component:
    return Component(device, joules, watts, kind, method, None, None, None, None)


def make_flops(flops: float, batch: int, seconds: float) -> FlopsDetail:
    return FlopsDetail(
        flops=int(flops),
        flops_reason=None,
        per_sample=flops / batch,
        by_stage={
            "vision": int(flops * 0.7),
            "qformer": int(flops * 0.02),
            "prefill": int(flops * 0.28),
        },
        normalisation_flops=0,
        convention="2 per multiply-add",
        counter="fvcore",
        uncounted={"aten::softmax": 12},
        batch_size=batch,
        achieved_flop_per_s=flops / seconds,
        utilisation=None,
        decode_step=None,
        decode_step_reason=None,
    )


def make_memory(batch: int) -> Memory:
    return Memory(
        peak_rss_bytes=15_400_000_000 + batch * 90_000_000,
        setup_peak_rss_bytes=15_400_000_000,
        rss_before_load_bytes=400_000_000,
        peak_allocated_bytes=14_980_000_000 + batch * 80_000_000,
        peak_reserved_bytes=None,
        device_used_bytes=None,
        device_used_before_bytes=None,
        weights_bytes=14_976_000_000,
        peak_rss_method="VmHWM",
    )


def make_conditions() -> Conditions:
    return Conditions(
        load_start=0.1,
        load_end=1.0,
        clock_mhz_start=None,
        clock_mhz_end=None,
        temperature_c_start=None,
        temperature_c_end=None,
        gpus=[],
        foreign_cpu_share=None,
        window_s=20.0,
        windows_repeated=0,
        disturbed=False,
        disturbance=None,
    )


def make_gpu_conditions(**changes: Any) -> GpuConditions:
    nothing_read = GpuConditions(
        device="gpu0",
        samples=9,
        sm_clock_mhz=None,
        memory_clock_mhz=None,
        power_w=None,
        temperature_c=None,
        power_limit_w=None,
        throttle_reasons=None,
    )
    return replace(nothing_read, **changes)


def make_cuda_settings(**changes: Any) -> CudaSettings:
    settings = CudaSettings(
        version="13.0",
        cudnn=91900,
        capability="9.0",
        matmul_fp32="ieee",
        convolution_fp32="tf32",
        fp16_reduced_precision_sums=True,
        bf16_reduced_precision_sums=True,
        fp16_accumulation=False,
        cudnn_benchmark=False,
        cudnn_deterministic=False,
        environment={},
    )
    return replace(settings, **changes)
