"""Special tokens of a tokenizer in what people write: they are no text, and none may be there."""

import re
from typing import Any

from transformers import AddedToken

from vlmeter.data.prompts import PromptError
from vlmeter.data.samples import Text
from vlmeter.errors import shorten
from vlmeter.status import UnsupportedError


class SpecialTokens:
    """The special tokens of one processor."""

    def __init__(self, processor: Any) -> None:  # noqa: ANN401 - any transformers processor
        self._image_token = str(getattr(processor, "image_token", None))
        self._pattern = _match_special_tokens(processor)

    def check(self, template: str, text: Text) -> None:
        """See that neither a template nor what fills it holds one.

        Raises:
            PromptError: a text of the sample does.
            UnsupportedError: the template holds the image's.
        """
        own = self._pattern.search(template)
        if own is not None and own[0] == self._image_token:
            raise UnsupportedError(
                f"the prompt's template holds {shorten(own[0])}, which the processor puts before "
                "the text by itself: take it out of the template"
            )
        filled = {
            "question": [text.question],
            "context": [text.context],
            "choices": text.choices,
            "options": text.choices,
        }
        for field, values in filled.items():
            held = self._pattern.search("\n".join(values)) if f"{{{field}}}" in template else None
            if held is not None:
                raise PromptError(
                    f"has {shorten(held[0], 40)} in its {field}, a special token of the tokenizer "
                    "and no text: take it out of the data"
                )


def _match_special_tokens(processor: Any) -> re.Pattern[str]:  # noqa: ANN401 - any processor
    """Return what matches a token that a text cannot hold as text, the longest first.

    Besides the tokenizer's special tokens these are the processor's own placeholders: it replaces
    them in the text before the tokenizer sees it.
    """
    tokenizer = processor.tokenizer
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    placeholders = (value for name, value in vars(processor).items() if name.endswith("_token"))
    tokens = {
        *map(str, tokenizer.all_special_tokens),
        *(str(token) for token in added if token.special),
        *(str(token) for token in placeholders if isinstance(token, str | AddedToken)),
    }
    # A line's end, which ends an answer of some models, is text all the same.
    longest_first = sorted(filter(str.strip, tokens), key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
