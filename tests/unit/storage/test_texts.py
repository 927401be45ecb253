"""A name is found in whichever of Unicode's forms it and the others are written."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlmeter.errors import UserError
from vlmeter.storage.texts import check_distinct, compose, find_name, find_path

FORMS = ("NFC", "NFD")
ACCENTED = st.text("éñôḗÅßıΩﬁ²ｱAa-", min_size=1, max_size=5)


def write(form: str, text: str) -> str:
    return unicodedata.normalize(form, text)


@settings(max_examples=40)
@given(name=ACCENTED, others=st.lists(ACCENTED), asked=st.sampled_from(FORMS),
       written=st.sampled_from(FORMS))  # fmt: skip
def test_a_name_is_met_in_either_form_and_given_as_it_is_written(name, others, asked, written):
    others = [each for each in others if compose(each) != compose(name)]
    names = [*others, write(written, name)]
    assert find_name(write(asked, name), names, "here") == write(written, name)
    assert find_name(write(asked, name), others, "here") is None


@settings(max_examples=40)
@given(name=ACCENTED)
def test_what_only_looks_alike_is_another_name(name):
    alike = unicodedata.normalize("NFKC", name)
    assume(alike != compose(name))
    assert find_name(name, [alike], "here") is None
    check_distinct([name, alike], "here")


@pytest.mark.parametrize("name", ["é", "ḗtude", "Å"])
def test_two_names_that_differ_in_their_form_alone_are_refused(name):
    both = [write(form, name) for form in FORMS]
    for check in (lambda: find_name(name, both, "t.csv"), lambda: check_distinct(both, "t.csv")):
        with pytest.raises(UserError) as refusal:
            check()
        assert f't.csv: two names there are "{compose(name)}"' in str(refusal.value)


@pytest.mark.parametrize("asked", FORMS)
@pytest.mark.parametrize("written", FORMS)
def test_a_path_is_found_as_the_disk_writes_each_of_its_parts(tmp_path, asked, written):
    file = tmp_path / write(written, "été") / "sub" / write(asked, "café.jpg")
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_path(tmp_path / write(asked, "été/sub/café.jpg")) == file
    up = tmp_path / write(asked, "été/sub/../sub/café.jpg")
    assert find_path(up).resolve() == file.resolve()


def test_a_path_that_is_not_there_stays_as_it_is(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ici").touch()
    for path in (tmp_path / "ñ/a.jpg", Path("ñ.yaml"), Path("ici"), Path("ici/ñ"), Path()):
        assert find_path(path) == path


@pytest.mark.parametrize("form", FORMS)
def test_a_path_that_may_be_either_of_two_is_refused(tmp_path: Path, form):
    for each in FORMS:
        (tmp_path / write(each, "é.csv")).touch()
    with pytest.raises(UserError, match=r"two names there are .é\.csv. in Unicode"):
        find_path(tmp_path / write(form, "é.csv"))
