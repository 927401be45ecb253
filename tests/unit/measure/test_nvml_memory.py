"""A GPU's memory is asked for in the form that tells the driver's own part apart."""

from types import SimpleNamespace

import pynvml
import pytest

from vlmeter.measure.nvml_memory import read_memory

OWN_BYTES = 480


class Driver:
    """NVML with the forms of one driver, which knows of no other argument."""

    NVMLError, NVMLLibraryMismatchError = pynvml.NVMLError, pynvml.NVMLLibraryMismatchError
    nvmlMemory_v2 = pynvml.nvmlMemory_v2

    def __init__(self, *forms):
        self.forms = forms

    def nvmlDeviceGetMemoryInfo(self, handle, version=None):
        if version not in self.forms:
            raise pynvml.NVMLLibraryMismatchError("function not found")
        assert (handle, version) in (("gpu", None), ("gpu", self.nvmlMemory_v2))
        return SimpleNamespace(total=1000, used=OWN_BYTES + 20 if version is None else 20)


@pytest.mark.parametrize(
    ("forms", "used"),
    [
        ((pynvml.nvmlMemory_v2, None), 20),
        ((None,), OWN_BYTES + 20),
    ],
)
def test_the_newest_form_of_a_driver_is_read(forms, used):
    assert read_memory(Driver(*forms), "gpu").used == used


def test_a_gpu_that_offers_no_form_has_no_memory():
    assert read_memory(Driver(), "gpu") is None
