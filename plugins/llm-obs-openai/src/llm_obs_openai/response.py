"""What was answered: a completion's or an embedding's fields as attributes.

Answers come as the client's models or as decoded JSON, in part also when a server deviates from the API. Both are read
as mappings: asking a model for a field that it lacks takes microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llm_obs_core import semconv

__all__ = [
    "PARTIAL",
    "REPORTED",
    "Attributes",
    "add_usage",
    "completion_attributes",
    "embeddings_attributes",
    "extra",
    "fields",
    "finish_reason",
    "identity",
]

Attributes = dict[str, Any]

REPORTED: Final = "reported"
PARTIAL: Final = "partial"

_FINISH: Final = semconv.FINISH_REASON_ALIASES


def fields(item: Any) -> Mapping[str, Any]:
    """The fields of a model or of decoded JSON by name."""
    if isinstance(item, dict):
        return item
    found: Mapping[str, Any] = item.__dict__
    return found


def extra(item: Any, name: str) -> Any:
    """A field that the API does not have and other vendors send; None when it is not there."""
    others = getattr(item, "__pydantic_extra__", item)
    return others.get(name) if isinstance(others, dict) else None


def completion_attributes(completion: Any) -> Attributes:
    """The attributes of a `ChatCompletion`, its content left out."""
    said = fields(completion)
    found = identity(said)
    reasons = [finish_reason(fields(choice).get("finish_reason")) for choice in said.get("choices") or ()]
    if any(reasons):
        found[semconv.RESPONSE_FINISH_REASONS] = [reason or "" for reason in reasons]
    add_usage(found, said.get("usage"))
    return found


def embeddings_attributes(response: Any) -> Attributes:
    """The attributes of a `CreateEmbeddingResponse`, its vectors left out."""
    said = fields(response)
    found: Attributes = {}
    if isinstance(model := said.get("model"), str):
        found[semconv.RESPONSE_MODEL] = model
    vectors = said.get("data")
    if vectors and isinstance(vector := fields(vectors[0]).get("embedding"), list):
        found[semconv.EMBEDDINGS_DIMENSION_COUNT] = len(vector)
    add_usage(found, said.get("usage"))
    return found


def identity(said: Mapping[str, Any]) -> Attributes:
    """Id, model, service tier and fingerprint of a completion or a chunk."""
    found: Attributes = {}
    for name, key in _IDENTITY:
        value = said.get(name)
        if value and isinstance(value, str):
            found[key] = value
    return found


_IDENTITY: Final = (
    ("id", semconv.RESPONSE_ID),
    ("model", semconv.RESPONSE_MODEL),
    ("service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER),
    ("system_fingerprint", semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT),
)


def finish_reason(reason: Any) -> str | None:
    """The conventions' word for a finish reason."""
    return _FINISH.get(reason, reason) if isinstance(reason, str) else None


def add_usage(found: Attributes, usage: Any) -> None:
    """Adds the attributes of a usage object: totals as reported, and the parts of them that the provider names."""
    if usage is None:
        found[semconv.USAGE_BASIS] = PARTIAL
        return
    said = fields(usage)
    _add(found, said, _TOTALS)
    if (details := said.get("prompt_tokens_details")) is not None:
        _add(found, fields(details), _INPUT)
    if (details := said.get("completion_tokens_details")) is not None:
        _add(found, fields(details), _OUTPUT)
    found[semconv.USAGE_BASIS] = REPORTED


def _add(found: Attributes, said: Mapping[str, Any], names: tuple[tuple[str, str, bool], ...]) -> None:
    for name, key, even_zero in names:
        value = said.get(name)
        if type(value) is int and (value or even_zero):
            found[key] = value


# Field, attribute, and whether a zero is worth an attribute.
_TOTALS: Final = (
    ("prompt_tokens", semconv.USAGE_INPUT_TOKENS, True),
    ("completion_tokens", semconv.USAGE_OUTPUT_TOKENS, True),
)
_INPUT: Final = (
    ("cached_tokens", semconv.USAGE_CACHE_READ_INPUT_TOKENS, True),
    ("cache_write_tokens", semconv.USAGE_CACHE_WRITE_INPUT_TOKENS, False),
    ("audio_tokens", semconv.USAGE_AUDIO_INPUT_TOKENS, False),
    ("image_tokens", semconv.USAGE_IMAGE_INPUT_TOKENS, False),
)
_OUTPUT: Final = (
    ("reasoning_tokens", semconv.USAGE_REASONING_OUTPUT_TOKENS, True),
    ("audio_tokens", semconv.USAGE_AUDIO_OUTPUT_TOKENS, False),
)
