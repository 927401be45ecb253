"""Which of a model's files are taken: those that are loaded, and none that runs code unasked."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from vlmeter.errors import UserError, shorten
from vlmeter.models.job import ModelSource

_SAFETENSORS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_ANY_SAFETENSORS = re.compile(r"[^/]+\.safetensors")
_PICKLES = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_CARD = "README.md"
"""Read for the model's licence alone."""
_BESIDE_WEIGHTS = re.compile(
    # Configs of a model and of its processor's parts.
    r"((generation|preprocessor|video_preprocessor|image_processor|processor|audio_tokenizer|"
    r"tokenizer)_)?config\.json|"
    # A tokenizer and what older ones call their parts.
    r"(tokenizer|special_tokens_map|added_tokens|[\w-]*vocab[\w-]*|normalizer|emoji|byte_maps|"
    r"word_shape|word_pronunciation)\.json|"
    r"(vocab|merges|dict)\.txt|bpe\.codes|[^/]+\.(model|spm|tokenizer)|"
    r"chat_template\.(json|jinja)|additional_chat_templates/[^/]+\.jinja|"
    r"(model|pytorch_model)[^/]*\.index\.json"
)
_BESIDE_CODE = re.compile(r"[^/]+\.(py|json|jinja|txt|model)")
"""A model's own code may read what it calls as it likes."""


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
                f"model {name} keeps its weights as pickles alone ({shorten(pickles[0])}), and a "
                "pickle can run code when it is opened: give a revision with safetensors, or, if "
                "you trust its makers, add `allow: [pickle]` to models.*.source."
            )
        weights = pickles
    beside = [*_select_matching(_BESIDE_WEIGHTS, names), *weights]
    if "remote_code" in allow:
        beside += _select_matching(_BESIDE_CODE, names)
    card = [_CARD] if _CARD in names else []
    return [*card, *dict.fromkeys(beside)]


def list_read_files(source: ModelSource, *, is_random: bool) -> list[Path]:
    """Return the files of a model's folder that decide what is stored of it.

    Args:
        source: A folder on disk.
        is_random: Its weights are not read.
    """
    folder = source.find_path()
    names = list_files(folder)
    try:
        chosen = choose_files(source.name, names, source.allow)
    except UserError:
        # The job that stores the model says what is wrong.
        chosen = names
    return [
        folder / name for name in chosen if name != _CARD and not (is_random and _is_weights(name))
    ]


def list_files(folder: Path) -> list[str]:
    """Return the files of a model's folder, in the places where any may be read."""
    return [
        file.relative_to(folder).as_posix()
        for file in (*folder.iterdir(), *folder.glob("additional_chat_templates/*"))
        if file.is_file()
    ]


def _is_weights(name: str) -> bool:
    return bool(_ANY_SAFETENSORS.fullmatch(name) or _PICKLES.fullmatch(name))


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
                f"model {name}: {index.name} names {shorten(other)}, which is no safetensors file "
                "beside it and may be a pickle, which can run code: give a revision with "
                "safetensors."
            )


def has_safetensors(folder: Path) -> bool:
    """Say whether a folder's weights can be read without opening a pickle."""
    return any(_SAFETENSORS.fullmatch(path.name) for path in folder.iterdir())


def _select_matching(pattern: re.Pattern[str], names: Iterable[str]) -> list[str]:
    return [name for name in names if pattern.fullmatch(name)]
