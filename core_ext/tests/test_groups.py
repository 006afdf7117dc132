"""Groups and sums against a dictionary."""

from __future__ import annotations

import struct
from array import array
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core_ext.groups import Groups, add_up

KEYS = st.integers(-2, 5) | st.integers(-(2**63), 2**63 - 1)
RANGES = {"b": (-(2**7), 2**7), "h": (-(2**15), 2**15), "i": (-(2**31), 2**31), "I": (0, 2**32)}


def number(groups: Groups, keys: list[int]) -> list[int]:
    found = array("i", bytes(4 * len(keys)))
    groups.number(array("q", keys), found)
    return found.tolist()


@given(st.lists(st.lists(KEYS)))
def test_equal_keys_have_one_number(calls: list[list[int]]) -> None:
    groups = Groups()
    known: dict[int, int] = {}
    for keys in calls:
        assert number(groups, keys) == [known.setdefault(key, len(known)) if key >= 0 else -1 for key in keys]
    assert len(groups) == len(known)
    assert list(struct.unpack(f"{len(known)}q", groups.keys())) == list(known)


def test_many_groups_over_many_calls() -> None:
    groups = Groups()
    small = groups.nbytes
    keys = [key * 1024 % 1_000_003 for key in range(300_000)]
    for start in range(0, len(keys), 7_001):
        part = keys[start : start + 7_001]
        assert number(groups, part) == list(range(start, start + len(part)))
    assert number(groups, keys) == list(range(len(keys)))
    assert list(struct.unpack(f"{len(keys)}q", groups.keys())) == keys
    assert groups.nbytes > small


@given(st.sampled_from(sorted(RANGES)), st.integers(0, 5), st.data())
def test_values_are_added_by_number(kind: str, groups: int, data: st.DataObject) -> None:
    low, high = RANGES[kind]
    rows = data.draw(st.lists(st.tuples(st.integers(-1, 6), st.integers(low, high - 1))))
    expected = Counter(dict.fromkeys(range(groups), 100))
    for group, value in rows:
        if 0 <= group < groups:
            expected[group] += value
    sums = array("q", [100] * groups)
    add_up(array("i", [group for group, _ in rows]), array(kind, [value for _, value in rows]), sums)
    assert sums.tolist() == [expected[group] for group in range(groups)]


def test_what_cannot_be_added_is_named() -> None:
    numbers, sums = array("i", [0, 0]), array("q", [0])
    for values in (array("q", [1, 2]), array("d", [1, 2]), array("B", [1, 2])):
        with pytest.raises(TypeError, match="expected integers of 8, 16 or 32 bits, got format"):
            add_up(numbers, values, sums)
    with pytest.raises(TypeError, match="as many values as numbers, got 1 for 2"):
        add_up(numbers, array("b", [1]), sums)
    with pytest.raises(TypeError, match="as many numbers as keys, got 1 for 2"):
        Groups().number(array("q", [1, 2]), array("i", [0]))
    assert sums.tolist() == [0]
