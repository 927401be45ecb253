"""A figure that changed on the disk, or is another's, is not shown."""

import shutil

import pytest

from vlmeter.errors import UserError
from vlmeter.storage.svg import read_checked, write_svg

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>12.5 ms</text></svg>\n'


def test_a_figure_is_read_with_its_checksum(tmp_path):
    write_svg(tmp_path / "a.svg", SVG)
    assert read_checked(tmp_path / "a.svg").startswith(SVG)


@pytest.mark.parametrize("place", [SVG.index("12.5"), len(SVG) + 30, -9])
def test_a_changed_figure_is_refused(tmp_path, place):
    path = tmp_path / "a.svg"
    write_svg(path, SVG)
    text = list(path.read_text(encoding="utf-8"))
    text[place] = "x"
    path.write_text("".join(text), encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.svg is damaged"):
        read_checked(path)


@pytest.mark.parametrize("other", ["size.svg", "ru/batch.svg"])
def test_another_figure_in_its_place_is_refused(tmp_path, other):
    """Of another section, and of the same one in another language."""
    path = tmp_path / "figures/batch.svg"
    for each in (path, tmp_path / "figures" / other):
        write_svg(each, SVG)
    shutil.copyfile(tmp_path / "figures" / other, path)
    with pytest.raises(UserError, match=rf"/batch\.svg is that of figures/{other}: delete it"):
        read_checked(path)


def test_a_figure_without_a_checksum_is_taken_as_it_is(tmp_path):
    (tmp_path / "a.svg").write_text(SVG)
    assert read_checked(tmp_path / "a.svg") == SVG
