"""The Vercel AI SDK's own spans, releases 4 to 6.

Release 6 says how many of the input tokens came from a cache and how many did not. Before it the total was the
provider's own: Anthropic's, and Bedrock's, leaves cached tokens out.
"""

from __future__ import annotations

from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Collect, Extract, Member, Operation, Place, Sum, When

from llm_obs_enrich.normalizer.conventions.common import content, counts

__all__ = ["CONTENT", "EARLY"]

_METADATA: Final = "ai.response.providerMetadata"
_UNCACHED: Final = Place("ai.usage.inputTokenDetails.noCacheTokens")
_READ: Final = Place("ai.usage.inputTokenDetails.cacheReadTokens")
_WRITTEN: Final = Place("ai.usage.inputTokenDetails.cacheWriteTokens")
_LEAVES_CACHED_OUT: Final = (
    When(
        Place("ai.model.provider"),
        ("anthropic.messages", "vertex.anthropic.messages", "google.vertex.anthropic.messages", "amazon-bedrock"),
    ),
    When(_UNCACHED, absent=True),
)

EARLY: Final[tuple[Operation, ...]] = (
    Sum(semconv.USAGE_INPUT_TOKENS, _UNCACHED, (_READ, _WRITTEN), replace=True),
    *counts(semconv.USAGE_CACHE_READ_INPUT_TOKENS, _READ, Place("ai.usage.cachedInputTokens")),
    *counts(
        semconv.USAGE_CACHE_READ_INPUT_TOKENS,
        Place(_METADATA, ("anthropic", "cacheReadInputTokens")),
        Place(_METADATA, ("anthropic", "usage", "cache_read_input_tokens")),
        Place(_METADATA, ("bedrock", "usage", "cacheReadInputTokens")),
        Place(_METADATA, ("openai", "cachedPromptTokens")),
    ),
    *counts(
        semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
        _WRITTEN,
        Place(_METADATA, ("anthropic", "cacheCreationInputTokens")),
        Place(_METADATA, ("anthropic", "usage", "cache_creation_input_tokens")),
        Place(_METADATA, ("bedrock", "usage", "cacheWriteInputTokens")),
    ),
    *counts(semconv.USAGE_REASONING_OUTPUT_TOKENS, Place(_METADATA, ("openai", "reasoningTokens"))),
    *(
        Sum(
            semconv.USAGE_INPUT_TOKENS,
            Place(total),
            (Place(semconv.USAGE_CACHE_READ_INPUT_TOKENS), Place(semconv.USAGE_CACHE_WRITE_INPUT_TOKENS)),
            replace=True,
            when=_LEAVES_CACHED_OUT,
        )
        for total in ("ai.usage.promptTokens", "ai.usage.inputTokens")
    ),
)

_ANSWER: Final = (
    Member("ai.response.reasoning", "reasoning"),
    Member("ai.response.text", "content"),
    Member("ai.response.object", "content"),
    Member("ai.response.toolCalls", "tool_calls", "value"),
    Member("ai.result.text", "content"),
    Member("ai.result.object", "content"),
    Member("ai.result.toolCalls", "tool_calls", "value"),
)

CONTENT: Final[tuple[Operation, ...]] = (
    Extract(semconv.TOOL_DEFINITIONS, (Place("ai.prompt.tools"),), "tools", take=True),
    Extract(semconv.SYSTEM_INSTRUCTIONS, (Place("ai.prompt", ("system",)),), take=True),
    *content(
        semconv.INPUT_MESSAGES,
        Place("ai.prompt.messages"),
        Place("ai.prompt", ("messages",)),
        Place("ai.prompt", ("prompt",)),
        Place("ai.prompt"),
    ),
    Collect(semconv.OUTPUT_MESSAGES, "", _ANSWER, "messages", "assistant"),
    Extract(semconv.TOOL_CALL_ARGUMENTS, (Place("ai.toolCall.args"),), take=True),
    Extract(semconv.TOOL_CALL_RESULT, (Place("ai.toolCall.result"),), take=True),
)
