"""Made-up settings for charts."""

from vlmeter.reporting.figures.settings import Setting
from vlmeter.reporting.figures.values import Interval


def make_setting(label: str, *, higher_is_better: bool = True, **values: float) -> Setting:
    """Return a setting on data set `a` with model `m`, whose values have no interval."""
    return Setting(
        group="a/m",
        dataset="a",
        cell=label,
        label=label,
        values={name: Interval(value, value, value) for name, value in values.items()},
        disturbed=False,
        quality_label="Accuracy",
        higher_is_better=higher_is_better,
    )
