"""Every optimisation runs as what it says, is refused in the software's words, or is caught."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask
from transformers.integrations.flex_attention import WrappedFlexAttention

from vlmeter.cell.worker.measure import measure_cell
from vlmeter.measure.flops.count import count_flops
from vlmeter.models.generate import find_cache_in_use
from vlmeter.models.kernels import check_attention, find_kernels_by_stage
from vlmeter.models.optimization import AttentionByPart, Compile, Optimization, QuantizationByPart
from vlmeter.models.tracing import expose_matmuls
from vlmeter.status import Status, UnsupportedError, describe_failure
from vlmeter.storage.parquet import read_table

EAGER, FLASH = "eager matmul and softmax", "sdpa flash"
MIXED = Optimization("mixed", AttentionByPart(vision="sdpa", qformer="eager", text="sdpa"))
PARTS = Optimization(
    "parts", "eager", quantization=QuantizationByPart(vision="int8", connector="int4")
)
REGIONAL = Optimization("compile", "eager", Compile(mode="default", form="regional"))


@pytest.fixture(scope="module")
def figures(prepared, inputs, job, tmp_path_factory):
    """The figures of a BLIP-2's cell under an optimisation, measured once."""
    done = {}
    predictions = tmp_path_factory.mktemp("cell") / "predictions.parquet"

    def measure(optimization, how=None):
        if optimization not in done:
            cell, machine = job(optimization, how), prepared / "machine.json"
            measured = measure_cell(cell, inputs("blip2-opt"), machine, predictions)
            done[optimization] = measured.figures
        return done[optimization]

    return measure


@pytest.mark.parametrize(("optimization", "kernel"), [("eager", EAGER), ("sdpa", FLASH)])
def test_the_kernel_that_ran_is_named_for_every_stage(figures, optimization, kernel):
    model = figures(optimization).model
    assert model.kernels == {"vision": [kernel], "qformer": [kernel], "prefill": [kernel]}
    assert model.decode_kernels == [kernel]
    assert model.not_as_asked == []


def test_parts_of_a_model_can_differ(figures):
    model = figures("mixed", MIXED).model
    assert model.attention == {"vision": "sdpa", "qformer": "eager", "prefill": "sdpa"}
    assert model.kernels == {"vision": [FLASH], "qformer": [EAGER], "prefill": [FLASH]}


def test_a_static_cache_is_the_one_that_generation_uses(figures):
    assert figures("static_cache").model.cache == "StaticCache"
    assert figures("eager").model.cache == "DynamicCache"


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_weights_of_the_language_model_alone_are_quantised_and_counted(figures, kind):
    plain, packed = figures("eager").model, figures(kind).model
    stages = packed.quantization.stages
    assert packed.quantization.library.startswith("torchao ")
    assert packed.quantization.layers_left == []
    assert {stage: it.kind for stage, it in stages.items()} == {
        "vision": None,
        "qformer": None,
        "prefill": kind,
    }
    assert [stages[stage].layers for stage in ("vision", "qformer")] == [0, 0]
    assert kind in packed.dtype_by_stage["prefill"]
    assert kind not in packed.dtype_by_stage["vision"]
    assert {stage: it.bytes_before for stage, it in stages.items()} == plain.weights_bytes_by_stage
    assert {stage: it.bytes_after for stage, it in stages.items()} == packed.weights_bytes_by_stage
    assert stages["vision"].bytes_after == stages["vision"].bytes_before
    assert stages["prefill"].bytes_after < stages["prefill"].bytes_before
    ran = [stage for stage, kernels in packed.kernels.items() if "int4 matmul" in kernels]
    assert ran == (["prefill"] if kind == "int4" else [])


def test_each_part_is_brought_to_what_is_asked_of_it(figures):
    packed, plain = figures("parts", PARTS), figures("eager")
    stages = packed.model.quantization.stages
    assert {stage: it.kind for stage, it in stages.items()} == {
        "vision": "int8",
        "qformer": "int4",
        "prefill": None,
    }
    assert all(stages[stage].layers for stage in ("vision", "qformer"))
    assert stages["prefill"].bytes_after == stages["prefill"].bytes_before
    assert "int4" in packed.model.dtype_by_stage["qformer"]
    assert "int4 matmul" in packed.model.kernels["qformer"]
    saved = sum(it.bytes_before - it.bytes_after for it in stages.values())
    assert packed.memory.weights_bytes == plain.memory.weights_bytes - saved


BACKENDS = {"flash": "sdpa flash", "math": "sdpa math"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_back_end_of_sdpa_serves_every_pass(workload, backend):
    asked = Optimization(backend, "sdpa", sdpa_backend=backend)
    limited = workload("llava", backend, asked)
    ran = limited.check_forward()
    assert set(map(tuple, ran.kernels.values())) == {(BACKENDS[backend],)}
    assert ran.not_as_asked == []
    assert limited.check_generation().decode_kernels == [BACKENDS[backend]]
    other = next(name for name in BACKENDS if name != backend)
    with pytest.raises(UnsupportedError, match="accepted, but no stage of the model ran with it"):
        check_attention(Optimization("other", "sdpa", sdpa_backend=other), ran.kernels)


@pytest.mark.parametrize("backend", ["efficient", "cudnn"])
def test_a_back_end_that_cannot_serve_is_unsupported_in_torch_s_words(workload, backend):
    limited = workload("llava", backend, Optimization("mine", "sdpa", sdpa_backend=backend))
    words = f"mine: sdpa by {backend}: No viable backend for scaled_dot_product_attention"
    for run in (limited.forwards()[0], lambda: limited.generation(2), limited.check_image_is_seen):
        with pytest.raises(UnsupportedError, match=words):
            run()


@pytest.mark.parametrize("optimization", ["sdpa", "static_cache", "int8", "parts"])
def test_the_work_is_the_same_however_it_is_done(figures, optimization):
    eager, other = figures("eager").flops_detail, figures(optimization).flops_detail
    assert other.flops == eager.flops
    assert other.by_stage == eager.by_stage
    assert other.decode_step == eager.decode_step


def test_flex_attention_runs_compiled_and_is_counted_as_its_products(workload, measured):
    flex = workload("llava", "flex_attention")
    effects = flex.check_forward()
    assert set(effects.kernels) >= {"vision", "prefill"}
    assert all(ran == ["compiled"] for ran in effects.kernels.values())
    assert effects.not_as_asked == []
    with expose_matmuls(flex.loaded):
        batch = flex.cost_batches[0]
        counted = count_flops(flex.loaded.model, batch, lambda _: None, len(batch["input_ids"]))
    assert counted.flops == measured("llava").figures.flops_detail.flops
    assert flex.loaded.model.config._attn_implementation == "flex_attention"


@pytest.fixture
def quick_compiler(monkeypatch):
    """Let torch.compile run attention as it was captured: Inductor takes half a minute for it."""
    compile_plainly = partial(torch.compile, backend="eager", dynamic=True)

    def compile_quickly(it, **_options):
        return it if it is create_block_mask else compile_plainly(it)

    monkeypatch.setattr(torch, "compile", compile_quickly)
    # The attention that transformers has compiled before is kept in an instance.
    monkeypatch.setattr(WrappedFlexAttention, "_instance", None)


def test_a_cell_of_flex_attention_is_measured_whole(
    prepared, inputs, job, measured, quick_compiler, tmp_path
):
    predictions, machine = tmp_path / "predictions.parquet", prepared / "machine.json"
    flex = measure_cell(job("flex_attention"), inputs("llava"), machine, predictions).figures
    eager = measured("llava")
    assert set(flex.model.attention.values()) == {"flex_attention"}
    assert all("compiled" in ran for ran in flex.model.kernels.values())
    assert "compiled" in flex.model.decode_kernels
    assert flex.model.not_as_asked == []
    assert flex.flops_detail.flops == eager.figures.flops_detail.flops
    assert flex.flops_detail.decode_step == eager.figures.flops_detail.decode_step
    assert flex.generation.new_tokens == 3
    assert [row["prediction"] for row in read_table(predictions)] == [
        row["prediction"] for row in eager.answers
    ]


def test_quantised_weights_come_back_after_counting(workload):
    packed = workload("llava", "int4")
    before = packed.forwards()[0]().logits
    with expose_matmuls(packed.loaded):
        pass
    assert torch.equal(packed.forwards()[0]().logits, before)


def test_layers_that_run_uncompiled_beside_compiled_ones_are_named():
    kernels = {"vision": ["compiled"], "prefill": ["compiled", EAGER]}
    strayed = check_attention(REGIONAL, kernels)
    assert strayed == (f"prefill ran in part uncompiled, with {EAGER}",)


REFUSED = [
    ("blip2-opt", "flash_attention_2", "flash_attention_2: "),
    ("git", "sdpa", "sdpa: GitForCausalLM does not support an attention implementation"),
    ("git", "flex_attention", "flex_attention: GitForCausalLM does not support"),
]


@pytest.mark.parametrize(("family", "optimization", "words"), REFUSED)
def test_what_the_software_refuses_is_unsupported_in_its_words(
    workload, family, optimization, words
):
    with pytest.raises(UnsupportedError) as raised:
        workload(family, optimization)
    assert str(raised.value).startswith(words)
    assert "/" not in str(raised.value)


def test_a_model_that_the_compiler_cannot_take_is_unsupported():
    from torch._inductor.exc import CppCompileError

    failure = describe_failure(CppCompileError(["g++", "/tmp/x.cpp"], "error: 'x' is not declared"))
    assert failure.status == Status.UNSUPPORTED
    assert failure.reason == "torch.compile fails on this model: C++ compile error"


def test_attention_that_ran_nowhere_is_caught(workload):
    eager = workload("blip2-opt")
    kernels = find_kernels_by_stage(eager.loaded.model, eager.loaded.family, eager.forwards()[0])
    with pytest.raises(UnsupportedError, match="sdpa: accepted, but no stage of the model ran"):
        check_attention(Optimization("sdpa", "sdpa"), kernels)


def test_attention_that_ran_in_some_stages_alone_is_named(workload):
    mixed = workload("blip2-opt", "mixed", MIXED)
    kernels = find_kernels_by_stage(mixed.loaded.model, mixed.loaded.family, mixed.forwards()[0])
    assert check_attention(Optimization("sdpa", "sdpa"), kernels) == (
        f"qformer was to run with sdpa and ran with {EAGER}",
    )


def test_layers_that_are_too_narrow_for_int4_are_named_or_the_cell_is_refused(workload):
    # The widths of its first vision block are no multiple of a group.
    asked = QuantizationByPart(text="int4", vision="int4")
    narrow = workload("florence2", "int4", Optimization("int4", "eager", quantization=asked))
    packed = narrow.loaded.quantization
    left = packed.layers_left
    assert packed.layers > 0
    assert left
    assert left == packed.stages["vision"].layers_left
    assert all(name.startswith("model.vision_tower.blocks.0") for name in left)
    assert narrow.check_forward().not_as_asked == [
        f"{len(left)} linear layers kept their weights, {left[0]} among them"
    ]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"text": "int4"}, "int4: torchao replaced none of 1 linear layers: their widths are no"),
        ({"connector": "int8"}, "int8: the parts that are to be quantised have no linear layers"),
    ],
)
def test_quantisation_that_replaces_nothing_is_refused(asked, words):
    from vlmeter.models.families import Family
    from vlmeter.models.quantization import quantize

    model = torch.nn.Module()
    model.language_model = torch.nn.Linear(24, 24)
    model.get_output_embeddings = lambda: None
    with pytest.raises(UnsupportedError, match=words):
        quantize(model, Family(), QuantizationByPart(**asked), "cpu")


def test_a_static_cache_that_is_ignored_is_caught(workload):
    plain = workload("blip2-opt")

    class Deaf:
        """A model that takes every setting and goes on as before."""

        def generate(self, **options):
            options["cache_implementation"] = None
            return plain.loaded.model.generate(**options)

    asked = Optimization("static_cache", "eager", cache="static")
    loaded = replace(plain.loaded, model=Deaf(), optimization=asked)
    with pytest.raises(UnsupportedError, match="accepted, but generation used a DynamicCache"):
        find_cache_in_use(loaded, plain.cost_batches[0], plain.decoding)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_every_number_format_answers(prepared, inputs, job, tmp_path, dtype):
    predictions, machine = tmp_path / "predictions.parquet", prepared / "machine.json"
    cell = measure_cell(job(dtype=dtype), inputs("blip2-flan-t5", dtype), machine, predictions)
    assert len(read_table(predictions)) == 5
    vision = cell.figures.model.dtype_by_stage["vision"]
    assert vision == {"fp16": "float16", "bf16": "bfloat16"}[dtype]
