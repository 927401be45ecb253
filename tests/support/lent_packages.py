"""A plugin of pytest that lends one process the packages that lie aside in the environment.

Beside a torch for CPUs alone torchvision's binary part does not load, and the import ends at two
operators that no image processor uses: their schemas are enough.
"""

import sys
from pathlib import Path

import torch

ASIDE = [Path(sys.prefix, folder) for folder in ("video", "quantized")]
for _folder in ASIDE:
    if not _folder.is_dir():
        raise FileNotFoundError(f"{_folder} is not there: run `make setup-dev`")
_SCHEMAS = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _SCHEMAS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
sys.path.extend(map(str, ASIDE))
