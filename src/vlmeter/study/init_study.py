"""Writes the config of a new study from a model and a data set, with what it guessed in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from vlmeter.config.base import NAME_PATTERN
from vlmeter.config.load import check_config
from vlmeter.data.describe_columns import describe_columns
from vlmeter.data.guess_columns import Guess, guess_columns
from vlmeter.data.job import Columns, DataSource
from vlmeter.data.row_files import is_row_table
from vlmeter.data.source import check_source, open_source
from vlmeter.errors import UserError, list_names, shorten
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from vlmeter.machine import devices
from vlmeter.storage.files import write_bytes
from vlmeter.storage.layout import CONFIG
from vlmeter.storage.texts import find_path

_SPLITS = ("validation", "val", "dev", "test", "train")
"""Which split is taken, the first of these that there is."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_LONGEST_ANSWERS = {"caption": 30, "ocr": 100}
_N = 100
NO_DETAILS = DataSource()


@dataclass(frozen=True)
class NewStudy:
    """A config that was written."""

    config: Path
    guess: Guess
    model: Mapping[str, str]
    """Its source, as the config has it."""
    source: DataSource

    def list_repositories(self) -> list[str]:
        """Return what comes from the Hub."""
        return [name for name in (self.model.get("hub"), self.source.hub) if name is not None]


def init_study(
    folder: Path,
    model: str,
    data: DataSource,
    given: Mapping[str, str],
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
) -> NewStudy:
    """Write the config of a study into its folder.

    Args:
        folder: The study's folder, which is made; its last part is the study's name.
        model: A repository on the Hub or a folder.
        data: Where the data set is; its split on the Hub is chosen where it names none.
        given: Columns that are not to be guessed, by the config's keys.
        retry_policy: Of requests to the Hub.

    Raises:
        UserError: there is a config already, a name or a source cannot be used, or a column
            cannot be guessed. Then nothing is written.
    """
    name = folder.resolve().name
    if not re.match(NAME_PATTERN, name):
        raise UserError(
            f'"{shorten(name)}" is no name of a study: letters, digits, ".", "_" and "-" alone '
            "make one. Give the folder another."
        )
    file = folder / CONFIG
    if file.exists():
        raise UserError(f"{file} exists already: delete it first, or name another folder.")
    if data.hub is not None and data.split is None:
        data = _choose_split(data, retry_policy)
    guess = guess_columns(describe_columns(open_source(data, retry_policy=retry_policy)), given)
    if data.path is not None:
        check_source(data, Columns(**guess.columns))
        data = replace(data, path=_name_path(data.path, folder))
    model_source = _find_model(model, folder)
    text = _write_config(name, model_source, data, guess)
    check_config(yaml.safe_load(text), str(file))
    write_bytes(file, text.encode())
    return NewStudy(file, guess, model_source, data)


def find_data(data: str, details: DataSource = NO_DETAILS) -> DataSource:
    """Return the data source that a word means: a path, or a repository on the Hub.

    Args:
        data: The word.
        details: The configuration, split, revision and table that go with it.

    Raises:
        UserError: it is neither.
    """
    path = find_path(Path(data))
    if path.is_file() and is_row_table(data) and details.table is None:
        # Its images lie beside it.
        return replace(details, path=str(path.parent), table=path.name)
    if path.exists():
        return replace(details, path=str(path))
    return replace(details, hub=_check_hub_name(data, "--data"))


def _find_model(model: str, folder: Path) -> dict[str, str]:
    path = find_path(Path(model))
    if not path.exists():
        return {"hub": _check_hub_name(model, "--model")}
    if not (path / "config.json").is_file():
        raise UserError(f"--model: {path} holds no config.json: give the folder of a model.")
    return {"path": _name_path(str(path), folder)}


def _check_hub_name(word: str, option: str) -> str:
    if not _HUB_NAME.fullmatch(word):
        raise UserError(
            f"{option}: {shorten(word)} is no path here, and no repository on the Hub is named so "
            "(maker/name)."
        )
    return word


def _name_path(path: str, folder: Path) -> str:
    """Return a path as the config in a folder is to have it.

    It is relative where it lies in that folder, so that both can move together.
    """
    here, there = Path(path).resolve(), folder.resolve()
    return str(here.relative_to(there) if here.is_relative_to(there) else here)


def _choose_split(data: DataSource, retry_policy: RetryPolicy) -> DataSource:
    # Imported here: the import takes seconds, and a data set on disk does not need it.
    from vlmeter.data.hub_files import list_splits  # noqa: PLC0415

    names = list_splits(data, retry_policy)
    if not names:
        raise UserError(f"data set {data.hub} names no split: say which with --split.")
    return replace(data, split=next((name for name in _SPLITS if name in names), names[0]))


def _write_config(name: str, model: dict[str, str], data: DataSource, guess: Guess) -> str:
    """Return the text of the config."""
    source = {key: value for key, value in vars(data).items() if value is not None}
    model_name = _make_name(next(iter(model.values())))
    device = "cuda" if devices.is_present("cuda") else "cpu"
    dataset = _make_name(str(data.hub or Path(str(data.path)).stem))
    lines = [
        "# Written by `vlmeter init`. What it guessed says so; correct it where it is wrong.",
        _write_table({"study": name})[1:-1],
        "models:",
        f"  {model_name}: {{source: {_write_table(model)}}}",
        "datasets:",
        f"  {dataset}:",
        f"    task: {guess.task}  # guessed by the columns: caption, vqa, multiple_choice or ocr",
        f"    source: {_write_table(source)}",
        f"    columns: {_write_table(guess.columns)}  # guessed by their names",
        *([f"    # Not used: {list_names(guess.unused)}."] if guess.unused else []),
        f"    sample: {{n: {_N}, seed: 0}}",
        f"    max_new_tokens: {_LONGEST_ANSWERS.get(guess.task, 20)}",
        "base:",
        f"  model: {model_name}",
        "  prompt: family  # as the model's family is asked; or a template of your own",
        f"  device: {device}  # {'the GPU of this machine' if device == 'cuda' else 'no GPU here'}",
        "sections:",
        "  - name: batch_size",
        f"    datasets: [{dataset}]",
        "    vary: {batch_size: [1, 4, 16]}",
    ]
    return "\n".join(lines) + "\n"


def _make_name(word: str) -> str:
    """Return a name for the config of a path or a repository."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(word).name).strip("-._")
    # YAML reads some words as a number, a date or a truth value.
    return name if name and isinstance(yaml.safe_load(name), str) else f"x{name}"


def _write_table(values: Mapping[str, str]) -> str:
    return yaml.safe_dump(
        dict(values), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    ).strip()


def describe_new_study(new: NewStudy, snakefile: Path) -> Sequence[str]:
    """Return in words what was written, what of it is a guess, and what to do next."""
    folder, guess = new.config.parents[1], new.guess
    split = [f"split {new.source.split}"] if new.source.split else []
    columns = ", ".join(f"{field} from {path}" for field, path in guess.columns.items())
    unused = [f"Not used: {list_names(guess.unused)}."] if guess.unused else []
    on_hub = [
        f"Nothing here is named {name}: it is looked for on the Hub."
        for name in new.list_repositories()
    ]
    return [
        f"{new.config} is written.",
        *on_hub,
        f"Guessed: {', '.join([f'task {guess.task}', *split, columns])}.",
        *unused,
        "If it is wrong, correct the file, or delete it and say --columns question=NAME.",
        "What it would do, and then the study:",
        f"  cd {folder}",
        "  vlmeter plan",
        f"  snakemake --snakefile {snakefile} --cores all",
    ]
