"""A named architecture at full size without its weights.

Latency, energy, FLOPs, memory and layers depend on shapes, not on what the weights say. So the
cost of a model can be measured where its weights cannot be had; its answers mean nothing.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    Blip2Processor,
    BlipImageProcessorPil,
    PreTrainedTokenizerFast,
)
from transformers.initialization import no_init_weights

from vlmeter.data.words import COMMON
from vlmeter.errors import UserError
from vlmeter.models.doors import find_door, load_config
from vlmeter.models.families import image_token_id
from vlmeter.models.processors import load_processor

_BLOCK = 1 << 22
_SCALE = 0.02
"""Standard deviation of the weights, as BLIP-2's and OPT's configs initialise theirs."""


def build_random_model(
    folder: Path, dtype: torch.dtype, device: str, attention: str | dict[str, str], seed: int
) -> Any:  # noqa: ANN401 - any transformers model
    """Build the architecture of `folder/config.json` with random weights, straight in `dtype`.

    One block of random numbers is repeated through all weights: their values must only be finite
    and differ, and 3.7 billion draws would take a minute.

    Raises:
        ValueError: transformers refuses the architecture or the attention.
    """
    config = load_config(folder)
    with no_init_weights(), torch.device(device):
        model = find_door(config).from_config(config, dtype=dtype, attn_implementation=attention)
    model.tie_weights()
    if dtype == torch.float16:
        _keep_in_fp32(model)
    generator = torch.Generator().manual_seed(seed)
    block = torch.randn(_BLOCK, generator=generator) * _SCALE
    blocks = {kind: block.to(device, kind) for kind in {p.dtype for p in model.parameters()}}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                # A scale or a gate near 0 would silence a layer, or shut the image out.
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            else:
                _fill(parameter.view(-1), blocks[parameter.dtype])
    return model


def _keep_in_fp32(model: Any) -> None:  # noqa: ANN401
    """Do as `from_pretrained` does: some parts stay in fp32 when the rest is fp16."""
    for name, parameter in model.named_parameters():
        if any(part in name.split(".") for part in model._keep_in_fp32_modules or ()):
            parameter.data = parameter.data.float()


def _fill(flat: torch.Tensor, block: torch.Tensor) -> None:
    whole = flat.numel() // block.numel() * block.numel()
    flat[:whole].view(-1, block.numel()).copy_(block)
    flat[whole:].copy_(block[: flat.numel() - whole])


def store_architecture(folder: Path, target: Path) -> int:
    """Store the config and a processor of an architecture; return its number of parameters.

    Where the folder has no processor of its own, a BLIP-2 gets one in which every word is a token.

    Raises:
        UserError: the folder has no processor, and none can be made for its family.
    """
    config = load_config(folder)
    config.save_pretrained(target)
    if (folder / "tokenizer.json").is_file():
        load_processor(folder).save_pretrained(target)
    elif config.model_type == "blip-2":
        _blip2_processor(config).save_pretrained(target)
    else:
        raise UserError(f"{folder} has no tokenizer.json: put the model's processor files there.")
    with torch.device("meta"):
        model = find_door(config).from_config(config)
    model.tie_weights()
    return sum(parameter.numel() for parameter in model.parameters())


def _blip2_processor(config: Any) -> Any:  # noqa: ANN401
    text = config.text_config
    special = {
        text.bos_token_id: "</s>",
        text.pad_token_id: "<pad>",
        text.eos_token_id: "\n",
        image_token_id(config): "<image>",
    }
    free = (token for token in range(text.vocab_size) if token not in special)
    words = {word: token for word, token in zip(("<unk>", *COMMON), free, strict=False)}
    words |= {f"w{token}": token for token in free}
    core = Tokenizer(WordLevel({**words, **{word: t for t, word in special.items()}}, "<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    core.post_processor = TemplateProcessing(
        single="</s> $A", special_tokens=[("</s>", text.bos_token_id)]
    )
    core.add_special_tokens(
        [AddedToken(word, normalized=False, special=True) for word in special.values()]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="</s>",
        pad_token="<pad>",
        eos_token="\n",
    )
    side = config.vision_config.image_size
    images = BlipImageProcessorPil(size={"height": side, "width": side})
    return Blip2Processor(images, tokenizer, num_query_tokens=config.num_query_tokens)
