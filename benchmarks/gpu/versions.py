"""What this machine brings: packages, the card and its driver, and what compiling needs.

Fails where a package is missing that the studies need, before any time goes into them.
"""

import importlib
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = (
    *("torch", "transformers", "tokenizers", "huggingface_hub", "accelerate", "safetensors"),
    *("torchao", "codecarbon", "fvcore", "pynvml", "numpy", "pyarrow", "pandas", "datasets"),
    *("jiwer", "snakemake", "pydantic", "jinja2", "vl_convert", "PIL", "psutil", "vlmeter"),
)
TOOLS = (("nvidia-smi",), ("gcc", "--version"), ("git", "--version"))


def main() -> int:
    """Print them; return how many packages cannot be imported."""
    print(f"Python {sys.version}")
    failed = [name for name in PACKAGES if not _print_package(name)]
    _print_torch()
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    print(f"Python.h, which Triton compiles with: {'there' if header.is_file() else 'missing'}")
    for command in TOOLS:
        _print_tool(command)
    return len(failed)


def _print_package(name: str) -> bool:
    try:
        module = importlib.import_module(name)
    except Exception as error:
        # Whatever an import raises is what this step is there to show.
        print(f"{name:20}CANNOT BE IMPORTED: {error!r}")
        return False
    print(f"{name:20}{getattr(module, '__version__', '')}")
    return True


def _print_torch() -> None:
    try:
        import torch  # noqa: PLC0415 - a machine without it is what this step is there to show
    except ImportError:
        return
    there = torch.cuda.is_available()
    card = torch.cuda.get_device_name(0) if there else "no card that torch can use"
    print(f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}: {card}")


def _print_tool(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        print(f"{command[0]}: not here")
        return
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    print(done.stdout or done.stderr)


if __name__ == "__main__":
    sys.exit(main())
