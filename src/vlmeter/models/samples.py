"""The samples of a cell with their prompts, read from disk as they are needed."""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import compress
from types import MappingProxyType

from vlmeter.data.manifests import UnusableSample
from vlmeter.data.prompts import Fit, PromptError
from vlmeter.data.samples import Size, StoredSamples, Text
from vlmeter.models.batches import Feeder
from vlmeter.models.items import Item

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
        refused: Mapping[Size, str] = MappingProxyType({}),
    ) -> None:
        """Fit the prompts of the samples from `start` up to `stop`, without reading an image.

        A sample that cannot be asked is left out, and so is one whose image has a refused size, for
        the reason that stands with it.
        """
        self._stored, self._template_of = stored, template_of
        self._places = array("q")
        """Where each sample stands among all that are stored."""
        self.left_out: list[UnusableSample] = []
        self._tokens, self._question, self._context = array("i"), array("i"), array("i")
        self._widths, self._heights = array("i"), array("i")
        self.templates: Counter[str] = Counter()
        """How many prompts were made from each template."""
        stop = len(stored) if stop is None else stop
        pairs = zip(stored.read_texts(start, stop), stored.read_sizes(start, stop), strict=True)
        for place, (text, size) in enumerate(pairs, start):
            template = template_of(text)
            try:
                if size in refused:
                    raise PromptError(refused[size])
                self._keep(place, size, feeder.fit(template, text))
            except PromptError as error:
                self.left_out.append(UnusableSample(text.id, str(error)))
            else:
                self.templates[template] += 1

    def _keep(self, place: int, size: Size, fit: Fit) -> None:
        self._places.append(place)
        self._widths.append(size[0])
        self._heights.append(size[1])
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

    def count_sizes(self) -> Counter[Size]:
        """Return how many images there are of each size."""
        return Counter(zip(self._widths, self._heights, strict=True))

    def read_of_sizes(self, sizes: Collection[Size]) -> Iterator[Item]:
        """Yield the samples whose images have one of these sizes."""
        own = zip(self._widths, self._heights, strict=True)
        return compress(self.read(), (size in sizes for size in own))

    def longest(self) -> Item:
        """Return the first sample with the longest prompt."""
        place = self._tokens.index(self.text_tokens)
        return next(self.read(place, place + 1))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        """Yield the samples from place `start` up to `stop`."""
        stop = len(self) if stop is None else min(stop, len(self))
        if start >= stop:
            return
        first = self._places[start]
        stored = enumerate(self._stored.read(first, self._places[stop - 1] + 1), first)
        for number in range(start, stop):
            place = self._places[number]
            text, image = next(pair for reached, pair in stored if reached == place)
            template = self._template_of(text)
            prompt = self._fit(number).prompt(template, text)
            yield Item(text.id, image, prompt, template, text.choices, place)

    def _fit(self, place: int) -> Fit:
        question, context = (
            None if kept[place] == _WHOLE else kept[place]
            for kept in (self._question, self._context)
        )
        return Fit(self._tokens[place], question, context)
