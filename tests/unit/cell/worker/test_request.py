"""Requests of a tiny model: what is computed, and what of it can be told apart."""

import copy
import io
from contextlib import nullcontext
from dataclasses import replace
from unittest import mock

import pytest
import torch
from job_factory import make_setup
from PIL import Image

from vlmeter.cell.worker.request import Requests, measure_requests
from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.measure.clock import CpuClock
from vlmeter.measure.marks.stopwatch import HostStopwatch
from vlmeter.measure.request.result import OTHER, PARTS
from vlmeter.measure.request.timing import RequestPlan
from vlmeter.models.families.base import Family

NEW_TOKENS = 3


@pytest.fixture(scope="module")
def workload(inputs):
    return prepare_workload(make_setup(), inputs, 2)


def measure(workload, **options):
    request, _ = measure_requests(
        workload,
        CpuClock(),
        HostStopwatch(),
        RequestPlan(repeats=1, budget_s=0.0),
        NEW_TOKENS,
        **{"gpus": 0, "ranks_options": False, **options},
    )
    return request


def list_missing(request):
    return {part.name: part.reason for part in request.parts if part.seconds is None}


def test_a_request_computes_what_every_other_cost_is_of(workload):
    requests = Requests(workload, workload.read_originals(), NEW_TOKENS)
    generated = "vlmeter.cell.worker.request.generate"
    with mock.patch(generated, side_effect=lambda _, inputs, *__: inputs["input_ids"]) as given:
        requests.run(lambda _: nullcontext())
    inputs, first = given.call_args.args[1], workload.cost_batches[0]
    assert inputs.keys() == first.keys()
    for name, value in first.items():
        assert torch.equal(inputs[name], value), name


def test_a_request_ends_in_words(workload):
    requests = Requests(workload, workload.read_originals(), NEW_TOKENS)
    words = requests.run(lambda _: nullcontext())
    assert len(words) == 2
    assert all(isinstance(text, str) for text in words)


def test_every_part_is_told_apart_and_the_tokenizer_stays_what_it_was(workload):
    kind = type(workload.loaded.tokenizer)
    request = measure(workload)
    assert list_missing(request) == {}
    assert all(part.seconds > 0.0 for part in request.parts)
    assert [part.name for part in request.parts] == list(PARTS)
    assert type(workload.loaded.tokenizer) is kind
    hooks = [it._forward_hooks or it._forward_pre_hooks for it in workload.loaded.model.modules()]
    assert not any(hooks)


class Unknown(Family):
    """A family whose modules have names that nobody knows."""

    stages = {}
    generator = "language_model"


def test_a_vision_encoder_that_is_not_found_is_in_other(workload):
    loaded = replace(workload.loaded, family=Unknown())
    whole = measure(workload)
    request = measure(replace(workload, loaded=loaded))
    missing = list_missing(request)
    assert set(missing) == {"vision", "connector", "prefill"}
    assert all("part of other" in reason for reason in missing.values())
    assert request.vision_share is None
    shares = [
        next(part.seconds for part in it.parts if part.name == OTHER) / it.parts_sum_s
        for it in (whole, request)
    ]
    assert 3 * shares[0] < shares[1]


def test_a_decoder_that_is_not_called_for_each_token_is_in_other(workload):
    class Elsewhere(type(workload.loaded.family)):
        # Called once, for the image.
        generator = "language_projection"

    loaded = replace(workload.loaded, family=Elsewhere())
    missing = list_missing(measure(replace(workload, loaded=loaded)))
    assert set(missing) == {"prefill", "decode"}
    assert all("once for each token" in reason for reason in missing.values())


def test_a_processor_that_tokenizes_by_itself_says_so(workload):
    feeder = workload.feeder
    made = feeder.process(
        [Image.open(io.BytesIO(data)) for data in workload.read_originals()],
        feeder.write_texts(workload.first_items),
    )

    # What its processor makes, without a call of the tokenizer.
    with mock.patch.object(feeder, "process", lambda *_: copy.copy(made)):
        missing = list_missing(measure(workload))
    assert set(missing) == {"tokenize"}
    assert "part of processor" in missing["tokenize"]


def test_what_is_missing_for_several_reasons_has_each(workload):
    class Elsewhere(Unknown):
        generator = "language_projection"

    feeder = workload.feeder
    images = [Image.open(io.BytesIO(data)) for data in workload.read_originals()]
    made = feeder.process(images, feeder.write_texts(workload.first_items))
    loaded = replace(workload.loaded, family=Elsewhere())
    with mock.patch.object(feeder, "process", lambda *_: copy.copy(made)):
        missing = list_missing(measure(replace(workload, loaded=loaded)))
    assert set(missing) == {"tokenize", "vision", "connector", "prefill", "decode"}


def test_several_gpus_have_the_whole_alone(workload):
    request = measure(workload, gpus=2)
    assert request.request_s > 0.0
    assert request.parts == []
    assert "several GPUs" in request.notes[0]


def test_the_scoring_of_options_is_said_to_be_no_part(workload):
    assert measure(workload).notes[:1] != measure(workload, ranks_options=True).notes[:1]
    assert "scoring of options" in measure(workload, ranks_options=True).notes[0]
