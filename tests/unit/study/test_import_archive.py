"""An archive becomes a folder of its own as it was written, or nothing at all."""

import copy
import stat
import zipfile
from pathlib import Path

import pytest
from archives import CONFIG_TEXT, FILES, make_manifest, write_by_hand

from vlmeter.errors import UserError
from vlmeter.storage import unpack
from vlmeter.storage.files import format_json
from vlmeter.study.import_archive import import_archive


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory below another one."""
    folder = tmp_path / "above" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def list_files(place):
    """All files and folders that can be reached by a way out of the folder, but the archive."""
    above = place.parent
    return {str(path.relative_to(above)) for path in above.rglob("*") if path.suffix != ".zip"}


def refuse(place, archive, words):
    with pytest.raises(UserError, match=words) as refused:
        import_archive(archive)
    assert str(archive) in str(refused.value)
    assert list_files(place) == {"here"}


def test_an_archive_becomes_a_folder_with_the_name_of_the_study(place):
    new = import_archive(write_by_hand(Path("study.zip"), FILES))

    assert new.folder == Path("small")
    assert new.left_out == {"images": ["data/signs/img224/images.parquet"]}
    assert {name: (new.folder / name).read_text("utf-8") for name in FILES} == FILES
    assert len({(new.folder / name).stat().st_mtime_ns for name in FILES}) == 1


def test_it_goes_to_an_empty_folder_and_to_no_other(place):
    archive = write_by_hand(Path("study.zip"), FILES)
    Path("mine").mkdir()
    assert import_archive(archive, Path("mine")).folder == Path("mine")
    kept = list_files(place)

    with pytest.raises(UserError, match="mine exists: say another folder"):
        import_archive(archive, Path("mine"))

    assert list_files(place) == kept


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.csv",
        "results/small/../../../escaped.csv",
        "/tmp/vlmeter-escaped.csv",
        "results\\small\\escaped.csv",
        "results//escaped.csv",
        "results/small/./escaped.csv",
        "results/small/line\nbreak.csv",
        ".snakemake/escaped.csv",
        "results/small/.sources.json",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(place, name):
    archive = write_by_hand(Path("study.zip"), {**FILES, name: "x"})
    refuse(place, archive, "would write to")
    assert not Path("/tmp/vlmeter-escaped.csv").exists()


@pytest.mark.parametrize(
    "name", ["Snakefile", "profiles/default/profile.yaml", "config/other.yaml", "vlmeter.py"]
)
def test_what_the_next_command_would_take_is_refused(place, name):
    refuse(place, write_by_hand(Path("study.zip"), {**FILES, name: "x"}), "is no part of a study")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_is_refused(place, kind):
    files = {**FILES, "results/small/machine.json": "/etc/passwd"}
    with zipfile.ZipFile("study.zip", "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((kind if text == "/etc/passwd" else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, text)
        archive.writestr("archive.json", format_json(make_manifest(files)))
    refuse(place, Path("study.zip"), "holds a link or device, results/small/machine.json")


def test_what_unfolds_without_measure_is_refused_before_it_is_unpacked(place, monkeypatch):
    monkeypatch.setattr(unpack, "_ALWAYS_ALLOWED_BYTES", 1 << 16)
    bomb = {**FILES, "results/small/differences.csv": "0" * (4 << 20)}
    refuse(place, write_by_hand(Path("study.zip"), bomb), "would unfold from")


def test_entries_that_share_their_bytes_are_refused(place):
    text = "".join(map(chr, range(32, 127))) * 20
    files = {**FILES, **{f"results/small/{number}.csv": text for number in range(40)}}
    with zipfile.ZipFile("study.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        archive.writestr("results/small/0.csv", text)
        first = archive.getinfo("results/small/0.csv")
        for number in range(1, 40):
            other = copy.copy(first)
            other.filename = other.orig_filename = f"results/small/{number}.csv"
            archive.filelist.append(other)
        archive.writestr("archive.json", format_json(make_manifest(files)))
    refuse(place, Path("study.zip"), "would unfold from|cut off or damaged")


def test_two_files_of_a_name_are_refused(place):
    with zipfile.ZipFile("study.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name, text in [*FILES.items(), ("results/small/summary.csv", "other")]:
            archive.writestr(name, text)
        archive.writestr("archive.json", format_json(make_manifest(FILES)))
    refuse(place, Path("study.zip"), "holds two files of one name")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "of the form 2, of which this VLMeter reads 1"),
        ({"format": None}, "of the form None"),
        ({"study": "../other"}, 'names its study "../other"'),
        ({"contents": {}}, "though its manifest does not name it"),
        ({"contents": 5}, "contents is 5"),
        ({"left_out": None}, "left_out"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(place, change, words):
    manifest = {**make_manifest(FILES), **change}
    refuse(place, write_by_hand(Path("study.zip"), FILES, manifest), words)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text.replace("1", "2"), "is damaged: results/small/summary.csv is not what"),
        (lambda text: text + "more", "has another size than exported"),
        (lambda _: None, "lacks results/small/summary.csv"),
    ],
)
def test_a_file_that_is_not_what_was_exported_is_named(place, edit, words):
    edited = {**FILES, "results/small/summary.csv": edit(FILES["results/small/summary.csv"])}
    present = {name: text for name, text in edited.items() if text is not None}
    refuse(place, write_by_hand(Path("study.zip"), present, make_manifest(FILES)), words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONFIG_TEXT.replace("small", "other"), "its config is of the study other"),
        (CONFIG_TEXT.replace("vqa", "riddle"), 'task: "riddle" is not known'),
    ],
)
def test_a_config_that_cannot_be_used_is_refused(place, text, words):
    archive = write_by_hand(Path("study.zip"), {**FILES, "config/config.yaml": text})
    with pytest.raises(UserError, match=words):
        import_archive(archive)
    assert list_files(place) == {"here"}


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_archive_is_refused(place, content):
    Path("study.zip").write_bytes(content)
    refuse(place, Path("study.zip"), "is no ZIP file, is cut off|is no study that")


def test_an_archive_that_is_missing_is_named(place):
    with pytest.raises(UserError, match=r"study\.zip does not exist"):
        import_archive(Path("study.zip"))


def test_a_disk_without_room_is_named(place, monkeypatch):
    archive = write_by_hand(Path("study.zip"), FILES)
    usage = unpack.shutil.disk_usage(place)._replace(free=10)
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="has 10 bytes left, and the study needs"):
        import_archive(archive)
    assert list_files(place) == {"here"}


def test_a_cut_archive_leaves_nothing_wherever_it_is_cut(place):
    whole = write_by_hand(Path("study.zip"), FILES).read_bytes()
    for end in range(0, len(whole), 37):
        Path("study.zip").write_bytes(whole[:end])
        refuse(place, Path("study.zip"), "cut off")


def test_a_changed_byte_is_refused_or_changes_nothing(place):
    whole = write_by_hand(Path("study.zip"), FILES).read_bytes()
    refusals = 0
    for index in range(0, len(whole), 11):
        changed = bytearray(whole)
        changed[index] ^= 0x41
        Path("study.zip").write_bytes(changed)
        target = Path(f"new-{index}")
        try:
            import_archive(Path("study.zip"), target)
        except UserError:
            refusals += 1
            assert not target.exists()
        else:
            assert {name: (target / name).read_text("utf-8") for name in FILES} == FILES
    assert refusals > len(whole) / 11 / 2
