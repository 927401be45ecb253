"""A model's own generation config, put out of force: a study says how answers are decoded."""

from typing import Any

from transformers import GenerationConfig

from vlmeter.models.decoding import Settings

_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
"""What stays in force: without them an answer has no beginning and no end."""


def replace_generation_config(model: Any, generator: Any) -> Settings:  # noqa: ANN401
    """Leave of a model's generation config the tokens that begin, end and pad; return all of it.

    Args:
        model: The model, whose config its `generation_config.json` becomes.
        generator: The module of it whose `generate` runs, maybe the model itself.

    Returns:
        The fields that are set, by name. Fields of a model's own code are among them.
    """
    settings = {**_list_settings(generator), **_list_settings(model)}
    for module in (generator, model):
        own = _list_settings(module)
        tokens = {name: own[name] for name in _TOKENS if name in own}
        module.generation_config = GenerationConfig(**tokens)
    return settings


def _list_settings(module: Any) -> Settings:  # noqa: ANN401
    return {
        name: value
        for name, value in vars(module.generation_config).items()
        if value is not None and not name.startswith("_")
    }
