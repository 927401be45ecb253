"""The names of operators that decide whether a count is one."""

import torch
from torch.utils.flop_counter import flop_registry

from vlmeter.measure.flops.operators import (
    HEAVY_OPERATORS,
    MATRIX_HANDLES,
    NORM_HANDLES,
    describe_uncounted,
    list_heavy_operators,
)


def is_of_torch(name: str) -> bool:
    return bool(torch._C._jit_get_schemas_for_operator(name))


def test_every_operator_is_one_of_torch():
    names = HEAVY_OPERATORS | MATRIX_HANDLES.keys() | NORM_HANDLES.keys()
    assert {name for name in names if not is_of_torch(name)} == set()


def test_what_torch_itself_counts_is_counted_or_heavy():
    names = {
        f"aten::{str(operator).split('.')[1]}" for operator in flop_registry if "." in str(operator)
    }
    # A trace has no gradients, and of what torch has no operator for, no call.
    forward = {name for name in names if is_of_torch(name) and not name.endswith("_backward")}
    assert len(forward) > 10
    heavy = set(list_heavy_operators(dict.fromkeys(forward, 1)))
    assert forward - MATRIX_HANDLES.keys() - heavy == set()


def test_no_operator_is_both_counted_and_heavy():
    assert HEAVY_OPERATORS.isdisjoint(MATRIX_HANDLES)
    assert HEAVY_OPERATORS.isdisjoint(NORM_HANDLES)


def test_heavy_operators_are_named_in_the_order_of_the_alphabet():
    words = describe_uncounted({"aten::dot": 1, "aten::add": 9, "aten::addr": 2})
    assert words == "the counter has no rule for aten::addr, aten::dot, which do matrix work"
    assert describe_uncounted({"aten::add": 9}) is None
