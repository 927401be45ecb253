"""Tables hold what their rows hold, as far as a file can."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from vlmeter.results.columns import column
from vlmeter.results.write_tables import write_parquet


@dataclass(frozen=True)
class Row:
    text: str | None = column("", "A text.")
    seconds: float | None = column("s", "A time.")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cut \ud800 in half", "cut \ufffd in half"),
        ("\udfff\ud800", "\ufffd\ufffd"),
        ("=1+1", "=1+1"),
        (None, None),
    ],
)
def test_a_text_is_kept_but_for_halves_of_characters(
    tmp_path: Path, text: str | None, kept: str | None
) -> None:
    write_parquet([Row(text, 2)], Row, tmp_path / "rows.parquet")

    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.to_pylist() == [{"text": kept, "seconds": 2.0}]
    assert table.schema.field("seconds").metadata == {b"unit": b"s", b"description": b"A time."}
