"""What the report says of the price of answers and of what fits."""

import json
from dataclasses import asdict, replace

from row_factory import make_row
from study_factory import make_outline

from vlmeter.metrics.figure import Figure
from vlmeter.reporting.budget import build_budget_view
from vlmeter.reporting.language import use_language
from vlmeter.results.wishes import MemorySize, Prices
from vlmeter.storage.layout import CellKey

GB = 10**9
OUTLINE = make_outline()
BASE = OUTLINE.base_cells["textvqa"]
ACCURACY = Figure("vqa_accuracy", "VQA accuracy", 0.5, 0.4, 0.6, True, 100, counts_right=True)
MEASURED = {
    **OUTLINE.base.as_dict(),
    "dataset": "textvqa",
    "task_metric": "vqa_accuracy",
    "task_metric_label": "VQA accuracy",
    "metrics": json.dumps([asdict(ACCURACY)]),
    "energy": 9.0,
    "energy_generation_j": 36.0,
    "energy_generation_low_j": 35.0,
    "energy_generation_high_j": 37.0,
    "energy_per_right_j": 72.0,
    "energy_per_right_low_j": 60.0,
    "energy_per_right_high_j": 90.0,
    "energy_idle_share": 0.25,
    "tokens_per_j": 0.44,
    "energy_gpu_j": 9.0,
    "energy_gpu_kind": "measured",
    "generation_s": 0.4,
    "time_to_first_token_s": 0.1,
    "time_per_output_token_s": 0.02,
}
PRICES = Prices("EUR", per_kwh=0.25)


def view(*cells, prices=None, memories=(), language="en"):
    """Build the part from the base cell and others, each with what is other of it."""
    rows = [make_row(**{**MEASURED, "cell": BASE, **cells[0]})] if cells else []
    rows += [make_row(**{**MEASURED, "cell": f"c{n}", **it}) for n, it in enumerate(cells[1:])]
    summary = {CellKey(row.dataset, row.cell): row for row in rows}
    outline = replace(OUTLINE, prices=prices, memories=tuple(memories))
    with use_language(language):
        return build_budget_view(outline, summary)


def test_a_study_without_figures_has_no_such_part():
    assert view() is None


def test_the_cheapest_right_answer_is_named_with_its_interval_and_who_says_right():
    part = view({}, {"batch_size": 4, "energy_per_right_j": 40.0, "energy_per_right_low_j": 30.0})
    assert part.findings[0] == (
        "TextVQA: a right answer takes at least 40.0 J [30.0 J, 90.0 J], at batch 4."
    )
    assert part.notes == (
        "Right is what the metric of a data set says of each answer: VQA accuracy.",
    )


def test_a_disturbed_setting_is_never_the_cheapest():
    part = view({}, {"batch_size": 4, "energy_per_right_j": 1.0, "disturbed": True})
    assert "72.0 J [60.0 J, 90.0 J], at base setting." in part.findings[0]
    (_, table), *_ = part.tables
    assert [row[-1] for row in table.rows] == ["", "disturbed"]


def test_modelled_energy_is_called_so():
    part = view({"energy_gpu_kind": "modelled", "energy_per_right_low_j": None})
    assert "72.0 J (without an interval) (modelled), at" in part.findings[0]
    (_, table), *_ = part.tables
    assert table.rows[0][-1] == "energy modelled, not metered"


def test_amounts_stand_there_only_where_the_config_has_prices():
    plain, priced = view({}), view({}, prices=PRICES)
    assert not any("1,000" in heading for _, table in plain.tables for heading in table.headings)
    assert "EUR" not in str(plain)
    (_, table) = priced.tables[0]
    assert table.headings[-2:] == ("1,000 requests (EUR)", "1,000 right answers (EUR)")
    assert table.rows[0][-2].startswith("0.00250 [")
    assert priced.findings[0].endswith("; a thousand cost 0.00500 EUR.")
    assert priced.notes[0] == (
        "Prices of the config, not measured: 0.250 EUR for a kWh. Devices are paid from the "
        "image's file to the words, electricity for the generation."
    )


def test_small_amounts_are_of_a_million_answers():
    (_, table), *_ = (priced := view({}, prices=Prices("EUR", per_kwh=2.5e-3))).tables
    assert table.headings[-2:] == ("1 million requests (EUR)", "1 million right answers (EUR)")
    assert table.rows[0][-2].startswith("0.0250 [")
    assert priced.findings[0].endswith("; a million cost 0.0500 EUR.")


def test_what_cannot_be_priced_has_its_reason_and_count():
    lacks = {"energy_generation_j": None, "energy_per_token_reason": "too short"}
    right = {"energy_per_right_j": None, "energy_per_right_reason": "no answer was right"}
    part = view({}, {**lacks, **right}, {**lacks, **right}, prices=PRICES)
    assert part.notes[1:3] == (
        "No energy per right answer for 2 settings: no answer was right.",
        "No price of a request for 2 settings: too short.",
    )


def test_of_many_settings_the_cheapest_are_shown():
    cells = [{"batch_size": n + 1, "energy_per_right_j": float(n)} for n in range(1, 40)]
    (_, table), *_ = view({}, *cells).tables
    assert len(table.rows) == 24
    assert [row[1] for row in table.rows] == [f"batch {n + 1}" for n in range(1, 25)]


def test_the_reference_s_time_is_told_apart_by_length():
    part = view({})
    assert part.findings[-1] == (
        "TextVQA, base setting: first token 100 ms, each further one 20.0 ms; from 7 tokens on, "
        "the further ones take longer."
    )
    disturbed = view({"disturbed": True})
    assert disturbed.findings[-1].startswith("TextVQA, base setting (disturbed): first token")
    short = view({"time_per_output_token_s": None})
    assert not any("first token" in finding for finding in short.findings)


CARD = {"device": "cuda", "device_count": 1}


def test_what_fits_is_said_of_the_base_setting_and_tabulated_for_all():
    outline_axes = {"device": "cpu", "dtype": "fp32"}
    assert outline_axes.items() <= OUTLINE.base.as_dict().items()
    cells = [
        {**CARD, "batch_size": batch, "peak_allocated_bytes": batch * GB, "image_size": 448}
        for batch in (1, 2)
    ]
    memories = [MemorySize("1.5GB", 1_500_000_000), MemorySize("24GB", 24 * GB)]
    part = view({}, *cells, memories=memories)
    _, table = part.tables[1]
    assert table.headings == (
        *("Data set", "Setting", "Memory", "Largest batch", "Batches measured"),
        "A further sample (GB)",
    )
    assert [row[1:] for row in table.rows] == [
        ("GPU · 448 px", "1.5GB", "1", "1, 2", "1.00"),
        ("GPU · 448 px", "24GB", "23 (extrapolated)", "1, 2", "1.00"),
    ]
    assert part.notes[-1] == (
        "What fits cannot be said of 1 setting: no peak of memory was measured."
    )


def test_what_fits_of_the_base_setting_is_a_finding():
    card = {**CARD, "peak_allocated_bytes": GB}
    part = view(
        card,
        {**card, "batch_size": 2, "peak_allocated_bytes": 2 * GB},
        memories=[MemorySize("24GB", 24 * GB), MemorySize("80GB", 80 * GB)],
    )
    assert part.findings[-1] == (
        "TextVQA: of the base setting there fits in 24GB a batch of 23 (extrapolated) and in 80GB "
        "a batch of 79 (extrapolated)."
    )


def test_the_part_speaks_russian_too():
    part = view(
        {},
        {"energy_per_right_j": None, "energy_per_right_reason": "no answer was right"},
        prices=PRICES,
        memories=[MemorySize("24GB", 24 * GB)],
        language="ru",
    )
    assert part.findings[0].startswith("TextVQA: верный ответ — от 72,0 Дж")
    assert "для 1 настройки: ни один ответ не был верным." in part.notes[1]
    assert part.notes[-1].endswith("пик памяти не был измерен.")
