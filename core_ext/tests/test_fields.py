"""Fields by a table, against the same in plain Python."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.fields import Fields

TABLE = (
    ("a", "key.a", "text"),
    ("b", "key.b", "count"),
    ("c", "key.c", "part"),
    ("d", "key.d", "real"),
    ("e", "key.e", lambda value: value if value != 1 else None),
    ("f", "key.a", "text"),
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=2),
    st.lists(st.none()),
)


def plainly(table, item):
    found = {}
    for name, key, kind in table:
        value = item.get(name)
        if value is None:
            continue
        if callable(kind):
            value = kind(value)
        elif kind == "text":
            value = value if type(value) is str and value else None
        elif kind == "real":
            value = float(value) if type(value) in (int, float) else None
        else:
            value = value if type(value) is int and (value or kind == "count") else None
        if value is not None:
            found[key] = value
    return found


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefx"), values))
def test_dicts_and_objects_are_read_alike(item):
    for given_item in (item, SimpleNamespace(**item)):
        found = {"before": 1}
        try:
            Fields(TABLE).into(found, given_item)
        except OverflowError:  # an integer beyond every float
            assert abs(item["d"]) > 1e308
            return
        assert found == {"before": 1, **plainly(TABLE, item)}
        assert [type(value) for value in found.values()][1:] == [type(value) for value in plainly(TABLE, item).values()]


def test_what_cannot_be_read_is_an_error():
    with pytest.raises((TypeError, AttributeError)):
        Fields(TABLE).into({}, 7)
    with pytest.raises(KeyError):
        Fields([("a", "b", "other")])

    def fails(value):
        raise LookupError(value)

    with pytest.raises(LookupError):
        Fields([("a", "b", fails)]).into({}, {"a": 1})
