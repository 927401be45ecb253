"""What comes next is made while the one before is used, and nothing is left behind."""

import threading

import pytest

from vlmeter.models.ahead import one_ahead


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prepare")]


def test_everything_comes_in_order():
    with one_ahead(iter(range(5))) as made:
        assert list(made) == [0, 1, 2, 3, 4]
    with one_ahead(iter([])) as made:
        assert list(made) == []
    assert threads() == []


def test_the_next_one_is_made_meanwhile_and_no_more():
    begun = [threading.Event() for _ in range(4)]

    def make():
        for number, event in enumerate(begun):
            event.set()
            yield number

    with one_ahead(make()) as made:
        assert next(made) == 0
        assert begun[1].wait(10), "the second is made before it is asked for"
        assert not begun[2].wait(0.1)
        assert next(made) == 1
        assert begun[2].wait(10)
    assert threads() == []


def test_an_error_comes_where_its_thing_would_have_come():
    def make():
        yield 1
        raise KeyError("sample 7")

    with one_ahead(make()) as made:
        assert next(made) == 1
        with pytest.raises(KeyError, match="sample 7"):
            next(made)
    assert threads() == []


def test_an_error_in_the_use_ends_the_thread():
    def use():
        with one_ahead(iter(range(9))) as made:
            for _ in made:
                raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        use()
    assert threads() == []
