"""When a window has rounds enough: as soon as its interval is as narrow as was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlmeter.measure.result import WindowEnd
from vlmeter.measure.spread import compute_relative_half_width_95

_LOOKS = (3, 5, 10)
"""Few, since each costs a part of the 5 %, and the last at twice the rounds of the one before."""


@dataclass(frozen=True)
class StoppingRule:
    """After how many rounds the interval of a window is looked at, and how narrow it shall be.

    Every look may end the window, and an interval that is looked at until it pleases holds the
    true value less often than it says. So the looks are few, fixed beforehand, and share the 5 %
    of error equally: repeated confidence intervals (Jennison and Turnbull, 1989, "Interim
    analyses: the repeated confidence interval approach", JRSS B 51, 305-361), with an error that
    is spent linearly (Lan and DeMets, 1983, Biometrika 70, 659-663). By Bonferroni's inequality,
    whatever the dependence between looks, all of them together hold the true value 95 times in
    100, and so does the one at which the window ends.
    """

    looks: tuple[int, ...]
    """Rounds after which the interval is looked at; the last are the most that are run."""
    target: float | None
    """Half the width of the interval, as a share of the figure, at which the window may end; None
    where nothing but the number of rounds ends it."""

    @property
    def most_rounds(self) -> int:
        """The rounds of a window that does not end earlier."""
        return self.looks[-1]


def fix_rounds(rounds: int) -> StoppingRule:
    """Return the rule of a window that has so many rounds, however narrow its interval is."""
    return StoppingRule((rounds,), None)


def aim_at(target: float) -> StoppingRule:
    """Return the rule of a window that ends when its interval is within this share."""
    return StoppingRule(_LOOKS, target)


def run_rounds(
    run_round: Callable[[], Sequence[float]], rule: StoppingRule, is_at_cap: Callable[[], bool]
) -> WindowEnd:
    """Run rounds until the intervals of all figures are within the target, or there are enough.

    Args:
        run_round: Runs a round and returns what it gave of each figure.
        rule: When to look.
        is_at_cap: Whether the window has lasted as long as it may; asked after a round, once there
            are as many as the first look needs. The look then comes at once, in the place of the
            next one.
    """
    rounds: list[Sequence[float]] = []
    while True:
        rounds.append(run_round())
        count = len(rounds)
        is_last = count >= rule.most_rounds or (count >= rule.looks[0] and is_at_cap())
        if not is_last and count not in rule.looks:
            continue
        half_width = _find_widest(rounds, len(rule.looks))
        is_narrow = _is_within(half_width, rule.target)
        if is_narrow or is_last:
            ended_by = "fixed" if rule.target is None else "target" if is_narrow else "cap"
            return WindowEnd(ended_by, count, len(rule.looks), half_width, rule.target)


def _find_widest(rounds: Sequence[Sequence[float]], looks: int) -> float | None:
    """Return the widest of the figures' intervals; None where a figure has none."""
    widths = [compute_relative_half_width_95(values, looks) for values in zip(*rounds, strict=True)]
    measured = [width for width in widths if width is not None]
    return max(measured) if measured and len(measured) == len(widths) else None


def _is_within(half_width: float | None, target: float | None) -> bool:
    return half_width is not None and target is not None and half_width <= target
