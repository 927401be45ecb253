"""Reads a YAML file as a checked `StudyConfig`, or says what is wrong in it."""

import re
import reprlib
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vlmeter.axes import AXIS_NAMES
from vlmeter.config.axes import Fixed, Varied
from vlmeter.config.base import NAME_PATTERN, Block, suggest_name
from vlmeter.config.dataset import FAMILY_PROMPT
from vlmeter.config.schema import StudyConfig
from vlmeter.errors import UserError, one_line, shorten

RESERVED_NAMES = frozenset(
    {
        "all",
        "aggregate",
        "check_study",
        "collect_answers",
        "describe_machine",
        "everything",
        "download_dataset",
        "answer_shard",
        "export_study",
        "fetch_model",
        "forest",
        "gather_shards",
        "judge_gates",
        "layers",
        "measure_control",
        "measure_costs",
        "note_machine",
        "plot_forest",
        "plot_layers",
        "plot_requests",
        "plot_section",
        "plot_tradeoff",
        "preprocess_images",
        "profile_layers",
        "render_report",
        "requests",
        "run_inference",
        "score_predictions",
        "tradeoff",
    }
)
"""Names of the workflow's rules, and of its figures that belong to no section.

A section's name is also the name of a target and of a figure, so it may be none of these.
"""

_MERGE_TAG = "tag:yaml.org,2002:merge"
"""Tag of the key `<<`, which merges the keys of another table."""
_MOST_NESTED = 100
"""Most lists and tables inside one another; no config needs ten."""


class _StrictLoader(yaml.SafeLoader):
    """Loads YAML and refuses a repeated key, of which YAML silently keeps the last value.

    Refuses deep nesting too: how deep Python itself recurses, an imported library may change.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise RecursionError
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _construct_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Hashable, object]:
    lines: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == _MERGE_TAG:
            continue
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise UserError(f"a table or list is the key in line {line}; put braces in quotes")
        if key in lines:
            raise UserError(f'key "{shorten(key)}" stands twice, in lines {lines[key]} and {line}')
        lines[key] = line
    # Merge after the check: a key beside `<<` may override a merged key.
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_yaml(path: Path) -> dict[str, object]:
    """Read a config file.

    Raises:
        UserError: the file is missing, is not YAML, holds no table, or repeats a key.
    """
    try:
        text = path.read_text("utf-8")
        # _StrictLoader is a SafeLoader: it builds plain values only.
        value = yaml.load(text, Loader=_StrictLoader)  # nosec B506
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: give a config file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {one_line(error)}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {_format_yaml_error(error)}.") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except RecursionError:
        raise UserError(f"{path} is no valid YAML: its brackets are nested too deeply.") from None
    except (ValueError, LookupError, AttributeError) as error:
        # A value that does not fit its tag or form.
        raise UserError(f"{path} is no valid YAML: {one_line(error)}.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no table of keys: see config/README.md.")
    return value


def _format_yaml_error(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{shorten(error.problem, 200)} in line {error.problem_mark.line + 1}"
    return one_line(error)


def check_config(values: Mapping[str, object], file: str) -> StudyConfig:
    """Return `values` as a checked config.

    Raises:
        UserError: the config has mistakes; a sentence for each names the file and the key.
    """
    try:
        config = StudyConfig.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{_format_location(problem)}{_describe_problem(problem)}"
            for problem in error.errors()
            if _is_meant(problem)
        ]
        raise UserError(_format_problems(file, problems)) from None
    problems = list(_find_broken_references(config))
    if problems:
        raise UserError(_format_problems(file, problems))
    return config


def load_config(path: Path) -> StudyConfig:
    """Read and check a config file."""
    return check_config(read_yaml(path), str(path))


def _format_problems(file: str, problems: list[str]) -> str:
    return "\n".join(f"{file}: {problem}" for problem in dict.fromkeys(problems))


def _is_meant(problem: ErrorDetails) -> bool:
    """Say whether a problem is in the branch of a union that fits the form of the value."""
    branches = [part for part in problem["loc"] if isinstance(part, str)]
    # A word or a number, where the union has a table beside it.
    if any(part.startswith("literal[") or part.endswith(", float]") for part in branches):
        return not isinstance(problem["input"], dict)
    if problem["type"] == "model_type" and branches and _is_branch(branches[-1]):
        return False
    return problem["type"] != "dict_type" or not branches[-1].startswith("dict[")


def _is_branch(part: object) -> bool:
    """Say whether a part of a location names a branch of a union, which is no key of the file."""
    if not isinstance(part, str):
        return False
    blocks = {block.__name__ for block in Block.__subclasses__()}
    return part in blocks or part.startswith(("dict[", "literal[", "function-", "[key]"))


def _format_location(problem: ErrorDetails) -> str:
    location = problem["loc"]
    place = ""
    for part, branch in zip(location, (*location[1:], "")[: len(location)], strict=True):
        if _is_branch(part):
            continue
        if branch == "[key]":
            # As the file has it: `true` is a key, and no place 1 of a list.
            part = str(problem["input"]).lower()  # noqa: PLW2901
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{shorten(part)}" if place else shorten(part)
    return f"{place}: " if place else ""


def _describe_problem(problem: ErrorDetails) -> str:
    """Say what is wrong, without names of Python types."""
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "missing":
        return "this key is needed"
    if kind in ("model_type", "dict_type"):
        return f"should be a table of keys, not {'empty' if value is None else _abbreviate(value)}"
    if kind in ("string_type", "literal_error") and not isinstance(value, str | list | dict):
        return _explain_word(value)
    if kind == "finite_number":
        return "should be a finite number"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", context["expected"])
        shown = value if isinstance(value, str) else _abbreviate(value)
        return f'"{shorten(shown)}" is not known{suggest_name(shown, options)}'
    if kind == "string_pattern_mismatch" and context["pattern"] == NAME_PATTERN:
        return f'"{shorten(value)}" is no name: letters, digits, ".", "_" and "-" alone make one'
    return problem["msg"].removeprefix("Value error, ")


def _explain_word(value: object) -> str:
    """Say what YAML made of a word that was meant as a text."""
    if value is None:
        return "is empty, which YAML reads as nothing: give a text, in quotes if it is null or ~"
    if isinstance(value, bool):
        words = ("false", "no, off") if value is False else ("true", "yes, on")
        return f"is {words[0]} for YAML, as {words[1]} are, and a text is needed: put it in quotes"
    kind = "a number" if isinstance(value, int | float) else "a date"
    return f"is {kind} for YAML ({shorten(value)}), and a text is needed: put it in quotes"


def _abbreviate(value: object) -> str:
    """Return a value as short text: with aliases (`*`), a few lines of YAML expand to gigabytes."""
    brief = reprlib.Repr()
    brief.maxlevel = 2
    brief.maxlong = brief.maxstring = brief.maxother = 80
    return brief.repr(value)


def _find_broken_references(config: StudyConfig) -> Iterator[str]:
    """Yield a sentence for every name that is not defined."""
    yield from _check_defined("base.model", str(config.base.get_values()["model"]), config.models)
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
            yield from _check_defined(f"{place}.datasets", dataset, config.datasets)
        yield from _find_broken_axes(config, place, section.datasets, section.fix, section.vary)
    floors = config.decide.min_quality
    for dataset in floors if isinstance(floors, dict) else ():
        yield from _check_defined("decide.min_quality", dataset, config.datasets)
    if config.layers is not None:
        yield from _check_defined("layers.dataset", config.layers.dataset, config.datasets)
        for index, grid in enumerate(config.layers.grids):
            place = f"layers.grids[{index}]"
            yield from _find_broken_axes(
                config, place, [config.layers.dataset], grid.fix, grid.vary
            )


def _check_defined(place: str, name: str, defined: Mapping[str, object]) -> Iterator[str]:
    if name not in defined:
        yield f'{place}: "{shorten(name)}" is not defined{suggest_name(name, defined)}'


def _find_broken_axes(
    config: StudyConfig, place: str, datasets: list[str], fixed: Fixed, varied: Varied
) -> Iterator[str]:
    values = {axis: _list_axis_values(config, place, axis, fixed, varied) for axis in AXIS_NAMES}
    key, models = values["model"]
    for model in models:
        yield from _check_defined(key, str(model), config.models)
    key, optimizations = values["optimization"]
    for name in optimizations:
        yield from _check_defined(key, str(name), config.known_optimizations)
    key, prompts = values["prompt"]
    for dataset in datasets:
        if dataset not in config.datasets:
            continue
        names = (FAMILY_PROMPT, *config.datasets[dataset].prompts)
        for prompt in prompts:
            if prompt not in names:
                yield (
                    f'{key}: "{shorten(prompt)}" is not among datasets.{dataset}.prompts'
                    f"{suggest_name(str(prompt), names)}"
                )
    key, dtypes = values["dtype"]
    for device in values["device"][1]:
        for dtype in dtypes:
            if isinstance(dtype, dict) and device not in dtype:
                yield f"{key}: there is no value for the device {device}; add one"


def _list_axis_values(
    config: StudyConfig, place: str, axis: str, fixed: Fixed, varied: Varied
) -> tuple[str, list[object]]:
    """Return the key that decides an axis, and the values that the key gives."""
    values, value = getattr(varied, axis), getattr(fixed, axis)
    if values is not None:
        return f"{place}.vary.{axis}", list(values)
    if value is not None:
        return f"{place}.fix.{axis}", [value]
    return f"base.{axis}", [getattr(config.base, axis)]
