"""The content of a span as a person reads it: who said what, which tool was called with what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from llm_obs_core.interfaces import ContentItem

__all__ = ["Said", "said"]


class Said(NamedTuple):
    """One message: who, and the text."""

    who: str
    text: str


def said(item: ContentItem) -> Iterator[Said]:
    """What one stored message says."""
    if item.body is None:
        yield Said(item.slot, f"({item.body_bytes} bytes, not kept or not to be seen)")
        return
    try:
        value = json.loads(item.body)
    except ValueError:
        value = item.body
    if isinstance(value, dict) and ("parts" in value or "content" in value):
        who = str(value.get("role") or item.slot)
        for text in _texts(value.get("parts", value.get("content"))):
            yield Said(who, text)
        calls = value.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            yield Said(who, _call(call))
    elif isinstance(value, str):
        yield Said(item.slot, value)
    elif isinstance(value, dict) and value.get("type") == "text":
        yield Said(item.slot, str(value.get("content", value.get("text", ""))))
    else:
        yield Said(item.slot, json.dumps(value, ensure_ascii=False, indent=2))


def _texts(parts: Any) -> Iterator[str]:
    if parts is None:
        return
    if isinstance(parts, str):
        yield parts
        return
    for part in parts if isinstance(parts, list) else [parts]:
        if not isinstance(part, dict):
            yield str(part)
        elif part.get("type") in ("tool_call", "function"):
            yield _call(part)
        elif part.get("type") in ("text", "reasoning", None):
            text = part.get("content", part.get("text"))
            prefix = "(thinking) " if part.get("type") == "reasoning" else ""
            yield prefix + (text if isinstance(text, str) else json.dumps(part, ensure_ascii=False))
        elif part.get("type") == "tool_call_response":
            answer = part.get("response", part.get("result"))
            yield f"→ {answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)}"
        else:
            yield json.dumps(part, ensure_ascii=False)


def _call(part: Any) -> str:
    function = part.get("function", part) if isinstance(part, dict) else part
    if not isinstance(function, dict):
        return json.dumps(part, ensure_ascii=False)
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return f"{function.get('name')}({text if arguments is not None else ''})"
