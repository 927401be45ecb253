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
from vlmeter.models.optimization import AttentionByPart, Compile, Optimization
from vlmeter.models.tracing import expose_matmuls
from vlmeter.status import Status, UnsupportedError, describe_failure
from vlmeter.storage.parquet import read_table

EAGER, FLASH = "eager matmul and softmax", "sdpa flash"
MIXED = Optimization("mixed", AttentionByPart(vision="sdpa", qformer="eager", text="sdpa"))
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
def test_weights_are_quantised_and_counted(figures, kind):
    plain, packed = figures("eager"), figures(kind)
    packing = packed.model.quantization
    assert packing.kind == kind
    assert packing.library.startswith("torchao ")
    assert (packing.layers, packing.layers_left) == (37, [])
    for stage in ("vision", "qformer", "prefill"):
        assert kind in packed.model.dtype_by_stage[stage]
    assert packed.memory.weights_bytes < plain.memory.weights_bytes
    if kind == "int4":
        assert all("int4 matmul" in of_stage for of_stage in packed.model.kernels.values())


@pytest.mark.parametrize("optimization", ["sdpa", "static_cache", "int8", "int4"])
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
        counted = count_flops(flex.loaded.model, flex.cost_batches[0], lambda _: None)
    assert counted.flops == measured("llava").figures.flops_detail.flops
    assert flex.loaded.model.config._attn_implementation == "flex_attention"


@pytest.fixture
def quick_compiler(monkeypatch):
    """Let torch.compile run attention as it was captured: Inductor takes half a minute for it."""
    compile_plainly = partial(torch.compile, backend="eager", dynamic=True)
    monkeypatch.setattr(
        torch, "compile", lambda it: it if it is create_block_mask else compile_plainly(it)
    )
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
    narrow = workload("florence2", "int4")
    left = narrow.loaded.quantization.layers_left
    assert narrow.loaded.quantization.layers > 0
    assert left
    assert all(name.startswith("model.vision_tower.blocks.0") for name in left)
    assert narrow.check_forward().not_as_asked == [
        f"{len(left)} linear layers kept their weights, {left[0]} among them"
    ]


def test_quantisation_that_replaces_nothing_is_refused(workload):
    from vlmeter.models.quantization import quantize

    model = torch.nn.Sequential(torch.nn.Linear(24, 24))
    model.get_output_embeddings = lambda: None
    with pytest.raises(UnsupportedError, match="int4: torchao replaced none of 1 linear layers"):
        quantize(model, "int4", "cpu")


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
