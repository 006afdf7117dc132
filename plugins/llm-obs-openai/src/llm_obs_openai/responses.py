"""The Responses API: what was asked and answered as attributes, and how an answer ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llm_obs_core import semconv
from llm_obs_sdk.fields import Always, Fields, Part

from llm_obs_openai.request import USER, output_type, streamed, tier
from llm_obs_openai.response import OK, PARTIAL, REPORTED, fields

__all__ = ["ASKED", "IDENTITY", "RESPONSE", "TERMINAL", "outcome"]


def _conversation(value: Any) -> Any:
    """An id, or an object with one."""
    ident = value.get("id") if isinstance(value, dict) else value
    return ident if isinstance(ident, str) and ident else None


IDENTITY: Final = Fields((USER, ("conversation", semconv.CONVERSATION_ID, _conversation)))
"""Who the request is for."""

ASKED: Final = Fields(
    (
        ("temperature", semconv.REQUEST_TEMPERATURE, "real"),
        ("top_p", semconv.REQUEST_TOP_P, "real"),
        ("max_output_tokens", semconv.REQUEST_MAX_TOKENS, "count"),
        ("stream", semconv.REQUEST_STREAM, streamed),
        ("service_tier", semconv.OPENAI_REQUEST_SERVICE_TIER, tier),
        ("previous_response_id", semconv.REQUEST_PREVIOUS_RESPONSE_ID, "text"),
        ("reasoning", "", Part(Fields((("effort", semconv.REQUEST_REASONING_LEVEL, "text"),)))),
        ("text", "", Part(Fields((("format", semconv.OUTPUT_TYPE, output_type),)))),
        (
            "prompt",
            "",
            Part(Fields((("id", semconv.PROMPT_NAME, "text"), ("version", semconv.PROMPT_VERSION, "text")))),
        ),
    )
)
"""Of a request's body."""

_INPUT: Final = Fields(
    (
        ("cached_tokens", semconv.USAGE_CACHE_READ_INPUT_TOKENS, "count"),
        ("cache_write_tokens", semconv.USAGE_CACHE_WRITE_INPUT_TOKENS, "part"),
    )
)
_OUTPUT: Final = Fields((("reasoning_tokens", semconv.USAGE_REASONING_OUTPUT_TOKENS, "count"),))
_COUNTS: Final = Fields(
    (
        ("input_tokens", semconv.USAGE_INPUT_TOKENS, "count"),
        ("output_tokens", semconv.USAGE_OUTPUT_TOKENS, "count"),
        ("input_tokens_details", "", Part(_INPUT)),
        ("output_tokens_details", "", Part(_OUTPUT)),
    )
)
RESPONSE: Final = Fields(
    (
        ("id", semconv.RESPONSE_ID, "text"),
        ("model", semconv.RESPONSE_MODEL, "text"),
        ("service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER, "text"),
        ("usage", semconv.USAGE_BASIS, Part(_COUNTS, REPORTED, PARTIAL)),
        ("", semconv.HTTP_RESPONSE_STATUS_CODE, Always(OK)),
    )
)
"""Of a `Response`, its content left out."""

TERMINAL: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})
"""Statuses of a response that nothing more comes of; `queued` and `in_progress` are the others."""

WANTED: Final = frozenset(
    {"function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"}
)
"""Items that want something done by the application; the provider's own tools have answered already."""


def outcome(response: Any) -> tuple[str | None, str | None]:
    """The finish reason of a response, and the error with which it failed; None each where there is none."""
    said = fields(response)
    status = said.get("status")
    if status == "failed":
        code = fields(said.get("error")).get("code")
        return "error", code if isinstance(code, str) and code else "failed"
    if status == "incomplete":
        reason = fields(said.get("incomplete_details")).get("reason")
        return (semconv.FINISH_REASON_ALIASES.get(reason, reason) if isinstance(reason, str) else None), None
    if status != "completed":
        return None, None
    items = said.get("output")
    kinds = {_kind(item) for item in items} if isinstance(items, list) else set()
    return ("tool_call" if kinds & WANTED else "stop"), None


def _kind(item: Any) -> Any:
    found: Mapping[str, Any] = fields(item)
    kind = found.get("type")
    return kind if isinstance(kind, str) else None
