"""What decides torch's figures is recorded as it stands when a cell is measured."""

import json

import pytest
import torch

from vlmeter.measure.torch_settings import read_cuda_settings, read_torch_settings

MATMUL, CONVOLUTION = torch.backends.cuda.matmul, torch.backends.cudnn.conv


@pytest.fixture
def two_cards(monkeypatch):
    """Stand in for two unlike GPUs."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: [(8, 0), (9, 0)][index])
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91900)


@pytest.fixture(autouse=True)
def _as_before():
    precision = torch.get_float32_matmul_precision()
    kept = MATMUL.fp32_precision, CONVOLUTION.fp32_precision
    yield
    torch.set_float32_matmul_precision(precision)
    MATMUL.fp32_precision, CONVOLUTION.fp32_precision = kept


def test_the_build_of_torch_is_named_with_its_local_part():
    assert read_torch_settings().version == torch.__version__


def test_versions_and_capabilities_are_of_all_cards(two_cards):
    settings = read_cuda_settings()
    assert (settings.version, settings.cudnn, settings.capability) == (
        "13.0",
        91900,
        "8.0, 9.0",
    )


def test_the_precision_of_products_is_the_one_that_was_set(two_cards):
    torch.set_float32_matmul_precision("high")
    assert read_torch_settings().matmul_precision == "high"
    assert read_cuda_settings().matmul_fp32 == "tf32"
    torch.set_float32_matmul_precision("highest")
    assert read_cuda_settings().matmul_fp32 == "ieee"


def test_convolutions_in_tf32_are_kept_apart_from_products_in_fp32(two_cards):
    MATMUL.fp32_precision, CONVOLUTION.fp32_precision = "ieee", "tf32"
    settings = read_cuda_settings()
    assert (settings.matmul_fp32, settings.convolution_fp32) == ("ieee", "tf32")


def test_a_precision_that_nothing_set_is_that_of_ieee(two_cards):
    MATMUL.fp32_precision = "none"
    assert read_cuda_settings().matmul_fp32 == "ieee"


def test_the_newer_switches_beside_the_older_ones_are_no_error(two_cards):
    torch.set_float32_matmul_precision("high")
    MATMUL.fp32_precision = "ieee"
    with pytest.raises(RuntimeError, match="mix of the legacy and new APIs"):
        _ = MATMUL.allow_tf32
    assert read_cuda_settings().matmul_fp32 == "ieee"


@pytest.mark.parametrize(
    ("owner", "switch", "key"),
    [
        (MATMUL, "allow_fp16_reduced_precision_reduction", "fp16_reduced_precision_sums"),
        (MATMUL, "allow_bf16_reduced_precision_reduction", "bf16_reduced_precision_sums"),
        (MATMUL, "allow_fp16_accumulation", "fp16_accumulation"),
        (torch.backends.cudnn, "benchmark", "cudnn_benchmark"),
        (torch.backends.cudnn, "deterministic", "cudnn_deterministic"),
    ],
)
def test_a_switch_is_recorded_as_it_stands(two_cards, owner, switch, key):
    before = getattr(owner, switch)
    settings = [getattr(read_cuda_settings(), key)]
    setattr(owner, switch, not before)
    settings.append(getattr(read_cuda_settings(), key))
    setattr(owner, switch, before)
    assert settings[0] is not settings[1]
    json.dumps(settings)


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (read_cuda_settings, "CUDA_LAUNCH_BLOCKING", "1"),
        (read_cuda_settings, "NVIDIA_TF32_OVERRIDE", "0"),
        (read_cuda_settings, "PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
        (read_cuda_settings, "PYTORCH_ALLOC_CONF", "backend:cudaMallocAsync"),
        (read_cuda_settings, "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"),
        (read_cuda_settings, "CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
        (read_torch_settings, "OMP_NUM_THREADS", "3"),
        (read_torch_settings, "ONEDNN_DEFAULT_FPMATH_MODE", "BF16"),
    ],
)
def test_what_the_environment_sets_is_recorded_and_nothing_else(
    two_cards, monkeypatch, read, name, value
):
    monkeypatch.setenv(name, value)
    assert read().environment[name] == value
    monkeypatch.delenv(name)
    assert name not in read().environment


def test_which_gpu_it_was_and_where_files_lie_is_no_setting(two_cards, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1")
    monkeypatch.setenv("CUDA_CACHE_PATH", "/a/path")
    assert not {"CUDA_VISIBLE_DEVICES", "CUDA_CACHE_PATH"} & set(read_cuda_settings().environment)
