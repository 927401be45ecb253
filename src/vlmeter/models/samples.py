"""The samples of a cell with their prompts, read from disk as they are needed."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator

from vlmeter.data.prompts import Fit, TemplateTooLongError
from vlmeter.data.samples import StoredSamples, Text
from vlmeter.models.batches import Feeder, Item
from vlmeter.status import UnsupportedError

_WHOLE = -1
"""Stands for a text of which nothing was cut."""


class Items:
    """A run of a data set's samples: in memory is what was cut from each prompt, nothing more."""

    def __init__(
        self,
        stored: StoredSamples,
        feeder: Feeder,
        template_of: Callable[[Text], str],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        """Fit the prompts of the samples from `start` up to `stop`, without reading an image.

        Raises:
            UnsupportedError: a prompt cannot be cut to the cell's length.
        """
        self._stored, self._template_of = stored, template_of
        self._start = start
        self._tokens, self._question, self._context = array("i"), array("i"), array("i")
        self.templates: Counter[str] = Counter()
        """How many prompts were made from each template."""
        stop = len(stored) if stop is None else stop
        try:
            for text in stored.read_texts(start, stop):
                template = template_of(text)
                self.templates[template] += 1
                self._keep(feeder.fit(template, text))
        except TemplateTooLongError as error:
            raise UnsupportedError(str(error)) from error

    def _keep(self, fit: Fit) -> None:
        self._tokens.append(fit.tokens)
        for kept, length in ((self._question, fit.question), (self._context, fit.context)):
            kept.append(_WHOLE if length is None else length)

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self._tokens)

    @property
    def text_tokens(self) -> int:
        """Text tokens of the longest prompt."""
        return max(self._tokens)

    @property
    def truncated(self) -> int:
        """How many prompts were cut."""
        cuts = zip(self._question, self._context, strict=True)
        return sum(cut != (_WHOLE, _WHOLE) for cut in cuts)

    def longest(self) -> Item:
        """Return the first sample with the longest prompt."""
        place = self._tokens.index(self.text_tokens)
        return next(self.read(place, place + 1))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """Yield the samples from place `start` up to `stop`."""
        stop = len(self) if stop is None else min(stop, len(self))
        read = self._stored.read(self._start + start, self._start + stop)
        for place, (text, image) in enumerate(read, start):
            template = self._template_of(text)
            prompt = self._fit(place).prompt(template, text)
            yield Item(text.id, image, prompt, template, text.choices)

    def _fit(self, place: int) -> Fit:
        question, context = (
            None if kept[place] == _WHOLE else kept[place]
            for kept in (self._question, self._context)
        )
        return Fit(self._tokens[place], question, context)
