"""Input and output of the Responses API in the GenAI conventions' JSON form."""

from __future__ import annotations

from typing import Any

from llm_obs_core import semconv

from llm_obs_openai.content import Part, encode, field, joined, output_message, part, role_of, tool_call
from llm_obs_openai.responses import outcome

__all__ = ["answer", "question"]

ITEMS_WITH_OUTPUT = ("function_call_output", "custom_tool_call_output")


def question(body: Any) -> dict[str, str]:
    """A request's body as attributes of content."""
    found = {}
    if (messages := _input(body.get("input"))) is not None:
        found[semconv.INPUT_MESSAGES] = encode(messages)
    if isinstance(instructions := body.get("instructions"), str) and instructions:
        found[semconv.SYSTEM_INSTRUCTIONS] = encode([{"type": "text", "content": instructions}])
    if isinstance(tools := body.get("tools"), list) and tools:
        found[semconv.TOOL_DEFINITIONS] = encode(tools)
    return found


def answer(response: Any) -> dict[str, str]:
    """A `Response` as attributes of content: one message, as the model said it."""
    items = field(response, "output")
    parts = [part for item in items for part in _parts(item)] if isinstance(items, list) else []
    return {semconv.OUTPUT_MESSAGES: encode([output_message(parts, outcome(response)[0])])}


def _input(given: Any) -> list[dict[str, Any]] | None:
    if isinstance(given, str):
        return [{"role": "user", "parts": [{"type": "text", "content": given}]}]
    return [_message(item) for item in given] if isinstance(given, (list, tuple)) else None


def _message(item: Any) -> dict[str, Any]:
    kind = field(item, "type")
    if kind in ITEMS_WITH_OUTPUT:
        response = joined(field(item, "output"))
        return {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": field(item, "call_id"), "response": response}],
        }
    role = field(item, "role")
    return {"role": role_of(role) if isinstance(role, str) else "assistant", "parts": _parts(item)}


def _parts(item: Any) -> list[Part]:
    """What one item of an input or an output says."""
    kind = field(item, "type")
    if kind in (None, "message"):
        content = field(item, "content")
        if isinstance(content, str):
            return [{"type": "text", "content": content}]
        return [part(piece) for piece in content] if isinstance(content, (list, tuple)) else []
    if kind == "function_call":
        return [tool_call(field(item, "call_id"), field(item, "name"), field(item, "arguments"))]
    if kind == "custom_tool_call":
        return [tool_call(field(item, "call_id"), field(item, "name"), field(item, "input"))]
    if kind == "reasoning":
        texts = [*(field(item, "summary") or ()), *(field(item, "content") or ())]
        return [{"type": "reasoning", "content": field(text, "text")} for text in texts]
    if isinstance(kind, str) and kind.endswith("_call"):
        return [{"type": "server_tool_call", "id": field(item, "id"), "name": kind.removesuffix("_call")}]
    return [{"type": "generic", "generic_type": str(kind), "id": field(item, "id")}]
