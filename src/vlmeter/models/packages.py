"""Packages that some models need beside those that VLMeter installs, and how to get them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from vlmeter.errors import Sentence, one_line, shorten
from vlmeter.status import UnsupportedError

_SETUPS = {
    "timm": "make setup-video",
    "torchvision": "make setup-video",
    "bitsandbytes": "make setup-quantized",
    "compressed-tensors": "make setup-quantized",
}
"""What installs a package of our extras."""
QUANTIZERS = {
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed-tensors",),
    "gptq": ("optimum", "gptqmodel"),
}
"""What loads a checkpoint that comes quantised, by its method."""
OPTIONAL = (
    *_SETUPS,
    *("gptqmodel", "optimum"),
    *("einops", "mistral_common", "num2words", "sentencepiece", "tiktoken"),
)
"""Those that decide whether a model can be stored: another one installed, and it is tried again."""
TORCHVISION_ALONE = (
    *("cohere2_vision", "gemma4_unified", "inkling2", "inkling_mm_model", "kimi_k25", "lfm2_vl"),
    *("llama4", "minicpm_ocr", "minimax_m3_vl", "molmo2", "muse_glimmer", "muse_spark"),
    *("nemotron_h_omni", "perception_lm", "phi4_multimodal", "pi0", "pp_formulanet", "step3p7"),
    "unlimited_ocr",
)
"""Types whose image processor has no form with PIL. From transformers, which is not imported here:
a plan would wait for it."""
_NEEDS = {
    **dict.fromkeys(TORCHVISION_ALONE, ("torchvision",)),
    # Of other parts than the images.
    "fast_vlm": ("timm", "torchvision"),
    "gemma3n": ("timm", "torchvision"),
    "mistral3": ("torchvision",),
    "mistral_large4": ("torchvision",),
    "perception_lm": ("timm", "torchvision"),
    "smolvlm": ("num2words",),
}
"""What models of a type need beside what VLMeter installs by itself."""
_NAMED = (
    re.compile(r"pip\s+install\s+(?:-\S+\s+)*['\"]?([\w.-]+)"),
    re.compile(r"(?:No module named|[Pp]ackage) [`']([\w-]+)"),
    re.compile(r"requires (?:the )?([\w-]+) library"),
    re.compile(r"Missing optional dependencies: ([\w-]+)"),
)
"""Where the words of an import that failed name the package."""


def check_packages(name: str, model_type: str) -> None:
    """See that the packages of a model's type are here.

    Args:
        name: Of the model, for the sentence.
        model_type: As its config names it.

    Raises:
        UnsupportedError: one is missing; the sentence says which, and how to install it.
    """
    missing = list_missing(list_packages(model_type))
    if missing:
        raise UnsupportedError(
            f"model {name} is of the type {shorten(model_type)}: {describe_missing(missing)}"
        )


def list_packages(model_type: str) -> tuple[str, ...]:
    """Return which packages models of a type need that VLMeter does not install by itself."""
    return _NEEDS.get(model_type, ())


def list_missing(packages: Iterable[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    return [package for package in packages if find_spec(package.replace("-", "_")) is None]


def describe_missing(packages: Iterable[str]) -> Sentence:
    """Say that a model needs packages which are not installed, and how to install them."""
    names = list(packages)
    ours = {_SETUPS.get(name) for name in names}
    plain = f"pip install {' '.join(names)}"
    theirs = (ours.pop() if len(ours) == 1 else None) or plain
    verb = "is" if len(names) == 1 else "are"
    return Sentence(
        f"it needs {' and '.join(names)}, which {verb} not installed: run `{theirs}` and run again"
    )


@contextmanager
def explaining_lacks(name: str) -> Iterator[None]:
    """Turn an import that fails within into a model that is not supported.

    Args:
        name: Of the model, for the sentence.

    Raises:
        UnsupportedError: a package is missing; the sentence says which, and how to install it.
    """
    try:
        yield
    except (ImportError, ValueError) as error:
        lack = explain_lack(error)
        if lack is not None:
            raise UnsupportedError(f"model {name}: {lack}") from error
        if isinstance(error, ImportError):
            raise UnsupportedError(f"model {name} cannot be imported: {one_line(error)}") from error
        raise


def explain_lack(error: Exception) -> Sentence | None:
    """Say which package an error misses, and how to install it; None where it names none."""
    package = _find_package(error)
    return None if package is None else describe_missing([package])


def _find_package(error: Exception) -> str | None:
    words = " ".join(str(error).split())
    if isinstance(error, ValueError) and "Missing optional dependencies" not in words:
        return None
    names = [match[1].lower() for pattern in _NAMED if (match := pattern.search(words))]
    if isinstance(error, ModuleNotFoundError) and error.name:
        names.insert(0, error.name.split(".")[0])
    # A package of the Python index has a shorter name; own code may say anything.
    return shorten(names[0], 60) if names else None
