import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from figures_factory import make_component, make_figures
from record_factory import (
    AXES,
    make_cell,
    make_failed_record,
    make_metric,
    make_quality,
    make_record,
)
from study_factory import NO_PAIRS
from study_files import write_answers

from vlmeter.axes import AXIS_NAMES
from vlmeter.errors import UserError
from vlmeter.results.aggregate import aggregate
from vlmeter.results.difference_row import DIFFERENCE_COLUMNS
from vlmeter.results.layer_row import LAYER_COLUMNS, LayerRow
from vlmeter.results.summary_row import SUMMARY_COLUMNS, SummaryRow
from vlmeter.results.tables import read_differences, read_layers, read_parquet, read_summary
from vlmeter.status import Status
from vlmeter.storage.files import file_sha256, read_json
from vlmeter.storage.layout import DifferenceKey

OUTPUTS = ("summary.csv", "layers.csv", "differences.csv", "repeatability.json")
LAYER_HEADER = "module,kind,stage,calls,time_ms,share,flops,parameters\n"
OWNER = {"cell": {"id": "m-bs1", "dataset": "coco", **AXES}}


def lose(name: str = "m-bs1", **changes: Any) -> dict[str, Any]:
    """Return the content of a record of a cell that crashed."""
    cell = make_cell(name, "coco", AXES)
    return {**make_failed_record(cell, Status.CRASHED, "killed by SIGKILL").as_plain(), **changes}


def measure(name: str = "m-bs1", changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the content of a record of a cell that ended well, with values changed by path."""
    cell = make_cell(name, "coco", AXES)
    content = make_record(cell, make_figures(cell, 1.0), make_quality(cell)).as_plain()
    for path, value in (changes or {}).items():
        *blocks, key = path.split(".")
        place: Any = content
        for block in blocks:
            place = place[block]
        place[key] = value
    return content


def run(folder: Path, *records: object, tables: tuple[tuple[str, object], ...] = ()) -> Path:
    paths = []
    for place, value in enumerate(records):
        path = folder / f"{place}" / "record.json"
        path.parent.mkdir()
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        paths.append(path)
    layer_tables = []
    for place, (text, owner) in enumerate(tables):
        table = folder / f"profile{place}.csv"
        table.write_text(text)
        table.with_suffix(".json").write_text(json.dumps(owner))
        layer_tables.append(table)
    owners = [table.with_suffix(".json") for table in layer_tables]
    outputs = [folder / name for name in OUTPUTS]
    aggregate(paths, layer_tables, owners, *outputs, NO_PAIRS)
    return folder / "summary.csv"


def header(path: Path) -> list[str]:
    return next(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def only_row(path: Path) -> SummaryRow:
    (row,) = read_summary(path).values()
    return row


def test_columns_and_descriptions_are_the_same_set_whether_or_not_anything_was_measured(tmp_path):
    described = [column.name for column in SUMMARY_COLUMNS]
    assert header(run(tmp_path, lose())) == described
    assert header(tmp_path / "layers.csv") == [column.name for column in LAYER_COLUMNS]
    assert header(tmp_path / "differences.csv") == [column.name for column in DIFFERENCE_COLUMNS]


def test_a_study_without_records_still_has_both_tables(tmp_path):
    assert read_summary(run(tmp_path)) == {}
    assert read_layers(tmp_path / "layers.csv") == []
    assert read_differences(tmp_path / "differences.csv") == {}


def test_the_table_begins_as_the_contract_says():
    names = [column.name for column in SUMMARY_COLUMNS]
    assert names[: len(AXIS_NAMES) + 8] == [
        *["cell", *AXIS_NAMES, "dataset", "status", "reason"],
        *["wer_value", "latency", "energy", "flops"],
    ]


def test_numbers_come_back_to_the_last_digit(tmp_path):
    changes = {
        "wer_value": 3.753488302230835,
        "latency": 0.1 + 0.2,
        "energy": 1e-17,
        "flops": "751.3 GFLOPS",
        "flops_detail.flops": 751_300_000_123,
        "memory.peak_rss_bytes": 2**53 + 1,
        "latency_detail.steady": False,
    }
    row = only_row(run(tmp_path, measure(changes=changes)))
    assert row.wer_value == 3.753488302230835
    assert row.latency == 0.1 + 0.2
    assert row.energy == 1e-17
    assert row.flops == 751_300_000_123.0
    assert row.flops_text == "751.3 GFLOPS"
    assert row.peak_rss_bytes == 2**53 + 1
    assert row.latency_steady is False
    assert row.disturbance is None


def test_the_task_metric_is_the_first_that_is_no_word_error_rate(tmp_path):
    names = ("wer", "wer_median", "mer", "accuracy", "unparsed_rate")
    metrics = [
        vars(make_metric(name, name.upper(), 10.0 * place, 0.1, higher_is_better=True))
        for place, name in enumerate(names, start=1)
    ]
    row = only_row(run(tmp_path, measure(changes={"quality.metrics": metrics})))
    assert (row.wer_low, row.wer_high) == (9.0, 11.0)
    assert (row.task_metric, row.task_metric_label) == ("accuracy", "ACCURACY")
    assert (row.task_low, row.task_value, row.task_high) == (36.0, 40.0, 44.0)
    assert row.task_higher_is_better is True
    assert row.unparsed_rate == 50.0
    assert json.loads(row.metrics or "") == metrics


def test_components_are_per_sample_and_gpus_add_up(tmp_path):
    components = [
        make_component("gpu0", 10.0, 5.0, "measured", "counter"),
        make_component("gpu1", 30.0, 5.0, "measured", "counter"),
        make_component("cpu", None, 5.0, "modelled", "load"),
    ]
    changes = {
        "energy_detail.samples": 20,
        "energy_detail.components": [vars(component) for component in components],
    }
    row = only_row(run(tmp_path, measure(changes=changes)))
    assert (row.energy_gpu_j, row.power_gpu_w) == (2.0, 10.0)
    assert (row.energy_gpu_kind, row.energy_gpu_method) == ("measured", "counter")
    assert (row.energy_cpu_j, row.energy_cpu_kind) == (None, "modelled")
    assert (row.energy_ram_j, row.energy_ram_kind) == (None, None)


def test_a_metric_that_was_not_measured_has_its_note(tmp_path):
    content = measure(changes={"wer_value": None})
    for metric in content["quality"]["metrics"]:
        metric |= {"value": None, "low": None, "high": None, "note": "not measured: why"}
    row = only_row(run(tmp_path, content))
    assert row.wer_value is None
    assert (row.wer_note, row.task_note) == ("not measured: why", "not measured: why")


def test_a_record_says_on_which_machine_it_was_made(tmp_path):
    gpu = {"index": 0, "name": "Card", "uuid": "GPU-0", "memory_bytes": 1, "driver": "550.1"}
    changes = {
        "provenance.cpu.name": "CPU",
        "provenance.gpus": [gpu, gpu],
        "provenance.os": "Linux-6.1",
    }
    row = only_row(run(tmp_path, measure(changes=changes)))
    assert (row.machine_cpu, row.machine_gpus) == ("CPU", "2 x Card")
    assert (row.machine_driver, row.machine_os) == ("550.1", "Linux-6.1")


def test_cells_are_compared_in_the_order_of_the_plan(tmp_path):
    def time(name: str, seconds: float) -> dict[str, Any]:
        rounds = [seconds - 0.01, seconds, seconds + 0.01]
        changes = {
            "latency": seconds,
            "latency_detail.rounds_s": rounds,
            # Cells of one computation would show how well a measurement repeats.
            "input.shape_digest": name,
        }
        return measure(name, changes)

    paths = []
    for place, content in enumerate([time("a", 1.0), time("b", 2.0), lose()]):
        path = tmp_path / f"{place}" / "record.json"
        path.parent.mkdir()
        path.write_text(json.dumps(content))
        write_answers(path.parent, content, odd=False)
        paths.append(path)
    pairs = tuple(
        DifferenceKey("coco", cell, base)
        for cell, base in (("b", "a"), ("m-bs1", "a"), ("b", "never made"))
    )
    outputs = [tmp_path / name for name in OUTPUTS]
    aggregate(paths, [], [], *outputs, replace(NO_PAIRS, pairs=pairs))
    rows = read_differences(tmp_path / "differences.csv")
    assert list(rows) == [("coco", "b", "a"), ("coco", "m-bs1", "a")]
    row = rows[pairs[0]]
    assert row.latency_difference_s == pytest.approx(1.0)
    assert row.latency_base_s == pytest.approx(1.0)
    assert row.latency_differs is True
    assert rows[pairs[1]].latency_differs is None


def test_a_bad_sample_is_named_with_its_first_cause(tmp_path):
    changes = {
        "quality.unscored": 2,
        "quality.bad_samples": [
            {"id": "7", "reason": "the image is cut short"},
            {"id": "7", "reason": "no prediction"},
            {"id": "9", "reason": "empty reference"},
        ],
    }
    row = only_row(run(tmp_path, measure(changes=changes)))
    assert row.bad_samples == 2
    assert row.bad_sample_reasons == "7: the image is cut short; 9: empty reference"


def test_a_column_that_was_not_asked_for_cannot_be_read(tmp_path):
    (row,) = read_summary(run(tmp_path, measure()), ["latency"]).values()
    assert (row.cell, row.batch_size, row.latency) == ("m-bs1", 1, 1.0)
    with pytest.raises(AttributeError, match="energy"):
        _ = row.energy


@pytest.mark.parametrize("start", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "'quoted"])
def test_no_text_becomes_a_formula_and_every_text_comes_back(tmp_path, start):
    path = run(tmp_path, lose(reason=start))
    with path.open(newline="") as file:
        (raw,) = csv.DictReader(file)
    assert raw["reason"] == f"'{start}"
    assert only_row(path).reason == start


def test_negative_numbers_stay_numbers(tmp_path):
    assert ",-0.5," in run(tmp_path, measure(changes={"wer_value": -0.5})).read_text()


@pytest.mark.parametrize(
    "reason", ["NA", "null", "None", "nan", 'a "b", c', "two\nlines", "é\u4e2d"]
)
def test_texts_that_look_like_nothing_or_like_csv_survive(tmp_path, reason):
    assert only_row(run(tmp_path, lose(reason=reason))).reason == reason


def test_characters_that_no_file_can_hold_are_replaced(tmp_path):
    row = only_row(run(tmp_path, lose(reason="a\x00b\x1b[31m\ud800\u202ec")))
    assert row.reason == "a\ufffdb\ufffd[31m\ufffd\ufffdc"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"status": "ok"', "cannot be read as JSON"),
        ("[]", "holds no JSON object"),
        ("", "cannot be read as JSON"),
        ({"status": "ok"}, "lacks cell.id"),
        (lose(status="fine"), "known status (fine)"),
        (lose(latency="fast"), "latency is 'fast', not a number"),
        (lose(latency=True), "latency is True, not a number"),
        (lose(latency=float("nan")), "latency is nan, not a number"),
        (lose(attempt=1.5), "attempt is 1.5, not a integer"),
        (measure(changes={"latency_detail.steady": "yes"}), "steady is 'yes', not a flag"),
        (measure(changes={"quality.metrics": [{"value": 1}]}), "lacks quality.metrics[0].name"),
        (measure(changes={"quality.metrics": 3}), "quality.metrics is 3, not a list"),
    ],
)
def test_a_broken_record_is_named(tmp_path, content, words):
    with pytest.raises(UserError) as error:
        run(tmp_path, content)
    assert str(tmp_path / "0" / "record.json") in str(error.value)
    assert words in str(error.value)
    assert not (tmp_path / "summary.csv").exists()


def test_a_missing_record_is_named(tmp_path):
    gone = tmp_path / "gone" / "record.json"
    with pytest.raises(UserError, match=str(gone)):
        aggregate([gone], [], [], *(tmp_path / name for name in OUTPUTS), NO_PAIRS)


def test_two_records_of_one_cell_are_named(tmp_path):
    with pytest.raises(UserError, match="hold the same cell m-bs1"):
        run(tmp_path, lose(), lose())


def test_rows_keep_the_order_of_the_records(tmp_path):
    path = run(tmp_path, *(lose(name) for name in ("z", "a", "m")))
    assert [cell for _, cell in read_summary(path)] == ["z", "a", "m"]


def test_layer_rows_carry_their_cell_and_empty_profiles_add_none(tmp_path):
    table = (
        LAYER_HEADER
        + "vision.conv,convolution,vision,1,0.5,0.25,1000,64\n(other),other,,1,1.5,0.75,,0\n"
    )
    run(tmp_path, lose(), tables=((table, OWNER), (LAYER_HEADER, OWNER)))
    assert read_layers(tmp_path / "layers.csv") == [
        LayerRow(
            cell="m-bs1",
            dataset="coco",
            module="vision.conv",
            kind="convolution",
            stage="vision",
            calls=1.0,
            time_ms=0.5,
            share=0.25,
            flops=1000.0,
            parameters=64.0,
        ),
        LayerRow(
            cell="m-bs1",
            dataset="coco",
            module="(other)",
            kind="other",
            stage=None,
            calls=1.0,
            time_ms=1.5,
            share=0.75,
            flops=None,
            parameters=0.0,
        ),
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "cannot be read as a table"),
        ("module,kind\na,b\n", "lacks the column stage"),
        (LAYER_HEADER + "a,linear,vision,1,quick,0.5,1,1\n", "column time_ms"),
    ],
)
def test_a_broken_layer_table_is_named(tmp_path, table, words):
    with pytest.raises(UserError) as error:
        run(tmp_path, lose(), tables=((table, OWNER),))
    assert str(tmp_path / "profile0.csv") in str(error.value)
    assert words in str(error.value)


def test_a_layer_table_without_its_record_is_named(tmp_path):
    table = tmp_path / "lonely.csv"
    table.write_text(LAYER_HEADER)
    with pytest.raises(UserError, match=r"lonely\.csv has no JSON of the same name"):
        aggregate([], [table], [], *(tmp_path / name for name in OUTPUTS), NO_PAIRS)


def test_a_table_that_aggregate_did_not_write_is_named(tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"other\.csv lacks the column cell"):
        read_summary(other)


def test_every_figure_of_a_long_study_comes_back_to_the_last_digit(tmp_path):
    values = [7**power / 3**40 for power in range(-60, 60)]
    contents = [lose(f"c{place}", latency=value) for place, value in enumerate(values)]
    rows = read_summary(run(tmp_path, *contents), ["latency"]).values()
    assert [row.latency for row in rows] == values


def test_every_table_has_its_checksum_beside_it_and_is_refused_once_it_changed(tmp_path):
    path = run(tmp_path, measure(), lose("lost"), tables=((LAYER_HEADER, OWNER),))
    names = ["summary.csv", "summary.parquet", "layers.csv", "differences.csv"]
    digests = {name: file_sha256(tmp_path / name) for name in names}
    assert read_json(tmp_path / "tables.json")["files"] == digests
    assert read_parquet(tmp_path / "summary.parquet") == list(read_summary(path).values())
    readers = [read_summary, read_parquet, read_layers, read_differences]
    for name, read in zip(names, readers, strict=True):
        table = tmp_path / name
        table.write_bytes(table.read_bytes() + b"\n")
        with pytest.raises(UserError, match=f"{table} is damaged"):
            read(table)


def test_the_tables_name_the_records_that_they_are_of(tmp_path):
    digests = []
    for place, records in enumerate(([lose("a"), lose("b")], [lose("b"), lose("a")])):
        (tmp_path / f"{place}").mkdir()
        run(tmp_path / f"{place}", *records)
        digests.append(read_json(tmp_path / f"{place}/tables.json")["records"])
    assert digests[0] != digests[1]


@pytest.mark.parametrize("table", ["predictions", "scores"])
def test_a_damaged_table_of_a_cell_is_named(tmp_path, table):
    path = tmp_path / "0" / "record.json"
    path.parent.mkdir()
    for name in ("predictions", "scores"):
        path.with_name(f"{name}.parquet").write_bytes(b"as it was written")
    content = measure(changes={"files": {table: "0" * 64}})
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"{path.parent}/{table}\.parquet is damaged"):
        aggregate([path], [], [], *(tmp_path / name for name in OUTPUTS), NO_PAIRS)


def test_a_damaged_layer_table_is_named(tmp_path):
    owner = {**OWNER, "files": {"table": "0" * 64}}
    with pytest.raises(UserError, match=rf"{tmp_path}/profile0\.csv is damaged"):
        run(tmp_path, lose(), tables=((LAYER_HEADER, owner),))
