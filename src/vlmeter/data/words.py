"""Words that are one token each in the vocabularies of most language models."""

COMMON = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "was",
    "for",
    "on",
    "that",
    "with",
    "as",
    "at",
    "by",
)
