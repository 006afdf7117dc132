"""Which server a client talks to, and what its calls there start with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit
from weakref import ref

from llm_obs_core import semconv

from llm_obs_sdk.fields import CallTemplate

if TYPE_CHECKING:
    from llm_obs_sdk.calls.endpoint import Endpoint

__all__ = ["Server", "Servers"]

MAX_KNOWN: Final = 1_024
PORTS: Final = {"https": 443, "http": 80}


class Server(NamedTuple):
    """Where a client's calls go: `gen_ai.provider.name`, and the attributes of its address."""

    provider: str
    attributes: Mapping[str, Any]


class Servers:
    """Finds a client's server, and keeps the templates of its calls, for each client and base URL.

    Args:
        provider_of: From a client, its host (empty when it has none) and its port to `gen_ai.provider.name`.
        url: The client's attribute with its base URL, which is another object when it was changed.
    """

    def __init__(self, provider_of: Callable[[Any, str, int | None], str], url: str = "_base_url") -> None:
        self._provider_of = provider_of
        self._url = url
        self._known: dict[tuple[int, str], tuple[ref[Any], Any, CallTemplate]] = {}

    def template(self, client: Any, endpoint: Endpoint) -> CallTemplate:
        """How the spans of a client's calls of an endpoint start."""
        url = getattr(client, self._url, None)
        known = self._known.get((id(client), endpoint.name))
        if known is not None and known[1] is url and known[0]() is client:
            return known[2]
        server = self.of(client)
        constant = {**server.attributes, **endpoint.constant}
        made = CallTemplate(endpoint.operation, server.provider, constant, endpoint.asked)
        if len(self._known) >= MAX_KNOWN:  # clients that are made anew for every call
            self._known.clear()
        self._known[id(client), endpoint.name] = (ref(client), url, made)
        return made

    def of(self, client: Any) -> Server:
        """The server of a client."""
        url = getattr(client, self._url, None)
        parts = urlsplit("" if url is None else str(url))
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme)
        address = {semconv.SERVER_ADDRESS: host, semconv.SERVER_PORT: port}
        return Server(self._provider_of(client, host, port), {key: value for key, value in address.items() if value})
