"""The table of every model type of transformers for images and text, generated from its classes.

`vlmeter reference` writes it; a test keeps it in step.
"""

from vlmeter.models.doors import MODEL_CLASSES
from vlmeter.models.packages import list_packages
from vlmeter.models.support import PROVED, explain_refusal
from vlmeter.source_file import CHECKOUT
from vlmeter.storage.files import write_text

PAGE = CHECKOUT / "docs/supported.md"
_BEGIN, _END = "<!-- types: begin, generated -->", "<!-- types: end -->"


def format_type_row(model_type: str) -> str:
    """Return a type's row: what its models need to be loaded, or why they cannot be measured."""
    packages = list_packages(model_type)
    refusal = explain_refusal(model_type)
    needs = f"with {' and '.join(packages)}" if packages else "yes"
    loads = needs if refusal is None else f"no: {refusal}"
    return f"| `{model_type}` | {loads} | {'yes' if model_type in PROVED else ''} |"


def write_model_reference() -> None:
    """Write the table between its marks in the page, from the repository's root."""
    before, rest = PAGE.read_text("utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    heading = ["| model type | loads | measured whole by a test |", "|---|---|---|"]
    rows = [*heading, *map(format_type_row, sorted(MODEL_CLASSES))]
    write_text(PAGE, "\n".join([f"{before}{_BEGIN}", *rows, f"{_END}{after}"]))
