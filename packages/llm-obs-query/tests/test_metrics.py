"""What the query API says of itself."""

from __future__ import annotations

import asyncio
from typing import Any

from asking import Serve, ask
from llm_obs_core.errors import StoreError
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces
from prometheus_client.parser import text_string_to_metric_families


class Slow(MemoryReader):
    async def aggregate(self, *args: Any) -> Any:
        await asyncio.sleep(3_600)


class Broken(MemoryReader):
    async def find_traces(self, *args: Any, **options: Any) -> Any:
        raise StoreError("a store", got="none")


def filled() -> MemoryStore:
    store = MemoryStore()
    store.add(make_traces(10))
    return store


async def test_requests_answers_rows_and_failures_are_counted(serve: Serve) -> None:
    readers = {"good": MemoryReader(filled()), "slow": Slow(MemoryStore()), "broken": Broken(MemoryStore())}
    client = await serve(readers, timeout_s=0.05)
    await ask(client, "{ traces(first: 7) { nodes { id } } }")
    await ask(client, "{ aggregate(groupBy: [PROVIDER]) { rows { requests } } }")
    await client.post("/graphql", content=b"{", headers={"content-type": "application/json"})
    await client.get("/nowhere")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {  # labels in the order of their names
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["llm_obs_query_requests_total", "200", "graphql"] == 2
    assert found["llm_obs_query_requests_total", "400", "graphql"] == 1
    assert found["llm_obs_query_request_duration_seconds_count", "graphql"] == 3
    assert found["llm_obs_query_answers_total", "find_traces", "good", "answered"] == 1
    assert found["llm_obs_query_answers_total", "find_traces", "broken", "failed"] == 1
    assert found["llm_obs_query_answers_total", "aggregate", "slow", "timed_out"] == 1
    assert found["llm_obs_query_rows_total", "find_traces", "good"] == 7
    assert found["llm_obs_query_rows_total", "aggregate", "good"] > 0
    assert found["llm_obs_query_answer_duration_seconds_count", "aggregate", "slow"] == 1


async def test_metrics_need_a_key_where_there_is_one(serve: Serve) -> None:
    client = await serve({"memory": MemoryReader(filled())}, keys=True)
    for key, status in (("wrong", 401), ("ingest-a", 403), ("reader-a", 200)):
        answer = await client.get("/metrics", headers={"x-api-key": key})
        assert answer.status_code == status
    assert (await client.get("/metrics")).status_code == 401
    text = (await client.get("/metrics", headers={"x-api-key": "reader-a"})).text
    assert 'llm_obs_query_keys_total{result="unknown"} 1.0' in text
    assert 'llm_obs_query_keys_total{result="without_read"} 1.0' in text
    assert 'llm_obs_query_keys_total{result="accepted"} 2.0' in text
