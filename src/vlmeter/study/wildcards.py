"""The wildcards that Snakemake hands to the functions of the rules."""

from typing import Protocol


class CellWildcards(Protocol):
    """The wildcards of a cell's rules."""

    dataset: str
    cell: str


class ShardWildcards(CellWildcards, Protocol):
    """The wildcards of a shard's rule."""

    number: str
    shards: str


class DatasetWildcards(Protocol):
    """The wildcard of a data set's rule."""

    dataset: str


class ImageWildcards(DatasetWildcards, Protocol):
    """The wildcards of the rule for images of one size."""

    size: str


class ModelWildcards(Protocol):
    """The wildcards of a model's rule."""

    model: str
    dtype: str
