"""What tiny checkpoints share: sizes, a tokenizer of words, a chat template, a folder's files."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

SIDE_PX, PATCH_PX, WIDTH = 28, 7, 32
PAD, START, END, UNKNOWN, IMAGE = range(5)
SPECIAL = (
    "<pad>",
    "<s>",
    "</s>",
    "<unk>",
    "<image>",
    "<fake_token_around_image>",
    "<end_of_utterance>",
    "<global-img>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
    *("<video>", "<vision_start>", "<vision_end>", "<audio>"),
    *(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)),
)
WORDS = (
    *("question", "answer", ":", "?", "what", "colour", "is", "the", "cat", "dog", "red", "one"),
    *("two", "user", "assistant", ".", ",", "a", "of", "in", "sign", "shop", "blue", "green"),
)
VOCABULARY = len(SPECIAL) + len(WORDS)
CHAT = (
    "{% for message in messages %}{{ message['role'] }} : "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}assistant :{% endif %}"
)
LAYERS = {
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
}
ENDS = {"pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END}
DECODER = {
    **LAYERS,
    **ENDS,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 512,
}
LLAMA = {"model_type": "llama", **DECODER}
OPT = {
    "model_type": "opt",
    **ENDS,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": WIDTH,
    "vocab_size": VOCABULARY,
    "word_embed_proj_dim": WIDTH,
    "ffn_dim": 2 * WIDTH,
    "max_position_embeddings": 512,
}
T5 = {
    "model_type": "t5",
    "vocab_size": VOCABULARY,
    "d_model": WIDTH,
    "d_kv": WIDTH // 2,
    "d_ff": 2 * WIDTH,
    "num_layers": 2,
    "num_heads": 2,
    "feed_forward_proj": "gated-gelu",
    "pad_token_id": PAD,
    "eos_token_id": END,
    "decoder_start_token_id": PAD,
}
VISION = {**LAYERS, "image_size": SIDE_PX, "patch_size": PATCH_PX}
QFORMER = {
    **LAYERS,
    "encoder_hidden_size": WIDTH,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 512,
}
QUERIES = 4
SQUARE = {"height": SIDE_PX, "width": SIDE_PX}

Built = tuple[Any, Any]
"""A model and its processor."""


def tokenizer(*, start: bool = True, **extra: Any) -> PreTrainedTokenizerFast:
    """A tokenizer in which every word is a token."""
    words = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    core = Tokenizer(WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    if start:
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", START)]
        )
    core.add_special_tokens([AddedToken(word, normalized=False, special=True) for word in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        **({"extra_special_tokens": extra} if extra else {}),
    )


@dataclass(frozen=True)
class ProcessorFiles:
    """A processor as the files that the Hub has, whose part for videos need not be built."""

    name: str
    """The processor's class."""
    images: Any
    tokenizer: PreTrainedTokenizerFast
    chat_template: str | None
    options: dict[str, Any] = field(default_factory=dict)

    def save_pretrained(self, folder: Path) -> None:
        """Write the files."""
        self.tokenizer.save_pretrained(folder)
        self.images.save_pretrained(folder)
        if self.chat_template is not None:
            (folder / "chat_template.jinja").write_text(self.chat_template, "utf-8")
        content = json.dumps({"processor_class": self.name, **self.options})
        (folder / "processor_config.json").write_text(content, "utf-8")
