"""What comes from outside enters a sentence in one short line."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vlmeter
from vlmeter.errors import list_names, listed, one_line, shorten
from vlmeter.status import describe_failure

MOST = 300
ANYTHING = st.one_of(st.text(max_size=20), st.sampled_from(["x" * 10**6, " \n" * 5000, "a\0\x1b"]))


@given(text=ANYTHING, most=st.integers(2, MOST))
def test_a_text_becomes_one_printable_line_of_at_most_so_many_characters(text, most):
    line = shorten(text, most)
    assert len(line) <= most
    assert "\n" not in line
    assert line.isprintable()


@given(text=st.text(max_size=30).map(lambda text: " ".join(text.split())).filter(str.isprintable))
def test_a_short_text_stays_as_it_is(text):
    assert shorten(text) == text


def test_what_was_cut_off_shows():
    assert shorten("a" * 100, 10) == "aaaaaaaaa…"
    assert shorten("a" + " " * 10_000 + "b", 10) == "a…"


@given(words=st.lists(ANYTHING, max_size=30))
def test_names_take_a_bounded_part_of_a_sentence(words):
    assert len(listed(words)) <= MOST
    assert len(list_names(words)) <= MOST


@pytest.mark.parametrize("kind", [ValueError, OSError, MemoryError, RuntimeError])
@pytest.mark.parametrize("words", ["", "no\nroom", "word " * 10_000])
def test_an_exception_takes_a_bounded_part_of_a_sentence(kind, words):
    assert 0 < len(one_line(kind(words))) <= MOST
    assert len(describe_failure(kind(words)).reason) <= MOST


def test_an_exception_without_words_is_its_kind():
    assert one_line(KeyError()) == "KeyError"


SOURCE = Path(vlmeter.__file__).parent
FOREIGN = {"answer", "content", "error", "held", "place", "text", "value", "values", "words"}
"""What is so called holds what a file, a user or a library says, of any length."""
CHECKED_BEFORE = {
    # Its own words, which were shortened when it was made.
    "config/load.py: error",
    # A word of the command line, which argparse shows as it is.
    "cli.py: text",
    "commands/init.py: text",
    "data/rows.py: error",
    "models/kernels.py: words",
    # A number, of which the row was read.
    "results/columns.py: value",
    # Names that the package gives, of the few kinds of thing that it knows.
    "data/cells.py: held",
    # The sentence of two names that differ in their form alone, which shortens them.
    "data/cells.py: error",
    "models/doors.py: ', '.join(OWN_CODE)",
    "models/packages.py: ' and '.join(names)",
    "models/support.py: ', '.join(PROVED)",
    "measure/flops/operators.py: ', '.join(heavy)",
    "measure/layers/rows.py: ', '.join(lost)",
    "models/kernels.py: ', '.join(kernels[stage])",
    # A kind of file each, and a name that was shortened.
    "storage/archive.py: ', and '.join(parts)",
    "storage/unpack.py: words",
    # Of the machine's own driver and of torch: a handful.
    "machine/torch_device.py: ', '.join(drivers)",
    "software/torch_build.py: ', '.join(architectures)",
    # Each name was shortened, and there are few.
    "data/local_files.py: ', '.join(names[:_SHOWN_NAMES])",
}


def list_unbounded(tree):
    """Yield what enters the sentence of an error or of a reason as it is."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if not name.endswith("Error") and name != "Sentence":
            continue
        for each in ast.walk(call):
            if isinstance(each, ast.FormattedValue) and each.format_spec is None:
                yield from filter(is_foreign, [each.value])


def is_foreign(expression):
    if isinstance(expression, ast.Name):
        return expression.id in FOREIGN
    is_call = isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute)
    return is_call and expression.func.attr == "join"


def test_no_sentence_takes_in_a_foreign_text_as_long_as_it_is():
    unbounded = {
        f"{file.relative_to(SOURCE)}: {ast.unparse(expression)}"
        for file in sorted(SOURCE.rglob("*.py"))
        for expression in list_unbounded(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert unbounded == CHECKED_BEFORE
