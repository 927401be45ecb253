"""Of very many settings those are drawn that a choice may fall on."""

from dataclasses import replace

from chart_factory import make_setting

from vlmeter.reporting.figures.points import MOST_GROUPS, MOST_POINTS, select_points


def make_group(group: str, count: int):
    return [
        replace(make_setting(f"{group}{n}", latency=1.0 + n, forward_rate=1.0 + n), group=group)
        for n in range(count)
    ]


def list_cells(settings):
    return [setting.cell for setting in settings]


def test_few_settings_are_drawn_as_they_are():
    settings = make_group("a", MOST_POINTS)
    assert select_points(settings, ["b", "a"]) == {"a": settings}


def test_of_very_many_the_fronts_stand_first_and_the_fastest_fill_the_rest():
    settings = [
        make_setting("cheapest", latency=0.1, forward_rate=0.1, quality=0.5),
        make_setting("best", latency=9e3, forward_rate=0.2, quality=0.9),
        *(
            make_setting(f"s{n}", latency=2e3 + n % 7, forward_rate=1.0 + n, quality=0.4)
            for n in range(MOST_POINTS + 9)
        ),
    ]
    cells = list_cells(select_points(settings, ["a/m"])["a/m"])
    assert cells[:2] == ["cheapest", "best"]
    assert len(cells) == MOST_POINTS
    fastest = [f"s{n}" for n in range(30, MOST_POINTS + 9)]
    assert set(fastest) < set(cells)
    assert cells == [cell for cell in list_cells(settings) if cell in set(cells)]


def test_groups_share_the_points_and_the_first_groups_are_drawn():
    names = [f"g{n}" for n in range(MOST_GROUPS + 2)]
    settings = [setting for name in names for setting in make_group(name, 50)]
    drawn = select_points(settings, names)
    assert list(drawn) == names[:MOST_GROUPS]
    assert {len(own) for own in drawn.values()} == {MOST_POINTS // MOST_GROUPS}
