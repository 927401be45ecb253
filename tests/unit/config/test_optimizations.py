"""A mistake in the block of an optimisation is a sentence with the file and the key."""

import pytest

MISTAKES = [
    (
        "optimizations",
        {"mine": {"quantization": "int3"}},
        'optimizations.mine.quantization: "int3" is not known; did you mean "int8"?',
    ),
    (
        "optimizations",
        {"mine": {"quantization": {"text": "nf4"}}},
        'optimizations.mine.quantization.text: "nf4" is not known; known here: fp8, int4, int8',
    ),
    (
        "optimizations",
        {"mine": {"quantization": {}}},
        "optimizations.mine.quantization: names no part to quantise; give one, such as text: int4",
    ),
    (
        "optimizations",
        {"mine": {"quantization": {"qformer": "int8"}}},
        'optimizations.mine.quantization: unknown key "qformer"; known here: connector, text, '
        "vision",
    ),
    (
        "optimizations",
        {"mine": {"attention": {"vison": "sdpa"}}},
        'optimizations.mine.attention: unknown key "vison"; did you mean "vision"?',
    ),
    (
        "optimizations",
        {"mine": {"sdpa_backend": "math"}},
        "optimizations.mine: sdpa_backend is one of sdpa: add attention: sdpa",
    ),
]
"""The key to set, its value, and the sentence after `my.yaml: `."""


@pytest.mark.parametrize(
    ("key", "value", "sentence"), MISTAKES, ids=[f"{key}={value}" for key, value, _ in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_the_file_and_the_key(refuse, key, value, sentence):
    assert refuse(key, value) == f"my.yaml: {sentence}"
