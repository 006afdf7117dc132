"""Questions over real HTTP."""

from __future__ import annotations

from asking import Serve, ask
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces


async def test_a_list_and_one_trace(serve: Serve) -> None:
    store = MemoryStore()
    store.add(make_traces(30), received_ns=5)
    client = await serve({"memory": MemoryReader(store)})
    body = await ask(client, "{ traces(first: 10) { nodes { id name startNs } pageInfo { hasNextPage endCursor } } }")
    page = body["data"]["traces"]
    assert len(page["nodes"]) == 10
    assert page["pageInfo"]["hasNextPage"]
    one = await ask(
        client,
        "query One($id: ID!) { trace(id: $id) { summary { id } spans { id parentId name kind status attributes } } }",
        id=page["nodes"][0]["id"],
    )
    assert one["data"]["trace"]["summary"]["id"] == page["nodes"][0]["id"]
    assert "errors" not in one
