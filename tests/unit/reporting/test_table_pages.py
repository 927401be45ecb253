"""The tables of a study as pages that a browser opens."""

import re
from dataclasses import replace
from pathlib import Path

from row_factory import make_row
from study_steps import TEMPLATES

from vlmeter.reporting.environments import make_html_environment
from vlmeter.reporting.table_pages import MOST_ROWS, build_table_page
from vlmeter.results.summary_row import SummaryRow

ROWS = [make_row(cell="a", batch_size=1, latency=0.0123456, reason=None)]
ROWS.append(replace(ROWS[0], cell="b", batch_size=4, reason="too <b>large</b>\n" + "x" * 200))


def build(rows=ROWS):
    return build_table_page("summary", Path("summary.csv"), SummaryRow, rows)


def test_the_columns_are_those_whose_values_differ():
    page = build()
    assert [column.name for column in page.columns] == ["cell", "batch_size", "reason"]
    first, second = page.rows
    assert first == ("a", "1", "")
    assert second[2].startswith("too <b>large</b> xxx")
    assert len(second[2]) == 120


def test_what_all_rows_share_stands_below_and_what_none_has_nowhere():
    shared = {column.name: text for column, text in build().shared}
    assert shared["latency"] == "0.0123"
    assert "" not in shared.values()
    assert shared.keys().isdisjoint(column.name for column in build().columns)


def test_of_many_rows_the_page_says_how_many_the_csv_has_beside():
    page = build([replace(ROWS[0], cell=str(number)) for number in range(MOST_ROWS + 3)])
    assert (len(page.rows), page.left_out) == (MOST_ROWS, 3)


def test_no_text_of_a_table_is_markup_and_headings_say_what_they_mean():
    template = make_html_environment(TEMPLATES).get_template("table.html.j2")
    text = template.render(page=build())
    assert "too &lt;b&gt;large" in text
    (batch,) = (column for column in build().columns if column.name == "batch_size")
    assert f'<th scope="col" title="{batch.description}"' in text


def test_numbers_stand_on_the_right_by_a_rule_for_their_column():
    template = make_html_environment(TEMPLATES).get_template("table.html.j2")
    text = template.render(page=build())
    assert re.findall(r"td:nth-child\((\d+)\) { text-align: right; }", text) == ["2"]
    assert 'class="num"' not in text.split("<tbody>")[1]


def test_the_report_has_a_page_of_each_table(rendered):
    for name in ("summary", "differences", "layers"):
        text = (rendered.folder / f"{name}.html").read_text(encoding="utf-8")
        assert text.count('<th scope="row"') > 2
