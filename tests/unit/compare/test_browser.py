"""The comparison's pages in a browser: they fit the window, load nothing and are accessible."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Tab, start_browser
from page_faults import list_faults
from study_factory import MadeStudy, slow_down
from study_steps import TEMPLATES, write_study

from vlmeter.compare.page import compare

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on three studies."""
    folder = tmp_path_factory.mktemp("compared")
    changed = MadeStudy(seed=1)
    slow_down(changed)
    studies = {"a": MadeStudy(), "b": changed, "c": MadeStudy(seed=2)}
    written = [write_study(study, folder / name) for name, study in studies.items()]
    compare(written, folder / "out", TEMPLATES)
    return folder / "out"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser.open_tab()


@pytest.mark.parametrize(
    ("name", "width_px", "colours"),
    [("compare.html", 1280, "light"), ("compare.ru.html", 390, "dark")],
)
def test_the_page_fits_loads_nothing_and_is_accessible(
    folder: Path, tab: Tab, name: str, width_px: int, colours: str
) -> None:
    assert list_faults(tab, folder / name, width_px, colours) == []
    assert tab.evaluate("document.querySelectorAll('figure svg').length") == 4
    assert tab.evaluate("document.scripts.length") == 0
    shown = "[...document.querySelectorAll('figure')].filter((each) => each.checkVisibility())"
    form = "wide" if width_px > 560 else "narrow"
    assert tab.evaluate(f"{shown}.map((each) => each.className)") == [form, form]
    fold = tab.evaluate("document.querySelector('.verdict h2').getBoundingClientRect().bottom")
    assert 0 < fold < 900
