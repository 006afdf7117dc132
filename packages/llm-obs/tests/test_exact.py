"""What `--json` prints of a trace is what the query API answers, field by field."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
from asking import ask, config, installed
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, get_named_type
from llm_obs.exact import trace_json
from llm_obs_core.interfaces import Scope, StoredAnnotation
from llm_obs_core.model import Event, Link, StatusCode
from llm_obs_query.readers import Readers
from llm_obs_query.server import QueryServer
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_span, make_trace

ODD = {
    "large": 2**60,
    "not a number": float("nan"),
    "endless": [float("-inf"), 1.5],
    "bytes": b"\xff\x00",
    "deep": {"list": [1, {"large": -(2**62)}], "nothing": None},
}


OTHER_FORMS = {"columns"}
"""Fields that say what others say, in another form."""


def every_field(schema: GraphQLSchema, kind: GraphQLObjectType) -> str:
    """A selection of everything below a type."""
    found = []
    for name, field in kind.fields.items():
        if name in OTHER_FORMS:
            continue
        inner = get_named_type(field.type)
        found.append(f"{name} {every_field(schema, inner)}" if isinstance(inner, GraphQLObjectType) else name)
    return "{ " + " ".join(found) + " }"


async def test_it_is_the_answer_of_the_query_api() -> None:
    store = MemoryStore()
    odd = make_span(
        77,
        trace=7,
        attributes=ODD,
        status_code=StatusCode.ERROR,
        status_message="it broke",
        events=(Event(name="happened", time_ns=5, attributes=ODD),),
        links=(Link(b"t" * 16, b"s" * 8, "", ODD),),
    )
    for spans in (make_trace(1), make_trace(2), [odd]):
        store.add(spans)
    said = StoredAnnotation("default", odd.trace_id, odd.span_id, "score", '{"deep": [1, 9007199254740993]}', 2**60, 5)
    store.annotate([said, msgspec.structs.replace(said, span_id=None, value="true")])
    reader = MemoryReader(store)
    readers = Readers({"memory": reader}, 30)
    server = QueryServer(config({"memory": reader}, {}, False), installed({"memory": reader}))
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://{server.address}", verify=False) as client:
            schema = build_schema((await client.get("/graphql")).text)
            selection = every_field(schema, schema.type_map["Trace"])  # type: ignore[arg-type]
            for trace_id in {span.trace_id for span in (*make_trace(1), *make_trace(2), odd)}:
                query = f"query ($id: ID!) {{ trace(id: $id) {selection} }}"
                answer = await ask(client, query, id=trace_id.hex())
                found = await readers.trace(Scope(("default",), True), trace_id, failed=[])
                assert found is not None
                printed: dict[str, Any] = json.loads(msgspec.json.encode(trace_json(found)))
                assert printed == answer["data"]["trace"]
    finally:
        await server.stop()
