"""Images as they are, and how many tokens they may take, in every family that has a say in it."""

import statistics

import pytest
import torch
from tiny_families import HERE
from transformers.models.mllama.image_processing_pil_mllama import convert_aspect_ratios_to_ids_np

from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.models.batches import Feeder
from vlmeter.models.generate import generate_answers
from vlmeter.status import UnsupportedError

SIZES_PX = ((28, 28), (90, 30), (112, 112))
# The fewest of the largest image, and what is more than that.
LIMITS = {
    **dict.fromkeys(("idefics3", "smolvlm", "internvl", "molmo2"), (8, 60)),
    **dict.fromkeys(("qwen3-vl", "qwen3-vl-moe", "qwen3-5", "qwen2-5-vl", "qwen2-vl"), (4, 16)),
    **dict.fromkeys(("paddleocr-vl", "glm-4v", "glm-4-6v", "mistral3"), (4, 16)),
    **dict.fromkeys(("llava-next", "llava-onevision"), (60, 100)),
    **dict.fromkeys(("qwen2-5-omni", "qwen3-omni"), (4, 16)),
    "gemma4": (70, 140),
    "minicpm-v-4-6": (4, 24),
    "lfm2-vl": (2, 24),
    "llama4": (4, 24),
    "phi4-multimodal": (600, 1400),
}
"""Families with a setting that decides how many tokens an image takes, with a low and a high limit
that both have an effect on these sizes."""
CROPS = {"gemma3"}
"""Crops of 256 px a side: none of these images has room for one."""
FIXED = {*("blip2-opt", "blip2-flan-t5", "instructblip", "llava", "paligemma", "git", "florence2")}
FIXED |= {"blip", "kosmos-2", "gemma3n"}
KINDS = {
    *("qwen2-5-vl", "glm-4v", "gemma4", "internvl", "smolvlm", "llava-next", "mllama"),
    *("minicpm-v-4-6", "mistral3", "lfm2-vl", "llama4", "molmo2", "phi4-multimodal"),
}
"""One of each kind of image processor that keeps forms apart."""


@pytest.mark.parametrize("name", [name for name in HERE if name in LIMITS])
def test_no_image_takes_more_tokens_than_it_may(workload, monkeypatch, name):
    most = []
    for limit in LIMITS[name]:
        with monkeypatch.context() as patch:
            feeder = Feeder(keep_grids(workload(name).loaded, patch), "processor", 30)
            feeder.limit_image_tokens(limit, SIZES_PX)
            most.append(max(feeder.find_form(size).tokens for size in SIZES_PX))
        assert limit / 4 < most[-1] <= limit
    assert most[0] < most[1]


def keep_grids(loaded, patch):
    """Return a model whose grids are as before when the patch ends."""
    if hasattr(loaded.processor.image_processor, "image_grid_pinpoints"):
        for holder in (loaded.model.config, loaded.processor.image_processor):
            patch.setattr(holder, "image_grid_pinpoints", holder.image_grid_pinpoints)
    return loaded


@pytest.mark.parametrize(
    "name", [name for name in HERE if name in ("gemma4", "internvl", "llava-next")]
)
def test_a_limit_below_the_fewest_tokens_names_them(workload, monkeypatch, name):
    feeder = Feeder(keep_grids(workload(name).loaded, monkeypatch), "processor", 30)
    words = (
        r"max_image_tokens 1: \w+ takes (4|36|64) tokens at the least for an image of \d+ x \d+ px"
    )
    with pytest.raises(UnsupportedError, match=words):
        feeder.limit_image_tokens(1, SIZES_PX)


@pytest.mark.parametrize("name", [name for name in HERE if name in FIXED | {"mllama"}])
def test_a_family_without_a_setting_for_it_is_unsupported(workload, name):
    reason = "with fewer tiles its processor" if name == "mllama" else "no setting that is known"
    with pytest.raises(UnsupportedError, match=f"takes for an image cannot be set: {reason}"):
        Feeder(workload(name).loaded, "processor", 30).limit_image_tokens(4, SIZES_PX)


def test_a_form_of_mllama_has_another_number_with_fewer_tiles():
    four, two = (convert_aspect_ratios_to_ids_np([[(2, 1)]], tiles)[0, 0] for tiles in (4, 2))
    assert four != two


def test_every_family_has_a_setting_or_none():
    assert set(HERE) <= {*LIMITS, *CROPS, *FIXED, "mllama"}


@pytest.mark.parametrize("name", [name for name in HERE if name in CROPS])
def test_crops_are_as_many_as_the_tokens_allow_and_keep_the_form(workload, name):
    feeder = Feeder(workload(name).loaded, "native", 30, 512)
    wide = (1024, 256)
    with pytest.raises(UnsupportedError, match="takes images at its own size alone"):
        feeder.find_form(wide)
    for limit, tokens in ((12, 12), (20, 20), (99, 20)):
        feeder.limit_image_tokens(limit, [wide])
        assert feeder.find_form(wide).tokens == tokens


@pytest.mark.parametrize("name", [name for name in HERE if name in KINDS])
def test_images_as_they_are_are_measured_by_the_median_one(as_they_are, job, name):
    cell = job(image_input="native", image_size=90)
    fed = prepare_workload(cell.cell, as_they_are(name), cell.measure.batches)
    items = list(fed.items.read())
    counts = [
        count for item in items for count in fed.feeder.count_image_tokens(fed.feeder.batch([item]))
    ]
    assert len(set(counts)) > 1
    described = fed.describe_input()
    assert described.image_tokens_min == min(counts)
    assert described.image_tokens_max == max(counts)
    assert described.image_tokens_mean == pytest.approx(statistics.fmean(counts))
    median = statistics.median_low(counts)
    assert described.image_tokens == median
    for batch in fed.cost_batches:
        assert set(fed.feeder.count_image_tokens(batch)) == {median}
    shapes = {
        tuple((key, value.shape) for key, value in batch.items() if torch.is_tensor(value))
        for batch in fed.cost_batches
    }
    assert len(shapes) == 1
    alone, together = (
        [
            row.prediction
            for row in generate_answers(fed.loaded, fed.feeder, items, size, cell.cell.decoding)
        ]
        for size in (1, 5)
    )
    assert alone == together


@pytest.mark.skipif("internvl" not in HERE, reason="another process builds it")
def test_a_cell_is_limited_as_its_axis_says(as_they_are, job):
    cell = job(image_input="native", image_size=90, max_image_tokens=4)
    fed = prepare_workload(cell.cell, as_they_are("internvl"), cell.measure.batches)
    described = fed.describe_input()
    assert (described.image_tokens, described.image_tokens_max) == (4, 4)
    assert described.image_settings == {"crop_to_patches": "False", "max_patches": "1"}
