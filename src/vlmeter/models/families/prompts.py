"""How each model family is asked: its own prompt templates, by task.

A family without an entry is asked in one of two ways that most models share: as a chat where it has
a chat template, else as a text to be continued.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.data.samples import Text

_READ = "What is written in the image?"
"""What a data set of the task ocr asks where it has no questions."""


@dataclass(frozen=True)
class FamilyPrompts:
    """A family's templates."""

    caption: str
    question: str
    """For the tasks vqa and ocr."""
    multiple_choice: str
    context: str = "Context: {context} "
    """Put before any but a caption's, where the sample has a context; empty to leave it out."""
    ocr: str = ""
    """For a sample of the task ocr without a question, where the family has words for it."""

    def template(self, task: str, text: Text) -> str:
        """Return the template for one sample."""
        if task == "caption":
            return self.caption
        if task == "ocr" and not text.question:
            return self.ocr or self.question.replace("{question}", _READ)
        asked = self.multiple_choice if task == "multiple_choice" else self.question
        return f"{self.context}{asked}" if text.context else asked


# Li et al., 2023 (arXiv 2301.12597), section 4.1: captions from the image alone, zero-shot VQA by
# "Question: {} Answer:" with OPT and "Question: {} Short answer:" with FlanT5. For multiple choice
# they have none: it follows the order of InstructBLIP's, in one line, because OPT answers up to a
# line break.
_BLIP_2_OPT = FamilyPrompts(
    caption="",
    question="Question: {question} Answer:",
    multiple_choice="Question: {question} Options: {options} Answer:",
)
_BLIP_2_T5 = FamilyPrompts(
    caption="",
    question="Question: {question} Short answer:",
    multiple_choice="Question: {question} Options: {options} Short answer:",
)
# In the manner of the evaluation's instructions in Dai et al., 2023 (arXiv 2305.06500); the wording
# was not compared with the paper's.
_INSTRUCTBLIP = FamilyPrompts(
    caption="A short image description.",
    question="Question: {question} Short answer:",
    multiple_choice="Question: {question} Options: {options} Answer:",
)
# https://ai.google.dev/gemma/docs/paligemma/prompt-system-instructions, the task syntax; the
# processor ends the line.
_PALIGEMMA = FamilyPrompts(
    caption="caption en",
    question="answer en {question}",
    multiple_choice="answer en {question} {options}",
    context="",
    ocr="ocr",
)
_BY_FAMILY: Mapping[str, FamilyPrompts] = {
    "blip-2": _BLIP_2_OPT,
    "blip-2 t5": _BLIP_2_T5,
    "instructblip": _INSTRUCTBLIP,
    "paligemma": _PALIGEMMA,
}
_CONTINUED = FamilyPrompts(
    caption="",
    question="Question: {question} Answer:",
    multiple_choice="Question: {question} Options: {options} Answer:",
)
# The short instructions of LLaVA-1.5's evaluation (Liu et al., 2023, arXiv 2310.03744), which
# later evaluations of chat models took over.
_CHAT = FamilyPrompts(
    caption="Provide a one-sentence caption for the provided image.",
    question="{question}\nAnswer the question using a single word or phrase.",
    multiple_choice="{question}\n{choices}\n"
    "Answer with the option's letter from the given choices directly.",
    context="Context: {context}\n",
)


def family_prompts(config: Any, *, chat: bool) -> FamilyPrompts:  # noqa: ANN401 - any config
    """Return the templates of a model's family.

    Args:
        config: The model's, of transformers.
        chat: Whether the model has a chat template.
    """
    text = getattr(config, "text_config", None)
    for name in (f"{config.model_type} {getattr(text, 'model_type', '')}", config.model_type):
        if name in _BY_FAMILY:
            return _BY_FAMILY[name]
    return _CHAT if chat else _CONTINUED
