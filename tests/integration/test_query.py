"""Two tenants' spans through `llm-obs up` into the lake, read by it and by `llm-obs query` beside it."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_traces

TENANTS = ("a", "b")
CONFIG = """
[receiver.http]
listen = "127.0.0.1:0"
[receiver.grpc]
enabled = false
[query]
listen = "127.0.0.1:0"
page = false
"""
KEY = """
[[auth.keys]]
id = "{id}"
sha256 = "{sha256}"
tenant = "{tenant}"
scopes = {scopes}
"""
EVERYTHING = """
query ($id: ID!) {
  traces(first: 500) { nodes { id tenant name service } }
  trace(id: $id) { summary { tenant } spans { name resource content { body } } }
  aggregate(groupBy: [SERVICE]) { rows { keys requests } }
  values(key: SERVICE) { value }
  info { receivers { protocol address } }
}
"""
PATIENCE_S = 60.0


@contextmanager
def serving(command: str, folder: Path) -> Iterator[dict[str, str]]:
    """A command that serves, and where; it must end well."""
    arguments = [sys.executable, "-c", "from llm_obs.cli import main; main()", command, "--json", "--config", "c.toml"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=folder) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        try:
            assert line, f"llm-obs {command} ended"
            yield json.loads(line)
        finally:
            child.send_signal(signal.SIGINT)
            code = child.wait(30)
    assert code == 0


@pytest.fixture(scope="module", name="places")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Where the two processes answer; the spans of both tenants are stored."""
    folder = tmp_path_factory.mktemp("query")
    keys = [
        KEY.format(id=name, sha256=hashlib.sha256(name.encode()).hexdigest(), tenant=tenant, scopes=json.dumps(scopes))
        for tenant in TENANTS
        for name, scopes in ((f"all-{tenant}", ["ingest", "read", "content"]), (f"read-{tenant}", ["read"]))
    ]
    (folder / "c.toml").write_text(CONFIG + "".join(keys))
    with serving("up", folder) as up, serving("query", folder) as query:
        for place, tenant in enumerate(TENANTS):
            resource = {"service.name": f"of-{tenant}"}
            spans = [
                msgspec.structs.replace(span, name=f"{span.name} of-{tenant}", resource=resource)
                for span in make_traces(10, first=1 + place * 5)
            ]
            answer = httpx.post(
                f"http://{up['http']}/v1/traces",
                content=request(spans),
                headers={"content-type": "application/x-protobuf", "x-api-key": f"all-{tenant}"},
            )
            assert answer.status_code == 200
        places = [up["query"], query["query"]]
        until = time.monotonic() + PATIENCE_S
        while any(len(asked(at, f"all-{who}")["traces"]["nodes"]) < 10 for at in places for who in TENANTS):
            assert time.monotonic() < until, "the spans did not come"
            time.sleep(0.2)
        yield places


def asked(address: str, key: str) -> dict[str, Any]:
    """The data of one question, about a trace id that both tenants have."""
    answer = httpx.post(
        f"http://{address}/graphql",
        json={"query": EVERYTHING, "variables": {"id": (8).to_bytes(16, "big").hex()}},
        headers={"x-api-key": key},
    )
    body = answer.json()
    assert "errors" not in body, body
    data: dict[str, Any] = body["data"]
    return data


@pytest.mark.parametrize("tenant", TENANTS)
def test_each_tenant_sees_its_own_in_both_processes(places: list[str], tenant: str) -> None:
    other = "b" if tenant == "a" else "a"
    first, second = (asked(address, f"all-{tenant}") for address in places)
    assert first == second  # also where spans can be sent, which the second process reads from the data folder
    assert [receiver["protocol"] for receiver in first["info"]["receivers"]] == ["http"]
    assert f"of-{other}" not in json.dumps(first)
    assert {node["tenant"] for node in first["traces"]["nodes"]} == {tenant}
    assert [row["keys"] for row in first["aggregate"]["rows"]] == [{"service": f"of-{tenant}"}]
    assert [item["value"] for item in first["values"]] == [f"of-{tenant}"]
    bodies = [item["body"] for span in first["trace"]["spans"] for item in span["content"]]
    assert bodies
    assert None not in bodies


def test_content_needs_its_scope(places: list[str]) -> None:
    for address in places:
        items = [item for span in asked(address, "read-a")["trace"]["spans"] for item in span["content"]]
        assert items
        assert {item["body"] for item in items} == {None}


def test_who_is_not_known_sees_nothing(places: list[str]) -> None:
    for address in places:
        assert httpx.post(f"http://{address}/graphql", json={"query": "{ info { version } }"}).status_code == 401
