"""From a YAML file to a checked `StudyConfig`, or to sentences about what is wrong in it."""

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from vlmeter.config.axes import AXES, Fixed, Varied
from vlmeter.config.base import did_you_mean
from vlmeter.config.schema import StudyConfig
from vlmeter.errors import UserError


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand once: the second would silently win."""


def _mapping_without_repeats(
    loader: yaml.SafeLoader, node: yaml.MappingNode
) -> dict[Hashable, object]:
    loader.flatten_mapping(node)
    seen: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if key in seen:
            raise UserError(f'key "{key}" stands twice, in lines {seen[key]} and {line}')
        seen[key] = line
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats
)


def read_yaml(path: Path) -> dict[str, object]:
    """Read a config file.

    Raises:
        UserError: it is missing, no YAML, no table, or names a key twice.
    """
    try:
        value = yaml.load(path.read_text(), Loader=_StrictLoader)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: give a config file.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {error}") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no table of keys: see config/README.md.")
    return value


def check_config(values: Mapping[str, object], file: str) -> StudyConfig:
    """Return `values` as a checked config.

    Raises:
        UserError: one sentence per mistake, each with the file and the key.
    """
    try:
        config = StudyConfig.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{_place(problem['loc'])}{_words(problem['msg'])}" for problem in error.errors()
        ]
        raise UserError(_sentences(file, problems)) from None
    problems = list(_broken_references(config))
    if problems:
        raise UserError(_sentences(file, problems))
    return config


def load_config(path: Path) -> StudyConfig:
    """Read and check a config file."""
    return check_config(read_yaml(path), str(path))


def _sentences(file: str, problems: list[str]) -> str:
    return "\n".join(f"{file}: {problem}" for problem in dict.fromkeys(problems))


def _place(location: tuple[int | str, ...]) -> str:
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        # A union names its branches in the location; they are no keys of the file.
        elif not part.startswith(("dict[", "literal[")):
            place += f".{part}" if place else part
    return f"{place}: " if place else ""


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")


def _broken_references(config: StudyConfig) -> Iterator[str]:
    """Yield a sentence for every name that points nowhere."""
    yield from _unknown("base.model", config.base.model, config.models)
    names = [section.name for section in config.sections]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f'sections: two have the name "{name}"; a section needs a name of its own'
    for index, section in enumerate(config.sections):
        place = f"sections[{index}] ({section.name})"
        for dataset in section.datasets:
            yield from _unknown(f"{place}.datasets", dataset, config.datasets)
        yield from _broken_axes(config, place, section.datasets, section.fix, section.vary)
    if config.layers is not None:
        yield from _unknown("layers.dataset", config.layers.dataset, config.datasets)
        for index, grid in enumerate(config.layers.grids):
            place = f"layers.grids[{index}]"
            yield from _broken_axes(config, place, [config.layers.dataset], grid.fix, grid.vary)


def _unknown(place: str, name: str, known: Mapping[str, object]) -> Iterator[str]:
    if name not in known:
        yield f'{place}: "{name}" is not defined{did_you_mean(name, known)}'


def _broken_axes(
    config: StudyConfig, place: str, datasets: list[str], fixed: Fixed, varied: Varied
) -> Iterator[str]:
    values = {axis: _axis_values(config, axis, fixed, varied) for axis in AXES}
    for model in values["model"]:
        yield from _unknown(f"{place}.model", str(model), config.models)
    for dataset in datasets:
        known = config.datasets.get(dataset)
        for prompt in values["prompt"]:
            if known is not None and prompt not in known.prompts:
                yield (
                    f'{place}: prompt "{prompt}" is not among datasets.{dataset}.prompts'
                    f"{did_you_mean(str(prompt), known.prompts)}"
                )
    for device in values["device"]:
        for dtype in values["dtype"]:
            if isinstance(dtype, dict) and device not in dtype:
                yield f"{place}: base.dtype has no value for the device {device}; add one"


def _axis_values(config: StudyConfig, axis: str, fixed: Fixed, varied: Varied) -> list[object]:
    listed = getattr(varied, axis)
    if listed is not None:
        return list(listed)
    value = getattr(fixed, axis)
    return [value if value is not None else getattr(config.base, axis)]
