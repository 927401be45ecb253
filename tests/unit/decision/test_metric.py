"""Which metric judges the cells of a data set."""

from row_factory import make_row

from vlmeter.decision.metric import Metric, choose_metric


def test_a_tasks_metric_judges_before_the_word_error_rate():
    named = {"task_metric_label": "Accuracy", "task_higher_is_better": False}
    lacking = make_row(**named, wer_value=0.5)
    measured = make_row(**named, task_value=0.0, wer_value=0.5)
    assert choose_metric([lacking, measured]) == Metric("task", "Accuracy", False)
    assert choose_metric([lacking]) == Metric("wer", "WER", False)
    assert choose_metric([make_row(**named)]) is None
