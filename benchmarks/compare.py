"""Compares figures with independent ones, as a table; fails when a difference exceeds its limit.

Run by `make bench`, on an otherwise idle machine: `python benchmarks/compare.py [cpu|cuda]`, with
`--only flops layers` for some of it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pynvml
import torch
from comparison import HEADING, Comparison, print_all
from full_size import full_size
from imports import imports
from load import load
from preprocessing import preprocessing
from quality_pass import quality_pass
from repeats import repeats
from request import request
from torch import nn
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode
from transformers import Blip2Config, Blip2ForConditionalGeneration, OPTConfig

from vlmeter.config.schema import EnergyConfig
from vlmeter.measure.clock import Call, CpuClock, make_clock
from vlmeter.measure.energy.codecarbon import CodecarbonWindows
from vlmeter.measure.energy.meter import EnergyMeter, make_energy_meter
from vlmeter.measure.energy.sources import describe_energy_sources
from vlmeter.measure.flops.count import count_flops
from vlmeter.measure.latency import LatencyPlan, measure_latency
from vlmeter.measure.layers.profile import profile_decode, profile_layers
from vlmeter.measure.marks.stopwatch import make_stopwatch
from vlmeter.measure.nvml import open_gpus
from vlmeter.measure.stopping import fix_rounds
from vlmeter.study.settings import build_energy_settings

ENERGY_SETTINGS = build_energy_settings(EnergyConfig())
IMAGE_TOKEN = 999
TURNS = 25
TURN_S = 0.4


def model_and_inputs(device: str, attention: str) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A BLIP-2 whose forward pass takes some tens of milliseconds on two cores."""
    torch.manual_seed(0)
    config = Blip2Config(
        vision_config={
            "hidden_size": 256,
            "intermediate_size": 1024,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
        },
        qformer_config={
            "hidden_size": 256,
            "intermediate_size": 1024,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "encoder_hidden_size": 256,
        },
        text_config=OPTConfig(
            vocab_size=1000,
            hidden_size=256,
            word_embed_proj_dim=256,
            ffn_dim=1024,
            num_hidden_layers=4,
            num_attention_heads=4,
        ).to_dict(),
        image_token_index=IMAGE_TOKEN,
        num_query_tokens=32,
    )
    config._attn_implementation = attention
    model = Blip2ForConditionalGeneration(config).eval().requires_grad_(False).to(device)
    ids = torch.cat([torch.full((4, 32), IMAGE_TOKEN), torch.randint(3, 900, (4, 32))], dim=1)
    inputs = {
        "pixel_values": torch.randn(4, 3, 224, 224),
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
    }
    return model, {name: tensor.to(device) for name, tensor in inputs.items()}


def forward_call(model: nn.Module, inputs: dict[str, torch.Tensor]) -> Call:
    def forward() -> object:
        with torch.inference_mode():
            return model(**inputs, use_cache=False)

    return forward


def latency(device: str) -> Iterator[Comparison]:
    """The same callable in short turns, compared pair by pair, so that a drift cancels out."""
    call = forward_call(*model_and_inputs(device, "eager"))
    clock = make_clock(device)
    plan = LatencyPlan(window_s=TURN_S, min_iterations=3, rule=fix_rounds(1), max_warmup_s=0)
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    theirs_s, ratios = [], []
    for _ in range(TURNS):
        ours, _ = measure_latency([call], clock, plan)
        theirs_s.append(timer.blocked_autorange(min_run_time=TURN_S).median)
        ratios.append(ours.latency_s / theirs_s[-1])
    theirs_ms = statistics.median(theirs_s) * 1e3
    ours_ms = theirs_ms * statistics.median(ratios)
    yield Comparison("latency / torch.utils.benchmark", ours_ms, theirs_ms, "ms", 0.03)


def known_cost(device: str) -> Iterator[Comparison]:
    """A call that takes 20 ms by the host's clock, whatever the processor does."""
    plan = LatencyPlan(window_s=1.0, min_iterations=10, rule=fix_rounds(2))
    measured, _ = measure_latency([partial(_busy, 0.02)], CpuClock(), plan)
    yield Comparison("latency / a call of 20 ms", measured.latency_s * 1e3, 20.0, "ms", 0.02)


def flops(device: str) -> Iterator[Comparison]:
    counts = {}
    for attention in ("eager", "sdpa"):
        model, inputs = model_and_inputs(device, attention)
        counts[attention] = (
            count_flops(model, inputs, lambda _: None, len(inputs["input_ids"])).flops or 0
        )
        if attention == "eager":
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                model(**inputs, use_cache=False)
    total = counter.get_total_flops()
    yield Comparison(
        "FLOPs eager / FlopCounterMode", counts["eager"] / 1e9, total / 1e9, "GFLOP", 0
    )
    yield Comparison("FLOPs SDPA / eager", counts["sdpa"] / 1e9, counts["eager"] / 1e9, "GFLOP", 0)


def layers(device: str) -> Iterator[Comparison]:
    model, inputs = model_and_inputs(device, "eager")
    profile = profile_layers(
        model,
        forward_call(model, inputs),
        clock=make_clock(device),
        stopwatch=make_stopwatch(device),
        warmup=LatencyPlan(),
        stage_of=lambda name: name.split(".")[0],
        iterations=20,
    )
    rows_ms = sum(row.time_ms for row in profile.rows)
    yield Comparison("layer rows / whole pass", rows_ms, profile.whole.total_ms, "ms", 0.01)
    yield Comparison(
        "pass with hooks / without", profile.whole.hooked_ms, profile.whole.unhooked_ms, "ms", 0.25
    )

    generating: Any = model

    def generate(tokens: int) -> object:
        length = {"max_new_tokens": tokens, "min_new_tokens": tokens}
        with torch.inference_mode():
            return generating.generate(**inputs, **length, do_sample=False, pad_token_id=1)

    step, reason = profile_decode(
        model,
        generate,
        decoder=model.get_submodule("language_model"),
        new_tokens=16,
        clock=make_clock(device),
        stopwatch=make_stopwatch(device),
        warmup=LatencyPlan(),
        iterations=10,
    )
    if step is None:
        print(f"decode step: {reason}")
        return
    rows_ms = sum(row.time_ms for row in step.rows)
    yield Comparison("decode rows / whole step", rows_ms, step.whole.total_ms, "ms", 0.01)
    yield Comparison(
        "step with hooks / without", step.whole.hooked_ms, step.whole.unhooked_ms, "ms", 0.5
    )


def energy(device: str) -> Iterator[Comparison]:
    """The meter's codecarbon, set up from a description, beside one that searches the machine."""
    gpus = open_gpus(pynvml)
    machine = describe_energy_sources(ENERGY_SETTINGS, gpus)
    ours = CodecarbonWindows(machine)
    plain = CodecarbonWindows(replace(machine, cpu=replace(machine.cpu, mode="search")))
    plain.start()
    ours.start()
    _busy(3.0)
    measured, reference = ours.stop(), plain.stop()
    for part in ("cpu", "ram"):
        yield Comparison(
            f"{part} energy / plain codecarbon", measured[part], reference[part], "J", 0.03
        )
    if device != "cpu":
        call = forward_call(*model_and_inputs(device, "eager"))
        window = make_energy_meter(machine, ENERGY_SETTINGS, device).measure(
            [call], make_clock(device), window_s=10.0, samples_per_batch=4, rule=fix_rounds(5)
        )
        gpu = window.components[-1]
        yield Comparison(
            "GPU energy / codecarbon", gpu.energy_j or 0.0, gpu.codecarbon_j or 0.0, "J", 0.02
        )


def nothing_else_runs(device: str) -> Iterator[Comparison]:
    """Wall time between the steps of a window less this process's processor time, all threads.

    The steps only sleep, so a monitor that is busy beside them would show.
    """
    meter = EnergyMeter(describe_energy_sources(ENERGY_SETTINGS), ENERGY_SETTINGS)
    plan = LatencyPlan(window_s=3.0, rule=fix_rounds(1))
    for name in ("latency", "energy"):
        marks: list[tuple[float, float]] = []
        step = partial(_rest, marks)
        if name == "latency":
            measure_latency([step], CpuClock(), plan)
        else:
            meter.measure([step], CpuClock(), window_s=3.0, samples_per_batch=1, rule=fix_rounds(1))
        seconds, busy = (end - start for start, end in zip(marks[0], marks[-1], strict=True))
        yield Comparison(f"wall less own CPU, {name}", seconds - busy, seconds, "s", 0.01)


def _rest(marks: list[tuple[float, float]]) -> None:
    marks.append((time.perf_counter(), time.process_time()))
    time.sleep(0.05)


def _busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


SECTIONS = {
    section.__name__: section
    for section in (
        *(known_cost, latency, flops, layers, energy, nothing_else_runs, repeats),
        *(imports, load, preprocessing, quality_pass, request, full_size),
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device", nargs="?", default="cpu")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    given = parser.parse_args()
    print(HEADING)
    passed = [print_all(SECTIONS[name](given.device)) for name in given.only]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
