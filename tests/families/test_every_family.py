"""Every family goes through a whole cell: its stages, its answers, its work, its lengths."""

from dataclasses import replace

import pytest
import torch
from job_factory import make_layers_job
from stored_data import make_model_job
from tiny_families import HERE
from tiny_parts import WIDTH
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from vlmeter.cell.measurement import Checks
from vlmeter.cell.worker.answers import answer_samples
from vlmeter.cell.worker.layers import profile_cell
from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.measure.flops.dispatch import count_dispatched_flops
from vlmeter.metrics.drift import Answers
from vlmeter.models import load
from vlmeter.models.generate import generate, generate_answers
from vlmeter.models.items import split_into_batches
from vlmeter.models.option_scores import append_tokens, score_options
from vlmeter.models.prepare_model import prepare_model
from vlmeter.status import UnsupportedError

aten = torch.ops.aten
QFORMER = {"vision", "qformer", "prefill"}
CONNECTOR = {"vision", "connector", "prefill"}
# Their projector is the end of the vision tower.
MERGED = {"vision", "prefill"}
STAGES = {
    "blip2-opt": QFORMER,
    "blip2-flan-t5": QFORMER,
    "instructblip": QFORMER,
    "blip": MERGED,
    "kosmos-2": CONNECTOR,
    "llava": CONNECTOR,
    "idefics3": CONNECTOR,
    "paligemma": CONNECTOR,
    "gemma3": CONNECTOR,
    "git": CONNECTOR,
    "florence2": CONNECTOR,
    "qwen3-vl": MERGED,
    "qwen3-vl-moe": MERGED,
    "qwen3-5": MERGED,
    "qwen2-5-vl": MERGED,
    "qwen2-vl": MERGED,
    "qwen2-5-omni": MERGED,
    "qwen3-omni": MERGED,
    "gemma4": CONNECTOR,
    "glm-4v": MERGED,
    "glm-4-6v": MERGED,
    "paddleocr-vl": CONNECTOR,
    "internvl": CONNECTOR,
    "smolvlm": CONNECTOR,
    "llava-next": CONNECTOR,
    "llava-onevision": CONNECTOR,
    "mllama": CONNECTOR,
    "mistral3": CONNECTOR,
    "llama4": CONNECTOR,
    "lfm2-vl": CONNECTOR,
    "molmo2": CONNECTOR,
    "minicpm-v-4-6": CONNECTOR,
    "phi4-multimodal": CONNECTOR,
    "gemma3n": CONNECTOR,
}
IMAGE_TOKENS = {
    "blip2-opt": 4,
    "blip2-flan-t5": 4,
    "instructblip": 4,
    # Inside the model, not in the text.
    "blip": 17,
    "kosmos-2": 64,
    "llava": 16,
    # The image in four tiles and once whole, four tokens each.
    "idefics3": 20,
    "paligemma": 16,
    "gemma3": 4,
    # Inside the model, not in the text.
    "git": 17,
    "florence2": 17,
    # A grid of four by four patches, of which four are one token.
    "qwen3-vl": 4,
    "qwen3-vl-moe": 4,
    "qwen3-5": 4,
    "qwen2-5-vl": 4,
    "qwen2-vl": 4,
    "qwen2-5-omni": 4,
    "qwen3-omni": 4,
    "glm-4v": 4,
    "glm-4-6v": 4,
    "paddleocr-vl": 4,
    "gemma4": 64,
    "internvl": 4,
    "smolvlm": 20,
    # The image whole and in a grid of tiles, whose padding is cut off, with an end of each row.
    "llava-next": 36,
    "llava-onevision": 36,
    # A tile's patches and one position for all of it, which the text attends to.
    "mllama": 17,
    "mistral3": 4,
    "llama4": 4,
    "lfm2-vl": 4,
    "molmo2": 8,
    "minicpm-v-4-6": 4,
    # The image whole and in tiles of 16 by 16 tokens, an end of each row, one between the two.
    "phi4-multimodal": 545,
    "gemma3n": 4,
}
MORE_FOR_LARGER = {
    *("qwen3-vl", "qwen3-vl-moe", "qwen3-5", "qwen2-5-vl", "qwen2-vl", "glm-4v", "glm-4-6v"),
    *("paddleocr-vl", "gemma4", "internvl", "llava-next", "llava-onevision", "mllama"),
    *("qwen2-5-omni", "qwen3-omni"),
    *("mistral3", "llama4", "lfm2-vl", "molmo2", "minicpm-v-4-6", "idefics3", "smolvlm"),
    "phi4-multimodal",
}
"""Where an image of another size or form takes another number of tokens."""
PLAIN = {"blip2-opt", "blip2-flan-t5", "instructblip", "paligemma", "git", "florence2"}
PLAIN |= {"blip", "kosmos-2", "phi4-multimodal"}
UNTRACED = {"gemma3", "llava", "llava-next", "llava-onevision", "minicpm-v-4-6", "qwen3-5"}
UNTRACED |= {"phi4-multimodal"}
"""fvcore's tracer cannot follow Gemma 3's mask, the tiles of LLaVA-NeXT and MiniCPM-V or linear
attention; and it leaves out the last layer of LLaVA's and Phi-4's vision tower, which nothing
reads."""
EVERY = pytest.mark.parametrize("name", HERE)


@EVERY
def test_a_cell_is_measured_whole(measured, name):
    cell = measured(name)
    assert [row["id"] for row in cell.answers] == ["s0", "s1", "s2", "s3", "s4"]
    assert cell.figures.latency_detail.latency_s > 0
    assert cell.figures.generation.new_tokens == 3
    assert cell.figures.checks == Checks(image_tokens_present=True, image_changes_logits=True)
    assert cell.figures.input.image_tokens == IMAGE_TOKENS[name]
    asked_by = "plain prompt" if name in PLAIN else "chat template"
    assert cell.figures.model.asked_by == asked_by
    assert cell.figures.memory.peak_rss_bytes > cell.figures.memory.weights_bytes > 0


@EVERY
def test_every_parameter_has_its_stage_and_every_stage_its_work(measured, workload, name):
    loaded = workload(name).loaded
    names = [parameter for parameter, _ in loaded.model.named_parameters()]
    # What hears belongs to no stage: it has nothing to do with an image.
    stages = {loaded.family.stage_of(parameter) for parameter in names if "audio" not in parameter}
    assert stages == STAGES[name]
    counted = measured(name).figures.flops_detail
    assert set(counted.by_stage) == STAGES[name]
    assert sum(counted.by_stage.values()) == counted.flops
    assert 0 < counted.decode_step < counted.flops


class CountByShapes(TorchDispatchMode):
    """Adds up two operations per multiply-add of each product, from its shapes alone."""

    LEFT = {aten.mm: 0, aten.addmm: 1, aten.bmm: 0, aten.baddbmm: 1}

    def __init__(self):
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in self.LEFT:
            self.flops += 2 * out.numel() * args[self.LEFT[func.overloadpacket]].shape[-1]
        elif func.overloadpacket is aten.convolution:
            self.flops += 2 * out.numel() * args[1][0].numel()
        return out


@EVERY
def test_the_work_is_what_torch_counts_too(measured, workload, name):
    cell = workload(name)
    inputs = {**cell.cost_batches[0], "use_cache": False}
    counted = measured(name).figures.flops_detail
    assert counted.flops == count_dispatched_flops(cell.loaded.model, inputs).by_module[""]
    with torch.no_grad(), CountByShapes() as by_shapes:
        cell.loaded.model(**inputs)
    assert counted.flops == by_shapes.flops
    assert (counted.counter == "torch") == (name in UNTRACED)


@EVERY
def test_every_stage_with_attention_names_its_kernels(measured, name):
    model = measured(name).figures.model
    # The connectors of Kosmos-2 and Molmo 2 pool patches by attention.
    expected = STAGES[name] - (set() if name in {"kosmos-2", "molmo2"} else {"connector"})
    kernels = {stage: ["eager matmul and softmax"] for stage in expected}
    strayed = []
    if name == "gemma3n":
        # timm, whose vision tower it has, takes no other attention than its own.
        kernels["vision"] = ["sdpa math"]
        strayed = ["vision was to run with eager and ran with sdpa math"]
    assert model.kernels == kernels
    assert model.not_as_asked == strayed
    assert model.decode_kernels == ["eager matmul and softmax"]


@EVERY
def test_a_request_is_told_apart_into_the_stages_of_the_family(measured, name):
    parts = {part.name: part.seconds for part in measured(name).figures.request.parts}
    missing = {part for part, seconds in parts.items() if seconds is None}
    has_connector = STAGES[name] & {"connector", "qformer"}
    assert missing == (set() if has_connector else {"connector"})
    assert min(seconds for seconds in parts.values() if seconds is not None) > 0.0


@EVERY
def test_the_decode_step_is_what_a_second_token_costs(measured, workload, name):
    cell = workload(name)

    def work(tokens):
        with FlopCounterMode(display=False) as counter:
            cell.generation(tokens)
        return counter.get_total_flops()

    counted = measured(name).figures.flops_detail
    assert counted.decode_step_reason is None
    assert counted.decode_step == work(2) - work(1)


WIDE = 2 * 4 * WIDTH
"""Bytes of a position's keys and values in a layer, whose heads are as wide as the model."""
NEW_TOKENS = 7


def compute_cache_bytes(name, cell):
    """Return the bytes of a cache by its layers' forms, for a row."""
    ids = cell.cost_batches[0]["input_ids"].shape[1]
    # The last token that is generated is not fed again.
    length = cell.sequence_length + NEW_TOKENS - 1
    if name in ("blip2-flan-t5", "florence2"):
        # Two layers of a decoder of its own, each with a look at what was encoded.
        return 2 * WIDE * (NEW_TOKENS + ids)
    if name == "gemma3n":
        # The first layer has a window of 16; the last two read the caches of the first two.
        return WIDE * (length + min(length, 15))
    if name == "gemma4":
        # The second layer has a window of 16: the newest position comes from outside the cache.
        return WIDE * (length + min(length, 15))
    if name == "mllama":
        # Two layers of text alone; one that looks at four tiles of the image, most of them empty.
        return WIDE * (2 * (ids + NEW_TOKENS - 1) + 4 * IMAGE_TOKENS[name])
    if name in ("qwen3-5", "minicpm-v-4-6"):
        # Linear attention: four states of 8 x 8, and four inputs of a convolution of 64 channels.
        return WIDE * length + 4 * (4 * 8 * 8 + 4 * 64)
    if name == "lfm2-vl":
        # Three inputs of a convolution that is as wide as the model.
        return WIDE * length + 4 * 3 * WIDTH
    return 2 * WIDE * length


@EVERY
def test_the_cache_is_as_large_as_its_layers_say(measured, workload, name):
    cell = workload(name)
    rows = len(cell.cost_batches[0]["input_ids"])
    assert cell.count_cache_bytes(NEW_TOKENS) == rows * compute_cache_bytes(name, cell)
    counted = measured(name).figures.kv_cache
    assert (counted.kv_cache_reason, counted.kv_cache_bytes) == (None, cell.count_cache_bytes(3))


@EVERY
def test_layers_are_profiled_with_the_decode_step_apart(inputs, name):
    layers_job = make_layers_job(iterations=1, max_input_len=30)
    profiled = profile_cell(layers_job, inputs(name))
    stages = {row.stage for row in profiled.rows} - {""}
    assert stages - {"decode"} == STAGES[name]
    assert ("decode" in stages) == (profiled.figures.decode_reason is None)


@EVERY
def test_the_length_is_of_the_users_text_alone(workload, name):
    long, short = workload(name), workload(name, max_input_len=8)
    assert (short.items.text_tokens, short.describe_input().truncated_samples > 0) == (8, True)
    cut = long.items.text_tokens - short.items.text_tokens
    assert long.sequence_length - short.sequence_length == cut
    assert short.describe_input().image_tokens == IMAGE_TOKENS[name]


@EVERY
def test_the_cost_batches_are_of_one_shape(workload, name):
    batches = workload(name).cost_batches
    assert len(batches) == 2
    first, second = (
        {key: value.shape for key, value in batch.items() if torch.is_tensor(value)}
        for batch in batches
    )
    assert first == second


@EVERY
def test_neither_batch_nor_image_sizes_beside_it_change_an_answer(workload, mixed, name):
    cell = workload(name)
    parts = cell.loaded, cell.feeder, mixed(cell)
    alone, together = (
        [row.prediction for row in generate_answers(*parts, size, cell.decoding)] for size in (1, 5)
    )
    assert together == alone
    assert any(alone)


@EVERY
def test_image_tokens_are_of_each_image(workload, mixed, name):
    cell = workload(name)
    counts = cell.feeder.count_image_tokens(cell.feeder.batch(mixed(cell)))
    assert (len(set(counts)) > 1) == (name in MORE_FOR_LARGER)


def compute_plain_score(cell, item, option):
    """The mean log-likelihood of an option by one forward of one row, read position by position."""
    loaded = cell.loaded
    inputs = cell.feeder.batch([item])
    chat = loaded.processor.chat_template is not None
    before = "" if chat else f"{item.prompt.text} "
    tokens = [
        loaded.tokenizer(f"{text}", add_special_tokens=False)["input_ids"]
        for text in (before, f"{before}{option}")
    ]
    target = tokens[1][len(tokens[0]) :]
    if "decoder_input_ids" in inputs:
        start = inputs.pop("decoder_input_ids")
        inputs["decoder_input_ids"] = torch.cat([start, torch.tensor([target[:-1]]).long()], dim=1)
    else:
        inputs = append_tokens(inputs, [target], loaded.family)
    with torch.inference_mode():
        likelihoods = loaded.model(**inputs).logits[0].float().log_softmax(-1)
    # The last tokens of a row are the option's; of a decoder of its own, all are.
    first = 0 if "decoder_input_ids" in inputs else len(likelihoods) - 1 - len(target)
    chosen = [likelihoods[first + place, token].item() for place, token in enumerate(target)]
    return sum(chosen) / len(chosen)


@EVERY
def test_how_likely_options_are_is_what_plain_forwards_say(workload, mixed, name):
    cell = workload(name)
    choices = ("red", "what is the dog", "cat")
    items = [
        replace(item, choices=choices[:count])
        for item, count in zip(mixed(cell), (3, 2, 1, 0, 3), strict=True)
    ]
    scores = [
        own
        for batch in split_into_batches(items, 4)
        for own in score_options(cell.loaded, cell.feeder, cell.feeder.batch(batch), batch)
    ]
    assert [len(own) for own in scores] == [3, 2, 1, 0, 3]
    for item, own in zip(items, scores, strict=True):
        plain = [compute_plain_score(cell, item, option) for option in item.choices]
        assert own == pytest.approx(plain, abs=1e-4)
    assert max(score for own in scores for score in own) < 0
    assert scores[0] != pytest.approx(scores[4], abs=1e-4)


@EVERY
def test_options_are_scored_without_a_look_ahead(workload, name):
    cell = workload(name)
    loaded, feeder, first = cell.loaded, cell.feeder, next(cell.items.read())

    def scores(*choices):
        item = replace(first, choices=choices)
        [own] = score_options(loaded, feeder, feeder.batch([item]), [item])
        return own

    # Equal first tokens: what comes after them must not change how likely they are.
    (alone,) = scores("cat")
    both = scores("cat", "cat dog red")
    assert both[0] == pytest.approx(alone, abs=1e-4)
    if "decoder_input_ids" not in cell.cost_batches[0]:
        before_dog, before_red = compute_second_logits(cell)
        assert torch.allclose(before_dog, before_red, atol=1e-4)


def compute_second_logits(cell):
    """Return the logits of an option's second token, with two different tokens after it."""
    inputs = cell.feeder.batch(list(cell.items.read(0, 1)))
    cat, dog, red = cell.loaded.tokenizer("cat dog red", add_special_tokens=False)["input_ids"]
    logits = []
    for last in (dog, red):
        continued = append_tokens(inputs, [[cat, last]], cell.loaded.family)
        with torch.inference_mode():
            logits.append(cell.loaded.model(**continued).logits[0, -2])
    return logits


@EVERY
def test_an_architecture_alone_has_a_cost(prepared, checkpoint, inputs, job, tmp_path, name):
    # Molmo 2's connector multiplies two projections: of a tiny one bf16 loses the product.
    dtype = "fp32" if name == "molmo2" else "bf16"
    manifest = tmp_path / f"{name}-{dtype}.json"
    prepare_model(make_model_job(checkpoint(name), dtype, "random", model=name), manifest)
    cell = job(dtype=dtype)
    files = replace(inputs(name), model=manifest)
    alone = prepare_workload(cell.cell, files, cell.measure.batches)
    assert not alone.loaded.answers_mean_something
    assert torch.isfinite(alone.forwards()[0]().logits.float()).all()
    assert alone.check_image_is_seen().image_changes_logits


@pytest.mark.skipif("blip" not in HERE, reason="another process builds it")
def test_blip_answers_as_its_own_generation_does(workload):
    cell = workload("blip")
    inputs = cell.feeder.batch(list(cell.items.read(0, 1)))
    ids, tokenizer = inputs["input_ids"], cell.loaded.tokenizer
    own = torch.cat([ids, torch.tensor([[tokenizer.sep_token_id]])], dim=1)
    own[0, 0] = tokenizer.cls_token_id
    assert cell.loaded.eos_token_ids == (tokenizer.sep_token_id,)
    answered = cell.loaded.model.generate(
        pixel_values=inputs["pixel_values"],
        input_ids=own,
        attention_mask=torch.ones_like(own),
        max_new_tokens=cell.decoding.max_new_tokens,
        do_sample=False,
    )
    with cell.loaded.inference():
        new = generate(cell.loaded, inputs, cell.decoding)
    assert new.tolist() == answered[:, ids.shape[1] :].tolist()


class PadsOnTheRight:
    """A processor that pads as for training, whatever its tokenizer is set to."""

    def __init__(self, processor):
        self.processor = processor

    def __getattr__(self, name):
        return getattr(self.processor, name)

    def __call__(self, **given):
        return self.processor(**given, padding_side="right")


class ForgetsTheMask(PadsOnTheRight):
    """A processor whose mask shows padding as text."""

    def __call__(self, **given):
        inputs = self.processor(**given)
        inputs["attention_mask"].fill_(1)
        return inputs


@pytest.mark.parametrize("fault", [None, PadsOnTheRight, ForgetsTheMask])
@pytest.mark.parametrize(
    "name", [each for each in ("llava", "qwen2-5-vl", "internvl") if each in HERE]
)
def test_a_fault_of_padding_shows_in_the_answers_that_a_batch_changes(
    inputs, job, monkeypatch, tmp_path, name, fault
):
    if fault is not None:
        sound = load.load_processor
        monkeypatch.setattr(
            load, "load_processor", lambda *given, **how: fault(sound(*given, **how))
        )
    files = [tmp_path / f"batch{size}.parquet" for size in (1, 5)]
    for size, file in zip((1, 5), files, strict=True):
        answer_samples(job(batch_size=size).cell, inputs(name), file, 0, 5)
    compared = Answers(seed=0, resamples=100).count_changed(*files)
    assert compared.shared == 5
    assert (compared.changed > 0) == (fault is not None)


def test_images_of_another_size_are_refused_where_positions_are_fixed(workload):
    with pytest.raises(UnsupportedError, match="llava takes images at its own size alone"):
        workload("llava", image_input="native")
    larger = workload("instructblip", image_input="native").cost_batches[0]
    assert larger["interpolate_pos_encoding"]
