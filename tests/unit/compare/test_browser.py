"""The comparison's page in a browser: it fits the window, loads nothing and logs no error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Tab, start_browser
from study_factory import MadeStudy, slow_down
from study_steps import TEMPLATES, write_study

from vlmeter.compare.page import compare

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    changed = MadeStudy(seed=1)
    slow_down(changed)
    before, after = write_study(MadeStudy(), folder / "a"), write_study(changed, folder / "b")
    return compare(before, after, folder / "out", TEMPLATES)[1]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """An empty page of the one browser of this file."""
    with start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser.open_tab()


@pytest.mark.parametrize("width_px", [1280, 390])
def test_the_page_fits_the_window_loads_nothing_and_logs_no_error(
    page: Path, tab: Tab, width_px: int
) -> None:
    tab.resize(width_px)
    tab.open(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") == width_px
    assert tab.evaluate("document.documentElement.scrollHeight") > 2000
    assert tab.list_requests() == []
    assert tab.list_complaints() == []
