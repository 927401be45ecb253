import csv
import json
from pathlib import Path
from typing import Any

import pytest
from vlmeter.results.summary_columns import SUMMARY_COLUMNS

from vlmeter.config.axes import AXES as CONFIG_AXES
from vlmeter.errors import UserError
from vlmeter.results.aggregate import aggregate
from vlmeter.results.columns import AXES, DIFFERENCE_COLUMNS, LAYER_COLUMNS
from vlmeter.results.tables import read_differences, read_layers, read_summary

CELL = {
    "id": "m-bs1",
    "dataset": "coco",
    "model": "m",
    "prompt": "bare",
    "device": "cpu",
    "dtype": "fp32",
    "image_size": 224,
    "image_input": "processor",
    "batch_size": 1,
    "max_input_len": 200,
    "optimization": "eager",
}
NO_PAIRS: dict[str, Any] = {"pairs": [], "seed": 0, "resamples": 100}
OUTPUTS = ("summary.csv", "layers.csv", "differences.csv", "repeatability.json")
LAYER_HEADER = "module,kind,stage,calls,time_ms,share,flops,parameters\n"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "wer_value": None,
        "latency": None,
        "energy": None,
        "flops": None,
        "status": "crashed",
        "reason": "killed by SIGKILL",
        "attempt": 1,
        "cell": CELL,
        "quality": None,
        **changes,
    }


def run(folder: Path, *records: object, tables: tuple[tuple[str, object], ...] = ()) -> Path:
    paths = []
    for number, value in enumerate(records):
        path = folder / f"{number}" / "record.json"
        path.parent.mkdir()
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        paths.append(path)
    layer_tables = []
    for number, (text, owner) in enumerate(tables):
        table = folder / f"profile{number}.csv"
        table.write_text(text)
        table.with_suffix(".json").write_text(json.dumps(owner))
        layer_tables.append(table)
    owners = [table.with_suffix(".json") for table in layer_tables]
    outputs = [folder / name for name in OUTPUTS]
    aggregate(paths, layer_tables, owners, *outputs, NO_PAIRS)
    return folder / "summary.csv"


def header(path: Path) -> list[str]:
    return next(csv.reader(path.read_text().splitlines()))


def only_row(path: Path) -> dict[str, Any]:
    (row,) = read_summary(path).values()
    return row


def test_columns_and_descriptions_are_the_same_set_whether_or_not_anything_was_measured(tmp_path):
    described = [column.name for column in SUMMARY_COLUMNS]
    assert header(run(tmp_path, record())) == described
    assert header(tmp_path / "layers.csv") == [column.name for column in LAYER_COLUMNS]
    assert header(tmp_path / "differences.csv") == [column.name for column in DIFFERENCE_COLUMNS]
    assert len(set(described)) == len(described)
    every = (*SUMMARY_COLUMNS, *LAYER_COLUMNS, *DIFFERENCE_COLUMNS)
    assert all(column.description.endswith(".") for column in every)


def test_a_study_without_records_still_has_both_tables(tmp_path):
    assert read_summary(run(tmp_path)) == {}
    assert read_layers(tmp_path / "layers.csv") == []
    assert read_differences(tmp_path / "differences.csv") == {}


def test_the_table_begins_as_the_contract_says():
    names = [column.name for column in SUMMARY_COLUMNS]
    axes = list(CONFIG_AXES)
    assert names[:17] == [
        *["cell", *axes, "dataset", "status", "reason"],
        *["wer_value", "latency", "energy", "flops"],
    ]
    assert AXES == CONFIG_AXES


def test_names_of_figures_with_a_unit_say_it():
    short = {"J": "_j", "s": "_s", "W": "_w", "B": "_bytes", "g": "_g", "tokens/s": "_s"}
    bare = {"latency", "energy"}  # the source's own keys
    for column in SUMMARY_COLUMNS:
        if column.unit in short and column.name not in bare:
            assert column.name.endswith(short[column.unit]), column


def test_numbers_come_back_to_the_last_digit(tmp_path):
    row = only_row(
        run(
            tmp_path,
            record(
                status="ok",
                wer_value=3.753488302230835,
                latency=0.1 + 0.2,
                energy=1e-17,
                flops="751.3 GFLOPS",
                flops_detail={"flops": 751_300_000_123},
                memory={"peak_rss_bytes": 2**53 + 1},
                latency_detail={"steady": False},
            ),
        )
    )
    assert row["wer_value"] == 3.753488302230835
    assert row["latency"] == 0.1 + 0.2
    assert row["energy"] == 1e-17
    assert row["flops"] == 751_300_000_123.0
    assert row["flops_text"] == "751.3 GFLOPS"
    assert row["peak_rss_bytes"] == 2**53 + 1
    assert row["latency_steady"] is False
    assert row["disturbed"] is None


def test_the_task_metric_is_the_first_that_is_no_word_error_rate(tmp_path):
    def metric(name: str, value: float) -> dict[str, Any]:
        ends = {"low": value - 1, "high": value + 1}
        return {
            "name": name,
            "label": name.upper(),
            "value": value,
            **ends,
            "higher_is_better": True,
        }

    names = ("wer", "wer_median", "mer", "accuracy", "unparsed_rate")
    metrics = [metric(name, 10.0 * place) for place, name in enumerate(names)]
    row = only_row(run(tmp_path, record(status="ok", quality={"metrics": metrics})))
    assert (row["wer_low"], row["wer_high"]) == (-1.0, 1.0)
    assert (row["task_metric"], row["task_metric_label"]) == ("accuracy", "ACCURACY")
    assert (row["task_low"], row["task_value"], row["task_high"]) == (29.0, 30.0, 31.0)
    assert row["task_higher_is_better"] is True
    assert row["unparsed_rate"] == 40.0
    assert [one["name"] for one in json.loads(row["metrics"])] == list(names)


def test_components_are_per_sample_and_gpus_add_up(tmp_path):
    def part(device: str, joules: float | None, kind: str) -> dict[str, Any]:
        return {"device": device, "energy_j": joules, "power_w": 5.0, "kind": kind, "method": kind}

    parts = [part("gpu0", 10.0, "measured"), part("gpu1", 30.0, "measured")]
    detail = {"samples": 20, "components": [*parts, part("cpu", None, "modelled")]}
    row = only_row(run(tmp_path, record(energy_detail=detail)))
    assert (row["energy_gpu_j"], row["power_gpu_w"]) == (2.0, 10.0)
    assert row["energy_gpu_kind"] == "measured"
    assert (row["energy_cpu_j"], row["energy_cpu_kind"]) == (None, "modelled")
    assert (row["energy_ram_j"], row["energy_ram_kind"]) == (None, None)


def test_a_metric_that_was_not_measured_has_its_note(tmp_path):
    metric = {"name": "wer", "label": "WER", "value": None, "note": "not measured: random weights"}
    row = only_row(run(tmp_path, record(status="ok", quality={"metrics": [metric]})))
    assert row["wer_value"] is None
    assert row["wer_note"] == "not measured: random weights"
    assert row["task_note"] is None


def test_a_record_says_on_which_machine_it_was_made(tmp_path):
    card = {"name": "Card", "driver": "550.1"}
    cpu = {"name": "CPU", "physical_cores": 4}
    provenance = {"cpu": cpu, "gpus": [card, card], "os": "Linux-6.1"}
    row = only_row(run(tmp_path, record(provenance=provenance)))
    assert [row[f"machine_{name}"] for name in ("cpu", "gpus", "driver", "os")] == [
        *("CPU", "2 x Card", "550.1", "Linux-6.1")
    ]


def test_cells_are_compared_in_the_order_of_the_plan(tmp_path):
    def timed(name: str, seconds: float) -> dict[str, Any]:
        rounds = [seconds - 0.01, seconds, seconds + 0.01]
        cell = {**CELL, "id": name}
        return record(cell=cell, latency=seconds, latency_detail={"rounds_s": rounds})

    paths = []
    for number, one in enumerate([timed("a", 1.0), timed("b", 2.0), record()]):
        path = tmp_path / f"{number}" / "record.json"
        path.parent.mkdir()
        path.write_text(json.dumps(one))
        paths.append(path)
    names = ("b", "a"), (CELL["id"], "a"), ("b", "never made")
    pairs = [{"dataset": "coco", "cell": cell, "base": base} for cell, base in names]
    outputs = [tmp_path / name for name in OUTPUTS]
    aggregate(paths, [], [], *outputs, {**NO_PAIRS, "pairs": pairs})
    found = read_differences(tmp_path / "differences.csv")
    assert list(found) == [("coco", "b", "a"), ("coco", CELL["id"], "a")]
    row = found["coco", "b", "a"]
    assert row["latency_difference_s"] == pytest.approx(1.0)
    assert row["latency_base_s"] == pytest.approx(1.0)
    assert row["latency_differs"] is True
    assert found["coco", CELL["id"], "a"]["latency_differs"] is None


def test_a_bad_sample_is_named_with_its_first_cause(tmp_path):
    row = only_row(
        run(
            tmp_path,
            record(
                status="ok",
                input={"bad_samples": [{"id": "7", "reason": "the image is cut short"}]},
                quality={
                    "metrics": [],
                    "bad_samples": [
                        {"id": "7", "reason": "no prediction"},
                        {"id": "9", "reason": "empty reference"},
                    ],
                },
            ),
        )
    )
    assert row["bad_samples"] == 2
    assert row["bad_sample_reasons"] == "7: the image is cut short; 9: empty reference"


@pytest.mark.parametrize("start", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "'quoted"])
def test_no_text_becomes_a_formula_and_every_text_comes_back(tmp_path, start):
    path = run(tmp_path, record(reason=start))
    with path.open(newline="") as file:
        (raw,) = csv.DictReader(file)
    assert raw["reason"] == f"'{start}"
    assert only_row(path)["reason"] == start


def test_negative_numbers_stay_numbers(tmp_path):
    assert ",-0.5," in run(tmp_path, record(wer_value=-0.5)).read_text()


@pytest.mark.parametrize(
    "reason", ["NA", "null", "None", "nan", 'a "b", c', "two\nlines", "é\u4e2d"]
)
def test_texts_that_look_like_nothing_or_like_csv_survive(tmp_path, reason):
    assert only_row(run(tmp_path, record(reason=reason)))["reason"] == reason


def test_characters_that_no_file_can_hold_are_replaced(tmp_path):
    row = only_row(run(tmp_path, record(reason="a\x00b\x1b[31m\ud800\u202ec")))
    assert row["reason"] == "a\ufffdb\ufffd[31m\ufffd\ufffdc"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"status": "ok"', "cannot be read as JSON"),
        ("[]", "holds no JSON object"),
        ("", "cannot be read as JSON"),
        ({"status": "ok"}, "lacks cell.id"),
        (record(status="fine"), "known status ('fine')"),
        (record(latency="fast"), "latency is 'fast', not a number"),
        (record(latency=True), "latency is True, not a number"),
        (record(latency=float("nan")), "latency is nan, not a number"),
        (record(attempt=1.5), "attempt is 1.5, not a integer"),
        (record(latency_detail={"steady": "yes"}), "latency_detail.steady is 'yes', not a flag"),
        (record(quality={"metrics": [{"value": 1}]}), "is no record (KeyError: 'name')"),
        (record(quality={"metrics": 3}), "is no record (TypeError"),
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
        run(tmp_path, record(), record())


def test_rows_keep_the_order_of_the_records(tmp_path):
    cells = [{**CELL, "id": name} for name in ("z", "a", "m")]
    path = run(tmp_path, *(record(cell=cell) for cell in cells))
    assert [cell for _, cell in read_summary(path)] == ["z", "a", "m"]


def test_layer_rows_carry_their_cell_and_empty_profiles_add_none(tmp_path):
    table = (
        LAYER_HEADER
        + "vision.conv,convolution,vision,1,0.5,0.25,1000,64\n(other),other,,1,1.5,0.75,,0\n"
    )
    run(tmp_path, record(), tables=((table, {"cell": CELL}), (LAYER_HEADER, {"cell": CELL})))
    assert read_layers(tmp_path / "layers.csv") == [
        {
            "cell": "m-bs1",
            "dataset": "coco",
            "module": "vision.conv",
            "kind": "convolution",
            "stage": "vision",
            "calls": 1.0,
            "time_ms": 0.5,
            "share": 0.25,
            "flops": 1000.0,
            "parameters": 64.0,
        },
        {
            "cell": "m-bs1",
            "dataset": "coco",
            "module": "(other)",
            "kind": "other",
            "stage": None,
            "calls": 1.0,
            "time_ms": 1.5,
            "share": 0.75,
            "flops": None,
            "parameters": 0.0,
        },
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
        run(tmp_path, record(), tables=((table, {"cell": CELL}),))
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
    cells = [{**CELL, "id": f"c{place}"} for place in range(len(values))]
    records = [record(cell=cell, latency=value) for cell, value in zip(cells, values, strict=True)]
    path = run(tmp_path, *records)
    assert [row["latency"] for row in read_summary(path).values()] == values
