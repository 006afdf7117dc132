"""Wrong keys: limited by address, written down without the key, and nobody else is put off."""

from __future__ import annotations

import httpx
import pytest
import structlog
from asking import Serve
from llm_obs_query.web.attempts import MOST, Attempts
from llm_obs_testing.memory import MemoryReader, MemoryStore

QUESTION = "{ info { tenants } }"


@pytest.fixture(name="store")
def _store() -> MemoryStore:
    return MemoryStore()


def test_a_bucket_empties_by_wrong_keys_and_fills_with_time() -> None:
    now = 1_000.0
    attempts = Attempts(3, lambda: now)
    assert [attempts.failed("10.0.0.1") for _ in range(3)] == [False, False, True]
    assert attempts.wait_s("10.0.0.1") == 20
    assert attempts.wait_s("10.0.0.2") == 0
    now += 19.5
    assert attempts.wait_s("10.0.0.1") == 1
    now += 0.5
    assert attempts.wait_s("10.0.0.1") == 0
    assert attempts.failed("10.0.0.1")
    now += 3_600
    assert [attempts.failed("10.0.0.1") for _ in range(3)] == [False, False, True]


def test_one_subscriber_is_one_address_and_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(1, lambda: 5.0)
    assert attempts.failed("2001:db8::1")
    assert attempts.wait_s("2001:db8::ffff:1") == 60
    assert attempts.wait_s("2001:db8:0:1::1") == 0
    for number in range(MOST):
        attempts.failed(f"host-{number}")
    assert attempts.wait_s("2001:db8::1") == 0
    assert attempts.wait_s("host-0") == 60


@pytest.mark.parametrize("way", ["login", "header"])
async def test_an_address_is_put_off_before_its_key_is_looked_at(serve: Serve, store: MemoryStore, way: str) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True, wrong_keys_per_minute=3)

    async def show(key: str) -> httpx.Response:
        if way == "login":
            return await client.post("/login", json={"key": key})
        return await client.post("/graphql", json={"query": QUESTION}, headers={"x-api-key": key})

    assert (await client.post("/login", json={"key": "reader-a"})).status_code == 204
    with structlog.testing.capture_logs() as said:
        assert [(await show(f"wrong-{number}")).status_code for number in range(5)] == [401, 401, 401, 429, 429]
        put_off = await show("reader-a")
    assert put_off.status_code == 429
    assert 0 < int(put_off.headers["retry-after"]) <= 20
    assert put_off.json()["errors"][0]["message"].startswith("expected at most query.wrong_keys_per_minute")
    assert [(line["event"], line["put_off"]) for line in said] == [("a key was refused", last) for last in (0, 0, 1)]
    assert {line["address"] for line in said} == {"127.0.0.1"}
    assert "wrong-" not in repr(said)
    session = await client.post("/graphql", json={"query": QUESTION})  # who is signed in is not put off
    assert session.status_code == 200


async def test_who_signs_in_and_out_is_written_down(serve: Serve, store: MemoryStore) -> None:
    client = await serve({"memory": MemoryReader(store)}, keys=True)
    with structlog.testing.capture_logs() as said:
        await client.post("/login", json={"key": "content-b"})
        await client.post("/logout")
        await client.post("/logout")
    assert [(line["event"], line["key"], line["tenant"], line["address"]) for line in said] == [
        (event, "content-b", "b", "127.0.0.1") for event in ("signed in", "signed out")
    ]
