"""Columns from lists and back, against the independent reader and writer of `llm_obs_testing`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core.columnar import ColumnBatch, pack, unpack
from llm_obs_core.columns import batch_of, column_of, concat, select, values_of
from llm_obs_core.model import Column
from llm_obs_testing.arrow import decode, encode

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "binary": st.binary(max_size=8),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int8": st.integers(-128, 127),
    "float64": st.floats(allow_nan=False).map(lambda value: value + 0.0),  # the oracle has no negative zero
    "bool": st.booleans(),
    "fixed16": st.binary(min_size=16, max_size=16),
    "fixed8": st.binary(min_size=8, max_size=8),
}
TABLE = tuple(Column(type, type, True, "", "") for type in VALUES if type != "binary")
rows = st.lists(st.tuples(*(st.none() | VALUES[column.type] for column in TABLE)), max_size=12)


@pytest.mark.parametrize("type", VALUES)
@given(data=st.data())
def test_values_come_back_and_lie_as_arrow_has_them(type: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[type], max_size=20))
    column, oracle = column_of(type, values), encode(type, values)
    assert decode(column) == values_of(column) == values_of(oracle) == values
    assert (column.type, column.length, column.null_count) == (oracle.type, oracle.length, oracle.null_count)
    assert (column.validity, column.offsets, column.data) == (oracle.validity, oracle.offsets, oracle.data)


@given(rows, st.binary(min_size=12, max_size=12), rows)
def test_rows_survive_packing_selection_and_joining(first: list[Any], choice: bytes, second: list[Any]) -> None:
    mask = bytes(byte & 1 for byte in choice[: len(first)])
    chosen = select(unpack(pack(batch_of(TABLE, first))), mask)
    joined = concat(TABLE, [chosen, batch_of(TABLE, second)])
    expected = [row for row, keeps in zip(first, mask, strict=True) if keeps] + second
    assert (len(chosen), len(joined)) == (sum(mask), len(expected))
    columns = joined.columns()
    assert list(columns) == [column.name for column in TABLE]
    assert list(zip(*map(values_of, columns.values()), strict=True)) == [tuple(row) for row in expected]


def test_a_column_that_a_part_lacks_is_null_there_and_one_that_the_table_lacks_is_left_out() -> None:
    table = (Column("a", "int64", False, "", ""), Column("b", "string", True, "", ""))
    old = ColumnBatch(2, {"a": column_of("int64", [1, 2]), "gone": column_of("bool", [True, False])})
    columns = concat(table, [old, batch_of(table, [(3, "x")])]).columns()
    assert {name: values_of(column) for name, column in columns.items()} == {"a": [1, 2, 3], "b": [None, None, "x"]}
    assert len(concat(table, [])) == 0


@pytest.mark.parametrize(
    ("type", "value", "error"),
    [
        ("int8", 128, ValueError),
        ("int64", 2**63, ValueError),
        ("int64", "7", ValueError),
        ("fixed16", b"short", ValueError),
        ("fixed16", "0" * 16, TypeError),
        ("string", b"bytes", TypeError),
        ("binary", "text", TypeError),
        ("list<uint16>", [1], ValueError),
        ("words", "x", ValueError),
    ],
)
def test_what_does_not_fit_is_refused(type: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="expected"):
        column_of(type, [value])
    with pytest.raises(ValueError, match="list<uint16>"):
        values_of(encode("list<uint16>", [[1]]))
