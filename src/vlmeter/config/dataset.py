"""The data sets of a config: where they come from, what they ask, how answers are decoded."""

import string
from pathlib import PurePath
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from vlmeter.config.base import Block, HubId, Name, Revision, Texts, suggest_name
from vlmeter.errors import one_line, shorten
from vlmeter.storage.texts import compose

Task = Literal["caption", "vqa", "multiple_choice", "ocr"]
FAMILY_PROMPT = "family"
"""The prompt's name that stands for the template of the model's family."""
SYNTHETIC_COLUMNS = {
    "id": "id",
    "image": "image",
    "question": "question",
    "references": "answer",
}
TEMPLATE_FIELDS = {
    "question": "question",
    "context": "context",
    "choices": "choices",
    "options": "choices",
}
"""The fields that a template may name, with the column that fills each."""


class SyntheticConfig(Block):
    """Random images, and prompts of an exact length."""

    text_tokens: int = Field(
        ge=1, description="Text tokens of every prompt, a start token counted as one of them."
    )
    image_size: int = Field(448, ge=16, le=4096, description="Pixels a side of the images.")


class DataSourceConfig(Block):
    """Where a data set comes from: the Hub, files on disk, or nowhere."""

    hub: HubId | None = Field(None, description="Repository on the Hugging Face Hub.")
    config: str | None = Field(None, description="Configuration (subset) of the repository.")
    split: str | None = Field(None, description="Split to sample from; needed with `hub`.")
    revision: Revision | None = Field(
        None, description="Commit of the repository. Left out: resolved at download and recorded."
    )
    path: str | None = Field(
        None,
        description="A parquet file, or a folder with parquet files, or with a CSV, TSV or JSONL "
        "table and the images that it names.",
    )
    table: str | None = Field(
        None,
        description="Which table of the folder, where it has several: a file, or a pattern such as "
        "`data/test-*.parquet`.",
    )
    synthetic: SyntheticConfig | None = Field(
        None, description="Random images and prompts; `columns` and `prompts` are then given."
    )

    @field_validator("config", "split", "table")
    @classmethod
    def _compose(cls, name: str | None) -> str | None:
        return None if name is None else compose(name)

    @model_validator(mode="after")
    def _check_source(self) -> "DataSourceConfig":
        if sum(kind is not None for kind in (self.hub, self.path, self.synthetic)) != 1:
            raise ValueError("give one of `hub`, `path` and `synthetic`")
        if self.hub is not None and self.split is None:
            raise ValueError("`split` is missing, such as split: validation")
        if self.hub is None and (self.revision or self.config or self.split):
            raise ValueError("`config`, `split` and `revision` go with `hub` alone")
        if self.table is not None and self.path is None:
            raise ValueError("`table` goes with `path`")
        table = PurePath(self.table or "a name")
        if not table.parts or table.is_absolute() or ".." in table.parts:
            raise ValueError("`table` is a file or a pattern below `path`")
        return self


class ColumnsConfig(Block):
    """Which column of the source holds what."""

    image: str = Field(
        "image",
        description="The image: the Hub's Image feature, a file's bytes, its text in Base64, or "
        "its name relative to the table. Any column may be a field, such as `answers.answer`.",
    )
    references: str | None = Field(
        None, description="Expected texts: a string or a list. Not for multiple choice."
    )
    id: str | None = Field(None, description="A unique id; default: the row's number.")
    question: str | None = Field(None, description="The question; without it, an empty text.")
    context: str | None = Field(None, description="Text to go with the question, such as a hint.")
    choices: str | None = Field(None, description="Options of a multiple choice: list of strings.")
    answer_index: str | None = Field(
        None, description="The right option: its number from 0, or its letter from A."
    )

    @field_validator("*")
    @classmethod
    def _compose(cls, name: str | None) -> str | None:
        return None if name is None else compose(name)


class SampleConfig(Block):
    """Which rows of a data set are used."""

    n: int = Field(300, ge=1, description="How many samples; fewer where the split has fewer.")
    seed: int = Field(0, ge=0, description="Picks row groups, then rows in them.")


class GenerationConfig(Block):
    """How answers are decoded; greedily unless it says otherwise. Nothing is drawn at random."""

    num_beams: int = Field(1, ge=1, le=64, description="Beams of a search; 1 is greedy decoding.")
    length_penalty: float = Field(
        1.0, description="Exponent of the length that a beam's score is divided by."
    )
    min_new_tokens: int = Field(0, ge=0, description="An answer does not end before.")
    repetition_penalty: float = Field(
        1.0, gt=0, description="What a token's score is divided by once it was used; 1 is none."
    )
    by_model: bool = Field(
        False, description="The model's own generation config holds, but for `max_new_tokens`."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, data: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        return {"by_model": True} if data == "model" else data

    @model_validator(mode="after")
    def _check_one_source(self) -> "GenerationConfig":
        if self.by_model and len(self.model_fields_set) > 1:
            raise ValueError("by_model leaves every setting to the model: give no other")
        return self

    @model_validator(mode="after")
    def _check_length_penalty(self) -> "GenerationConfig":
        if self.length_penalty != 1 and self.num_beams == 1:
            raise ValueError("length_penalty needs num_beams above 1: greedy decoding has no score")
        return self


class DatasetConfig(Block):
    """A data set, its task, and the prompts for it."""

    task: Task = Field(description="What is asked; it decides the metrics.")
    source: DataSourceConfig = Field(description="Where it comes from.")
    columns: ColumnsConfig = Field(description="Which column holds what.")
    sample: SampleConfig = Field(SampleConfig(), description="Which rows are used.")
    prompts: dict[Name, str] = Field(
        {},
        description="Named templates; {question}, {context}, {choices} (a line each) and {options} "
        "(in one line) are filled in. The name `family` is the model family's own template.",
    )
    max_new_tokens: int = Field(
        20, ge=1, le=4096, description="Longest answer in the quality pass, in tokens."
    )
    generation: GenerationConfig = Field(
        GenerationConfig(),
        description="How answers are decoded, whatever the model's own generation config says. "
        "`generation: model` is short for `by_model: true`.",
    )
    shards: int = Field(
        1,
        ge=1,
        le=1000,
        description="Jobs that the quality pass of each cell is split into, with the same answers.",
    )
    label: Texts | None = Field(None, description="Its name in the report; default: its key.")
    licence: str | None = Field(None, description="Licence of the data, for the report.")

    @model_validator(mode="before")
    @classmethod
    def _add_synthetic_defaults(cls, data: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        source = data.get("source") if isinstance(data, dict) else None
        if isinstance(source, dict) and source.get("synthetic") is not None:
            defaults = {
                "task": "vqa",
                "columns": SYNTHETIC_COLUMNS,
                "prompts": {"bare": "{question}"},
            }
            return {**defaults, **data}
        return data

    @field_validator("prompts")
    @classmethod
    def _check_prompts(cls, prompts: dict[str, str]) -> dict[str, str]:
        if FAMILY_PROMPT in prompts:
            raise ValueError(
                f"{FAMILY_PROMPT} is the model family's own template; give this one another name"
            )
        for name, template in prompts.items():
            _check_template(name, template)
        return prompts

    @model_validator(mode="after")
    def _check_columns(self) -> "DatasetConfig":
        columns = self.columns
        if self.task == "multiple_choice":
            if columns.choices is None or columns.answer_index is None:
                raise ValueError("multiple_choice needs columns.choices and columns.answer_index")
            if columns.references is not None:
                raise ValueError("columns.references is not for multiple_choice: drop it")
        elif columns.references is None:
            raise ValueError(f"task {self.task} needs columns.references")
        for name, template in self.prompts.items():
            for field in _list_fields(template):
                column = TEMPLATE_FIELDS[field]
                if getattr(columns, column) is None:
                    raise ValueError(
                        f"prompts.{name} uses {{{field}}}: columns.{column} is missing"
                    )
        return self

    @model_validator(mode="after")
    def _check_answer_lengths(self) -> "DatasetConfig":
        if self.generation.min_new_tokens > self.max_new_tokens:
            raise ValueError("generation.min_new_tokens is more than max_new_tokens")
        return self


def _list_fields(template: str) -> list[str]:
    return [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]


def _check_template(name: str, template: str) -> None:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"prompts.{name}: {one_line(error)}; write {{{{ for a brace") from None
    fields = _list_fields(template)
    if any(form or conversion for _, _, form, conversion in parts):
        raise ValueError(f"prompts.{name}: a field is a name in braces, without : or !")
    for field in fields:
        if field not in TEMPLATE_FIELDS:
            suggestion = suggest_name(field, TEMPLATE_FIELDS)
            shown = shorten(field, 40)
            raise ValueError(f"prompts.{name} has an unknown field {{{shown}}}{suggestion}")
    if fields.count("question") > 1 or fields.count("context") > 1:
        raise ValueError(f"prompts.{name} uses a field twice: it could not be cut to a length")
