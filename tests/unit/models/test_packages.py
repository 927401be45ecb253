import pytest
from transformers.models.auto.auto_mappings import IMAGE_PROCESSOR_MAPPING_NAMES

from vlmeter.models import packages
from vlmeter.models.doors import MODEL_CLASSES
from vlmeter.models.packages import (
    TORCHVISION_ALONE,
    describe_missing,
    explaining_lacks,
    list_missing,
)
from vlmeter.status import UnsupportedError

TIMM = (
    "\nTimmWrapperModel requires the timm library but it was not found in your environment. You can"
)
UNAVAILABLE = "None of these classes could be imported. Missing optional dependencies: torchvision."
SMOLVLM = "Package `num2words` is required to run SmolVLM processor."
BITSANDBYTES = "4-bit quantization requires bitsandbytes: `pip install -U bitsandbytes>=0.46.1`"
OWN = (
    "This modeling file requires the following packages that were not found in your environment: "
    "einops. Run `pip install einops`"
)


@pytest.mark.parametrize(
    ("error", "package", "command"),
    [
        (ImportError(TIMM), "timm", "make setup-video"),
        (ImportError("X requires the Torchvision library"), "torchvision", "make setup-video"),
        (ImportError(SMOLVLM), "num2words", "pip install num2words"),
        (ImportError(BITSANDBYTES), "bitsandbytes", "make setup-quantized"),
        (ValueError(UNAVAILABLE), "torchvision", "make setup-video"),
        (ImportError(OWN), "einops", "pip install einops"),
        (ModuleNotFoundError("No module named 'a.b'", name="a.b"), "a", "pip install a"),
    ],
)
def test_a_missing_package_is_named_with_how_to_install_it(error, package, command):
    with pytest.raises(UnsupportedError) as raised, explaining_lacks("tiny"):
        raise error
    assert str(raised.value) == (
        f"model tiny: it needs {package}, which is not installed: run `{command}` and run again"
    )


def test_an_import_that_names_no_package_is_unsupported_in_its_own_words():
    with (
        pytest.raises(UnsupportedError, match="model tiny cannot be imported: undefined symbol"),
        explaining_lacks("tiny"),
    ):
        raise ImportError("undefined symbol: x")


@pytest.mark.parametrize("error", [ValueError("torchvision is odd"), KeyError("timm")])
def test_another_error_is_left_as_it_is(error):
    with pytest.raises(type(error)) as raised, explaining_lacks("tiny"):
        raise error
    assert raised.value is error


def test_what_is_installed_is_not_missing(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "timm" else object())
    assert list_missing(("num2words", "timm")) == ["timm"]
    assert describe_missing(["num2words", "timm"]) == (
        "it needs num2words and timm, which are not installed: run `pip install num2words timm` "
        "and run again"
    )


def test_the_types_that_want_torchvision_are_those_of_transformers():
    by_type = IMAGE_PROCESSOR_MAPPING_NAMES.items()
    without_pil = {name for name, forms in by_type if forms and "pil" not in forms}
    assert set(TORCHVISION_ALONE) == without_pil & MODEL_CLASSES.keys()
