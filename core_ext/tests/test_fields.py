"""Fields by a table, against the same in plain Python."""

import typing
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.fields import Always, Each, Fields, Part

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


def test_what_has_no_fields_has_no_attributes():
    for item in (7, None, "a", [1], object()):
        found = {}
        Fields([*TABLE, ("g", "key.g", Part(Fields(()), "there", "missing"))]).into(found, item)
        assert found == {"key.g": "missing"}


def test_parts_lists_and_constants():
    inner = Fields([("n", "n", "count")])
    table = Fields(
        [
            ("part", "part", Part(inner, "there", "missing")),
            ("other", "", Part(inner)),
            ("list", "list", Each("word", {"a": "A"})),
            ("", "fixed", Always(7)),
        ]
    )
    full = {"part": {"n": 1}, "other": {"n": "no count"}, "list": [{"word": "a"}, {}, {"word": "b"}, 3]}
    found = {}
    table.into(found, full)
    assert found == {"n": 1, "part": "there", "list": ["A", "", "b", ""], "fixed": 7}
    for empty in ({"list": [{}, {"word": 1}]}, {"list": "ab"}, {}):
        found = {}
        table.into(found, empty)
        assert found == {"part": "missing", "fixed": 7}

    class Model:
        __pydantic_extra__: typing.ClassVar = {"part": {"n": 2}}

    found = {}
    table.into(found, Model())
    assert found == {"n": 2, "part": "there", "fixed": 7}


def test_what_cannot_be_read_is_an_error():
    with pytest.raises(KeyError):
        Fields([("a", "b", "other")])

    def fails(value):
        raise LookupError(value)

    with pytest.raises(LookupError):
        Fields([("a", "b", fails)]).into({}, {"a": 1})
