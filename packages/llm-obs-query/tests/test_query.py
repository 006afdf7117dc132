"""Questions over real HTTP: lists, traces, sums, values, and what is said when something is wrong."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asking import Serve, ask
from llm_obs_core import histogram, semconv
from llm_obs_core.filter import And, simplified, text
from llm_obs_core.interfaces import AggregateQuery, Cursor, Scope, TracePage, TraceQuery
from llm_obs_core.model import Event, Link, Span
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_span, make_traces

SPANS = make_traces(60)
MINUTE_NS = 60_000_000_000
LIST = """
query ($first: Int!, $after: String, $where: FilterInput, $text: String, $startNs: Int64, $endNs: Int64) {
  traces(first: $first, after: $after, where: $where, whereText: $text, startNs: $startNs, endNs: $endNs) {
    nodes { id startNs } pageInfo { hasNextPage endCursor } coverage { sources tiers basis freshToNs }
  }
}
"""


class Recording(MemoryReader):
    """Remembers what it was asked."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked: list[Any] = []

    async def find_traces(
        self, scope: Scope, query: TraceQuery, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        self.asked.append((scope, query, first, after))
        return await super().find_traces(scope, query, first=first, after=after)

    async def aggregate(self, scope: Scope, query: AggregateQuery) -> Any:
        self.asked.append((scope, query))
        return await super().aggregate(scope, query)


@pytest.fixture(name="reader", scope="module")
def _reader() -> Recording:
    store = MemoryStore()
    store.add(SPANS, received_ns=5)
    return Recording(store)


@pytest_asyncio.fixture(name="client")
async def _client(serve: Serve, reader: Recording) -> httpx.AsyncClient:
    reader.asked.clear()
    return await serve({"memory": reader})


def calls() -> list[Span]:
    return [span for span in SPANS if span.attributes.get(semconv.OPERATION_NAME) == "chat"]


@pytest.mark.parametrize("first", [1, 7, 59, 60, 1_000])
async def test_a_walk_meets_every_trace_once_newest_first(client: httpx.AsyncClient, first: int) -> None:
    seen: list[tuple[int, str]] = []
    after = None
    while True:
        page = (await ask(client, LIST, first=first, after=after))["data"]["traces"]
        assert len(page["nodes"]) <= first
        seen += [(int(node["startNs"]), node["id"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasNextPage"] == (after is not None)
        if after is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert {id for _, id in seen} == {span.trace_id.hex() for span in SPANS}
    assert len(seen) == 60
    assert page["coverage"] == {"sources": ["memory"], "tiers": ["hot"], "basis": "exact", "freshToNs": "5"}


async def test_filters_reach_the_reader_as_a_tree_and_as_text(client: httpx.AsyncClient, reader: Recording) -> None:
    tree = {
        "and": [
            {"field": "model", "op": "EQ", "value": "m"},
            {
                "or": [
                    {"field": "cost_nano_usd", "op": "GT", "value": str(2**60)},
                    {"field": "tags", "op": "EXISTS", "value": True},
                ]
            },
            {"not": {"field": "user_id", "op": "IN", "value": ["a", "b"]}},
        ]
    }  # fmt: skip
    asked = {"where": tree, "text": "status_code = 2 or name ~ '^x'", "startNs": "1", "endNs": str(2**63 - 1)}
    assert "errors" not in await ask(client, LIST, first=3, **asked)
    scope, query, first, after = reader.asked[-1]
    assert (scope, first, after) == (Scope(("default",), content=True), 3, None)
    assert (query.start_ns, query.end_ns) == (1, 2**63 - 1)
    assert text(query.where) == (
        f'model = "m" and (cost_nano_usd > {2**60} or tags exists) and not user_id in ("a", "b") '
        'and (status_code = 2 or name regex "^x")'.replace("regex", "~")
    )
    await ask(client, LIST, first=3, where=None, text="")
    assert simplified(reader.asked[-1][1].where) == And()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": "model ="}, "expected a value, got the end (at whereText, character 8)"),
    ({"text": "mdl = a"}, "got 'mdl' (at whereText, character 1)"),
    ({"where": {}}, "expected one of: and, or, not, field, got none of them (at where)"),
    ({"where": {"and": [{"field": "model", "op": "EQ"}]}}, "a value beside the field, got none (at where.and[0]"),
    ({"where": {"field": "model", "value": "a"}}, "expected an operator beside the field"),
    ({"where": {"and": [], "op": "EQ"}}, "one of them beside and"),
    ({"where": {"field": "model", "op": "EQ", "value": 3}}, "expected text for model, got 3 (at where.value)"),
    ({"where": {"not": {"field": "colour", "op": "EQ", "value": 3}}}, "got 'colour' (at where.not.field)"),
    ({"where": {"field": "model", "op": "EQ", "value": {"a": 1}}}, "expected text, a number, true or false"),
    ({"where": {"field": "input_tokens", "op": "GT", "value": "1.5"}}, "a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "message"), WRONG)
async def test_what_is_wrong_with_a_filter_is_told(
    client: httpx.AsyncClient, reader: Recording, variables: dict[str, Any], message: str
) -> None:
    body = await ask(client, LIST, first=3, **variables)
    (error,) = body["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert reader.asked == []


async def test_a_filter_that_is_too_deep_is_refused(client: httpx.AsyncClient) -> None:
    for depth in (40, 100, 300):
        where: dict[str, Any] = {"field": "model", "op": "EQ", "value": "a"}
        for _ in range(depth):
            where = {"not": where}
        body = await ask(client, LIST, first=3, where=where)
        assert body["errors"][0]["extensions"]["code"] in ("LIMIT_EXCEEDED", "BAD_USER_INPUT"), depth


async def test_spans_of_all_traces_newest_first(client: httpx.AsyncClient, reader: Recording) -> None:
    query = """query ($after: String, $text: String) { spans(first: 50, after: $after, whereText: $text) {
        nodes { tenant traceId span { id name startNs operation %s } }
        pageInfo { endCursor } coverage { sources } } }"""
    for more in ("", "attributes content { body }"):
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page = (await ask(client, query % more, after=after, text="operation = chat"))["data"]["spans"]
            found += page["nodes"]
            if (after := page["pageInfo"]["endCursor"]) is None:
                break
        assert {(node["traceId"], node["span"]["id"]) for node in found} == {
            (span.trace_id.hex(), span.span_id.hex()) for span in calls()
        }
        starts = [int(node["span"]["startNs"]) for node in found]
        assert starts == sorted(starts, reverse=True)
        assert page["coverage"] == {"sources": ["memory"]}
    assert all(node["span"]["content"][0]["body"] for node in found)


async def test_sessions_with_their_sums(client: httpx.AsyncClient) -> None:
    query = """{ sessions(first: 100, whereText: "error = true") {
        nodes { sessionId traceCount outputTokens errorCount users costNanoUsd } pageInfo { hasNextPage } } }"""
    sessions = (await ask(client, query))["data"]["sessions"]
    of_failed = {
        span.attributes[semconv.CONVERSATION_ID]
        for span in calls()
        if span.attributes.get(semconv.ERROR_TYPE) is not None
    }
    assert {node["sessionId"] for node in sessions["nodes"]} == of_failed
    tokens: Counter[Any] = Counter()
    for span in calls():
        tokens[span.attributes[semconv.CONVERSATION_ID]] += span.attributes.get(semconv.USAGE_OUTPUT_TOKENS, 0)
    assert all(int(node["outputTokens"]) == tokens[node["sessionId"]] for node in sessions["nodes"])


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    page = (await ask(client, LIST, first=3))["data"]["traces"]
    query = "query ($after: String) { spans(first: 3, after: $after) { nodes { tenant } } }"
    body = await ask(client, query, after=page["pageInfo"]["endCursor"])
    assert "an endCursor of an earlier page of this list" in body["errors"][0]["message"]


async def test_one_trace_whole(serve: Serve) -> None:
    attributes = {
        "big": 2**60,
        "small": -5,
        "odd": math.nan,
        "far": math.inf,
        "raw": b"\x00\xff",
        "deep": {"a": [2**53]},
    }
    span = make_span(
        1,
        name="日本 🙂",
        attributes={**attributes, semconv.INPUT_MESSAGES: '[{"role":"user","parts":[]}]'},
        events=[Event("e", 7, {"n": 2**55})],
        links=[Link(bytes(15) + b"\1", bytes(7) + b"\2", "", {"l": True})],
    )
    store = MemoryStore()
    store.add([span])
    client = await serve({"memory": MemoryReader(store)})
    asked = """{ trace(id: "00000000000000000000000000000001") { spans {
        id parentId name kind status startNs durationNs service usage { inputTokens } attributes resource
        events { name timeNs attributes } links { traceId spanId attributes } content { slot index body bodyBytes }
    } } }"""
    body = await ask(client, asked)
    (found,) = body["data"]["trace"]["spans"]
    assert found["attributes"] == {
        "big": str(2**60), "small": -5, "odd": "NaN", "far": "Infinity", "raw": "AP8=", "deep": {"a": [str(2**53)]},
    }  # fmt: skip
    assert found["name"] == "日本 🙂"
    assert (found["id"], found["parentId"], found["kind"], found["status"]) == (
        "0000000000000001", None, "INTERNAL", "UNSET",
    )  # fmt: skip
    assert found["startNs"] == str(span.start_ns)
    assert found["usage"] is None
    assert found["events"] == [{"name": "e", "timeNs": "7", "attributes": {"n": str(2**55)}}]
    assert found["links"] == [{"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "2", "attributes": {"l": True}}]
    assert [(item["slot"], item["index"]) for item in found["content"]] == [("input", 0)]
    assert found["content"][0]["bodyBytes"] == len(found["content"][0]["body"].encode())


async def test_chosen_spans(client: httpx.AsyncClient) -> None:
    query = "query ($id: ID!, $ids: [ID!]) { trace(id: $id) { spans(ids: $ids) { id } } }"
    id = (3).to_bytes(16, "big").hex()
    every = [span["id"] for span in (await ask(client, query, id=id))["data"]["trace"]["spans"]]
    assert len(every) >= 2
    chosen = await ask(client, query, id=id, ids=[every[1].upper(), "ff" * 8])
    assert chosen["data"]["trace"]["spans"] == [{"id": every[1]}]
    assert (await ask(client, query, id=id, ids=[]))["data"]["trace"]["spans"] == []


async def test_sums_are_exact_and_quantiles_close(client: httpx.AsyncClient) -> None:
    body = await ask(
        client,
        """{ aggregate(groupBy: [RESPONSE_MODEL]) { rows { keys requests errors errorRate inputTokens outputTokens
             tokensPerSecond ttft { count } duration { count mean p50 p95 p99 quantile(q: 0.25) } } } }""",
    )
    rows = {row["keys"]["responseModel"]: row for row in body["data"]["aggregate"]["rows"]}
    assert set(rows) == {span.attributes.get(semconv.RESPONSE_MODEL) for span in calls()}
    for model, row in rows.items():
        mine = [span for span in calls() if span.attributes.get(semconv.RESPONSE_MODEL) == model]
        durations = sorted(span.end_ns - span.start_ns for span in mine)
        failed = sum(span.status_code == 2 for span in mine)
        assert (int(row["requests"]), int(row["errors"])) == (len(mine), failed)
        assert row["errorRate"] == failed / len(mine)
        for name, key in (("inputTokens", semconv.USAGE_INPUT_TOKENS), ("outputTokens", semconv.USAGE_OUTPUT_TOKENS)):
            assert int(row[name]) == sum(span.attributes.get(key, 0) for span in mine)
        assert int(row["duration"]["count"]) == len(mine)
        assert row["duration"]["mean"] == pytest.approx(sum(durations) / len(mine))
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("quantile", 0.25)):
            exact = durations[max(1, math.ceil(q * len(durations))) - 1]
            assert row["duration"][name] == pytest.approx(exact, rel=histogram.MAX_RELATIVE_ERROR)


async def test_buckets_filters_and_order(client: httpx.AsyncClient, reader: Recording) -> None:
    query = """query ($from: Int64, $to: Int64, $filter: MeasureFilter) {
        aggregate(groupBy: [PROVIDER, PROVIDER, HTTP_STATUS, STREAM], intervalNs: "60000000000", startNs: $from,
                  endNs: $to, filter: $filter) { rows { keys bucketNs requests } } }"""
    filters = {"provider": ["openai"], "httpStatus": [200, None], "stream": [None]}
    body = await ask(client, query, **{"from": "0", "to": str(2**62), "filter": filters})
    assert body["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    body = await ask(client, query, filter=filters)
    rows = body["data"]["aggregate"]["rows"]
    assert reader.asked[-1][1] == AggregateQuery(
        group_by=("provider", "http_status", "stream"),
        interval_ns=MINUTE_NS,
        filter={"provider": ("openai",), "stream": (None,), "http_status": (200, None)},
    )
    assert rows
    assert all(list(row["keys"]) == ["provider", "httpStatus", "stream"] for row in rows)
    assert {row["keys"]["provider"] for row in rows} == {"openai"}
    places = [(int(row["bucketNs"]), -int(row["requests"])) for row in rows]
    assert places == sorted(places)


async def test_commonest_values(client: httpx.AsyncClient) -> None:
    counts = Counter(span.attributes[semconv.USER_ID] for span in calls())
    body = await ask(client, '{ values(key: USER_ID, prefix: "user-1", first: 5) { value requests } }')
    found = [(row["value"], int(row["requests"])) for row in body["data"]["values"]]
    best = sorted(((name, n) for name, n in counts.items() if name.startswith("user-1")), key=lambda i: (-i[1], i[0]))
    assert found == best[:5]


MISTAKES: list[tuple[str, str, str]] = [
    ('{ trace(id: "xyz") { summary { id } } }', "BAD_USER_INPUT", "expected 32 hexadecimal digits, got 'xyz' (at id)"),
    ("{ traces(first: 0) { nodes { id } } }", "BAD_USER_INPUT", "expected at least 1, got 0 (at first)"),
    ('{ traces(after: "nonsense") { nodes { id } } }', "BAD_USER_INPUT", "an endCursor of an earlier page"),
    ('{ traces(after: "é") { nodes { id } } }', "BAD_USER_INPUT", "an endCursor of an earlier page"),
    ("{ traces(first: 1001) { nodes { id } } }", "LIMIT_EXCEEDED", "raise query.max_rows"),
    (
        "{ a: traces(first: 600) { nodes { id } } b: values(key: MODEL, first: 600) { value } }",
        "LIMIT_EXCEEDED",
        "1200",
    ),
    ('{ traces(startNs: "1e3") { nodes { id } } }', "GRAPHQL_VALIDATION_FAILED", "64-bit integer"),
    ("{ traces(startNs: 9223372036854775808) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED", "64-bit"),
    ("{ traces(startNs: true) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED", "64-bit integer"),
    ("{ aggregate(intervalNs: 1) { rows { keys } } }", "BAD_USER_INPUT", "expected a multiple of a minute"),
    ("{ aggregate(intervalNs: 0) { rows { keys } } }", "BAD_USER_INPUT", "expected a multiple of a minute"),
    ('{ aggregate(startNs: "5", endNs: "5") { rows { keys } } }', "BAD_USER_INPUT", "expected a time after startNs"),
    ("{ aggregate { rows { duration { quantile(q: 1.5) } } } }", "BAD_USER_INPUT", "a share between 0 and 1, got 1.5"),
    ("{ values(key: COLOUR) { value } }", "GRAPHQL_VALIDATION_FAILED", "COLOUR"),
    ("{ traces { nodes { colour } } }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'colour'"),
    ("{ traces { nodes { id } }", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
    ("mutation { x }", "GRAPHQL_VALIDATION_FAILED", "mutation"),
    ("query ($id: ID!) { trace(id: $id) { summary { id } } }", "BAD_USER_INPUT", "$id"),
]


async def test_mistakes_are_explained(client: httpx.AsyncClient) -> None:
    for query, code, message in MISTAKES:
        body = await ask(client, query)
        assert body["errors"], query
        assert body["errors"][0]["extensions"]["code"] == code, (query, body)
        assert message in body["errors"][0]["message"], (query, body)


async def test_what_answers(client: httpx.AsyncClient) -> None:
    body = await ask(client, "{ info { version readers tenants content } __schema { queryType { name } } }")
    assert body["data"]["__schema"]["queryType"]["name"] == "Query"
    assert body["data"]["info"] == {"version": "0.1.0", "readers": ["memory"], "tenants": ["default"], "content": True}
