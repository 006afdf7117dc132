"""Rows completed by plain functions are what graphql-core makes of them, errors and their places included."""

from __future__ import annotations

import asyncio
import json
from typing import Any

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
from llm_obs_core.interfaces import Scope, StoredTrace, TracePage
from llm_obs_query import plain
from llm_obs_query.plain import PlainExecutor
from llm_obs_query.schema import build
from llm_obs_query.schema.root import Asking
from llm_obs_query.stores import Stores
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces

SCHEMA = build()._schema
TRACE_ID = (3).to_bytes(16, "big").hex()
ROOTS = {
    "traces": "traces(first: 6)",
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
        stores = Stores({"memory": reader}, 5.0)
        context = Asking(stores, Scope(("default",), content=True), 1_000, 1_000)
        values = {"yes": True, "no": False, "ids": ["0000000000000031", "0000000000000032"]}
        result = execute(SCHEMA, parse(query), context_value=context, variable_values=values, executor_class=executor)
        return result if isinstance(result, ExecutionResult) else await result

    return asyncio.run(run())


@pytest.fixture(scope="module", name="store")
def _store() -> MemoryStore:
    store = MemoryStore()
    store.add(make_traces(12), received_ns=5)
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
    query = f'{{ trace(id: "{TRACE_ID}") {{ spans {{ id name attributes usage {{ inputTokens }} }} }} }}'
    for spoil in SPOILS:
        ours, theirs = (outcome(query, Spoiling(store, spoil), kind) for kind in (PlainExecutor, Executor))
        assert (ours.data, formatted(ours)) == (theirs.data, formatted(theirs))


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
