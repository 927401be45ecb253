"""What was not measured stands on the first screen by its reason."""

from row_factory import make_row
from study_factory import AXES, make_outline

from vlmeter.reporting.missing import Missing, list_missing


def lose(reason: str | None, **more):
    return make_row(**{**AXES, "dataset": "coco", "status": "crashed", "reason": reason, **more})


def test_cells_without_a_measurement_stand_together_by_their_reason():
    rows = [lose("killed"), lose("killed", batch_size=4), make_row(**AXES), lose("out of time")]
    missing = list_missing(make_outline(), rows)
    assert missing.shown == (
        Missing(2, "crashed", "killed", "COCO: base setting"),
        Missing(1, "crashed", "out of time", "COCO: base setting"),
    )
    assert missing.more == 0


def test_a_cell_without_a_reason_says_so():
    (entry,) = list_missing(make_outline(), [lose(None)]).shown
    assert entry.reason == "no reason was given"


def test_many_reasons_are_cut_short():
    missing = list_missing(make_outline(), [lose(f"reason {place // 2}") for place in range(16)])
    assert len(missing.shown) == 6
    assert missing.more == 4
