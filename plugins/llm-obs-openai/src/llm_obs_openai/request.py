"""What was asked: fields of a request's body as attributes. Values of other types than the API's are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llm_obs_core import semconv
from llm_obs_sdk.fields import Fields

__all__ = ["CHAT", "EMBEDDINGS", "IDENTITY", "USER", "output_type", "streamed", "tier"]


def _choices(value: Any) -> Any:
    return value if type(value) is int and value != 1 else None


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    return None


def tier(value: Any) -> Any:
    """A service tier that was asked for by name."""
    return value if isinstance(value, str) and value != "auto" else None


def streamed(value: Any) -> Any:
    """Whether a stream was asked for."""
    return True if value is True else None


def output_type(value: Any) -> Any:
    """The conventions' word for the format that was asked for."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    return "text" if kind == "text" else "json" if isinstance(kind, str) else None


def _modality(value: Any) -> Any:
    return "speech" if isinstance(value, (list, tuple)) and "audio" in value else None


USER: Final = ("user", semconv.USER_ID, "text")
IDENTITY: Final = Fields((USER,))
"""Who the request is for."""

CHAT: Final = Fields(
    (
        ("temperature", semconv.REQUEST_TEMPERATURE, "real"),
        ("top_p", semconv.REQUEST_TOP_P, "real"),
        ("frequency_penalty", semconv.REQUEST_FREQUENCY_PENALTY, "real"),
        ("presence_penalty", semconv.REQUEST_PRESENCE_PENALTY, "real"),
        ("max_tokens", semconv.REQUEST_MAX_TOKENS, "count"),
        ("max_completion_tokens", semconv.REQUEST_MAX_TOKENS, "count"),
        ("seed", semconv.REQUEST_SEED, "count"),
        ("n", semconv.REQUEST_CHOICE_COUNT, _choices),
        ("stop", semconv.REQUEST_STOP_SEQUENCES, _texts),
        ("stream", semconv.REQUEST_STREAM, streamed),
        ("reasoning_effort", semconv.REQUEST_REASONING_LEVEL, "text"),
        ("service_tier", semconv.OPENAI_REQUEST_SERVICE_TIER, tier),
        ("response_format", semconv.OUTPUT_TYPE, output_type),
        ("modalities", semconv.OUTPUT_TYPE, _modality),
    )
)
"""Of a chat completion's body."""

EMBEDDINGS: Final = Fields(
    (
        ("dimensions", semconv.EMBEDDINGS_DIMENSION_COUNT, "count"),
        ("encoding_format", semconv.REQUEST_ENCODING_FORMATS, _texts),
    )
)
"""Of an embeddings request's body."""
