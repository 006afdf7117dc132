"""Keys, sessions, tenants, other sites."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from asking import KEYS, Serve, ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_obs_core.interfaces import Principal
from llm_obs_core.model import Span
from llm_obs_query.web.sessions import LIFETIME_S, Sessions
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces

QUESTION = "{ info { tenants content } }"


@pytest.fixture(name="store")
def _store() -> MemoryStore:
    """Two tenants whose spans tell whose they are; some ids are the same in both."""
    store = MemoryStore()
    for tenant, first in (("a", 1), ("b", 6)):
        store.add(marked(make_traces(10, first=first), tenant), tenant=tenant, received_ns=5)
    return store


def marked(spans: list[Span], tenant: str) -> list[Span]:
    """The spans with the tenant's mark in every text that the application chose."""
    mark = f"of-{tenant}"

    def change(value: Any) -> Any:
        return f"{value} {mark}" if isinstance(value, str) and not value.startswith(("[", "chat", "execute")) else value

    return [
        msgspec.structs.replace(
            span,
            name=f"{span.name} {mark}",
            attributes={key: change(value) for key, value in span.attributes.items()},
            resource={key: change(value) for key, value in span.resource.items()},
        )
        for span in spans
    ]


WHO: list[tuple[dict[str, str], int, str | None]] = [
    ({}, 401, "UNAUTHENTICATED"),
    ({"authorization": "Bearer wrong"}, 401, "UNAUTHENTICATED"),
    ({"authorization": "Basic content-a"}, 401, "UNAUTHENTICATED"),
    ({"x-api-key": "ingest-a"}, 403, "FORBIDDEN"),
    ({"authorization": "Bearer reader-a"}, 200, None),
    ({"x-api-key": "reader-a"}, 200, None),
    ({"authorization": "Bearer wrong", "x-api-key": "reader-a"}, 401, "UNAUTHENTICATED"),
]


async def test_who_may_ask(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True)
    for (headers, status, code), method in itertools.product(WHO, ("GET", "POST")):
        answer = await client.request(method, "/graphql", json={"query": QUESTION}, headers=headers)
        assert answer.status_code == status, headers
        if code:
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == code
            assert error["message"].startswith("expected ")
            assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_a_key_sees_its_tenant_and_content_only_with_that_scope(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True)
    shared = (8).to_bytes(16, "big").hex()
    bodies = "query ($id: ID!) { trace(id: $id) { summary { tenant } spans { content { body bodyBytes digest } } } }"
    for key in ("reader-a", "content-a", "content-b"):
        tenant, scopes = KEYS[key]
        info = (await ask(client, QUESTION, key))["data"]["info"]
        assert info == {"tenants": [tenant], "content": "content" in scopes}
        trace = (await ask(client, bodies, key, id=shared))["data"]["trace"]
        assert trace["summary"]["tenant"] == tenant
        items = [item for span in trace["spans"] for item in span["content"]]
        assert items
        assert all(item["bodyBytes"] > 0 and len(item["digest"]) == 32 for item in items)
        assert all((item["body"] is not None) == ("content" in scopes) for item in items)
    only_b = (15).to_bytes(16, "big").hex()
    assert (await ask(client, bodies, "content-a", id=only_b))["data"] == {"trace": None}


EVERYTHING = """
query ($first: Int!, $id: ID!, $prefix: String!, $text: String) {
  traces(first: $first, whereText: $text) { nodes { id tenant name service models userId sessionId application } }
  spans(first: $first, whereText: $text) { nodes { tenant span { name attributes content { body } } } }
  sessions(first: $first, whereText: $text) { nodes { tenant sessionId users } }
  trace(id: $id) { summary { tenant name } spans { name service attributes resource content { body } userId } }
  aggregate(groupBy: [SERVICE, USER_ID, APPLICATION, ENVIRONMENT]) { rows { keys requests } }
  values(key: USER_ID, prefix: $prefix) { value requests }
}
"""


@pytest_asyncio.fixture(name="both")
async def _both(serve: Serve) -> httpx.AsyncClient:
    """The same data in two readers of different origins, half the traces of each tenant in each."""
    stores = [MemoryStore(), MemoryStore()]
    for tenant, first in (("a", 1), ("b", 6)):
        for number in range(first, first + 10):
            trace = marked(make_traces(1, first=number), tenant)
            stores[number % 2].add(trace, tenant=tenant, received_ns=5)
    return await serve({"one": MemoryReader(stores[0]), "two": MemoryReader(stores[1])}, keys=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_answer_holds_another_tenants_data(both: httpx.AsyncClient, data: st.DataObject) -> None:
    tenant = data.draw(st.sampled_from(["a", "b"]))
    other = "b" if tenant == "a" else "a"
    conditions = {
        "service =": st.sampled_from([f"shop of-{other}", f"search of-{tenant}", ""]),
        "user_id =": st.sampled_from([f"user-{number} of-{owner}" for number in range(3) for owner in "ab"]),
        "trace.name contains": st.sampled_from(["of-a", "of-b", "POST"]),
        "content search": st.sampled_from(["of-a", "of-b", "order"]),
        "trace_id starts_with": st.text("0123456789abcdef", max_size=4),
    }
    names = data.draw(st.lists(st.sampled_from(sorted(conditions)), max_size=3, unique=True))
    joined = data.draw(st.sampled_from([" and ", " or ", " and not "]))
    where = joined.join(f"{name} {json.dumps(data.draw(conditions[name]))}" for name in names)
    body = await ask(
        both,
        EVERYTHING,
        f"content-{tenant}",
        first=data.draw(st.integers(1, 300)),
        id=data.draw(st.integers(1, 16)).to_bytes(16, "big").hex(),
        prefix=data.draw(st.sampled_from(["", "user-", "user-1"])),
        text=where,
    )
    assert "errors" not in body
    text = json.dumps(body)
    assert f"of-{other}" not in text
    assert {node["tenant"] for node in body["data"]["traces"]["nodes"]} <= {tenant}


async def test_a_browser_signs_in_and_out(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True)
    done = await client.post("/login", json={"key": " reader-a\n"})
    assert (done.status_code, done.content) == (204, b"")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "reader-a" not in cookie
    assert "secure" not in cookie
    assert (await ask(client, QUESTION))["data"]["info"]["tenants"] == ["a"]
    kept = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    assert (await client.post("/logout")).status_code == 204
    assert not client.cookies
    for headers in ({}, {"cookie": kept}):
        assert (await client.post("/graphql", json={"query": QUESTION}, headers=headers)).status_code == 401


async def test_a_key_in_a_header_goes_before_the_session(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True)
    await client.post("/login", json={"key": "reader-a"})
    assert (await ask(client, QUESTION, "content-b"))["data"]["info"]["tenants"] == ["b"]
    answer = await client.post("/graphql", json={"query": QUESTION}, headers={"x-api-key": "wrong"})
    assert answer.status_code == 401


async def test_signing_in_is_not_fooled(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True)
    for content, status in (
        ({"key": "wrong"}, 401),
        ({"key": ""}, 401),
        ({"key": "ingest-a"}, 403),
        ({"key": None}, 400),
        ({}, 400),
        ([], 400),
        ({"key": "x" * 5_000}, 413),
    ):
        answer = await client.post("/login", json=content)
        assert answer.status_code == status
        assert answer.json()["errors"][0]["message"].startswith("expected ")
        assert "set-cookie" not in answer.headers
    assert (await client.post("/login", data={"key": "reader-a"})).status_code == 415
    for path in ("/login", "/logout"):
        answer = await client.post(path, json={"key": "reader-a"}, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
    done = await client.post("/login", json={"key": "reader-a"}, headers={"x-forwarded-proto": "https"})
    assert "; secure" in done.headers["set-cookie"].lower()


async def test_nobody_needs_a_session_where_no_key_is_set(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)})
    answer = await client.post("/login", json={"key": "any"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)


async def test_sessions_end_and_are_bounded() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    token = sessions.begin(Principal("a"))
    assert sessions.get(token) == Principal("a")
    assert sessions.get(token + "x") is None
    now = LIFETIME_S - 1
    assert sessions.get(token) is not None
    now = LIFETIME_S
    assert sessions.get(token) is None
    first = sessions.begin(Principal("a"))
    for _ in range(10_000):
        last = sessions.begin(Principal("b"))
    assert sessions.get(first) is None
    assert sessions.get(last) is not None


FOREIGN = ("evil.example", "evil.example:4319", "127.0.0.1.evil.example", "", "localhost.evil", "127.0.0.1:1:2")
OWN = ("localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:4319", "obs.example", "Obs.Example.:80")


async def test_names_that_are_not_ours_are_refused(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, page=True, hosts=["obs.example"])
    for host, path in itertools.product(FOREIGN, ("/graphql", "/login", "/")):
        answer = await client.get(path, headers={"host": host})
        assert answer.status_code == 403, host
        assert "query.hosts" in answer.json()["errors"][0]["message"]
    for host in OWN:
        answer = await client.post("/graphql", json={"query": QUESTION}, headers={"host": host})
        assert answer.status_code == 200, host
    assert (await client.get("/healthz", headers={"host": "10.0.0.1:4319"})).text == "ok\n"


async def test_with_keys_any_name_is_served_unless_some_are_given(serve: Serve, store: MemoryStore) -> None:
    headers = {"host": "obs.example", "x-api-key": "reader-a"}
    for hosts, status in (([], 200), (["other.example"], 403), (["obs.example"], 200)):
        client = await serve({"memory": MemoryReader(store)}, keys=True, hosts=hosts)
        assert (await client.post("/graphql", json={"query": QUESTION}, headers=headers)).status_code == status


SITES: list[tuple[dict[str, str], int]] = [
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://127.0.0.1:1"}, 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
    ({"sec-fetch-site": "same-origin"}, 200),
    ({"sec-fetch-site": "none"}, 200),
    ({}, 200),
]


async def test_other_sites_pages_cannot_ask(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)})
    own = {"origin": str(client.base_url).rstrip("/")}
    for headers, status in (*SITES, (own, 200)):
        answer = await client.post("/graphql", json={"query": QUESTION}, headers=headers)
        assert answer.status_code == status, headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = await client.options("/graphql", headers=preflight)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_what_a_form_can_send_is_no_question(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)})
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        body = json.dumps({"query": QUESTION})
        answer = await client.post("/graphql", content=body, headers={"content-type": media_type})
        assert answer.status_code == 415
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
