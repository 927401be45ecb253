"""A cell's model with its samples: what its figures are of, and what is checked before them."""

import shutil
from dataclasses import replace

import pytest
import torch
from job_factory import MEASURE, get_optimization, make_setup

from vlmeter.cell.measurement import Checks
from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.data.manifests import UnusableSample
from vlmeter.errors import UserError
from vlmeter.models.optimization import Compile
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import read_json, write_json


def prepare(inputs, *arguments, **settings):
    return prepare_workload(make_setup(*arguments, **settings), inputs, MEASURE.batches)


def test_a_workload_describes_what_its_figures_are_of(inputs):
    workload = prepare(inputs)
    described = workload.describe_input()
    assert len(described.shape_digest) == len(described.content_digest) == 16
    assert described.samples == 5
    assert described.prompt_templates == {"question : {question} answer :": 5}
    assert described.truncated_samples == 0
    assert described.bad_samples == [
        UnusableSample("broken", "its image cannot be decoded (no known image format)")
    ]
    assert (described.batch_samples, described.distinct_batches) == (2, 2)
    assert not described.repeated
    assert (described.text_tokens, described.image_tokens) == (12, 4)
    assert described.sequence_length == 16
    assert described.pixel_shape == [3, 28, 28]
    assert workload.check_image_is_seen() == Checks(
        image_tokens_present=True, image_changes_logits=True
    )


def test_a_model_that_does_not_see_the_image_is_refused_before_it_is_measured(inputs):
    workload = prepare(inputs)
    model = workload.loaded.model

    class Blind:
        config = model.config

        def __call__(self, pixel_values, **inputs):
            return model(pixel_values=torch.zeros_like(pixel_values), **inputs)

    blind = replace(workload, loaded=replace(workload.loaded, model=Blind()))
    with pytest.raises(ValueError, match="another image gives the same logits"):
        blind.check_image_is_seen()
    no_tokens = {**workload.cost_batches[0], "input_ids": torch.zeros(2, 4, dtype=torch.int64)}
    for batches in ([no_tokens], [workload.cost_batches[0], no_tokens]):
        with pytest.raises(ValueError, match="image tokens"):
            replace(workload, cost_batches=batches).check_image_is_seen()


def test_every_cost_batch_is_full_and_of_one_shape(inputs):
    workload = prepare(inputs, batch_size=3)
    shapes = {tuple(batch["input_ids"].shape) for batch in workload.cost_batches}
    assert shapes == {(3, 16)}
    assert [len(forward().logits) for forward in workload.forwards()] == [3]


def test_the_length_is_that_of_the_longest_text_of_all_samples(inputs):
    workload = prepare_workload(make_setup(batch_size=1), inputs, 1)
    assert [tuple(batch["input_ids"].shape) for batch in workload.cost_batches] == [(1, 16)]


def test_a_timed_pass_keeps_no_cache_and_nothing_for_gradients(inputs):
    outputs = prepare(inputs).forwards()[0]()
    assert outputs.language_model_outputs.past_key_values is None
    assert outputs.logits.is_inference()


def test_a_sample_smaller_than_a_batch_is_repeated_and_the_input_says_so(inputs):
    described = prepare(inputs, batch_size=7).describe_input()
    assert (described.batch_samples, described.samples, described.repeated) == (7, 5, True)


def test_lengths_that_cut_nothing_are_the_same_computation(inputs):
    long, longer, short = (
        prepare(inputs, max_input_len=length).describe_input() for length in (20, 40, 8)
    )
    assert long.content_digest == longer.content_digest
    assert short.shape_digest != long.shape_digest
    assert (short.truncated_samples, short.text_tokens) == (2, 8)


def test_a_model_that_is_cut_short_is_named(inputs, tmp_path):
    write_json(tmp_path / "tiny-fp32.json", read_json(inputs.model))
    with pytest.raises(UserError, match="is missing or cut short"):
        prepare(replace(inputs, model=tmp_path / "tiny-fp32.json"))


@pytest.mark.parametrize("name", ["samples.parquet", "img28/images.parquet"])
def test_samples_or_images_that_are_not_as_they_were_written_are_named(inputs, tmp_path, name):
    photos = tmp_path / "data/photos"
    shutil.copytree(inputs.images.parent.parent, photos)
    table = photos / name
    # One byte within, so that the table is read as ever.
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    moved = replace(inputs, images=photos / "img28/images.json")
    with pytest.raises(UserError, match=table.name):
        prepare(moved)


@pytest.mark.parametrize(
    ("mode", "marks"),
    [
        ("reduce-overhead", True),
        ("max-autotune", True),
        ("max-autotune-no-cudagraphs", False),
        ("default", False),
        (None, False),
    ],
)
def test_every_pass_is_marked_for_cuda_graphs_before_it_begins(inputs, monkeypatch, mode, marks):
    how = None if mode is None else Compile(mode, form="regional")
    workload = prepare(inputs, optimization=replace(get_optimization("eager"), compile=how))
    events = []
    monkeypatch.setattr(
        torch.compiler, "cudagraph_mark_step_begin", lambda: events.append("a step begins")
    )
    workload.loaded.model.register_forward_pre_hook(lambda *_: events.append("forward"))
    for forward in [*workload.forwards(), workload.forwards()[0]]:
        forward()
    call = ["a step begins", "forward"] if marks else ["forward"]
    assert events == call * 3
    events.clear()
    workload.check_forward()
    assert events == call


def test_a_template_that_cannot_fit_is_unsupported(inputs):
    with pytest.raises(UnsupportedError, match="more than max_input_len 3"):
        prepare(inputs, max_input_len=3)


def test_without_a_template_the_prompts_are_those_of_the_model_s_family(inputs):
    workload = prepare(inputs, None)
    assert [item.prompt.text for item in workload.items.read(0, 2)] == [
        "Question: what colour Answer:",
        "Question: is the cat red ? one two Answer:",
    ]
    assert workload.describe_input().prompt_templates == {"Question: {question} Answer:": 5}
