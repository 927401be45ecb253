"""The columns of the summary, and what each shows of a record."""

from dataclasses import fields, is_dataclass, replace
from itertools import count

import pytest
from figures_factory import (
    make_component,
    make_cuda_settings,
    make_figures,
    make_gpu_conditions,
)
from record_factory import make_cell, make_failed_record, make_metric, make_quality, make_record

from vlmeter.axes import Axes
from vlmeter.machine.devices import Gpu
from vlmeter.measure.flops.result import MissingFlops
from vlmeter.measure.request.result import MissingRequest
from vlmeter.measure.result import (
    CacheMemory,
    GpuConditions,
    MissingConditions,
    MissingGeneration,
    MissingMemory,
    WindowEnd,
)
from vlmeter.models.result import CompileResult, Quantization, StageWeights
from vlmeter.results.record import Record
from vlmeter.results.summary_row import SUMMARY_COLUMNS, build_summary_row
from vlmeter.status import Status

CELL = make_cell(
    "m-bs2",
    "coco",
    {
        "model": "m",
        "prompt": "bare",
        "device": "cuda",
        "dtype": "fp16",
        "image_size": 336,
        "image_input": "native",
        "max_image_tokens": 64,
        "batch_size": 2,
        "max_input_len": 200,
        "optimization": "mixed",
        "new_tokens": 32,
    },
)
NOT_READ = {
    *("generation_reason", "memory_reason", "conditions_reason", "energy_per_right_reason"),
    "request_reason",
}
"""Columns that are filled where another block is not."""
BEGINNINGS = {
    "latency_detail": "latency_",
    "energy_detail": "energy_",
    "request": "request_",
    "generation": "generation_",
    "flops_detail": "flops_",
    "model": "model_",
    "provenance": "machine_",
}
"""How the columns of a block begin whose values have shorter names."""
OF_ANOTHER = {
    ("flops_detail", "batch_size"),
    ("provenance", "threads"),
    ("generation", "new_tokens"),
}
"""Values of a block whose name is that of another's column."""
OTHERWISE_NAMED = {
    "cost_samples": ("input", "samples"),
    "batch_repeats": ("input", "repeated"),
    "code_digest": ("provenance", "code"),
    "flops_normalisation": ("flops_detail", "normalisation_flops"),
}


def make_quantization(**values) -> Quantization:
    """Return a quantisation of two stages, the rest plain."""
    stages = {
        "vision": StageWeights("int8", 3, ["vision.head"], 16, 8),
        "prefill": StageWeights("int4", 2, [], 16, 4),
        "other": StageWeights(None, 0, [], 16, 16),
    }
    return Quantization("torchao", ["Int8Tensor"], stages, **values)


def make_full_record() -> Record:
    """Return a record in which no value is missing."""
    figures = make_figures(CELL, 1.0)
    quality = make_quality(CELL)
    note, rate = "a note", make_metric("unparsed_rate", "Rate", 0.1, 0.1, higher_is_better=False)
    metrics = tuple(
        replace(metric, note=note, counts_right=True) for metric in (*quality.metrics, rate)
    )
    reasons = {f"energy_{name}": "a reason" for name in ("reason", "net_reason")}
    record = make_record(
        CELL,
        replace(
            figures,
            model=replace(
                figures.model,
                licence="MIT",
                cache="DynamicCache",
                quantization=make_quantization(),
                dtype_by_stage={"vision": "float16"},
                weights_bytes_by_stage={"vision": 1, "connector": 2, "prefill": 3},
                kernels={"vision": ["flash"]},
                decode_kernels=["flash"],
                not_as_asked=["a kernel"],
            ),
            provenance=replace(
                figures.provenance,
                cuda=make_cuda_settings(),
                container="docker",
                gpus=[Gpu(0, "Card", "GPU-0", 1, "550.1")],
            ),
            request=replace(figures.request, notes=["a note"]),
            energy_detail=replace(
                figures.energy_detail,
                **reasons,
                end=WindowEnd("cap", 10, 3, 0.05, 0.02),
                token_end=WindowEnd("target", 5, 3, 0.01, 0.02),
                energy_per_token_j=1.0,
                generation_j=3.0,
                generation_low_j=2.0,
                generation_high_j=4.0,
                energy_per_token_reason="a reason",
                power_w=1.0,
                idle_w=1.0,
                co2e_g=1.0,
                grid_kg_per_kwh=1.0,
                components=[
                    make_component(device, 10.0, 5.0, "measured", "counter")
                    for device in ("cpu", "gpu0", "gpu1", "ram")
                ],
            ),
            compile=CompileResult(
                form="regional",
                mode="default",
                compiled_modules=2,
                compile_time_s=1.0,
                graphs=1,
                graph_breaks=0,
                recompiles=0,
                cache_hits=0,
                quality_pass_compiled=False,
                decode_compiled=False,
            ),
            conditions=replace(
                figures.conditions,
                clock_mhz_start=1.0,
                clock_mhz_end=1.0,
                temperature_c_start=1.0,
                temperature_c_end=1.0,
                foreign_cpu_share=0.0,
                disturbance="others",
                gpus=[make_busy_gpu(1000.0, 50.0), make_busy_gpu(900.0, 70.0)],
            ),
            flops_detail=replace(
                figures.flops_detail,
                flops_reason="a reason",
                by_stage=dict.fromkeys(("vision", "qformer", "connector", "prefill", "other"), 1),
                utilisation=0.5,
                decode_step=1.0,
            ),
            kv_cache=CacheMemory(6_000_000, "a reason"),
            memory=replace(
                figures.memory,
                peak_allocated_bytes=15_000_000_000,
                peak_reserved_bytes=8,
                device_used_bytes=9,
                device_used_before_bytes=1,
            ),
        ),
        replace(quality, metrics=metrics),
    )
    return replace(record, ending=replace(record.ending, reason="a reason"))


def make_busy_gpu(clock_mhz: float, temperature_c: float) -> GpuConditions:
    return make_gpu_conditions(
        sm_clock_mhz=clock_mhz,
        memory_clock_mhz=clock_mhz,
        temperature_c=temperature_c,
        power_limit_w=300.0,
        throttle_reasons=["sw_power_cap"],
    )


def test_no_column_of_a_full_record_is_empty():
    row = build_summary_row(make_full_record())
    empty = {column.name for column in SUMMARY_COLUMNS if getattr(row, column.name) is None}
    assert empty == NOT_READ


def test_each_window_s_end_is_in_its_own_columns_and_those_that_stayed_wide_in_words():
    full = make_full_record()
    figures = replace(
        full.figures,
        latency_detail=replace(
            full.figures.latency_detail, end=WindowEnd("target", 3, 3, 0.01, 0.02)
        ),
        energy_detail=replace(
            full.figures.energy_detail,
            end=WindowEnd("cap", 10, 4, 0.035, 0.02),
            token_end=WindowEnd("fixed", 6, 1, 0.5, None),
        ),
        generation=replace(full.figures.generation, end=WindowEnd("cap", 7, 3, 0.12, 0.02)),
    )
    row = build_summary_row(replace(full, figures=figures))
    shown = {
        cost: tuple(getattr(row, f"{cost}_{name}") for name in ("ended_by", "half_width"))
        for cost in ("latency", "energy", "generation", "energy_per_token")
    }
    assert shown == {
        "latency": ("target", 0.01),
        "energy": ("cap", 0.035),
        "generation": ("cap", 0.12),
        "energy_per_token": ("fixed", 0.5),
    }
    assert (row.latency_looks, row.energy_looks) == (3, 4)
    assert (row.generation_rounds, row.energy_per_token_rounds) == (7, 6)
    words = "energy: ± 0.035 instead of ± 0.02; generation: ± 0.12 instead of ± 0.02"
    assert row.target_missed == words


def test_a_window_without_a_figure_missed_no_target():
    full = make_full_record()
    nothing = replace(full.figures.energy_detail, end=WindowEnd("cap", 10, 3, None, 0.02))
    row = build_summary_row(replace(full, figures=replace(full.figures, energy_detail=nothing)))
    assert row.target_missed is None


def make_distinct(record: Record) -> Record:
    """Return the record with another number or word in each value of its blocks."""
    numbers = count(1000)

    def change(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return value
        number = next(numbers)
        return f"word {number}" if isinstance(value, str) else type(value)(number)

    assert record.figures is not None
    blocks = {}
    for entry in fields(record.figures):
        block = getattr(record.figures, entry.name)
        if is_dataclass(block):
            values = {name: change(value) for name, value in vars(block).items()}
            blocks[entry.name] = replace(block, **values)
    return replace(record, figures=replace(record.figures, **blocks))


def find_column(block: str, name: str) -> str | None:
    """Return the column that shows a value of a block, going by its name."""
    for column, place in OTHERWISE_NAMED.items():
        if place == (block, name):
            return column
    if (block, name) in OF_ANOTHER:
        return None
    names = {column.name for column in SUMMARY_COLUMNS}
    own = (BEGINNINGS.get(block, "") + name, name)
    return next((column for column in own if column in names), None)


def test_a_column_shows_the_value_of_its_name_and_no_other():
    record = make_distinct(make_full_record())
    row = build_summary_row(record)
    expected = {
        column: value
        for entry in fields(record.figures)
        if is_dataclass(block := getattr(record.figures, entry.name))
        for name, value in vars(block).items()
        if isinstance(value, int | float | str) and (column := find_column(entry.name, name))
    }
    assert len(expected) > 75
    assert {name: getattr(row, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ("latency_detail", "steady"),
        ("input", "repeated"),
        ("checks", "image_tokens_present"),
        ("checks", "image_changes_logits"),
        ("compile", "quality_pass_compiled"),
        ("compile", "decode_compiled"),
        ("conditions", "disturbed"),
    ],
)
def test_a_flag_shows_the_value_of_its_name_and_no_other(block, name):
    figures = make_full_record().figures
    changes = {}
    for each in ("latency_detail", "input", "checks", "compile", "conditions"):
        values = vars(getattr(figures, each))
        off = {key: False for key, value in values.items() if isinstance(value, bool)}
        changes[each] = replace(getattr(figures, each), **off)
    changes[block] = replace(changes[block], **{name: True})
    record = replace(make_full_record(), figures=replace(figures, **changes))
    row = build_summary_row(record)
    flags = {
        column.name
        for column in SUMMARY_COLUMNS
        if column.kind == "flag" and getattr(row, column.name)
    }
    assert flags - {"task_higher_is_better"} == {find_column(block, name)}


def test_what_follows_from_several_values_is_of_the_right_ones():
    record = make_full_record()
    figures = record.figures
    parts = [
        make_component(device, joules, watts, f"{device} kind", f"{device} method")
        for device, joules, watts in (
            ("cpu", 10.0, 1.0),
            ("gpu0", 20.0, 2.0),
            ("gpu27", 30.0, 4.0),
            ("ram", 40.0, 8.0),
        )
    ]
    stages = {"vision": 1, "qformer": 2, "connector": 3, "prefill": 4, "other": 5}
    row = build_summary_row(
        replace(
            record,
            figures=replace(
                figures,
                energy_detail=replace(figures.energy_detail, components=parts, samples=20),
                flops_detail=replace(figures.flops_detail, by_stage=stages),
                model=replace(
                    figures.model,
                    kernels={"vision": ["flash", "conv"], "prefill": []},
                    decode_kernels=["math"],
                    not_as_asked=["this", "that"],
                    quantization=make_quantization(),
                    weights_bytes_by_stage={"vision": 1, "qformer": 2, "connector": 4, "other": 8},
                ),
                provenance=replace(
                    figures.provenance,
                    gpus=[
                        Gpu(0, "Card", "GPU-0", 1, "550.1"),
                        Gpu(1, "Other", "GPU-1", 1, "550.2"),
                        Gpu(2, "Card", "GPU-2", 1, "550.1"),
                    ],
                ),
            ),
        )
    )
    assert (row.energy_cpu_j, row.energy_gpu_j, row.energy_ram_j) == (0.5, 2.5, 2.0)
    assert (row.power_cpu_w, row.power_gpu_w, row.power_ram_w) == (1.0, 6.0, 8.0)
    assert (row.energy_cpu_kind, row.energy_cpu_method) == ("cpu kind", "cpu method")
    assert row.energy_gpu_kind == "gpu0 kind and gpu27 kind"
    assert row.energy_gpu_method == "gpu0 method and gpu27 method"
    assert (row.energy_ram_kind, row.energy_ram_method) == ("ram kind", "ram method")
    assert [getattr(row, f"flops_{stage}") for stage in stages] == list(stages.values())
    assert row.model_kernels == "vision: flash + conv; decode: math"
    assert row.model_not_as_asked == "this; that"
    assert row.quantized_layers == 5
    assert row.model_quantization == "vision: int8; prefill: int4; other: plain"
    sizes = (row.weights_text_bytes, row.weights_vision_bytes, row.weights_connector_bytes)
    assert sizes == (None, 1, 6)
    assert (row.machine_gpus, row.machine_driver) == ("2 x Card, Other", "550.1, 550.2")


def test_a_checkpoint_that_comes_quantised_says_so():
    record = make_full_record()
    packed = make_quantization(came_quantized="bitsandbytes, 4 bits")
    model = replace(record.figures.model, quantization=packed)
    row = build_summary_row(replace(record, figures=replace(record.figures, model=model)))
    assert row.model_quantization == "came quantised: bitsandbytes, 4 bits"
    plain = {
        stage: replace(weights, kind=None, layers=0) for stage, weights in packed.stages.items()
    }
    model = replace(model, quantization=replace(packed, stages=plain))
    row = build_summary_row(replace(record, figures=replace(record.figures, model=model)))
    assert row.model_quantization == "came quantised: bitsandbytes, 4 bits; runs unpacked"


def test_every_value_is_of_its_columns_kind():
    row = build_summary_row(make_full_record())
    types = {"text": str, "number": int | float, "integer": int, "flag": bool}
    for column in SUMMARY_COLUMNS:
        value = getattr(row, column.name)
        assert value is None or isinstance(value, types[column.kind]), column


def test_a_cell_that_failed_has_its_axes_and_its_reason():
    row = build_summary_row(make_failed_record(CELL, Status.CRASHED, "killed"))
    filled = {name for name, value in vars(row).items() if value is not None}
    axes = {axis.name for axis in fields(Axes)}
    assert filled == {"cell", "dataset", "status", "reason", "attempt", *axes}
    assert (row.status, row.reason, row.image_size) == ("crashed", "killed", 336)


def test_a_block_that_could_not_be_read_has_its_reason_alone():
    record = make_full_record()
    assert record.figures is not None
    row = build_summary_row(
        replace(
            record,
            figures=replace(
                record.figures,
                generation=MissingGeneration("too short"),
                request=MissingRequest("out of memory"),
                kv_cache=CacheMemory(None, "no cache"),
                memory=MissingMemory("no procfs"),
                conditions=MissingConditions("no sensors"),
                flops_detail=MissingFlops(None, "no trace", 5.0, None),
            ),
        )
    )
    assert (row.memory_reason, row.peak_memory_bytes, row.weights_bytes) == (
        "no procfs",
        None,
        None,
    )
    assert (row.conditions_reason, row.disturbed) == ("no sensors", None)
    assert (row.generation_reason, row.tokens_per_s) == ("too short", None)
    assert (row.request_reason, row.request_s, row.request_parts) == ("out of memory", None, None)
    assert (row.kv_cache_reason, row.kv_cache_bytes) == ("no cache", None)
    assert (row.flops_reason, row.flops, row.flops_decode_step) == ("no trace", None, 5.0)
    assert row.flops_vision is None


@pytest.mark.parametrize(
    ("device", "peak_bytes"), [("cuda", 15_000_000_000), ("cpu", 15_580_000_000)]
)
def test_the_peak_is_the_gpus_or_the_processs(device, peak_bytes):
    record = make_full_record()
    row = build_summary_row(replace(record, cell=replace(record.cell, device=device)))
    assert row.peak_memory_bytes == peak_bytes


def test_activations_are_what_weights_and_cache_leave_of_a_gpu_s_peak():
    record = make_full_record()
    row = build_summary_row(record)
    assert row.activations_bytes == 15_000_000_000 - 14_976_000_000 - 6_000_000
    # A forward pass keeps no cache: a peak there says less than nothing of what is beside it.
    for changes in (
        {"memory": replace(record.figures.memory, peak_allocated_bytes=14_980_000_000)},
        {"memory": replace(record.figures.memory, peak_allocated_bytes=None)},
        {"kv_cache": CacheMemory(None, "why")},
    ):
        other = replace(record, figures=replace(record.figures, **changes))
        assert build_summary_row(other).activations_bytes is None


def test_what_a_joule_gives_and_what_of_it_is_idle():
    record = make_full_record()
    detail = replace(
        record.figures.energy_detail, energy_j=8.0, energy_net_j=6.0, energy_per_token_j=0.5
    )
    row = build_summary_row(replace(record, figures=replace(record.figures, energy_detail=detail)))
    assert (row.tokens_per_j, row.energy_idle_share) == (2.0, 0.25)
    none = replace(detail, energy_net_j=None, energy_per_token_j=None)
    row = build_summary_row(replace(record, figures=replace(record.figures, energy_detail=none)))
    assert (row.tokens_per_j, row.energy_idle_share) == (None, None)


def test_of_several_gpus_the_slowest_and_the_hottest_is_shown():
    row = build_summary_row(make_full_record())
    assert (row.gpu_clock_mhz, row.gpu_temperature_c) == (900.0, 70.0)
    assert row.gpu_throttle_reasons == "sw_power_cap"


def test_decoding_leaves_out_what_is_as_usual():
    record = make_full_record()
    assert record.figures is not None
    greedy = build_summary_row(record)
    assert greedy.decoding == (
        "greedy; at most 16 new tokens; end of answer: token 2; padding on the left"
    )
    decoding = replace(
        record.figures.decoding,
        method="beam search",
        num_beams=4,
        min_new_tokens=2,
        repetition_penalty=1.2,
        eos_token_ids=[],
    )
    searched = build_summary_row(
        replace(record, figures=replace(record.figures, decoding=decoding))
    )
    assert searched.decoding == (
        "beam search of 4 beams, length penalty 1; at most 16 new tokens; at least 2; "
        "repetition penalty 1.2; end of answer: token none; padding on the left"
    )
    own = replace(record.figures.decoding, own_settings={"no_repeat_ngram_size": 3})
    by_model = build_summary_row(replace(record, figures=replace(record.figures, decoding=own)))
    assert by_model.decoding == (
        "greedy; at most 16 new tokens; by the model's own settings "
        '{"no_repeat_ngram_size": 3}; end of answer: token 2; padding on the left'
    )
