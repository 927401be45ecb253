"""Answers end where they end, and do not depend on the batch; forced ones have their length."""

import threading
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from job_factory import DECODING

from vlmeter.models.generate import generate, generate_answers, image_changes_logits, prefetch

EOS = 2


def decoding(max_new_tokens, **settings):
    return replace(DECODING, max_new_tokens=max_new_tokens, **settings)


class Parrot:
    """A model that answers with the tokens it was given."""

    def __init__(self, loaded, *rows):
        self.config = loaded.model.config
        self._rows = torch.tensor(rows)
        self.asked = []

    def generate(self, input_ids, **options):
        self.asked.append(options)
        return torch.cat([input_ids, self._rows], dim=1)


def test_an_answer_is_cut_at_its_end(loaded, feeder, items):
    model = Parrot(loaded, [9, 10, EOS, 11], [EOS, 0, 0, 0], [12, 13, 14, 15])
    rows = list(generate_answers(replace(loaded, model=model), feeder, items[:3], 3, decoding(4)))
    assert [(row.prediction, row.generated_tokens) for row in rows] == [
        ("what colour", 2),
        ("", 0),
        ("the cat dog red", 4),
    ]
    assert [row.id for row in rows] == ["0", "1", "2"]


def test_a_prediction_holds_its_prompt(loaded, make_feeder, make_items):
    feeder = make_feeder(loaded, max_input_len=7)
    items = make_items(feeder)
    row = next(generate_answers(loaded, feeder, items[1:2], 1, decoding(2)))
    assert (row.prompt, row.text_tokens, row.truncated) == (
        "question : is the answer :",
        7,
        True,
    )


def test_decoding_is_asked_for_without_anything_left_to_defaults(loaded, feeder, items):
    model = Parrot(loaded, [9])
    inputs = feeder.batch(items[:1])
    for forced_tokens in (None, 1):
        generate(replace(loaded, model=model), inputs, decoding(5), forced_tokens)
    natural, forced = (
        {key: value for key, value in asked.items() if not torch.is_tensor(value)}
        for asked in model.asked
    )
    common = {
        "do_sample": False,
        "num_beams": 1,
        "repetition_penalty": 1.0,
        "pad_token_id": 0,
        "eos_token_id": [EOS],
        "cache_implementation": None,
        "disable_compile": True,
        "return_dict_in_generate": False,
    }
    assert natural == {**common, "max_new_tokens": 5, "min_new_tokens": None}
    assert forced == {**common, "max_new_tokens": 1, "min_new_tokens": 1}


def test_a_data_set_s_decoding_reaches_the_model(loaded, feeder, items):
    model = Parrot(loaded, [9])
    settings = {
        "num_beams": 5,
        "length_penalty": -1.0,
        "min_new_tokens": 2,
        "repetition_penalty": 1.5,
    }
    generate(replace(loaded, model=model), feeder.batch(items[:1]), decoding(8, **settings))
    assert model.asked[0].items() >= {"max_new_tokens": 8, "do_sample": False, **settings}.items()


@pytest.mark.parametrize("beams", [1, 3])
def test_the_batch_size_does_not_change_answers(loaded, feeder, items, beams):
    def predictions(batch_size):
        rows = list(
            generate_answers(loaded, feeder, items, batch_size, decoding(8, num_beams=beams))
        )
        return [(row.id, row.prediction, row.generated_tokens) for row in rows]

    alone = predictions(1)
    assert predictions(2) == alone
    assert predictions(5) == alone
    assert len({prediction for _, prediction, _ in alone}) > 1


def test_a_search_finds_a_likelier_answer_than_greedy_decoding_at_least_once(loaded, feeder, items):
    def predictions(**settings):
        return [
            row.prediction
            for row in generate_answers(
                loaded, feeder, items, 5, decoding(6, min_new_tokens=6, **settings)
            )
        ]

    assert predictions(num_beams=4) != predictions()


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("tokens", [2, 9])
def test_a_forced_answer_has_exactly_its_length(loaded, feeder, items, tokens, beams):
    # Every token ends an answer: natural decoding would stop at the first.
    eager_to_stop = replace(loaded, eos_token_ids=tuple(range(15)))
    inputs = feeder.batch(items[:2])
    with torch.inference_mode():
        natural = generate(eager_to_stop, inputs, decoding(tokens, num_beams=beams))
        forced = generate(eager_to_stop, inputs, decoding(3, num_beams=beams), tokens)
    assert natural.shape[1] < tokens + 1
    assert forced.shape == (2, tokens)


def test_another_image_changes_the_logits(loaded, feeder, items):
    assert image_changes_logits(loaded, feeder, items[0])


def fake(loaded, logits):
    """Return the loaded model with one that gives these logits for its inputs."""

    class Model:
        config = loaded.model.config

        def __call__(self, **inputs):
            return SimpleNamespace(logits=logits(inputs))

    return replace(loaded, model=Model())


def test_a_model_that_does_not_see_the_image_is_noticed(loaded, feeder, items):
    blind = fake(loaded, lambda inputs: inputs["input_ids"].float())
    assert not image_changes_logits(blind, feeder, items[0])


def test_numbers_that_overflow_are_no_sign_of_seeing(loaded, feeder, items):
    broken = fake(loaded, lambda inputs: inputs["pixel_values"] * torch.inf)
    with pytest.raises(ValueError, match="overflow in this dtype"):
        image_changes_logits(broken, feeder, items[0])


def test_a_broken_image_is_named_and_leaves_no_thread(loaded, feeder, items):
    broken = replace(items[3], image=b"no picture")
    with (
        closing(generate_answers(loaded, feeder, [*items[:3], broken], 2, decoding(2))) as rows,
        pytest.raises(ValueError, match=r"^sample 3: its image cannot be decoded"),
    ):
        list(rows)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prepare")]


def test_each_batch_is_prepared_once_even_where_options_are_ranked(loaded, feeder, items):
    class Counting:
        count_image_tokens = feeder.count_image_tokens

        def __init__(self):
            self.fed = []

        def batch(self, batch):
            self.fed += [item.id for item in batch]
            return feeder.batch(batch)

    counting = Counting()
    ranked = [replace(item, choices=("cat", "red dog", "two")) for item in items]
    rows = list(generate_answers(loaded, counting, ranked, 2, decoding(2), ranked=True))
    assert counting.fed == [item.id for item in items]
    assert [len(row.option_scores) for row in rows] == [3] * 5


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prepare")]


def test_everything_comes_in_order():
    with prefetch(iter(range(5))) as made:
        assert list(made) == [0, 1, 2, 3, 4]
    with prefetch(iter([])) as made:
        assert list(made) == []
    assert threads() == []


def test_the_next_one_is_made_meanwhile_and_no_more():
    begun = [threading.Event() for _ in range(4)]

    def make():
        for number, event in enumerate(begun):
            event.set()
            yield number

    with prefetch(make()) as made:
        assert next(made) == 0
        assert begun[1].wait(10), "the second is made before it is asked for"
        assert not begun[2].wait(0.1)
        assert next(made) == 1
        assert begun[2].wait(10)
    assert threads() == []


def test_an_error_comes_where_its_thing_would_have_come():
    def make():
        yield 1
        raise KeyError("sample 7")

    with prefetch(make()) as made:
        assert next(made) == 1
        with pytest.raises(KeyError, match="sample 7"):
            next(made)
    assert threads() == []


def test_an_error_in_the_use_ends_the_thread():
    def use():
        with prefetch(iter(range(9))) as made:
            for _ in made:
                raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        use()
    assert threads() == []
