"""The requests of a study: each setting's parts, per sample, with their intervals."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.reporting.language import get_language
from vlmeter.reporting.settings import format_group_title, format_setting
from vlmeter.results.outline import SettingsPlan
from vlmeter.results.summary_row import SummaryRow


class Part(NamedTuple):
    """A part that can be told apart, in seconds per sample."""

    name: str
    seconds: float
    low_s: float | None
    high_s: float | None


@dataclass(frozen=True)
class TimedRequest:
    """The request of a setting."""

    group: str
    """Label of its data set, with the model's where a study has several."""
    setting: str
    row: SummaryRow
    request_s: float
    """Of one sample, as all its seconds."""
    parts: tuple[Part, ...]
    reasons: tuple[str, ...]
    """Why other parts cannot be told apart."""

    @property
    def parts_s(self) -> float:
        """What all parts take."""
        return sum(part.seconds for part in self.parts)


def list_requests(rows: Iterable[SummaryRow], plan: SettingsPlan) -> Iterator[TimedRequest]:
    """Yield the requests that were timed, in the rows' order."""
    for row in rows:
        if row.request_s is None:
            continue
        parts = json.loads(row.request_parts or "[]")
        samples = row.batch_size
        yield TimedRequest(
            group=format_group_title(plan.labels[get_language()], row.dataset, row.model),
            setting=format_setting(row, plan.base),
            row=row,
            request_s=row.request_s / samples,
            parts=tuple(
                Part(
                    part["name"],
                    part["seconds"] / samples,
                    *(part[end] and part[end] / samples for end in ("low_s", "high_s")),
                )
                for part in parts
                if part["seconds"] is not None
            ),
            reasons=tuple(dict.fromkeys(part["reason"] for part in parts if part["reason"])),
        )
