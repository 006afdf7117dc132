"""What was asked: fields of a request's body as attributes. Values of other types than the API's are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llm_obs_core import semconv

__all__ = ["chat_attributes", "embeddings_attributes"]

Attributes = dict[str, Any]


def _integer(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _real(value: Any) -> Any:
    if type(value) is float:
        return value
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _choices(value: Any) -> Any:
    return value if _integer(value) is not None and value != 1 else None


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    return None


def _tier(value: Any) -> Any:
    return value if isinstance(value, str) and value != "auto" else None


def _streamed(value: Any) -> Any:
    return True if value is True else None


def _output_type(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, Mapping) else None
    return "text" if kind == "text" else "json" if isinstance(kind, str) else None


def _modality(value: Any) -> Any:
    return "speech" if isinstance(value, (list, tuple)) and "audio" in value else None


_CHAT: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "temperature": (semconv.REQUEST_TEMPERATURE, _real),
    "top_p": (semconv.REQUEST_TOP_P, _real),
    "frequency_penalty": (semconv.REQUEST_FREQUENCY_PENALTY, _real),
    "presence_penalty": (semconv.REQUEST_PRESENCE_PENALTY, _real),
    "max_tokens": (semconv.REQUEST_MAX_TOKENS, _integer),
    "max_completion_tokens": (semconv.REQUEST_MAX_TOKENS, _integer),
    "seed": (semconv.REQUEST_SEED, _integer),
    "n": (semconv.REQUEST_CHOICE_COUNT, _choices),
    "stop": (semconv.REQUEST_STOP_SEQUENCES, _texts),
    "stream": (semconv.REQUEST_STREAM, _streamed),
    "reasoning_effort": (semconv.REQUEST_REASONING_LEVEL, _text),
    "service_tier": (semconv.OPENAI_REQUEST_SERVICE_TIER, _tier),
    "response_format": (semconv.OUTPUT_TYPE, _output_type),
    "modalities": (semconv.OUTPUT_TYPE, _modality),
}
_EMBEDDINGS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "dimensions": (semconv.EMBEDDINGS_DIMENSION_COUNT, _integer),
    "encoding_format": (semconv.REQUEST_ENCODING_FORMATS, _texts),
}


def chat_attributes(body: Mapping[str, Any]) -> Attributes:
    """The attributes of a chat completion's body."""
    return {semconv.OPENAI_API_TYPE: "chat_completions", **_attributes(body, _CHAT)}


def embeddings_attributes(body: Mapping[str, Any]) -> Attributes:
    """The attributes of an embeddings request's body."""
    return _attributes(body, _EMBEDDINGS)


def _attributes(body: Mapping[str, Any], table: Mapping[str, tuple[str, Callable[[Any], Any]]]) -> Attributes:
    found: Attributes = {}
    for name, value in body.items():
        if value is not None and (entry := table.get(name)) is not None:
            read = entry[1](value)
            if read is not None:
                found[entry[0]] = read
    return found
