"""The description of every column and of `study.json`, generated from the code.

`vlmeter reference` writes it; a test keeps it in step.
"""

from collections.abc import Sequence

from vlmeter.results.columns import Column
from vlmeter.results.exported import KEYS, LAYOUT, TABLES
from vlmeter.source_file import CHECKOUT
from vlmeter.storage.files import write_text

COLUMNS = CHECKOUT / "docs/columns.md"

_INTRODUCTION = f"""# The tables of a study

Generated from the code by `make reference`; a test compares them.

Below `results/<study>/` a study leaves its figures in three forms with the same columns:

- **CSV**, for spreadsheets and people. A text that a spreadsheet could take for a formula (it
  begins with `=`, `+`, `-`, `@`, a tab or a quote) has a quote put before it.
- **parquet** (`summary.parquet`), with types, units and descriptions, each text as it is.
- **`study.json`**, all tables and what the study was in one file, each text as it is.

An empty field of a CSV, and a null of the others, says that there is no such figure; where it can
be known why, a column beside it says so (`reason`, `energy_reason`, `flops_reason`, …). Kinds are
text, number, integer and flag (true or false). Units are SI: J is joules, B bytes, FLOP
floating-point operations. `tables.json` has the SHA-256 of each table.

## study.json

Layout {LAYOUT}. Its keys:

| key | what it holds |
|---|---|
"""

_HEADINGS = {
    "summary": ("summary.csv, summary.parquet", "A row per cell."),
    "layers": (
        "layers.csv",
        "A row per module of each profiled cell and phase: rows of stage `decode` add up to one "
        "decode step, the others to one forward pass.",
    ),
    "differences": ("differences.csv", "A row per cell and cell that it is compared with."),
    "fits": ("fits.csv", "A row per measured setting and memory of the config's `fits`."),
    "money": (
        "money.csv",
        "A row per measured cell, where the config has prices. A request is a generation of the "
        "forced length for a sample.",
    ),
}


def format_columns_page() -> str:
    """Return the page about the tables, as Markdown."""
    keys = "".join(f"| `{key}` | {words} |\n" for key, words in KEYS.items())
    return f"{_INTRODUCTION}{keys}" + "".join(
        f"\n## {heading}\n\n{words}\n\n{_table(TABLES[name])}"
        for name, (heading, words) in _HEADINGS.items()
    )


def _table(columns: Sequence[Column]) -> str:
    rows = "".join(
        f"| `{column.name}` | {column.kind} | {column.unit or '–'} | {column.description} |\n"
        for column in columns
    )
    return f"| column | kind | unit | what it is |\n|---|---|---|---|\n{rows}"


def write_columns_reference() -> None:
    """Write the page, from the repository's root."""
    write_text(COLUMNS, format_columns_page())
