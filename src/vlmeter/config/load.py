"""From a YAML file to a checked `StudyConfig`, or to sentences about what is wrong in it."""

import re
import reprlib
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vlmeter.config.axes import AXES, Fixed, Varied
from vlmeter.config.base import NAME_PATTERN, did_you_mean
from vlmeter.config.dataset import FAMILY_PROMPT
from vlmeter.config.schema import StudyConfig
from vlmeter.errors import UserError, one_line

RESERVED_NAMES = frozenset(
    {
        "all",
        "aggregate",
        "check_study",
        "collect_answers",
        "describe_machine",
        "download_dataset",
        "answer_shard",
        "export_study",
        "fetch_model",
        "gather_shards",
        "judge_gates",
        "layers",
        "measure_control",
        "measure_costs",
        "note_machine",
        "pareto",
        "plot_layers",
        "plot_pareto",
        "plot_section",
        "preprocess_images",
        "profile_layers",
        "render_report",
        "run_inference",
        "score_predictions",
    }
)
"""The workflow's rules, and its figures of no section: a section is a rule and a figure too."""

_MERGE_TAG = "tag:yaml.org,2002:merge"
"""Of the key `<<`, which brings the keys of another table."""


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand once: the second would silently win."""


def _mapping_without_repeats(
    loader: yaml.SafeLoader, node: yaml.MappingNode
) -> dict[Hashable, object]:
    seen: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == _MERGE_TAG:
            continue
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise UserError(f"a table or list is the key in line {line}; put braces in quotes")
        if key in seen:
            raise UserError(f'key "{key}" stands twice, in lines {seen[key]} and {line}')
        seen[key] = line
    # Only now: a key beside `<<` may say otherwise than what is merged in.
    loader.flatten_mapping(node)
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
        text = path.read_text("utf-8")
        # _StrictLoader is a SafeLoader: it makes no objects.
        value = yaml.load(text, Loader=_StrictLoader)  # nosec B506
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: give a config file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {_yaml_words(error)}.") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (ValueError, LookupError, AttributeError, RecursionError) as error:
        # A value that is not what its tag or form says, or brackets without end.
        raise UserError(f"{path} is no valid YAML: {one_line(error)}.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no table of keys: see config/README.md.")
    return value


def _yaml_words(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return " ".join(str(error).split())


def check_config(values: Mapping[str, object], file: str) -> StudyConfig:
    """Return `values` as a checked config.

    Raises:
        UserError: one sentence per mistake, each with the file and the key.
    """
    try:
        config = StudyConfig.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{_place(problem['loc'])}{_words(problem)}"
            for problem in error.errors()
            if _is_meant(problem)
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


def _is_meant(problem: ErrorDetails) -> bool:
    """Say whether a problem is of the branch of a union that the value was meant for."""
    branches = [part for part in problem["loc"] if isinstance(part, str)]
    if any(part.startswith("literal[") for part in branches):
        return not isinstance(problem["input"], dict)
    return problem["type"] != "dict_type" or not branches[-1].startswith("dict[")


def _place(location: tuple[int | str, ...]) -> str:
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        # A union names its branches in the location; they are no keys of the file.
        elif not part.startswith(("dict[", "literal[", "[key]")):
            place += f".{part}" if place else part
    return f"{place}: " if place else ""


def _words(problem: ErrorDetails) -> str:
    """Say what is wrong without the names of Python's types."""
    kind, value, told = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "missing":
        return "this key is needed"
    if kind in ("model_type", "dict_type"):
        return f"should be a table of keys, not {'empty' if value is None else _shortened(value)}"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", told["expected"])
        shown = value if isinstance(value, str) else _shortened(value)
        return f'"{shown}" is not known{did_you_mean(shown, options)}'
    if kind == "string_pattern_mismatch" and told["pattern"] == NAME_PATTERN:
        return f'"{value}" is no name: letters, digits, ".", "_" and "-" alone make one'
    return problem["msg"].removeprefix("Value error, ")


def _shortened(value: object) -> str:
    """Return a value as text: a few lines of YAML can stand for gigabytes of it (`*` repeats)."""
    brief = reprlib.Repr()
    brief.maxlevel = 2
    return brief.repr(value)


def _broken_references(config: StudyConfig) -> Iterator[str]:
    """Yield a sentence for every name that points nowhere."""
    yield from _unknown("base.model", config.base.model, config.models)
    names = [section.name for section in config.sections]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f'sections: two have the name "{name}"; a section needs a name of its own'
    for index, section in enumerate(config.sections):
        if section.name in RESERVED_NAMES:
            yield (
                f'sections[{index}].name: "{section.name}" names a part of the workflow itself; '
                "choose another"
            )
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
    values = {axis: _axis_values(config, place, axis, fixed, varied) for axis in AXES}
    key, models = values["model"]
    for model in models:
        yield from _unknown(key, str(model), config.models)
    key, optimizations = values["optimization"]
    for name in optimizations:
        yield from _unknown(key, str(name), config.known_optimizations)
    key, prompts = values["prompt"]
    for dataset in datasets:
        known = config.datasets.get(dataset)
        for prompt in prompts:
            if known is not None and prompt not in (FAMILY_PROMPT, *known.prompts):
                names = (FAMILY_PROMPT, *known.prompts)
                yield (
                    f'{key}: "{prompt}" is not among datasets.{dataset}.prompts'
                    f"{did_you_mean(str(prompt), names)}"
                )
    key, dtypes = values["dtype"]
    for device in values["device"][1]:
        for dtype in dtypes:
            if isinstance(dtype, dict) and device not in dtype:
                yield f"{key}: there is no value for the device {device}; add one"


def _axis_values(
    config: StudyConfig, place: str, axis: str, fixed: Fixed, varied: Varied
) -> tuple[str, list[object]]:
    """Return the key that decides an axis, and the values that it gives."""
    listed, value = getattr(varied, axis), getattr(fixed, axis)
    if listed is not None:
        return f"{place}.vary.{axis}", list(listed)
    if value is not None:
        return f"{place}.fix.{axis}", [value]
    return f"base.{axis}", [getattr(config.base, axis)]
