"""A model's own generation config, put out of force: a study says how answers are decoded."""

from typing import Any

from transformers import GenerationConfig

from vlmeter.models.decoding import Settings

_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
"""What stays in force: without them an answer has no beginning and no end."""


def replace_generation_config(generator: Any) -> Settings:  # noqa: ANN401 - a transformers model
    """Leave of a model's generation config the tokens that begin, end and pad; return all of it.

    Args:
        generator: The module whose `generate` runs.

    Returns:
        The fields that the config sets, by name. Fields of a model's own code are among them.
    """
    own = generator.generation_config
    settings = {
        name: value
        for name, value in vars(own).items()
        if value is not None and not name.startswith("_")
    }
    tokens = {name: settings[name] for name in _TOKENS if name in settings}
    generator.generation_config = GenerationConfig(**tokens)
    return settings
