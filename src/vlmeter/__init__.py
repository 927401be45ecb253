"""VLMeter: what a vision-language model costs and how well it answers."""

import logging
import os

# Read by `huggingface_hub` and `datasets` when they are imported, wherever that is: nothing but
# what a study names is asked of the network, and all of it in the one way that is tested.
for _name, _value in {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "HF_HUB_DISABLE_XET": "1",
}.items():
    os.environ.setdefault(_name, _value)

# transformers imports torchao, which warns of CUDA kernels that a machine without a GPU has no use
# for, and registers its types with torch in a way that torch calls old: a job would print that on
# the terminal before its log is open.
for _name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_name).setLevel(logging.ERROR)
