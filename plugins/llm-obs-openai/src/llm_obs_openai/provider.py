"""Which provider a client talks to: by the client's class, by the host of its base URL."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from llm_obs_sdk.calls import Servers

__all__ = ["COMPATIBLE", "HOSTS", "Providers"]

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


class Providers(Servers):
    """The servers of `openai` clients.

    Args:
        own: The user's table, host or host:port to provider.
    """

    def __init__(self, own: Mapping[str, str]) -> None:
        super().__init__(self._provider)
        self._own = {host.lower(): provider for host, provider in own.items()}

    def _provider(self, client: Any, host: str, port: int | None) -> str:
        provider = self._own.get(f"{host}:{port}") or self._own.get(host)
        if provider is not None:
            return provider
        named = [CLASSES[kind.__name__] for kind in type(client).__mro__ if kind.__name__ in CLASSES]
        return named[0] if named else _by_host(host)


def _by_host(host: str) -> str:
    return next((provider for pattern, provider in HOSTS if fnmatchcase(host, pattern)), COMPATIBLE)
