"""What was answered: a completion's or an embedding's fields as attributes.

Answers come as the client's models or as decoded JSON, in part also when a server deviates from the API. Both are read
as mappings: asking a model for a field that it lacks takes microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llm_obs_core import semconv
from llm_obs_sdk.fields import Fields

__all__ = [
    "IDENTITY",
    "PARTIAL",
    "REPORTED",
    "Attributes",
    "add_usage",
    "completion_attributes",
    "embeddings_attributes",
    "extra",
    "fields",
    "finish_reasons",
]

Attributes = dict[str, Any]

REPORTED: Final = "reported"
PARTIAL: Final = "partial"

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


def completion_attributes(completion: Any) -> Attributes:
    """The attributes of a `ChatCompletion`, its content left out."""
    said = fields(completion)
    found: Attributes = {}
    IDENTITY.into(found, said)
    reasons = [fields(choice).get("finish_reason") for choice in said.get("choices") or ()]
    if any(reasons):
        found[semconv.RESPONSE_FINISH_REASONS] = finish_reasons(reasons)
    add_usage(found, said.get("usage"))
    return found


def embeddings_attributes(response: Any) -> Attributes:
    """The attributes of a `CreateEmbeddingResponse`, its vectors left out."""
    said = fields(response)
    found: Attributes = {}
    IDENTITY.into(found, said)
    vectors = said.get("data")
    if vectors and isinstance(vector := fields(vectors[0]).get("embedding"), list):
        found[semconv.EMBEDDINGS_DIMENSION_COUNT] = len(vector)
    add_usage(found, said.get("usage"))
    return found


def finish_reasons(reasons: Iterable[Any]) -> list[str]:
    """The conventions' words for finish reasons; empty where there is none."""
    return [_FINISH.get(reason, reason) if isinstance(reason, str) else "" for reason in reasons]


def add_usage(found: Attributes, usage: Any) -> None:
    """Adds the attributes of a usage object: totals as reported, and the parts of them that the provider names."""
    if usage is None:
        found[semconv.USAGE_BASIS] = PARTIAL
        return
    said = fields(usage)
    _TOTALS.into(found, said)
    for name, table in _DETAILS:
        details = said[name] if name in said else extra(usage, name)  # clients before 1.50 know no details
        if details is not None:
            table.into(found, fields(details))
    found[semconv.USAGE_BASIS] = REPORTED


IDENTITY: Final = Fields(
    (
        ("id", semconv.RESPONSE_ID, "text"),
        ("model", semconv.RESPONSE_MODEL, "text"),
        ("service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER, "text"),
        ("system_fingerprint", semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, "text"),
    )
)
"""Fields of a completion, a chunk or an embeddings response."""

_TOTALS: Final = Fields(
    (
        ("prompt_tokens", semconv.USAGE_INPUT_TOKENS, "count"),
        ("completion_tokens", semconv.USAGE_OUTPUT_TOKENS, "count"),
    )
)
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
_DETAILS: Final = (("prompt_tokens_details", _INPUT), ("completion_tokens_details", _OUTPUT))
