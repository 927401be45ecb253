import json
import math
import subprocess
import sys
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scored_study import CELL, FIGURES, MEASUREMENT, SAMPLES, Study

from vlmeter.errors import UserError
from vlmeter.results.record import read_record
from vlmeter.results.score_predictions import format_flops
from vlmeter.storage.files import write_json


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def test_the_sources_four_keys_come_first(study):
    record = study.score()
    assert list(record)[:4] == ["wer_value", "latency", "energy", "flops"]
    # 1 of 2 words of "a car", 1 of 2 of "a dog", 0 of 5.
    assert record["wer_value"] == 2 / 9
    assert (record["latency"], record["energy"]) == (0.03, 7.5)
    assert record["flops"] == "751.3 GFLOPS"


def test_the_cell_is_the_callers_and_the_cost_blocks_are_kept(study):
    record = study.score()
    assert list(record)[4:10] == ["status", "reason", "traceback", "attempt", "cell", "quality"]
    assert record["cell"] == asdict(CELL)
    for block in asdict(FIGURES):
        assert record[block] == MEASUREMENT[block]
    assert record["compile"] is None
    assert record["quality"]["samples"] == 3


def test_what_is_written_reads_back_as_the_same_record(study):
    plain = study.score()
    record = read_record(study.record)
    assert (record.cell, record.figures) == (CELL, FIGURES)
    assert json.loads(json.dumps(record.as_plain())) == {
        key: value for key, value in plain.items() if key not in ("checksum", "place")
    }


def test_a_key_that_no_field_holds_is_left_out(study):
    write_json(study.measurement, {**MEASUREMENT, "anything new": {"kept": True}})
    assert "anything new" not in study.score()


def test_quality_has_figures_counts_and_a_definition(study):
    quality = study.score()["quality"]
    assert (quality["samples"], quality["scored"], quality["bad_samples"]) == (3, 3, [])
    assert "lower-casing" in quality["definition"]
    wer = quality["metrics"][0]
    assert list(wer) == [
        "name",
        "label",
        "value",
        "low",
        "high",
        "higher_is_better",
        "scored",
        "note",
        "counts_right",
    ]
    assert wer["low"] <= wer["value"] <= wer["high"]


def test_scoring_twice_gives_the_same_bytes(study):
    study.score()
    first = (study.record.read_bytes(), study.scores.read_bytes())
    study.score()
    assert (study.record.read_bytes(), study.scores.read_bytes()) == first


def test_per_sample_scores_lie_beside_the_record_in_the_samples_order(study):
    study.score()
    table = pq.read_table(study.scores).to_pydict()
    assert list(table)[:3] == ["id", "wer", "wer_weight"]
    assert table["id"] == ["1", "2", "3"]
    assert table["wer"] == [0.5, 0.5, 0.0]
    assert table["wer_weight"] == [2.0, 2.0, 5.0]


def test_missing_double_null_and_stray_predictions_are_reported_by_id(study):
    study.write(
        study.predictions,
        {"id": ["1", "2", "2", "9"], "prediction": ["a car", "a dog", "dog", "x"]},
    )
    quality = study.score()["quality"]
    assert (quality["samples"], quality["scored"]) == (3, 1)
    assert quality["bad_samples"] == [
        {"id": "2", "reason": "2 predictions for one sample", "metrics": []},
        {"id": "3", "reason": "no prediction", "metrics": []},
        {"id": "9", "reason": "prediction for a sample not in the data", "metrics": []},
    ]
    study.write(study.predictions, {"id": ["1", "2", "3"], "prediction": ["a", None, "b"]})
    assert study.score()["quality"]["bad_samples"] == [
        {"id": "2", "reason": "the prediction is null", "metrics": []}
    ]


def test_an_empty_reference_is_reported_and_not_scored(study):
    study.write(study.samples, SAMPLES | {"references": [["?"], ["a dog"], ["a cat"]]})
    record = study.score()
    assert record["quality"]["bad_samples"] == [
        {
            "id": "1",
            "reason": "empty reference: nothing is left of it without punctuation",
            "metrics": ["wer", "cider_d"],
        }
    ]
    assert record["quality"]["scored"] == 2
    assert pq.read_table(study.scores).to_pydict()["wer"][0] is None


def test_without_any_usable_sample_there_is_no_wer_but_a_note(study):
    study.write(study.samples, SAMPLES | {"references": [[""], [""], [""]]})
    record = study.score()
    assert record["wer_value"] is None
    assert record["quality"]["metrics"][0]["note"] == "no sample could be scored"
    assert len(record["quality"]["bad_samples"]) == 3


@pytest.mark.parametrize("status", ["unsupported", "out_of_memory", "unavailable", "error"])
def test_a_cell_that_did_not_end_well_has_a_record_without_figures(study, status):
    write_json(
        study.measurement,
        {"status": status, "reason": "why", "traceback": "Traceback …", "attempt": 2},
    )
    study.predictions.unlink()
    record = study.score()
    assert [record[key] for key in ("wer_value", "latency", "energy", "flops")] == [None] * 4
    assert (record["status"], record["reason"], record["attempt"]) == (status, "why", 2)
    assert (record["traceback"], record["quality"]) == ("Traceback …", None)
    table = pq.read_table(study.scores)
    assert table.num_rows == 0
    assert table.column_names[:3] == ["id", "wer", "wer_weight"]


def test_energy_that_was_not_measured_is_null(study):
    reason = {"energy_j": None, "energy_reason": "the window was too short"}
    detail = MEASUREMENT["energy_detail"] | reason
    write_json(study.measurement, MEASUREMENT | {"energy_detail": detail})
    record = study.score()
    assert record["energy"] is None
    assert record["energy_detail"] == detail


def test_a_number_that_is_not_finite_is_refused(study):
    rounds = MEASUREMENT["latency_detail"] | {"rounds_s": [0.1, 1e999]}
    study.measurement.write_text(json.dumps(MEASUREMENT | {"latency_detail": rounds}))
    with pytest.raises(UserError, match=r"latency_detail\.rounds_s\[1\] is inf, not a number"):
        study.score()


def test_figures_that_could_not_be_read_are_kept_with_their_reasons(study):
    missing = {
        "memory": {"memory_reason": "no procfs"},
        "conditions": {"conditions_reason": "no sensors"},
        "flops_detail": {
            "flops": None,
            "flops_reason": "no trace",
            "decode_step": None,
            "decode_step_reason": "no trace",
        },
    }
    write_json(study.measurement, MEASUREMENT | missing)
    record = study.score()
    assert {name: record[name] for name in missing} == missing
    assert record["flops"] is None


def test_quality_that_means_nothing_is_not_measured(study):
    record = study.score(not_measured="random weights")
    assert record["wer_value"] is None
    assert record["latency"] == 0.03
    assert {metric["value"] for metric in record["quality"]["metrics"]} == {None}
    assert {metric["note"] for metric in record["quality"]["metrics"]} == {
        "not measured: random weights"
    }


def test_option_scores_are_ranked_where_predictions_carry_them(study):
    study.write(
        study.samples,
        SAMPLES
        | {"references": [[]] * 3, "choices": [["owl", "fox"]] * 3, "answer_index": [0, 0, 1]},
    )
    without = study.figures(task="multiple_choice")
    assert without["accuracy_likelihood"]["value"] is None
    assert without["accuracy_likelihood"]["note"] == "the predictions carry no option scores"
    assert without["wer"]["value"] is not None
    study.write(
        study.predictions,
        {
            "id": ["1", "2", "3"],
            "prediction": ["owl", "B", "?"],
            "option_scores": [[-1.0, -2.0], [-2.0, -1.0], [-3.0, -1.0]],
        },
    )
    figures = study.figures(task="multiple_choice")
    assert figures["accuracy_likelihood"]["value"] == 2 / 3
    assert figures["accuracy"]["value"] == 1 / 3
    assert figures["unparsed_rate"]["value"] == 1 / 3


def test_scoring_loads_no_model_library():
    heavy = "{'torch', 'transformers', 'datasets', 'pandas', 'codecarbon', 'vl_convert'}"
    code = (
        f"import sys, vlmeter.results.score_predictions; print(sorted({heavy} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_thousands_of_samples_find_their_predictions_in_any_order(study):
    names = [f"s{place}" for place in range(3000)]
    study.write(
        study.samples,
        {
            "id": names,
            "references": [[f"word{n}"] for n in range(3000)],
            "choices": [[]] * 3000,
            "answer_index": pa.array([None] * 3000, pa.int64()),
        },
    )
    answered = [n for n in reversed(range(3000)) if n != 2000]
    study.write(
        study.predictions,
        {
            "id": [names[n] for n in answered],
            "prediction": [f"word{n if n % 3 else -1}" for n in answered],
        },
    )
    record = study.score()
    assert record["wer_value"] == 1000 / 2999
    assert record["quality"]["bad_samples"] == [
        {"id": "s2000", "reason": "no prediction", "metrics": []}
    ]
    table = pq.read_table(study.scores).to_pydict()
    assert table["id"] == [name for name in names if name != "s2000"]
    assert table["wer"] == [float(int(name[1:]) % 3 == 0) for name in table["id"]]


@pytest.mark.parametrize(
    ("flops", "text"),
    [
        (751.3e9, "751.3 GFLOPS"),
        (751.06e9, "751.06 GFLOPS"),
        (4 * 788.3e9, "3.15 TFLOPS"),
        (12 * 756.4e9, "9.08 TFLOPS"),
        (12 * 788.3e9, "9.46 TFLOPS"),
        (12 * 1066.7e9, "12.8 TFLOPS"),
        (3e12, "3.0 TFLOPS"),
        (0, "0.0 FLOPS"),
        (999, "999.0 FLOPS"),
        (4_295_168, "4.3 MFLOPS"),
        (999_999_999_999, "1.0 TFLOPS"),
        (999_994_000, "999.99 MFLOPS"),
        (999_996_000, "1.0 GFLOPS"),
        (2.5e21, "2500.0 EFLOPS"),
    ],
)
def test_operations_are_written_as_in_the_source(flops, text):
    assert format_flops(flops) == text


def test_what_was_not_counted_has_no_text():
    assert format_flops(None) is None
    assert format_flops(math.nan) is None
    assert format_flops(math.inf) is None


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        format_flops(-1)


def test_a_figure_is_resampled_as_the_job_says(study):
    def get_ends(**options):
        wer = study.figures(**options)["wer"]
        return wer["low"], wer["high"]

    # Of three samples many resamples have the same ends whatever the seed, and few have not.
    few, many = (
        {get_ends(seed=seed, resamples=resamples) for seed in range(6)} for resamples in (5, 500)
    )
    assert (len(few) > 1, len(many)) == (True, 1)


def test_the_metrics_are_those_of_the_jobs_task(study):
    assert "cider_d" in study.figures(task="caption")
    assert "vqa_accuracy" in study.figures(task="vqa")
