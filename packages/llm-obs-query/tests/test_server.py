"""Starting and stopping, and mistakes in the configuration."""

from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import msgspec
import pytest
from asking import Serve, auth, config, installed
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError, PluginError, StoreError
from llm_obs_query.server import QueryServer
from llm_obs_testing.memory import MemoryReader, MemoryStore

READERS = {"memory": MemoryReader(MemoryStore())}


def server(settings: dict[str, object], keys: bool = False) -> QueryServer:
    return QueryServer(config(READERS, settings, keys), installed(READERS))


async def test_it_stops_twice_and_before_it_starts() -> None:
    stopped = server({})
    await stopped.stop()
    running = server({})
    await running.start()
    address = running.address
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://{address}/healthz")).text == "ok\n"
        await running.stop()
        await running.stop()
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{address}/healthz")


async def test_it_says_where_spans_can_be_sent_now() -> None:
    listening: dict[str, str] = {}
    running = QueryServer(config(READERS, {}, False), installed(READERS), lambda: listening)
    await running.start()
    async with httpx.AsyncClient(base_url=f"http://{running.address}") as client:
        for address in ("127.0.0.1:4318", "0.0.0.0:9"):
            listening["http"] = address
            answer = await client.post("/graphql", json={"query": "{ info { receivers { protocol address } } }"})
            assert answer.json()["data"]["info"]["receivers"] == [{"protocol": "http", "address": address}]
    await running.stop()


async def test_no_signal_is_taken() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    running = server({})
    await running.start()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    await running.stop()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_an_answer_under_way_is_given_before_it_stops() -> None:
    entered = asyncio.Event()

    class Slow(MemoryReader):
        async def values(self, *args: object, **how: object) -> list[object]:  # type: ignore[override]
            entered.set()
            await asyncio.sleep(0.2)
            return []

    readers = {"slow": Slow(MemoryStore())}
    running = QueryServer(config(readers, {}, False), installed(readers))
    await running.start()
    async with httpx.AsyncClient(base_url=f"http://{running.address}") as client:
        asked = asyncio.create_task(client.post("/graphql", json={"query": "{ values(key: MODEL) { value } }"}))
        await entered.wait()
        await running.stop()
        assert (await asked).json() == {"data": {"values": []}}


async def test_a_port_that_is_taken_names_the_repair() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = server({"listen": f"127.0.0.1:{other.getsockname()[1]}"})
        with pytest.raises(ConfigError, match=r"a free address.*at query\.listen.*port 0"):
            await taken.start()
        await taken.stop()


async def test_a_store_that_does_not_open_frees_the_port() -> None:
    class Locked(MemoryReader):
        async def start(self) -> None:
            raise StoreError("a store", got="a lock")

    readers = {"locked": Locked(MemoryStore())}
    failing = QueryServer(config(readers, {}, False), installed(readers))
    with pytest.raises(StoreError):
        await failing.start()
    assert failing.address == "127.0.0.1:0"


def test_other_addresses_need_a_key() -> None:
    with pytest.raises(ConfigError, match=r"loopback.*at query\.listen.*\[\[auth\.keys\]\]"):
        server({"listen": "0.0.0.0:0"})
    server({"listen": "0.0.0.0:0"}, keys=True)


def test_a_reader_must_be_there() -> None:
    for data, error, text in (
        ({"readers": {"memory": {"enabled": False}}}, ConfigError, "at least one reader"),
        ({"readers": {"memory": {"type": "tempo"}}}, PluginError, "tempo"),
        ({"readers": {"memory": {"options": {"x": 1}}}}, ConfigError, "readers.memory.options"),
    ):
        with pytest.raises(error, match=text):
            QueryServer(msgspec.convert(data, Config), installed(READERS))


async def test_one_reader_under_two_names(serve: Serve) -> None:
    settings = msgspec.convert(
        {
            "readers": {"hot": {"type": "memory"}, "off": {"type": "nothing", "enabled": False}},
            "query": {"listen": "127.0.0.1:0", "page": False},
            "auth": auth(),
        },
        Config,
    )
    running = QueryServer(settings, installed(READERS))
    await running.start()
    async with httpx.AsyncClient(base_url=f"http://{running.address}", headers={"x-api-key": "reader-a"}) as client:
        answer = await client.post("/graphql", json={"query": "{ info { readers } }"})
        assert answer.json() == {"data": {"info": {"readers": ["hot"]}}}
    await running.stop()
