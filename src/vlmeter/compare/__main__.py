"""`python -m vlmeter.compare results/x results/y`: reports what differs between two studies.

Writes `compare.md` and the self-contained `compare.html` to the folder that `--into` names.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vlmeter.compare.page import build_compare_page
from vlmeter.errors import UserError
from vlmeter.exports import read_exported
from vlmeter.files import write_text
from vlmeter.reporting.render import html_environment, markdown_environment, render_prose

TEMPLATES = Path("report/templates")


def compare(a: Path, b: Path, into: Path, templates: Path = TEMPLATES) -> list[Path]:
    """Write the report on two finished studies; return its files.

    Args:
        a: Results folder of the study to compare with.
        b: Results folder of the study that is compared.
        into: Folder to write to.
        templates: Folder of the templates.

    Raises:
        UserError: a study is not finished, or is damaged; the message names it.
    """
    if not (templates / "compare.html.j2").exists():
        raise UserError(f"{templates} is not here: start from the repository's root.")
    page = build_compare_page(read_exported(a), read_exported(b))
    text, html = markdown_environment(templates), html_environment(templates)
    method = render_prose(text.get_template("_compare_method.md.j2").render())
    files = {
        into / "compare.md": text.get_template("compare.md.j2").render(page=page),
        into / "compare.html": html.get_template("compare.html.j2").render(
            page=page, method=method
        ),
    }
    for path, content in files.items():
        write_text(path, content)
    return list(files)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare the two studies that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m vlmeter.compare", description="Compare two finished studies."
    )
    parser.add_argument("a", type=Path, help="results of the study to compare with")
    parser.add_argument("b", type=Path, help="results of the study that is compared")
    parser.add_argument(
        "--into", type=Path, help="folder to write to; default: results/comparisons/<a>--<b>"
    )
    options = parser.parse_args(arguments)
    names = f"{options.a.resolve().name}--{options.b.resolve().name}"
    into = options.into or Path("results") / "comparisons" / names
    try:
        for path in compare(options.a, options.b, into):
            print(path)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
