"""What was answered: a completion's or an embedding's fields as attributes.

Answers come as the client's models or as decoded JSON, in part also when a server deviates from the API. Both are read
as mappings: asking a model for a field that it lacks takes microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llm_obs_core import semconv
from llm_obs_sdk.fields import Always, Each, Fields, Part

__all__ = [
    "COMPLETION",
    "EMBEDDINGS",
    "IDENTITY",
    "OK",
    "PARTIAL",
    "REPORTED",
    "USAGE",
    "extra",
    "fields",
    "finish_reasons",
]

REPORTED: Final = "reported"
PARTIAL: Final = "partial"
OK: Final = 200

_FINISH: Final = semconv.FINISH_REASON_ALIASES


def fields(item: Any) -> Mapping[str, Any]:
    """The fields of a model or of decoded JSON by name; none of anything else."""
    if type(item) is dict:
        return item
    found: Mapping[str, Any] = getattr(item, "__dict__", {})
    return found


def extra(item: Any, name: str) -> Any:
    """A field that the API does not have and other vendors send; None when it is not there."""
    others = getattr(item, "__pydantic_extra__", item)
    return others.get(name) if isinstance(others, dict) else None


def finish_reasons(reasons: Iterable[Any]) -> list[str]:
    """The conventions' words for finish reasons; empty where there is none."""
    return [_FINISH.get(reason, reason) if isinstance(reason, str) else "" for reason in reasons]


def _dimensions(vectors: Any) -> int | None:
    """The length of the first vector, unless it is packed."""
    vector = fields(vectors[0]).get("embedding") if isinstance(vectors, list) and vectors else None
    return len(vector) if isinstance(vector, list) else None


_IDENTITY: Final = (
    ("id", semconv.RESPONSE_ID, "text"),
    ("model", semconv.RESPONSE_MODEL, "text"),
    ("service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER, "text"),
    ("system_fingerprint", semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, "text"),
)
IDENTITY: Final = Fields(_IDENTITY)
"""Fields of a completion, a chunk or an embeddings response."""

_INPUT: Final = Fields(
    (
        ("cached_tokens", semconv.USAGE_CACHE_READ_INPUT_TOKENS, "count"),
        ("cache_write_tokens", semconv.USAGE_CACHE_WRITE_INPUT_TOKENS, "part"),
        ("audio_tokens", semconv.USAGE_AUDIO_INPUT_TOKENS, "part"),
        ("image_tokens", semconv.USAGE_IMAGE_INPUT_TOKENS, "part"),
    )
)
_OUTPUT: Final = Fields(
    (
        ("reasoning_tokens", semconv.USAGE_REASONING_OUTPUT_TOKENS, "count"),
        ("audio_tokens", semconv.USAGE_AUDIO_OUTPUT_TOKENS, "part"),
    )
)
# Clients before 1.50 know no details: `Part` finds them among the extras.
_COUNTS: Final = Fields(
    (
        ("prompt_tokens", semconv.USAGE_INPUT_TOKENS, "count"),
        ("completion_tokens", semconv.USAGE_OUTPUT_TOKENS, "count"),
        ("prompt_tokens_details", "", Part(_INPUT)),
        ("completion_tokens_details", "", Part(_OUTPUT)),
    )
)
_USAGE: Final = ("usage", semconv.USAGE_BASIS, Part(_COUNTS, REPORTED, PARTIAL))
USAGE: Final = Fields((_USAGE,))
"""The usage of an answer: totals as reported, and the parts of them that the provider names."""

# The client returns from these endpoints for no other status.
_STATUS: Final = ("", semconv.HTTP_RESPONSE_STATUS_CODE, Always(OK))
COMPLETION: Final = Fields(
    (*_IDENTITY, ("choices", semconv.RESPONSE_FINISH_REASONS, Each("finish_reason", _FINISH)), _USAGE, _STATUS)
)
"""Of a `ChatCompletion`, its content left out."""

EMBEDDINGS: Final = Fields((*_IDENTITY, ("data", semconv.EMBEDDINGS_DIMENSION_COUNT, _dimensions), _USAGE, _STATUS))
"""Of a `CreateEmbeddingResponse`, its vectors left out."""
