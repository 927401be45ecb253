"""A figure that changed on the disk is not shown."""

import pytest

from vlmeter.errors import UserError
from vlmeter.storage.svg import add_checksum, read_checked

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>12.5 ms</text></svg>\n'


def test_a_figure_is_read_with_its_checksum(tmp_path):
    (tmp_path / "a.svg").write_text(add_checksum(SVG))
    assert read_checked(tmp_path / "a.svg").startswith(SVG)


@pytest.mark.parametrize("place", [SVG.index("12.5"), len(SVG) + 30])
def test_a_changed_figure_is_refused(tmp_path, place):
    text = add_checksum(SVG)
    (tmp_path / "a.svg").write_text(text[:place] + "x" + text[place + 1 :])
    with pytest.raises(UserError, match=r"a\.svg is damaged"):
        read_checked(tmp_path / "a.svg")


def test_a_figure_without_a_checksum_is_taken_as_it_is(tmp_path):
    (tmp_path / "a.svg").write_text(SVG)
    assert read_checked(tmp_path / "a.svg") == SVG
