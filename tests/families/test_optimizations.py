"""Every optimisation runs as what it says, is refused in the software's words, or is caught."""

import pytest
import torch
from job_factory import get_optimization, make_cell_job

from vlmeter.cell.worker.measure import measure_cell
from vlmeter.measure.flops.count import count_flops
from vlmeter.models.generate import cache_in_use
from vlmeter.models.kernels import check_attention, kernels_by_stage
from vlmeter.models.optimization import AttentionByPart, Compile, Optimization
from vlmeter.models.traceable import countable
from vlmeter.status import Status, UnsupportedError, describe_failure
from vlmeter.storage.parquet import read_table

EAGER, FLASH = "eager matmul and softmax", "sdpa flash"
MIXED = Optimization("mixed", AttentionByPart(vision="sdpa", qformer="eager", text="sdpa"))


@pytest.fixture(scope="module")
def figures(inputs, machine, tmp_path_factory):
    """The figures of a BLIP-2's cell under an optimisation, measured once."""
    cells = {}
    predictions = tmp_path_factory.mktemp("cell") / "predictions.parquet"

    def measure(name, optimization=None):
        if name not in cells:
            how = optimization or get_optimization(name)
            job = make_cell_job(max_input_len=30, optimization=how)
            cells[name] = measure_cell(job, inputs("blip2-opt"), machine, predictions).figures
        return cells[name]

    return measure


@pytest.mark.parametrize(("optimization", "kernel"), [("eager", EAGER), ("sdpa", FLASH)])
def test_the_kernel_that_ran_is_told_for_every_stage(figures, optimization, kernel):
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
def test_weights_are_quantised_and_the_record_says_which(figures, kind):
    plain, packed = figures("eager"), figures(kind)
    quantization = packed.model.quantization
    assert quantization.kind == kind
    assert quantization.library.startswith("torchao ")
    assert (quantization.layers, quantization.layers_left) == (37, [])
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


def test_flex_attention_runs_compiled_and_is_counted_as_its_products(prepare, measured):
    flex = prepare("llava", optimization=get_optimization("flex_attention"))
    effects = flex.check_forward()
    assert set(effects.kernels) >= {"vision", "prefill"}
    assert all(ran == ["compiled"] for ran in effects.kernels.values())
    assert effects.not_as_asked == []
    with countable(flex.loaded):
        counted = count_flops(flex.loaded.model, flex.cost_batches[0], lambda _: None)
    assert counted.flops == measured("llava").figures.flops_detail.flops
    assert flex.loaded.model.config._attn_implementation == "flex_attention"


def test_quantised_weights_come_back_after_counting(prepare):
    packed = prepare("llava", optimization=get_optimization("int4"))
    before = packed.forwards()[0]().logits
    with countable(packed.loaded):
        pass
    assert torch.equal(packed.forwards()[0]().logits, before)


def test_layers_that_run_uncompiled_beside_compiled_ones_are_told():
    asked = Optimization("compile", "eager", compile=Compile("default", "regional"))
    sentences = check_attention(asked, {"vision": ["compiled"], "prefill": ["compiled", EAGER]})
    assert sentences == (f"prefill ran in part uncompiled, with {EAGER}",)


REFUSED = [
    ("blip2-opt", "flash_attention_2", "flash_attention_2: "),
    ("git", "sdpa", "sdpa: GitForCausalLM does not support an attention implementation"),
    ("git", "flex_attention", "flex_attention: GitForCausalLM does not support"),
]


@pytest.mark.parametrize(("family", "optimization", "words"), REFUSED)
def test_what_the_software_refuses_is_unsupported_in_its_words(
    prepare, family, optimization, words
):
    with pytest.raises(UnsupportedError) as refusal:
        prepare(family, optimization=get_optimization(optimization))
    assert str(refusal.value).startswith(words)
    assert "/" not in str(refusal.value)


def test_a_model_that_the_compiler_cannot_take_is_unsupported():
    from torch._inductor.exc import CppCompileError

    failure = describe_failure(CppCompileError(["g++", "/tmp/x.cpp"], "error: 'x' is not declared"))
    assert failure.status == Status.UNSUPPORTED
    assert failure.reason == "torch.compile fails on this model: C++ compile error"


def test_attention_that_ran_nowhere_is_caught(prepare):
    eager = prepare("blip2-opt")
    kernels = kernels_by_stage(eager.loaded.model, eager.loaded.family, eager.forwards()[0])
    with pytest.raises(UnsupportedError, match="sdpa: accepted, but no stage of the model ran"):
        check_attention(get_optimization("sdpa"), kernels)


def test_attention_that_ran_in_some_stages_alone_is_told(prepare):
    mixed = prepare("blip2-opt", optimization=MIXED)
    kernels = kernels_by_stage(mixed.loaded.model, mixed.loaded.family, mixed.forwards()[0])
    assert check_attention(get_optimization("sdpa"), kernels) == (
        f"qformer was to run with sdpa and ran with {EAGER}",
    )


def test_layers_that_are_too_narrow_for_int4_are_told_or_the_cell_is_refused(prepare):
    # The widths of its first vision block are no multiple of a group.
    narrow = prepare("florence2", optimization=get_optimization("int4"))
    left = narrow.loaded.quantization.layers_left
    assert narrow.loaded.quantization.layers > 0
    assert left
    assert all(name.startswith("model.vision_tower.blocks.0") for name in left)
    assert narrow.check_forward().not_as_asked == [
        f"{len(left)} linear layers kept their weights, {left[0]} among them"
    ]


def test_quantisation_that_replaces_nothing_is_refused():
    from vlmeter.models.quantization import quantize

    model = torch.nn.Sequential(torch.nn.Linear(24, 24))
    model.get_output_embeddings = lambda: None
    with pytest.raises(UnsupportedError, match="int4: torchao replaced none of 1 linear layers"):
        quantize(model, "int4", "cpu")


def test_a_static_cache_that_is_ignored_is_caught(prepare):
    plain = prepare("blip2-opt")

    class Deaf:
        """A model that takes every setting and goes on as before."""

        def generate(self, **options):
            options["cache_implementation"] = None
            return plain.loaded.model.generate(**options)

    from dataclasses import replace

    asked = get_optimization("static_cache")
    loaded = replace(plain.loaded, model=Deaf(), optimization=asked)
    with pytest.raises(UnsupportedError, match="accepted, but generation used a DynamicCache"):
        cache_in_use(loaded, plain.cost_batches[0], plain.decoding)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_every_number_format_answers(inputs, machine, tmp_path, dtype):
    predictions = tmp_path / "predictions.parquet"
    job = make_cell_job(dtype=dtype, max_input_len=30)
    cell = measure_cell(job, inputs("blip2-flan-t5", dtype), machine, predictions)
    assert len(read_table(predictions)) == 5
    torch_names = {"fp16": "float16", "bf16": "bfloat16"}
    assert cell.figures.model.dtype_by_stage["vision"] == torch_names[dtype]
