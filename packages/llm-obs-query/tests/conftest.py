"""A query server over given readers, and a client that speaks to it over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asking import Serve, config, installed
from llm_obs_core.interfaces import Reader
from llm_obs_query.server import QueryServer


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve({"name": reader}, keys=False, **query_settings)` gives a client of a started server."""
    servers: list[QueryServer] = []
    clients: list[httpx.AsyncClient] = []

    async def start(readers: Mapping[str, Reader], *, keys: bool = False, **settings: Any) -> httpx.AsyncClient:
        server = QueryServer(config(readers, settings, keys), installed(readers))
        await server.start()
        servers.append(server)
        client = httpx.AsyncClient(
            base_url=f"http://{server.address}", verify=False
        )  # plain HTTP: no certificates to load
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.aclose()
    for server in servers:
        await server.stop()


@pytest.fixture
def schema_file() -> Path:
    return Path(__file__).parents[1] / "schema.graphql"
