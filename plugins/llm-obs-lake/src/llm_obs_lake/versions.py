"""The columns of every version of segments that was ever written: `versions/<number>.json`, one file a version.

A released file is never changed. When the columns of today (`schema.py`, which follows the model) are not those of the
newest file, they are the next version, and a test fails until that file is there: `pytest --renew-golden` writes it.
Between versions columns come and go; none changes its type. A column that a segment does not have is null, or where it
cannot be null nothing: 0, false, an empty text or list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, cast

import msgspec
import pyarrow as pa

from llm_obs_lake.schema import SCHEMAS, TYPES, Kind

__all__ = ["VERSION", "absent", "described", "nothing", "schema_of", "sql_nothing", "upgraded"]

_LISTS: Final = {
    f"list<{word}>": pa.list_(pa.field("item", item, False))
    for word, item in {"string": pa.string(), "uint16": pa.uint16(), "uint32": pa.uint32()}.items()
}
_TYPES: Final = TYPES | _LISTS
_WORDS: Final = {type: word for word, type in _TYPES.items()}
_SQL: Final = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "int32": "INTEGER",
    "int8": "TINYINT",
    "bool": "BOOLEAN",
    "float64": "DOUBLE",
    "binary": "BLOB",
    "fixed16": "BLOB",
    "fixed8": "BLOB",
    "list<string>": "VARCHAR[]",
    "list<uint16>": "USMALLINT[]",
    "list<uint32>": "UINTEGER[]",
}
_NOTHING: Final[dict[str, Any]] = {
    "string": "",
    "binary": b"",
    "bool": False,
    "float64": 0.0,
    "fixed16": bytes(16),
    "fixed8": bytes(8),
    **dict.fromkeys(("int64", "int32", "int8"), 0),
    **{word: [] for word in _LISTS},
}

Described = dict[str, list[tuple[str, str, bool]]]
"""Kinds of files, their columns: name, type word, whether it can be null."""


def described(schemas: Mapping[Kind, pa.Schema]) -> Described:
    """Schemas as a version's file has them."""
    return {
        kind: [(item.name, _WORDS[item.type], item.nullable) for item in schema] for kind, schema in schemas.items()
    }


def _frozen() -> dict[int, Described]:
    folder = files(__package__) / "versions"
    return {
        int(file.name.removesuffix(".json")): msgspec.json.decode(file.read_bytes(), type=Described)
        for file in folder.iterdir()
        if file.name.endswith(".json")
    }


def _schemas(columns: Described) -> dict[Kind, pa.Schema]:
    return {
        cast(Kind, kind): pa.schema([pa.field(name, _TYPES[word], nullable) for name, word, nullable in fields])
        for kind, fields in columns.items()
    }


_FROZEN: Final = _frozen()
_NEWEST: Final = max(_FROZEN)
VERSION: Final = _NEWEST if _FROZEN[_NEWEST] == described(SCHEMAS) else _NEWEST + 1
"""The version of what is written."""
_VERSIONS: Final = {number: _schemas(columns) for number, columns in _FROZEN.items()} | {VERSION: SCHEMAS}


def schema_of(kind: Kind, version: int) -> pa.Schema:
    """The schema of a kind of file in a version."""
    return _VERSIONS[version][kind]


def absent(kind: Kind, version: int, names: Collection[str]) -> frozenset[str]:
    """Which of these columns of today files of a version do not have."""
    return frozenset() if version == VERSION else frozenset(names).difference(_VERSIONS[version][kind].names)


def nothing(field: pa.Field, rows: int) -> pa.Array:
    """A column of today in rows of a version that did not have it."""
    if field.nullable:
        return pa.nulls(rows, field.type)
    return pa.repeat(pa.scalar(_NOTHING[_WORDS[field.type]], field.type), rows)


def sql_nothing(kind: Kind, name: str) -> str:
    """The same as an expression of DuckDB."""
    field = SCHEMAS[kind].field(name)
    word = _WORDS[field.type]
    if field.nullable:
        return f"NULL::{_SQL[word]}"
    value = _NOTHING[word]
    text = str(value) if isinstance(value, (int, float, list)) else f"'{_text(value)}'"
    return f"{text}::{_SQL[word]}"


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else "".join(f"\\x{byte:02x}" for byte in value)


def upgraded(table: pa.Table, kind: Kind, version: int, names: Sequence[str]) -> pa.Table:
    """Columns of today out of rows as they were read from a file.

    Raises:
        KeyError: The file does not have a column of its version.
        ArrowException: One has another type.
    """
    new = absent(kind, version, names)
    columns = []
    for name in names:
        field = SCHEMAS[kind].field(name)
        columns.append(nothing(field, len(table)) if name in new else table[name].cast(field.type))
    return pa.table(columns, schema=pa.schema([SCHEMAS[kind].field(name) for name in names]))
