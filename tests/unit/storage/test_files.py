"""Files are whole or absent."""

import hashlib
import math
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeter.errors import UserError
from vlmeter.storage.files import (
    check_whole,
    file_sha256,
    json_digest,
    read_json,
    replacing,
    replacing_folder,
    write_bytes,
    write_json,
    write_text,
)


def test_an_exception_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), replacing(path) as aside:
        aside.write_text("half")
        assert path.read_text() == "old"
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_makes_no_file(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "new" / "a.txt") as aside:
        aside.write_text("half")
        raise KeyError
    assert list((tmp_path / "new").iterdir()) == []


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "deep" / "down" / "a.txt"
    write_text(path, "one")
    write_text(path, "zwei ä")
    assert path.read_bytes() == "zwei ä".encode()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("write", "old", "new"),
    [(write_bytes, b"old", b"new"), (write_text, "old", "new"), (write_json, {"a": 1}, {"a": 2})],
)
def test_who_reads_a_file_has_the_old_one_whole_while_it_is_written(tmp_path, write, old, new):
    path = tmp_path / "a"
    write(path, old)
    before = path.read_bytes()
    with path.open("rb") as reader:
        write(path, new)
        assert reader.read() == before
    assert path.read_bytes() != before


def test_the_side_file_lies_beside_so_that_the_rename_cannot_copy(tmp_path):
    with replacing(tmp_path / "a.txt") as aside:
        assert aside.parent == tmp_path
        assert aside.name.startswith(".a.txt.")
        assert aside.name.endswith(".part")


def test_a_result_can_be_read_by_others(tmp_path):
    write_bytes(tmp_path / "a", b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_two_writers_do_not_share_a_side_file(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
    assert path.read_text() == "first"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_it_cannot_hold_and_keeps_the_old_file(tmp_path, value):
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"x": value})
    assert read_json(path) == {"x": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_the_order_of_keys_and_letters_of_all_scripts(tmp_path):
    write_json(tmp_path / "a.json", {"b": "ä", "a": None})
    text = (tmp_path / "a.json").read_text()
    assert text.startswith('{\n  "b": "ä",\n  "a": null,\n  "checksum": "')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError) as raised:
        read_json(tmp_path / "a.json")
    assert str(raised.value) == (
        f"{tmp_path / 'a.json'} is missing: run the rule that makes it again."
    )


@pytest.mark.parametrize("data", [b'{"a": 1', b"", b"\xff\xfe"])
def test_a_damaged_file_is_named(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(UserError, match=rf"^{path} cannot be read as JSON \(.*\): delete it"):
        read_json(path)


def test_a_list_is_no_object(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(UserError, match="holds no JSON object"):
        read_json(tmp_path / "a.json")


def test_a_files_hash_is_that_of_all_its_bytes(tmp_path):
    data = os.urandom(3 * (1 << 20) + 5)
    (tmp_path / "a").write_bytes(data)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert json_digest({"a": [1, 2], "b": 2}) == json_digest({"b": 2, "a": [1, 2]})
    assert json_digest([1, 2]) != json_digest([2, 1])


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"latency_s": 0.25, "note": "ä b", "rows": [{"a": 1}, None]})
    return path


@given(data=st.data())
def test_json_of_which_one_byte_changed_is_never_taken_for_what_was_written(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("json") / "a.json"
    value = {"latency_s": 0.25, "note": "ä b", "rows": [{"a": 1}, None]}
    write_json(path, value)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        read = read_json(path)
    except UserError as error:
        assert str(path) in str(error)
        assert "delete it and run again" in str(error) or f"delete {path}" in str(error)
        return
    # Only the name of the checksum's own key can change unseen.
    assert {key: read[key] for key in value} == value


def test_a_changed_figure_is_refused_with_what_to_delete(written):
    written.write_text(written.read_text().replace("0.25", "0.21"))
    with pytest.raises(UserError) as raised:
        read_json(written)
    assert str(raised.value) == (
        f"{written} is damaged: its checksum is not that of what was written; "
        f"delete {written} and run again."
    )


def test_the_checksum_is_no_part_of_what_is_read(written):
    assert list(read_json(written)) == ["latency_s", "note", "rows"]


def test_json_that_somebody_wrote_by_hand_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_a_file_is_whole_or_named_with_what_to_delete(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UserError, match=r"a\.parquet is missing: delete .*a\.json and run again"):
        check_whole(path, "x", remake=tmp_path / "a.json")
    path.write_bytes(b"whole")
    check_whole(path, file_sha256(path))
    with pytest.raises(UserError, match=r"a\.parquet is damaged.* delete .*a\.json and run"):
        check_whole(path, "x", remake=tmp_path / "a.json")


@pytest.fixture
def killed_writer(tmp_path, run_python):
    """Let a process that writes `a.txt`, or fills the folder `a.txt`, be killed."""

    def kill(way):
        run_python(
            "import os, pathlib, signal\n"
            f"from vlmeter.storage.files import {way}\n"
            f"with {way}(pathlib.Path('a.txt')) as aside:\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        (left,) = tmp_path.iterdir()
        return left

    return kill


@pytest.mark.parametrize("way", [replacing, replacing_folder])
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path, killed_writer, way):
    left = killed_writer(way.__name__)
    assert left.name.startswith(".a.txt.")
    with way(tmp_path / "a.txt"):
        assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("way", [replacing, replacing_folder])
def test_what_another_one_is_writing_is_left_alone(tmp_path, way):
    with way(tmp_path / "a.txt") as first:
        with way(tmp_path / "a.txt") as second:
            assert first.exists()
            assert second.exists()
        if way is replacing:
            first.write_text("the last one counts")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_takes_the_place_of_another_or_leaves_it(tmp_path):
    folder = tmp_path / "model"
    with replacing_folder(folder) as aside:
        (aside / "old").touch()
    with pytest.raises(KeyError), replacing_folder(folder) as aside:
        (aside / "new").touch()
        raise KeyError
    assert [path.name for path in folder.iterdir()] == ["old"]
    with replacing_folder(folder) as aside:
        (aside / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]
