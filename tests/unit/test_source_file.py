"""What the digest of a file sees: all that decides anything, and no wording of a sentence."""

import ast
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeter.source_file import SourceFile
from vlmeter.status import Status, describe_failure

TOP = (
    "from vlmeter.errors import Sentence, UserError\n"
    "class OwnError(Exception):\n    pass\n"
    "def go(x, y, table):\n    "
)


@pytest.fixture(scope="session")
def seen(tmp_path_factory):
    """Return what is seen of a file with this statement."""
    path = tmp_path_factory.mktemp("seen") / "file.py"

    def seen(statement, top=TOP):
        path.write_text(f"{top}{statement}\n", "utf-8")
        return SourceFile(path, "vlmeter").text(defaultdict(str))

    return seen


WORDINGS = {
    "a sentence": ["raise UserError('it is gone')", "raise UserError('it has gone: run again')"],
    "an exception of the file": ["raise OwnError('it is gone')", "raise OwnError('no, gone')"],
    "an exception that is returned": ["return UserError('it is gone')", "return UserError('a b')"],
    "a built-in exception": ["raise ValueError('it is gone')", "raise ValueError('no more of it')"],
    "what it comes from": [
        "raise UserError(f'{x} is gone') from None",
        "raise UserError(f'{x} has gone') from None",
    ],
    "the words around values": [
        "raise UserError(f'{x} is not {y:.1f}')",
        "raise UserError(f'{x} and not {y:.1f}: mend it')",
        "raise UserError(f'instead of {y:.1f} there is {x}')",
        "raise UserError(f'{x} is ' f'not {y:.1f}')",
        "raise UserError(f'{x} is not ' + f'{y:.1f}')",
        "raise UserError(f'{x} is not {y:.1f}: {x}')",
    ],
    "a sentence that is no exception": ["return Sentence('it is gone')", "return Sentence('a b')"],
    "the layout": [
        "raise UserError('it is gone')",
        "raise UserError(\n        'it '\n        'is')",
    ],
}
DECIDING = {
    "a key": ["return table['mode']", "return table['other mode']"],
    "a key with white space": ["return table['a key']", "return table['a word']"],
    "an attribute's name": ["return getattr(x, 'mode')", "return getattr(x, 'state')"],
    "a mode": ["return x(mode='reduce-overhead')", "return x(mode='max-autotune')"],
    "a prompt": ["return x('Question: {q} Answer:')", "return x('Question: {q} Short answer:')"],
    "a mark of an error": ["return 'out of memory' in x", "return 'not enough memory' in x"],
    "a class": ["raise UserError('it is gone')", "raise OwnError('it is gone')"],
    "a value that is said": ["raise UserError(f'{x} is gone')", "raise UserError(f'{y} is gone')"],
    "a key of what is said": [
        "raise UserError(f'it is {table[\"a\"]}')",
        "raise UserError(f'it is {table[\"b\"]}')",
    ],
    "a format": ["raise UserError(f'it is {x:d}')", "raise UserError(f'it is {x:.1f}')"],
    "a word without white space": ["raise UserError('mode')", "raise UserError('state')"],
    "a joined path": ["raise UserError(f'{x}.{y}')", "raise UserError(f'{x}/{y}')"],
    "a key that is missing": ["raise KeyError('a b')", "raise KeyError('a c')"],
    "an exit": ["raise SystemExit('a b')", "raise SystemExit('a c')"],
    "a second argument": ["raise UserError('a b', 'mode')", "raise UserError('a c', 'mode')"],
    "an argument by name": ["raise UserError(mode='a b')", "raise UserError(mode='a c')"],
    "a method of an exception": ["return x.UserError('a b')", "return x.UserError('a c')"],
    "another function": ["return go('it is gone')", "return go('it has gone')"],
    "a text by another name": ["told = 'it is gone'", "told = 'it has gone'"],
    "a number in the place of words": ["raise UserError(1)", "raise UserError(2)"],
}


@pytest.mark.parametrize("what", WORDINGS)
def test_words_for_people_are_not_seen(seen, what):
    assert len(set(map(seen, WORDINGS[what]))) == 1


@pytest.mark.parametrize("what", DECIDING)
def test_what_decides_is_seen(seen, what):
    first, second = DECIDING[what]
    assert seen(first) != seen(second)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, TEXTS)
def test_any_sentence_is_as_good_as_any_other(seen, first, second):
    views = {seen(f"raise UserError({f'a {text}'!r})") for text in (first, second)}
    assert len(views) == 1


@given(TEXTS, TEXTS)
@pytest.mark.parametrize(
    "statement", ["return table[{!r}]", "return go(x, {!r})", "raise KeyError({!r})", "x = {!r}"]
)
def test_any_other_text_is_seen(seen, statement, first, second):
    same = seen(statement.format(first)) == seen(statement.format(second))
    assert same == (first == second)


@pytest.mark.parametrize(
    "top",
    [
        "from elsewhere import UserError\ndef go():\n    ",
        "def UserError(mode): ...\ndef go():\n    ",
        "def go(UserError):\n    ",
    ],
)
def test_an_exception_of_another_package_may_have_words_that_decide(seen, top):
    first, second = (f"raise UserError('a {word}')" for word in ("mode", "state"))
    assert seen(first, top) != seen(second, top)


def test_a_name_that_hides_a_built_in_exception_is_another(seen):
    top = "from elsewhere import ValueError\ndef go():\n    "
    assert seen("raise ValueError('a b')", top) != seen("raise ValueError('a c')", top)


def calls(repository):
    """Yield the name and the texts of every call in the package that may carry a sentence."""
    for file in (repository / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name = node.func.id
                if name.endswith("Error") or name == "Sentence":
                    texts = [
                        part.value for part in ast.walk(node) if isinstance(part, ast.Constant)
                    ]
                    yield file.name, [text for text in texts if isinstance(text, str)]


def test_no_sentence_of_this_package_is_one_by_which_an_ending_is_judged(repository):
    sentences = list(calls(repository))
    assert len(sentences) > 100
    wrong = [
        (file, text)
        for file, texts in sentences
        for text in texts
        if describe_failure(RuntimeError(text)).status is not Status.ERROR
    ]
    assert wrong == []


def test_no_exception_of_this_package_makes_anything_of_its_words(repository):
    classes = [
        node
        for file in (repository / "src").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    ]
    assert len(classes) >= 5
    methods = [
        (each.name, part.name)
        for each in classes
        for part in each.body
        if isinstance(part, ast.FunctionDef)
    ]
    assert methods == []
