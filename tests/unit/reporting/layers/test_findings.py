import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from study_factory import AXES, cell_id

from vlmeter.axes import Axes
from vlmeter.reporting.layers.findings import fit_power, list_findings
from vlmeter.reporting.layers.profiles import Profile, group_modules
from vlmeter.reporting.layers.tables import tabulate_kinds
from vlmeter.results.layer_row import LayerRow


def make_row(kind: str, time_ms: float, flops: float | None = 100.0, module: str = "m") -> LayerRow:
    return LayerRow(
        cell="c",
        dataset="d",
        module=module,
        kind=kind,
        stage="vision",
        calls=1.0,
        time_ms=time_ms,
        share=0.0,
        flops=flops,
        parameters=1.0,
    )


def make_profile(rows: list[LayerRow], **changes: Any) -> Profile:
    settings = {"status": "ok", "reason": None, "pixel_shape": (3, 224, 224)}
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    axes = {**AXES, **changes}
    return Profile(
        cell=cell_id(axes),
        label=f"batch {axes['batch_size']}",
        axes=Axes(**axes),
        overhead_share=None,
        rows=tuple(rows),
        **settings,
    )


def describe(*profiles: Profile) -> dict[str, tuple[str, str]]:
    return {finding.topic: (finding.verdict, finding.text) for finding in list_findings(profiles)}


def make_batches(time_of: Callable[[int], float]) -> list[Profile]:
    return [
        make_profile([make_row("linear", time_of(size))], batch_size=size) for size in (1, 4, 8, 16)
    ]


def test_heavy_kinds_are_named_with_their_milliseconds():
    rows = [
        make_row("linear", 6.0),
        make_row("attention", 3.0),
        make_row("activation", 0.5),
        make_row("other", 0.5),
    ]
    assert describe(make_profile(rows))["heavy_kinds"] == (
        "some",
        "Heavy kinds of layer, at least 10 % of the 10.0 ms of a forward pass at batch 1: "
        "linear 6.00 ms (60 %) and attention 3.00 ms (30 %).",
    )


def add_step(forward: Profile, time_ms: float, flops: float) -> Profile:
    step = replace(forward, rows=(make_row("linear", time_ms, flops),))
    return replace(forward, decode=step)


def test_a_decode_step_is_set_against_its_forward_pass():
    profiles = [add_step(batch, 4.0, 2.0) for batch in make_batches(lambda size: 10.0 * size)]
    assert describe(*profiles)["decode_step"] == (
        "bound_by_memory",
        "A decode step takes 4.00 ms at batch 1, 40 % of the time of a forward pass for 2.0 % of "
        "its FLOPs; its time grows as batch^0.00 (± <0.01, the standard error of the fit "
        "through 4 batch sizes).",
    )
    alone = add_step(make_profile([make_row("linear", 10.0)]), 1.0, 50.0)
    assert describe(alone)["decode_step"] == (
        "bound_by_work",
        "A decode step takes 1.00 ms at batch 1, 10 % of the time of a forward pass for 50 % of "
        "its FLOPs.",
    )
    uncounted = add_step(make_profile([make_row("linear", 10.0)]), 1.0, 0.0)
    assert describe(uncounted)["decode_step"][0] == "apart"


def test_without_a_decode_step_there_is_no_finding_about_it():
    assert "decode_step" not in describe(make_profile([make_row("linear", 1.0)]))


def test_no_kind_is_called_heavy_where_none_is():
    rows = [make_row(f"kind{place}", 0.9) for place in range(11)] + [make_row("other", 0.1)]
    assert describe(make_profile(rows))["heavy_kinds"] == (
        "none",
        "No kind of layer is heavy: none takes 10 % of the 10.0 ms of a forward pass at batch 1.",
    )


def test_time_outside_all_modules_is_not_a_heavy_kind():
    text = describe(make_profile([make_row("linear", 5.0), make_row("other", 5.0)]))["heavy_kinds"][
        1
    ]
    assert "other" not in text


@pytest.mark.parametrize(
    ("rows", "verdict", "text"),
    [
        (
            [make_row("convolution", 4.0, 60.0), make_row("linear", 6.0, 40.0)],
            "heavy",
            "Convolutions are heavy: they take 4.00 ms per forward pass at batch 1, "
            "40 % of its time and 60 % of its FLOPs.",
        ),
        (
            [make_row("convolution", 0.5, 4.0), make_row("linear", 9.5, 96.0)],
            "light",
            "Convolutions are light: they take 0.500 ms per forward pass at batch 1, "
            "5.0 % of its time and 4.0 % of its FLOPs.",
        ),
        (
            [make_row("linear", 9.5)],
            "absent",
            "Convolutions take no time at batch 1: the profile has none.",
        ),
    ],
)
def test_the_sentence_about_convolutions_follows_their_share(rows, verdict, text):
    assert describe(make_profile(rows))["convolutions"] == (verdict, text)


def cheap_at_scale(batch: int) -> float:
    return 10.0 * batch**0.5


def proportional(batch: int) -> float:
    return 10.0 * batch


def dear_at_scale(batch: int) -> float:
    return 10.0 * batch**1.3


def erratic(batch: int) -> float:
    return {1: 10.0, 4: 400.0, 8: 20.0, 16: 900.0}[batch]


@pytest.mark.parametrize(
    ("time_of", "verdict", "start"),
    [
        (
            cheap_at_scale,
            "sublinear",
            "The time grows more slowly than the batch, so batching pays",
        ),
        (proportional, "proportional", "The time grows in proportion to the batch"),
        (dear_at_scale, "superlinear", "The time grows faster than the batch, so batching costs"),
        (erratic, "unclear", "The time follows no clear power of the batch size"),
    ],
)
def test_the_sentence_about_the_batch_follows_the_exponent(time_of, verdict, start):
    batch_finding = describe(*make_batches(time_of))["batch_scaling"]
    assert batch_finding[0] == verdict
    assert batch_finding[1].startswith(start)


def test_the_exponent_has_its_error_and_the_time_per_sample_at_both_ends():
    assert describe(*make_batches(cheap_at_scale))["batch_scaling"][1] == (
        "The time grows more slowly than the batch, so batching pays: as batch^0.50 "
        "(± <0.01, the standard error of the fit through 4 batch sizes), "
        "from 10.0 ms per sample at batch 1 to 2.50 ms at batch 16."
    )


def test_two_batch_sizes_give_an_exponent_without_error():
    text = describe(*make_batches(proportional)[:2])["batch_scaling"][1]
    assert "as batch^1.00 (two batch sizes: no fit error)" in text


def test_a_single_batch_size_gives_no_finding_about_scaling():
    assert "batch_scaling" not in describe(*make_batches(proportional)[:1])


def test_a_fit_is_the_least_squares_line_of_the_logarithms():
    fit = fit_power([1, 10, 100], [1.0, 10.0, 1000.0])
    assert fit is not None
    assert fit.exponent == pytest.approx(1.5)
    assert fit.standard_error == pytest.approx((1 / 12) ** 0.5)
    assert fit_power([4, 4], [1.0, 2.0]) is None
    assert fit_power([1, 4], [0.0, 2.0]) is None


def make_sized(
    size: int, time_ms: float, flops: float | None, side: int, **changes: Any
) -> Profile:
    rows = [make_row("linear", time_ms, flops)]
    return make_profile(rows, image_size=size, pixel_shape=(3, side, side), **changes)


@pytest.mark.parametrize(
    ("large", "verdict", "text"),
    [
        (
            make_sized(448, 10.2, 1e9, 224),
            "fixed",
            "Image size has no effect: at 224 and 448 px the model gets "
            "3 x 224 x 224 pixels both times, the work is 1.00 GFLOP both times and the time is "
            "about the same, 10.0 and 10.2 ms (+2.0 %).",
        ),
        (
            make_sized(448, 41.0, 4e9, 448),
            "reaches",
            "Image size has an effect: at 224 and 448 px the model gets 3 x 224 x 224 and "
            "3 x 448 x 448 pixels, the work is 1.00 GFLOP and 4.00 GFLOP and the time is "
            "not the same, 10.0 and 41.0 ms (+310.0 %).",
        ),
        (
            make_sized(448, 10.0, 2e9, 224),
            "contradictory",
            "Image size changes the work, though not the pixels: at 224 and 448 px the model "
            "gets 3 x 224 x 224 pixels both times, the work is 1.00 GFLOP and 2.00 GFLOP and the "
            "time is about the same, 10.0 and 10.0 ms (+0.0 %).",
        ),
        (
            make_sized(448, 10.2, None, 224),
            "fixed",
            "Image size has no effect: at 224 and 448 px the model gets "
            "3 x 224 x 224 pixels both times and the time is about the same, 10.0 and 10.2 ms "
            "(+2.0 %).",
        ),
        (
            make_profile([], image_size=448, status="out_of_memory", pixel_shape=None),
            "unknown",
            "Whether image size has an effect cannot be told for 224 and 448 px: "
            "the profile at 448 px is missing (out of memory).",
        ),
    ],
)
def test_the_sentence_about_the_image_size_follows_pixels_and_work(large, verdict, text):
    assert describe(make_sized(224, 10.0, 1e9, 224), large)["image_size"] == (verdict, text)


def test_nothing_measured_gives_no_sentence():
    assert list_findings([make_profile([], status="crashed")]) == []


def test_repeated_blocks_add_up_and_other_modules_do_not():
    rows = [make_row("linear", 1.0, module=f"enc.layers.{place}.fc1") for place in range(12)]
    rows += [
        make_row("linear", 2.0, module="enc.layers.0.fc2"),
        make_row("linear", 6.0, module="head.0"),
    ]
    names = {
        group.name: (group.modules, group.time_ms) for group in group_modules(make_profile(rows))
    }
    assert names == {
        "enc.layers.*.fc1": (12, 12.0),
        "head.0": (1, 6.0),
        "enc.layers.*.fc2": (1, 2.0),
    }


def test_the_table_of_kinds_has_an_exponent_for_each_kind():
    profiles = [
        make_profile([make_row("linear", 2.0 * size), make_row("embedding", 1.0)], batch_size=size)
        for size in (1, 4)
    ]
    table = tabulate_kinds(profiles)
    assert table is not None
    assert table.headings == (
        "Kind of layer",
        "batch 1 (ms)",
        "batch 4 (ms)",
        "Growth with batch (exponent)",
    )
    assert table.rows == (
        ("linear", "2.00 (67 %)", "8.00 (89 %)", "1.00"),
        ("embedding", "1.00 (33 %)", "1.00 (11 %)", "0.00"),
        ("all", "3.00", "9.00", "0.79"),
    )


@pytest.mark.parametrize("time_of", [cheap_at_scale, dear_at_scale, lambda size: 2.0 * size])
@pytest.mark.parametrize("factor", [2.0, 10.0])
def test_every_time_of_a_sentence_is_from_the_profiles(time_of, factor):
    """Twice the times are the same sentences with twice the milliseconds, and nothing else."""

    def describe_times(by):
        profiles = [
            add_step(batch, 4.0 * by, 2.0)
            for batch in make_batches(lambda size: by * time_of(size))
        ]
        text = "\n".join(finding.text for finding in list_findings(profiles))
        return re.split(r"(\d[\d.]*) ms", text)

    plain, scaled = describe_times(1.0), describe_times(factor)
    assert scaled[::2] == plain[::2]
    times = [float(number) for number in plain[1::2]]
    assert [float(number) for number in scaled[1::2]] == pytest.approx(
        [factor * time for time in times], rel=6e-3
    )
    for stated in (4.0, time_of(1)):
        assert any(time == pytest.approx(stated, rel=6e-3) for time in times)
