"""Gemma 3n: what embeds sounds looks at every token, in passes without a sound, too."""

from vlmeter.models.families.base import PREFILL, Family


class Gemma3n(Family):
    """Every token of a text is embedded as a sound's as well, and that is thrown away."""

    name = "Gemma 3n"
    stages = {**Family.stages, "model.embed_audio": PREFILL}
