"""Tables of every format that a data set may be, written of rows."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def encode(side=8, form="PNG"):
    out = io.BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(out, format=form)
    return out.getvalue()


PNG = encode()


def write(folder, rows, form):
    """Write rows as a table of this format, the only one in the folder."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("table.*"):
        old.unlink()
    return write_table(folder / f"table.{form}", rows)


def write_table(path, rows):
    """Write rows as a table of the format that its name says."""
    form = path.suffix[1:]
    if form == "parquet":
        pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path)
    elif form == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    else:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter="\t" if form == "tsv" else ",")
        writer.writerow(rows[0])
        for row in rows:
            cells = (json.dumps(each) if isinstance(each, list | dict) else each
                     for each in row.values())  # fmt: skip
            writer.writerow("" if each is None else each for each in cells)
        path.write_bytes(out.getvalue().encode())
    return path
