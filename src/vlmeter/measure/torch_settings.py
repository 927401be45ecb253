"""The settings of torch that decide how fast and how exactly it computes, as they stand.

Two machines with the same packages differ in them: the version of torch says nothing of the CUDA
it was built with, and "fp32" on a GPU may be TF32 in one kind of product and not in another.
"""

import os
from collections.abc import Iterable
from typing import Any

import torch

from vlmeter.measure.result import CudaSettings, TorchSettings

_BACKENDS: Any = torch.backends
"""Torch leaves most of it without types."""

_OF_THE_HOST = (
    "ATEN_CPU_CAPABILITY",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TORCHDYNAMO_DISABLE",
    "TORCHINDUCTOR_MAX_AUTOTUNE",
    "TORCH_COMPILE_DISABLE",
)
_OF_CUDA = (
    "CUBLASLT_WORKSPACE_SIZE",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_DEVICE_ORDER",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_MODULE_LOADING",
    "DISABLE_ADDMM_CUDA_LT",
    "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_BLAS_PREFER_CUBLASLT",
)
"""By name: others of the kind hold paths of the machine, or the GPU's own identity."""


def read_torch_settings() -> TorchSettings:
    """Return the settings that hold on every device: build, precision, CPU kernels, threads."""
    mkldnn = _BACKENDS.mkldnn
    return TorchSettings(
        version=str(torch.__version__),
        matmul_precision=torch.get_float32_matmul_precision(),
        deterministic=torch.are_deterministic_algorithms_enabled(),
        cpu_capability=_BACKENDS.cpu.get_cpu_capability(),
        mkl=_BACKENDS.mkl.is_available(),
        mkldnn=mkldnn.is_available() and bool(mkldnn.enabled),
        mkldnn_matmul_fp32=_name_precision(mkldnn.matmul.fp32_precision),
        threads=torch.get_num_threads(),
        interop_threads=torch.get_num_interop_threads(),
        environment=_read_environment(_OF_THE_HOST),
    )


def read_cuda_settings() -> CudaSettings:
    """Return the settings that hold on the GPUs that this process sees.

    The precision of fp32 products and convolutions is `ieee` or `tf32`. The older switches
    (`allow_tf32`) raise where someone set the newer ones.
    """
    matmul, cudnn = _BACKENDS.cuda.matmul, _BACKENDS.cudnn
    capabilities = dict.fromkeys(
        "{}.{}".format(*torch.cuda.get_device_capability(index))
        for index in range(torch.cuda.device_count())
    )
    return CudaSettings(
        version=torch.version.cuda,
        cudnn=cudnn.version(),
        capability=", ".join(capabilities),
        matmul_fp32=_name_precision(matmul.fp32_precision),
        convolution_fp32=_name_precision(cudnn.conv.fp32_precision),
        fp16_reduced_precision_sums=matmul.allow_fp16_reduced_precision_reduction,
        bf16_reduced_precision_sums=matmul.allow_bf16_reduced_precision_reduction,
        fp16_accumulation=matmul.allow_fp16_accumulation,
        cudnn_benchmark=cudnn.benchmark,
        cudnn_deterministic=cudnn.deterministic,
        environment=_read_environment(_OF_CUDA),
    )


def _name_precision(precision: str) -> str:
    """Return the precision of fp32 work: torch calls it `none` where nothing lowers it."""
    return "ieee" if precision == "none" else precision


def _read_environment(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
