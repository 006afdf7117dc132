"""Rows completed by plain functions are what graphql-core makes of them, errors and their places included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLObjectType,
    GraphQLOutputType,
    execute,
    get_named_type,
    parse,
    validate,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llm_obs_core.interfaces import Scope, StoredAnnotation, StoredSpans, StoredTrace, TraceOutline, TracePage
from llm_obs_query import plain
from llm_obs_query.plain import PlainExecutor
from llm_obs_query.readers import Readers
from llm_obs_query.schema import build
from llm_obs_query.schema.root import Asking
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces

SCHEMA = build()._schema
TRACE_ID = (3).to_bytes(16, "big").hex()
ROOTS = {
    "traces": "traces(first: 6)",
    "spans": 'spans(first: 6, whereText: "error exists")',
    "sessions": 'sessions(first: 6, where: {field: "error", op: EXISTS, value: true})',
    "trace": f'trace(id: "{TRACE_ID}")',
    "aggregate": "aggregate(groupBy: [MODEL, STREAM, HTTP_STATUS])",
    "values": "values(key: MODEL)",
    "info": "info",
}
ARGUMENTS = {
    "spans": ["", "(ids: null)", "(ids: $ids)", '(ids: ["0000000000000031"])'],
    "quantile": ["(q: 0.5)", "(q: $q)", "(q: 0)", "(q: 1.5)"],
}
VARIABLES = "query ($yes: Boolean!, $no: Boolean!, $q: Float! = 0.9, $ids: [ID!])"


def named(kind: GraphQLOutputType) -> Any:
    return get_named_type(kind)


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLObjectType) -> str:
    """Fields of a type: under names of their own, twice, in fragments, left out by directives."""
    parts: list[str] = []
    for place, name in enumerate(draw(st.lists(st.sampled_from([*kind.fields, "__typename"]), min_size=1, max_size=6))):
        field = f"{name}{draw(st.sampled_from(ARGUMENTS.get(name, [''])))}"
        if draw(st.booleans()) or name in ARGUMENTS:
            field = f"a{place}_{draw(st.integers(0, 10**9))}: {field}"
        field += draw(st.sampled_from(["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: $no)"]))
        inner = kind.fields[name].type if name != "__typename" else None
        if inner is not None and isinstance(named(inner), GraphQLObjectType):
            field += " { " + draw(selections(named(inner))) + " }"
        parts.append(f"... on {kind.name} {{ {field} }}" if draw(st.booleans()) else field)
    return " ".join(parts)


@st.composite
def documents(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(sorted(ROOTS)), min_size=1, max_size=3))
    fields = SCHEMA.query_type.fields  # type: ignore[union-attr]
    asked = [
        f"r{at}: {ROOTS[name]} {{ {draw(selections(named(fields[name].type)))} }}" for at, name in enumerate(names)
    ]
    return f"{VARIABLES} {{ {' '.join(asked)} }}"


class Spoiling(MemoryReader):
    """Gives rows that do not fit: nulls where none may be, numbers too large, values of other types."""

    def __init__(self, store: MemoryStore, spoil: dict[str, Any]) -> None:
        super().__init__(store)
        self.spoil = spoil

    async def find_traces(self, scope: Any, where: Any, **how: Any) -> TracePage:
        page = await super().find_traces(scope, where, **how)
        first, *others = page.traces
        known = {name: value for name, value in self.spoil.items() if name in first.__struct_fields__}
        return msgspec.structs.replace(page, traces=(*others, msgspec.structs.replace(first, **known)))

    async def trace(self, scope: Any, trace_id: bytes) -> StoredTrace | None:
        found = await super().trace(scope, trace_id)
        assert found is not None
        first, *others = found.spans
        spoiled = msgspec.structs.replace(first, columns={**first.columns, **self.spoil})
        return msgspec.structs.replace(found, spans=(*others, spoiled))

    async def spans(self, scope: Any, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
        found = await super().spans(scope, trace_id, ids)
        assert found is not None
        spoiled = [
            msgspec.structs.replace(stored, columns={**stored.columns, **self.spoil}) for stored in found.spans[-1:]
        ]
        return msgspec.structs.replace(found, spans=(*found.spans[:-1], *spoiled))

    async def outline(self, scope: Any, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        found = await super().outline(scope, trace_id, columns)
        assert found is not None
        for name in self.spoil.keys() & found.columns.keys():
            found.columns[name][-1] = self.spoil[name]
        return found


SPOILS: list[dict[str, Any]] = [
    {},
    {"name": None},
    {"start_ns": None, "models": None},
    {"span_count": 2**40, "http_status": 10**12},
    {"kind": 99, "status_code": 7, "duration_ns": "12"},
    {"service": 5, "stream": "yes", "has_root": 1},
    {"models": ("a", None), "name": b"\xff"},
]


def outcome(query: str, reader: MemoryReader, executor: type[Executor[Any]]) -> ExecutionResult:
    async def run() -> ExecutionResult:
        stores = Readers({"memory": reader}, 5.0)
        context = Asking(stores, Scope(("default",), content=True), 1_000, 1_000)
        values = {"yes": True, "no": False, "ids": ["0000000000000031", "0000000000000032"]}
        result = execute(SCHEMA, parse(query), context_value=context, variable_values=values, executor_class=executor)
        return result if isinstance(result, ExecutionResult) else await result

    return asyncio.run(run())


@pytest.fixture(scope="module", name="store")
def _store() -> MemoryStore:
    store = MemoryStore()
    store.add(make_traces(12), received_ns=5)
    said = [StoredAnnotation("default", bytes.fromhex(TRACE_ID), None, "score", "[1, 2.5]", 1, 7)]
    said += [msgspec.structs.replace(said[0], span_id=(0x31).to_bytes(8, "big"), value='"fine"')]
    store.annotate(said)
    return store


@settings(max_examples=150, deadline=None)
@given(query=documents(), spoil=st.sampled_from(SPOILS))
def test_the_same_as_graphql_core(store: MemoryStore, query: str, spoil: dict[str, Any]) -> None:
    mistakes = [error.message for error in validate(SCHEMA, parse(query)) if "never used" not in error.message]
    assert all("conflict" in mistake for mistake in mistakes)
    assume(not mistakes)  # two fields of one name that do not merge
    ours, theirs = (outcome(query, Spoiling(store, spoil), kind) for kind in (PlainExecutor, Executor))
    assert json.dumps(ours.data) == json.dumps(theirs.data)
    assert formatted(ours) == formatted(theirs)


def formatted(result: ExecutionResult) -> list[str]:
    return sorted(json.dumps(error.formatted, sort_keys=True) for error in result.errors or ())


def test_large_answers_are_completed_apart_and_the_same(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "ROWS_ON_THE_LOOP", 1)
    for fields in ("attributes", "kind", "startNs"):
        query = f'{{ trace(id: "{TRACE_ID}") {{ spans {{ id name {fields} usage {{ inputTokens }} }} }} }}'
        for spoil in SPOILS:
            ours, theirs = (outcome(query, Spoiling(store, spoil), kind) for kind in (PlainExecutor, Executor))
            assert (ours.data, formatted(ours)) == (theirs.data, formatted(theirs))


class Noting(MemoryReader):
    """Notes what it is asked."""

    asked: ClassVar[list[str]] = []

    async def trace(self, scope: Any, trace_id: bytes) -> StoredTrace | None:
        self.asked.append("trace")
        return await super().trace(scope, trace_id)

    async def spans(self, scope: Any, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
        self.asked.append(f"spans {[id.hex()[-2:] for id in ids]}")
        return await super().spans(scope, trace_id, ids)

    async def annotations(self, scope: Any, trace_ids: Sequence[bytes]) -> Any:
        self.asked.append("annotations")
        return await super().annotations(scope, trace_ids)

    async def outline(self, scope: Any, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        self.asked.append(f"outline {sorted(columns)}")
        return await super().outline(scope, trace_id, columns)


@pytest.mark.parametrize(
    ("selection", "asked"),
    [
        ("summary { name }", ["outline []"]),
        ("coverage { basis }", ["outline []"]),
        ("spans { parentId }", ["outline ['parent_span_id', 'span_id']"]),
        ("spans { status }", ["outline ['span_id', 'status_code']"]),
        ("spans { __typename }", ["outline ['span_id']"]),
        ("spans { usage { role } }", ["outline ['input_tokens', 'output_tokens', 'span_id', 'usage_role']"]),
        (
            "spans { usage { cacheWrite5m } }",
            ["outline ['cache_write_5m', 'input_tokens', 'output_tokens', 'span_id']"],
        ),
        ("spans(ids: $ids) { name }", ["outline ['name', 'span_id']"]),
        ("spans(ids: $ids) { name events { name } }", ["spans ['31', '32']"]),
        ('spans(ids: "0000000000000031") { links { traceId } }', ["spans ['31']"]),
        ('spans(ids: ["x", "0000000000000031"]) { content { body } }', ["spans ['31']"]),
        ("spans(ids: []) { resource }", ["outline []"]),
        ("summary { name } spans(ids: $ids) { attributes }", ["outline []", "spans ['31', '32']"]),
        ("spans { name } all: spans(ids: $ids) { attributes }", ["outline ['name', 'span_id']", "spans ['31', '32']"]),
        ("columns { name usageRole }", ["outline ['name', 'span_id', 'usage_role']"]),
        ("columns { __typename }", ["outline ['span_id']"]),
        (
            "columns { id parentId status } spans { name }",
            ["outline ['name', 'parent_span_id', 'span_id', 'status_code']"],
        ),
        ("columns { name } spans { attributes }", ["trace"]),
        ("annotations { key }", ["outline []", "annotations"]),
        ("spans(ids: $ids) { annotations { value } }", ["spans ['31', '32']", "annotations"]),
        ("spans { annotations { value } }", ["trace"]),
        ("... on Trace { spans { ... on Span { name attributes } } }", ["trace"]),
        ("spans(ids: null) { content { body } } a: spans(ids: $ids) { name }", ["trace"]),
        ("spans(ids: $missing) { attributes }", ["trace"]),
    ],
)
def test_readers_are_asked_for_no_more_than_is_selected(store: MemoryStore, selection: str, asked: list[str]) -> None:
    Noting.asked.clear()
    query = f'query ($ids: [ID!], $missing: [ID!]) {{ trace(id: "{TRACE_ID}") {{ {selection} }} }}'
    ours = outcome(query, Noting(store), PlainExecutor)
    assert ours.errors is None
    assert Noting.asked == asked
    assert ours.data == outcome(query, MemoryReader(store), Executor).data


def test_parts_of_a_trace_agree(store: MemoryStore) -> None:
    """Spans that are asked for in several ways in one question, and spans that are not there."""
    query = f"""query ($ids: [ID!]) {{ trace(id: "{TRACE_ID}") {{
        all: spans {{ id name }}
        some: spans(ids: $ids) {{ id attributes name }}
        slim: spans(ids: ["0000000000000033", "0000000000000031"]) {{ id name }}
        none: spans(ids: ["ffffffffffffffff"]) {{ id events {{ name }} }} }} }}"""
    data = outcome(query, MemoryReader(store), PlainExecutor).data
    assert data is not None
    names = {row["id"]: row["name"] for row in data["trace"]["all"]}
    assert len(names) > 2
    assert [row["id"][-2:] for row in data["trace"]["some"]] == ["31", "32"]
    assert all(names[row["id"]] == row["name"] for row in data["trace"]["some"] + data["trace"]["slim"])
    assert {row["id"][-2:] for row in data["trace"]["slim"]} == {id[-2:] for id in names} & {"31", "33"}
    assert data["trace"]["none"] == []


def test_rows_do_not_reach_graphql_core(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a row went through graphql-core")

    monkeypatch.setattr(PlainExecutor, "complete_object_value", refuse)
    for name, question in ROOTS.items():
        query = f"{{ {question} {{ ...everything }} }} " + everything(name)
        result = outcome(query, MemoryReader(store), PlainExecutor)
        assert result.errors is None


def everything(root: str) -> str:
    """A fragment with every field of a question's type, all the way down."""

    def fields(kind: GraphQLObjectType) -> str:
        return " ".join(
            name
            + ("(q: 0.5)" if name == "quantile" else "")
            + (f" {{ {fields(named(field.type))} }}" if isinstance(named(field.type), GraphQLObjectType) else "")
            for name, field in kind.fields.items()
        )

    kind = named(SCHEMA.query_type.fields[root].type)  # type: ignore[union-attr]
    return f"fragment everything on {kind.name} {{ {fields(kind)} }}"
