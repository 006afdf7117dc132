"""Makes query servers over given readers, with and without keys, and asks them over real HTTP."""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import msgspec
from llm_obs_core import plugins
from llm_obs_core.config import Config
from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.interfaces import Reader

Serve = Callable[..., Awaitable[httpx.AsyncClient]]

KEYS = {
    "reader-a": ("a", ("read",)),
    "content-a": ("a", ("read", "content")),
    "content-b": ("b", ("read", "content")),
    "ingest-a": ("a", ("ingest",)),
}
"""Key to its tenant and scopes."""


def auth() -> dict[str, Any]:
    return {
        "keys": [
            {"id": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "tenant": tenant, "scopes": list(scopes)}
            for key, (tenant, scopes) in KEYS.items()
        ]
    }


def installed(readers: Mapping[str, Reader]) -> plugins.Plugins:
    """Plugins that offer the given readers under their names."""
    module = types.ModuleType("llm_obs_query_test_readers")
    sys.modules[module.__name__] = module

    @hookimpl
    def register_readers(register: plugins.Register) -> None:
        for name, reader in readers.items():
            setattr(module, name, lambda options, host, reader=reader: reader)
            register(name, f"{module.__name__}:{name}")

    module.register_readers = register_readers  # type: ignore[attr-defined]
    return plugins.load(modules={"test": module}, only=())


def config(readers: Mapping[str, Reader], settings: Mapping[str, Any], keys: bool) -> Config:
    data: dict[str, Any] = {
        "readers": {name: {} for name in readers},
        "query": {"listen": "127.0.0.1:0", "page": False, **settings},
        "auth": auth() if keys else {},
    }
    return msgspec.convert(data, Config)


async def ask(client: httpx.AsyncClient, query: str, key: str | None = None, **variables: Any) -> dict[str, Any]:
    """The body of a GraphQL answer."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    assert answer.headers["content-type"] == "application/json", answer.text
    body: dict[str, Any] = answer.json()
    return body
