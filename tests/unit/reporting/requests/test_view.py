"""The table and the notes on requests."""

from request_factory import PLAN, make_requested_row
from row_factory import make_row

from vlmeter.reporting.requests.view import MOST_ROWS, build_requests_view


def build(*rows):
    return build_requests_view(PLAN, rows, {})


def test_a_row_has_the_request_beside_the_forward_pass():
    view = build(make_requested_row(batch_size=4))
    (row,) = view.table.rows
    assert row == (
        *("batch 4", "COCO", "250 [248, 252]", "10 % [9.9 %, 10 %]", "20 %", "48 %"),
        *("4.00", "8.00"),
    )
    assert len(view.table.headings) <= 8


def test_what_cannot_be_told_apart_is_a_dash_with_its_reason():
    view = build(make_requested_row({"vision": None, "decode": None}))
    assert view.table.rows[0][4:6] == ("–", "–")
    assert view.notes == ("COCO · base setting: why",)


def test_a_note_of_many_settings_stands_once():
    rows = [make_requested_row(cell=str(size), batch_size=size) for size in (2, 3, 4, 5)]
    rows = [vars(row) | {"request_notes": "one thing; another"} for row in rows]
    view = build(*(make_row(**row) for row in rows))
    assert view.notes == (
        "COCO · batch 2, COCO · batch 3 and 2 more settings: one thing",
        "COCO · batch 2, COCO · batch 3 and 2 more settings: another",
    )


def test_why_no_request_was_timed_is_said_and_without_any_there_is_no_chapter():
    view = build(make_row(request_reason="out of memory: too much"))
    assert view.notes == ("COCO · base setting: out of memory: too much",)
    assert view.table.rows == ()
    assert build(make_row()) is None


def test_a_disturbed_setting_is_marked():
    view = build(make_requested_row(disturbed=True))
    assert view.table.rows[0][0] != build(make_requested_row()).table.rows[0][0]


def test_of_very_many_settings_the_table_says_how_many_are_left_out():
    view = build(*(make_requested_row(cell=str(place)) for place in range(MOST_ROWS + 2)))
    assert (len(view.table.rows), view.left_out) == (MOST_ROWS, 2)
