"""The wire: bodies, media types, headers, the page's files, many at once."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx
import llm_obs_ui
import msgspec
import pytest
from asking import Serve, ask
from graphql import build_schema
from llm_obs_query.web import body, protocol
from llm_obs_query.web.headers import PAGE_POLICY
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces

QUESTION = {"query": "{ info { version } }"}
EMPTY = MemoryReader(MemoryStore())
SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
BODIES: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 400),
    (b'[{"query": "{ info { version } }"}]', 400),
    (b'{"query": 5}', 400),
    (b"{}", 400),
    (b'{"query": "{ info { version } }", "variables": []}', 400),
    (b'{"query": "{ info { version } }", "operationName": 1}', 400),
    (b'{"query": "\xff"}', 400),
    (b'{"query": "{ info { version } }", "variables": ' + b"[" * 5_000, 400),
    (b'{"query": "{ info { version } }", "variables": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}", 200),
    (b'{"query": "{ info { version } }", "variables": null, "extensions": {"a": 1}, "other": 1}', 200),
]


async def test_bodies(serve: Serve) -> None:
    client = await serve({"memory": EMPTY})
    for content, status in BODIES:
        answer = await client.post("/graphql", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == status, content[:80]
        if status != 200:
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_body_has_a_size_and_a_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "TIMEOUT_S", 0.2)
    client = await serve({"memory": EMPTY}, max_request_bytes=1_000)
    answer = await client.post("/graphql", json={"query": "#" * 1_000})
    assert answer.status_code == 413
    assert "query.max_request_bytes" in answer.json()["errors"][0]["message"]

    head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
    slow = await raw(client, head.encode())
    assert slow.startswith(b"HTTP/1.1 408 ")


async def test_media_types(serve: Serve) -> None:
    client = await serve({"memory": EMPTY})
    own = "application/graphql-response+json"
    for accept, query, status, given in (
        ("*/*", "{ info { version } }", 200, "application/json"),
        ("*/*", "{ nothing }", 200, "application/json"),
        (own, "{ info { version } }", 200, own),
        (f"{own}, application/json;q=0.9", "{ nothing }", 400, own),
        (own, '{ trace(id: "x") { summary { id } } }', 200, own),
    ):
        answer = await client.post("/graphql", json={"query": query}, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (status, given), (accept, query)
    answer = await client.post(
        "/graphql", content=json.dumps(QUESTION), headers={"content-type": "Application/JSON; charset=utf-8"}
    )
    assert answer.status_code == 200


async def test_the_operation_can_be_chosen(serve: Serve) -> None:
    client = await serve({"memory": EMPTY})
    query = "query A { info { version } } query B { info { content } }"
    for name, data in (("A", {"info": {"version": "0.1.0"}}), ("B", {"info": {"content": True}})):
        answer = await client.post("/graphql", json={"query": query, "operationName": name})
        assert answer.json() == {"data": data}
    for name in (None, "C"):
        answer = await client.post("/graphql", json={"query": query, "operationName": name})
        assert "data" not in answer.json()


async def test_the_schema_is_shown(serve: Serve) -> None:
    client = await serve({"memory": EMPTY})
    answer = await client.get("/graphql")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert build_schema(answer.text).query_type is not None
    assert (await client.get("/graphql", params=QUESTION)).status_code == 405


async def test_every_answer_is_secure(serve: Serve) -> None:
    client = await serve({"memory": EMPTY}, page=True)
    for method, path in (
        ("GET", "/healthz"), ("GET", "/graphql"), ("POST", "/graphql"), ("PUT", "/graphql"), ("GET", "/"),
        ("GET", "/assets/nothing.js"), ("POST", "/login"), ("POST", "/healthz"),
    ):  # fmt: skip
        answer = await client.request(method, path, json=QUESTION if method == "POST" else None)
        for name, value in SECURE.items():
            assert answer.headers.get(name) == value, (method, path, name)
        assert "server" not in answer.headers
        policy = answer.headers["content-security-policy"]
        assert policy == (PAGE_POLICY if path == "/" else "default-src 'none'; frame-ancestors 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["cache-control"] == ("no-cache" if path == "/" else "no-store")


async def test_paths_that_are_none(serve: Serve) -> None:
    client = await serve({"memory": EMPTY})
    for method, path, status in (("GET", "/", 404), ("GET", "/x", 404), ("PUT", "/graphql", 405)):
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["errors"][0]["message"].startswith("expected a ")


async def test_the_pages_files(serve: Serve) -> None:
    client = await serve({"memory": EMPTY}, page=True)
    folder = llm_obs_ui.static_dir()
    index = (folder / "index.html").read_bytes()
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    for path in (item for item in folder.rglob("*") if item.is_file()):
        name = "/" + path.relative_to(folder).as_posix()
        answer = await client.get(name)
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].partition(";")[0] == kinds[path.suffix]
        hashed = name.startswith("/assets/")
        assert ("immutable" in answer.headers["cache-control"]) == hashed
        again = await client.get(name, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert "content-type" in again.headers
    for view in (
        "/",
        "/traces",
        "/traces/0123",
        "/models/gpt-4.1",
        "/traces/../../etc/passwd",
        "/%2e%2e/pyproject.toml",
    ):
        assert (await client.get(view)).content == index
    for gone in ("/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/__init__.py"):
        answer = await client.get(gone)
        assert answer.status_code == 404 or answer.content == index
    missing = await client.get("/nothing.js", headers={"sec-fetch-dest": "script"})
    assert missing.status_code == 404


async def test_the_page_needs_no_key_and_brings_the_form(serve: Serve) -> None:
    client = await serve({"memory": EMPTY}, keys=True, page=True)
    assert (await client.get("/traces/ab")).status_code == 200
    assert (await client.post("/graphql", json=QUESTION)).status_code == 401


async def raw(client: httpx.AsyncClient, content: bytes, then: bytes = b"") -> bytes:
    """What a server sends until it closes, with more bytes sent after a first answer."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    try:
        writer.write(content)
        async with asyncio.timeout(20):
            first = b""
            if then:
                first = await reader.readuntil(b"ok\n")
                writer.write(then)
            return first + await reader.read()
    finally:
        writer.close()


async def test_headers_are_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_TIMEOUT_S", 0.2)
    client = await serve({"memory": EMPTY})
    large = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 20_000
    assert b" 400 " in (await raw(client, large)).partition(b"\r\n")[0]
    assert await raw(client, b"GET /healthz HTTP/1.1\r\nhost: loc") == b""
    assert await raw(client, b"") == b""
    first = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    answer = await raw(client, first, then=b"GET /healthz HT")
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert b" 400 " in (await raw(client, b"\x16\x03\x01\r\n\r\n")).partition(b"\r\n")[0]


async def test_many_ask_at_once(serve: Serve) -> None:
    store = MemoryStore()
    store.add(make_traces(20))
    started = asyncio.Event()
    waiting = 0

    class Slow(MemoryReader):
        async def find_traces(self, *args: Any, **how: Any) -> Any:
            nonlocal waiting
            waiting += 1
            if waiting == 50:
                started.set()
            await started.wait()
            return await super().find_traces(*args, **how)

    client = await serve({"memory": Slow(store)})
    questions = [ask(client, f"{{ traces(first: {n + 1}) {{ nodes {{ id }} }} }}") for n in range(50)]
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*questions)
    assert [len(body["data"]["traces"]["nodes"]) for body in answers] == [min(n + 1, 20) for n in range(50)]


async def test_faults_are_not_told(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(MemoryReader):
        async def find_traces(self, *args: Any, **how: Any) -> Any:
            raise RuntimeError("the secret of the store")

        async def aggregate(self, *args: Any, **how: Any) -> Any:
            result = await super().aggregate(*args, **how)
            rows = tuple(msgspec.structs.replace(row, values={**row.values, "errors": None}) for row in result.rows)
            return msgspec.structs.replace(result, rows=rows)

    store = MemoryStore()
    store.add(make_traces(5))
    client = await serve({"broken": Broken(store)})
    for query, code in (
        ("{ traces { nodes { id } } }", "READER_FAILED"),
        ("{ aggregate { rows { errorRate } } }", "INTERNAL"),
    ):
        body = await ask(client, query)
        (error,) = body["errors"]
        assert error["extensions"]["code"] == code
        assert "Traceback" not in json.dumps(body)
        assert "secret" not in json.dumps(body)
    assert "the secret of the store" in capsys.readouterr().out


async def test_a_partial_answer_names_the_reader(serve: Serve) -> None:
    class Broken(MemoryReader):
        async def find_traces(self, *args: Any, **how: Any) -> Any:
            raise RuntimeError

    store = MemoryStore()
    store.add(make_traces(5))
    client = await serve({"good": MemoryReader(store), "broken": Broken(MemoryStore())})
    answer = await ask(client, "{ mine: traces { nodes { id } coverage { sources } } info { readers } }")
    assert len(answer["data"]["mine"]["nodes"]) == 5
    assert answer["data"]["info"]["readers"] == ["good", "broken"]
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "READER_FAILED", "reader": "broken"}
    assert error["path"] == ["mine"]


def test_sockets_are_not_inherited() -> None:
    from llm_obs_core.listen import bind

    with bind("query.listen", "127.0.0.1:0") as bound:
        assert not bound.get_inheritable()
        assert bound.type == socket.SOCK_STREAM
