"""A seed picks the rows of a sample, and nothing else is read."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.data.job import DataSource
from vlmeter.data.parquet_files import Files
from vlmeter.data.source import draw_sample, open_source, read_draw
from vlmeter.errors import UserError


class Recorder(io.BytesIO):
    """A file that records which of its bytes are read."""

    def __init__(self, data, ranges):
        super().__init__(data)
        self._ranges = ranges

    def read(self, size=-1):
        start = self.tell()
        data = super().read(size)
        self._ranges.append((start, start + len(data)))
        return data


class FakeFileSystem:
    """Parquet files in memory, with a record of the bytes that are read of each."""

    def __init__(self, files):
        self.files = files
        self.read = {path: [] for path in files}

    def open(self, path, **_):
        return Recorder(self.files[path], self.read[path])


def make_parquet(rows, group_rows, first=0, width=1):
    numbers = range(first, first + rows)
    table = pa.table(
        {
            "id": [f"row {number}" for number in numbers],
            # Bytes that cannot be compressed, so that a column chunk has a predictable size.
            "image": [
                bytes((number * 7 + i * i) % 251 for i in range(width)) for number in numbers
            ],
            "unused": [bytes((number + i * i) % 239 for i in range(width)) for number in numbers],
        }
    )
    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        row_group_size=group_rows,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
    )
    return out.getvalue()


def make_split(*sizes, group_rows=4, width=1):
    """Return the files of a split; `sizes` are their numbers of rows."""
    firsts = [sum(sizes[:index]) for index in range(len(sizes))]
    data = {
        f"part-{index}": make_parquet(rows, group_rows, first, width)
        for index, (rows, first) in enumerate(zip(sizes, firsts, strict=True))
    }
    return Files(FakeFileSystem(data), tuple(data), None)


def read_sample(files, n, seed=0):
    draw = draw_sample(files, ["id", "image"], n, seed)
    return list(read_draw(files, ["id", "image"], draw))


def read_numbers(files, n, seed=0):
    return [number for number, *_ in read_sample(files, n, seed)]


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    group_rows=st.integers(1, 5),
    n=st.integers(1, 60),
    seed=st.integers(0, 5),
)
def test_a_sample_has_exactly_its_size_in_the_order_of_the_split(sizes, group_rows, n, seed):
    files = make_split(*sizes, group_rows=group_rows)
    rows = read_sample(files, n, seed)
    picked = [row.number for row in rows]
    assert len(picked) == min(n, sum(sizes))
    assert picked == sorted(set(picked))
    assert [row.values["id"] for row in rows] == [f"row {number}" for number in picked]
    assert read_sample(files, n, seed) == rows


def test_another_seed_picks_other_rows():
    assert len({tuple(read_numbers(make_split(100), 10, seed)) for seed in range(5)}) == 5


def test_a_sample_uses_only_as_many_row_groups_as_it_needs():
    draw = draw_sample(make_split(40, 40), ["id"], 10, 0)
    assert len(draw.groups) == 3
    assert sum(group.rows for group in draw.groups) == 12


def test_only_the_columns_of_the_config_in_the_picked_row_groups_are_read():
    files = make_split(60, 60, group_rows=10, width=20_000)
    columns = ["id", "image"]
    draw = draw_sample(files, columns, 20, 3)
    chosen = {(group.path, group.number) for group in draw.groups}
    assert len(chosen) == 2
    for ranges in files.filesystem.read.values():
        ranges.clear()
    list(read_draw(files, columns, draw))
    for path, data in files.filesystem.files.items():
        metadata = pq.ParquetFile(io.BytesIO(data)).metadata
        # The footer is at the end of the file; it is read in a block of at most 64 KiB.
        footer = len(data) - (1 << 16)
        read = [(start, end) for start, end in files.filesystem.read[path] if start < footer]
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                part = metadata.row_group(group).column(index)
                start = part.data_page_offset
                end = start + part.total_compressed_size
                touched = any(start < e and s < end for s, e in read)
                expected = (path, group) in chosen and part.path_in_schema in columns
                assert touched == expected, (path, group, part.path_in_schema)


def test_drawing_reads_only_footers():
    files = make_split(60, group_rows=10, width=20_000)
    draw_sample(files, ["image"], 20, 0)
    (ranges,) = files.filesystem.read.values()
    assert sum(end - start for start, end in ranges) < 2 * (1 << 16)


def test_the_compressed_size_is_that_of_the_columns_that_are_read():
    narrow = draw_sample(make_split(8, width=1000), ["id"], 8, 0)
    wide = draw_sample(make_split(8, width=1000), ["id", "image"], 8, 0)
    sizes = [[group.compressed_bytes for group in draw.groups] for draw in (narrow, wide)]
    assert [wide - narrow for narrow, wide in zip(*sizes, strict=True)] == pytest.approx(
        [4000, 4000], abs=200
    )


def test_a_missing_column_is_named_with_the_existing_columns():
    with pytest.raises(UserError) as raised:
        draw_sample(make_split(4), ["id", "picture"], 1, 0)
    assert str(raised.value) == (
        'part-0 has no column "picture"; it has: id, image, unused. Correct datasets.*.columns.'
    )


def test_a_file_that_is_no_parquet_is_named():
    files = Files(FakeFileSystem({"a.parquet": b"no parquet at all"}), ("a.parquet",), None)
    with pytest.raises(UserError, match=r"^a\.parquet cannot be read as parquet: "):
        draw_sample(files, ["id"], 1, 0)


def test_a_damaged_row_group_is_named():
    good = make_parquet(8, 4, width=500)
    data = bytearray(good)
    start = pq.ParquetFile(io.BytesIO(good)).metadata.row_group(0).column(1).data_page_offset
    data[start : start + 30] = b"\xff" * 30
    files = Files(FakeFileSystem({"a.parquet": bytes(data)}), ("a.parquet",), None)
    with pytest.raises(UserError, match=r"^a\.parquet: row group 0 cannot be read: "):
        read_sample(files, 8)


def test_a_folder_is_read_as_all_its_parquet_files_in_order(tmp_path):
    for name in ("b/2.parquet", "a/1.parquet"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(make_parquet(2, 2))
    (tmp_path / "a/notes.txt").write_text("x")
    files = open_source(DataSource(path=str(tmp_path)))
    assert files.paths == (str(tmp_path / "a/1.parquet"), str(tmp_path / "b/2.parquet"))
    assert files.revision is None
    assert read_numbers(files, 9) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["nothing.parquet", "empty"])
def test_a_source_without_files_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as raised:
        open_source(DataSource(path=str(tmp_path / name)))
    assert str(raised.value) == (
        f"{tmp_path / name}: no table (parquet, CSV, TSV or JSONL) there; "
        "check datasets.*.source.path."
    )
