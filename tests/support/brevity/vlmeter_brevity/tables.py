"""Brevity: is the answer a single word?"""

from collections.abc import Collection

from vlmeter.metrics.base import Example, Metric, Score, mean


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the share of predictions that are one word."""
    values = [float(len(example.prediction.split()) == 1) for example in examples]
    return [Score("brevity", "Brevity", mean(values), higher_is_better=True)]


METRICS = {
    "vqa": [
        Metric(
            name="brevity",
            definition="Brevity: the share of answers that are a single word.",
            problem=lambda _: None,
            scores=scores,
        )
    ]
}
