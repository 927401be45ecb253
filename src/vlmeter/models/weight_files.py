"""Which of a model's files are taken: those that are loaded, and none that runs code unasked."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from vlmeter.errors import UserError

_SAFETENSORS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_ANY_SAFETENSORS = re.compile(r"[^/]+\.safetensors")
_PICKLES = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_BESIDE_WEIGHTS = re.compile(
    r"[^/]+\.(json|jinja|txt|model)|additional_chat_templates/.*|README\.md"
)
_CODE = re.compile(r"[^/]+\.py")


def choose_files(name: str, files: Iterable[str], allow: Iterable[str]) -> list[str]:
    """Return which files of a model are needed to load it; the weights in one form only.

    Args:
        name: The model's, for the sentence.
        files: Paths of all that it has.
        allow: What the config allows: pickle, remote_code.

    Raises:
        UserError: its weights are pickles alone, and those are not allowed.
    """
    names = sorted(files)
    weights = _select_matching(_SAFETENSORS, names)
    if not weights and (pickles := _select_matching(_PICKLES, names)):
        if "pickle" not in allow:
            raise UserError(
                f"model {name} keeps its weights as pickles alone ({pickles[0]}), and a pickle can "
                "run code when it is opened: give a revision with safetensors, or, if you trust "
                "its makers, add `allow: [pickle]` to models.*.source."
            )
        weights = pickles
    code = _select_matching(_CODE, names) if "remote_code" in allow else []
    return [*_select_matching(_BESIDE_WEIGHTS, names), *weights, *code]


def check_index(name: str, folder: Path) -> None:
    """See that a list of safetensors names nothing else: that would be opened as a pickle.

    Raises:
        UserError: it names another file, or is no such list.
    """
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            files = json.loads(index.read_text("utf-8"))["weight_map"].values()
            named = sorted(map(str, set(files)))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise UserError(f"model {name}: {index.name} is no list of weights.") from None
        other = next((file for file in named if not _ANY_SAFETENSORS.fullmatch(file)), None)
        if other is not None:
            raise UserError(
                f"model {name}: {index.name} names {other}, which is no safetensors file beside "
                "it and may be a pickle, which can run code: give a revision with safetensors."
            )


def has_safetensors(folder: Path) -> bool:
    """Say whether a folder's weights can be read without opening a pickle."""
    return any(_SAFETENSORS.fullmatch(path.name) for path in folder.iterdir())


def _select_matching(pattern: re.Pattern[str], names: Iterable[str]) -> list[str]:
    return [name for name in names if pattern.fullmatch(name)]
