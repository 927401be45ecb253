"""A study says how answers are decoded; a model's own generation config holds where asked for."""

import json
import shutil
from dataclasses import replace

import pytest
from job_factory import DECODING
from tiny_families import write_checkpoint
from tiny_model import Loader, picture

from vlmeter.data.samples import Text
from vlmeter.models.batches import Feeder
from vlmeter.models.decoding import WrongLengthError, select_applied
from vlmeter.models.generate import generate, generate_answers
from vlmeter.models.items import Item
from vlmeter.status import UnsupportedError

FAMILIES = ("llava", "blip2-opt")
"""In the second the language model generates, which has a generation config of its own."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    for name in FAMILIES:
        write_checkpoint(name, folder / name)
    return folder


class Setup:
    """A checkpoint with some settings in its generation config."""

    def __init__(self, checkpoint, folder, **settings):
        shutil.copytree(checkpoint, folder)
        file = folder / "generation_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
        self.loaded = Loader(folder)()
        self.feeder = Feeder(self.loaded, "processor", 50)
        template = "question : {question} answer :"
        texts = [Text(str(number), text, "", ()) for number, text in enumerate(QUESTIONS)]
        self.items = [
            Item(
                text.id,
                picture(number),
                self.feeder.fit(template, text).prompt(template, text),
                template,
            )
            for number, text in enumerate(texts)
        ]

    def answer(self, **settings):
        decoding = replace(DECODING, max_new_tokens=8, **settings)
        rows = generate_answers(self.loaded, self.feeder, self.items, 3, decoding)
        return [(row.prediction, row.generated_tokens) for row in rows]


QUESTIONS = ("what colour", "is the cat red ? one two", "the dog")


@pytest.fixture(scope="module")
def plain(checkpoints, tmp_path_factory):
    """Each family without any setting of its own."""
    folder = tmp_path_factory.mktemp("plain")
    return {name: Setup(checkpoints / name, folder / name) for name in FAMILIES}


SHAPING = {
    "no_repeat_ngram_size": 1,
    "suppress_tokens": list(range(15, 35)),
    "begin_suppress_tokens": list(range(15, 35)),
    "bad_words_ids": [[token] for token in range(15, 35)],
    "forced_bos_token_id": 20,
    "encoder_repetition_penalty": 3.0,
    "exponential_decay_length_penalty": [0, 9.0],
    "num_beams": 3,
    "repetition_penalty": 5.0,
}
"""Settings that shape answers, at values that would change those of the tiny model."""
ENDING = {
    "stop_strings": ["cat"],
    "max_time": 1e-9,
    "prompt_lookup_num_tokens": 2,
    "penalty_alpha": 0.6,
    "use_cache": False,
    "do_sample": True,
    "guidance_scale": 2.0,
    "token_healing": True,
}
"""Settings with which a forced length or a second run of the same cell means nothing."""


@pytest.mark.parametrize("name", [*SHAPING, *ENDING])
def test_no_setting_of_the_model_is_in_force(checkpoints, plain, tmp_path, name):
    own = Setup(checkpoints / "llava", tmp_path / "own", **{name: (SHAPING | ENDING)[name]})
    assert own.loaded.own_generation[name] == (SHAPING | ENDING)[name]
    assert own.answer() == plain["llava"].answer()
    inputs = own.feeder.batch(own.items)
    assert generate(own.loaded, inputs, DECODING, 6).shape == (3, 6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["no_repeat_ngram_size", "suppress_tokens"])
def test_the_model_s_own_settings_hold_where_a_study_asks_for_them(
    checkpoints, plain, tmp_path, family, name
):
    own = Setup(checkpoints / family, tmp_path / "own", **{name: SHAPING[name]})
    assert plain[family].answer(by_model=True) == plain[family].answer()
    assert own.answer() == plain[family].answer()
    assert own.answer(by_model=True) != plain[family].answer()


@pytest.mark.parametrize("name", ENDING)
def test_what_cannot_be_measured_is_unsupported_by_its_name(checkpoints, tmp_path, name):
    own = Setup(checkpoints / "llava", tmp_path / "own", **{name: ENDING[name]})
    with pytest.raises(UnsupportedError, match=rf"generation: model: .*: {name}: "):
        own.answer(by_model=True)


def test_a_setting_of_unknown_effect_is_unsupported_by_its_name():
    for name in ("think_harder", "num_return_sequences"):
        with pytest.raises(UnsupportedError, match=f"{name}: 3"):
            select_applied({"num_beams": 2, name: 3})


def test_settings_without_effect_or_decided_elsewhere_are_passed_over():
    own = {"use_cache": True, "temperature": 0.1, "max_length": 5, "eos_token_id": [2]}
    assert select_applied({**own, "no_repeat_ngram_size": 3}) == {"no_repeat_ngram_size": 3}


@pytest.mark.parametrize("made", [1, 9])
def test_a_generation_of_another_length_than_forced_is_refused(loaded, feeder, items, made):
    class Talker:
        config = loaded.model.config

        def generate(self, input_ids, **_options):
            return input_ids.new_zeros(len(input_ids), input_ids.shape[1] + made)

    inputs = feeder.batch(items[:2])
    other = replace(loaded, model=Talker())
    with pytest.raises(WrongLengthError, match=f"{made} tokens were generated where 5 were forced"):
        generate(other, inputs, DECODING, 5)
    assert generate(other, inputs, DECODING).shape == (2, made)
