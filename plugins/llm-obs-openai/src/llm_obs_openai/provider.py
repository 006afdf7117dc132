"""Which provider a client talks to: by the client's class, by the host of its base URL."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from weakref import ref

from llm_obs_core import semconv
from llm_obs_sdk.calls import Endpoint
from llm_obs_sdk.fields import CallTemplate

__all__ = ["COMPATIBLE", "HOSTS", "Providers", "Server"]

COMPATIBLE: Final = "openai-compatible"
"""A server that speaks the API and is in no table."""

HOSTS: Final[tuple[tuple[str, str], ...]] = (
    ("api.openai.com", "openai"),
    ("*.api.openai.com", "openai"),
    ("*.openai.azure.com", "azure.ai.openai"),
    ("*.cognitiveservices.azure.com", "azure.ai.openai"),
    ("*.services.ai.azure.com", "azure.ai.inference"),
    ("*.inference.ai.azure.com", "azure.ai.inference"),
    ("*.models.ai.azure.com", "azure.ai.inference"),
    ("bedrock*.amazonaws.com", "aws.bedrock"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("*aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.anthropic.com", "anthropic"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    ("*.ml.cloud.ibm.com", "ibm.watsonx.ai"),
)
"""Host, `*` for any characters, to `gen_ai.provider.name`: the providers that the conventions list."""

CLASSES: Final = {
    "AzureOpenAI": "azure.ai.openai",
    "AsyncAzureOpenAI": "azure.ai.openai",
    "BedrockOpenAI": "aws.bedrock",
    "AsyncBedrockOpenAI": "aws.bedrock",
}
MAX_KNOWN: Final = 1_024
PORTS: Final = {"https": 443, "http": 80}


class Server(NamedTuple):
    """Where a client's calls go: `gen_ai.provider.name`, and the attributes of its address."""

    provider: str
    attributes: Mapping[str, Any]


class Providers:
    """Finds a client's server, and keeps what its calls start with, for each client and base URL.

    Args:
        own: The user's table, host or host:port to provider.
    """

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = {host.lower(): provider for host, provider in own.items()}
        self._known: dict[tuple[int, str], tuple[ref[Any], Any, CallTemplate]] = {}

    def template(self, client: Any, endpoint: Endpoint) -> CallTemplate:
        """How the spans of an `openai` client's calls of an endpoint start."""
        url = getattr(client, "_base_url", None)
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
        """The server of an `openai` client."""
        url = getattr(client, "_base_url", None)
        return self._find(client, str(client.base_url if url is None else url))

    def _find(self, client: Any, url: str) -> Server:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
        provider = self._own.get(f"{host}:{port}") or self._own.get(host or "")
        if provider is None:
            named = [CLASSES[kind.__name__] for kind in type(client).__mro__ if kind.__name__ in CLASSES]
            provider = named[0] if named else _by_host(host or "")
        address = {semconv.SERVER_ADDRESS: host, semconv.SERVER_PORT: port}
        return Server(provider, {key: value for key, value in address.items() if value})


def _by_host(host: str) -> str:
    return next((provider for pattern, provider in HOSTS if fnmatchcase(host, pattern)), COMPATIBLE)
