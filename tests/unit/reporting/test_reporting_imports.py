import subprocess
import sys

import pytest

from vlmeter.code_digest import import_closure

HEAVY = ("torch", "transformers", "datasets", "codecarbon", "fvcore", "jiwer")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("vlmeter.aggregation", (*HEAVY, "matplotlib", "jinja2")),
        ("vlmeter.reporting.render", (*HEAVY, "matplotlib")),
        ("vlmeter.reporting.figures", (*HEAVY, "jinja2")),
    ],
)
def test_a_job_imports_only_what_it_needs(module, absent):
    code = f"import sys, {module}; print([n for n in {absent!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_editing_the_page_or_its_layout_draws_no_figure_and_collects_nothing():
    for module in ("vlmeter.aggregation", "vlmeter.reporting.figures"):
        closure = import_closure(module)
        for other in (
            *("page", "render", "section_table", "difference_table", "cost_tables", "origin"),
            *("layer_tables", "published", "remarks", "identical", "svg", "machine"),
        ):
            assert f"vlmeter.reporting.{other}" not in closure, (module, other)
