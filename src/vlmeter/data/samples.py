"""The tables of samples, images, predictions and timings: their columns, rows and readers."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from vlmeter.errors import UserError
from vlmeter.storage.parquet import count_rows, stream_table

SAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.binary()),
        ("file", pa.string()),
        ("question", pa.string()),
        ("context", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer_index", pa.int64()),
        ("references", pa.list_(pa.string())),
    ]
)
IMAGES = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.binary()),
        ("width", pa.int64()),
        ("height", pa.int64()),
    ]
)
PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("prediction", pa.string()),
        ("prompt", pa.string()),
        ("text_tokens", pa.int64()),
        ("generated_tokens", pa.int64()),
        ("truncated", pa.bool_()),
        ("option_scores", pa.list_(pa.float64())),
    ]
)
TIMINGS = pa.schema(
    [
        ("kind", pa.string()),
        ("round", pa.int64()),
        ("iteration", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


Size = tuple[int, int]
"""Width and height of an image in pixels."""


class Sample(NamedTuple):
    """A row of `samples.parquet`."""

    id: str
    image: bytes
    """Encoded, as the source holds it."""
    file: str | None
    """Name of the image's file, where the data set gives it."""
    question: str
    context: str
    choices: list[str]
    answer_index: int | None
    references: list[str]


class Prediction(NamedTuple):
    """A row of `predictions.parquet`."""

    id: str
    prediction: str
    prompt: str
    text_tokens: int
    """Text tokens of the prompt, its start token included."""
    generated_tokens: int
    truncated: bool
    """Whether the sample's text was cut."""
    option_scores: list[float | None] | None = None
    """The log-likelihood of each option of a multiple choice; None for another task."""


@dataclass(frozen=True)
class Text:
    """The texts of a sample."""

    id: str
    question: str
    context: str
    choices: tuple[str, ...]


def read_texts(path: Path) -> Iterator[Text]:
    """Yield the texts of a `samples.parquet` without reading its images."""
    for row in stream_table(path, ["id", "question", "context", "choices"]):
        yield Text(
            id=row["id"],
            question=row["question"] or "",
            context=row["context"] or "",
            choices=tuple(row["choices"] or ()),
        )


@dataclass(frozen=True)
class StoredSamples:
    """The samples of a data set that have an image at a given size, in their order."""

    samples: Path
    """`samples.parquet`"""
    images: Path
    """`images.parquet`, without the images that could not be decoded."""

    def __len__(self) -> int:
        """Return the number of these samples."""
        return count_rows(self.images)

    def read_texts(self, start: int, stop: int) -> Iterator[Text]:
        """Yield the texts of the samples from `start` up to `stop`; no image is read."""
        ids = (row["id"] for row in stream_table(self.images, ["id"], start, stop))
        return self._find_texts(ids)

    def read_sizes(self, start: int, stop: int) -> Iterator[Size]:
        """Yield the sizes of the images from `start` up to `stop`; no image is read."""
        for row in stream_table(self.images, ["width", "height"], start, stop):
            yield row["width"], row["height"]

    def read(self, start: int, stop: int) -> Iterator[tuple[Text, bytes]]:
        """Yield the texts and encoded images of the samples from `start` up to `stop`."""
        images = stream_table(self.images, ["image"], start, stop)
        for text, row in zip(self.read_texts(start, stop), images, strict=True):
            yield text, row["image"]

    def read_originals(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the images of these samples by id, encoded as the source holds them.

        Raises:
            UserError: a sample is missing.
        """
        originals: dict[str, bytes] = {}
        for row in stream_table(self.samples, ["id", "image"]):
            if row["id"] in ids:
                originals[row["id"]] = row["image"]
            if len(originals) == len(set(ids)):
                return originals
        raise self._refuse(next(id_ for id_ in ids if id_ not in originals))

    def _find_texts(self, ids: Iterator[str]) -> Iterator[Text]:
        """Yield the texts of these ids, in one pass: both tables have the same order."""
        texts = read_texts(self.samples)
        for id_ in ids:
            match = next((text for text in texts if text.id == id_), None)
            if match is None:
                raise self._refuse(id_)
            yield match

    def _refuse(self, id_: str) -> UserError:
        return UserError(
            f"{self.samples} has no sample {id_}, of which {self.images} has the image: "
            f"delete {self.images.with_suffix('.json')} and run again."
        )
