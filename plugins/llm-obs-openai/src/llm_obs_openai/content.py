"""Messages in the GenAI conventions' JSON form: `[{"role": …, "parts": [{"type": …}]}]`.

System messages stay where they are in the conversation, as the conventions want it for an API that has no place of its
own for them. Only lists are read: an iterator of messages is the user's and would be used up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from llm_obs_openai.response import extra, finish_reasons

__all__ = [
    "MAX_BLOB_CHARS",
    "Part",
    "encode",
    "field",
    "input_messages",
    "joined",
    "output_message",
    "output_messages",
    "part",
    "role_of",
    "tool_call",
    "tool_definitions",
]

MAX_BLOB_CHARS: Final = 262_144
"""Longest base64 text of an image, a sound or a file that is recorded; of a longer one only the length is."""

ROLES: Final = {"developer": "system", "function": "tool"}
Part = dict[str, Any]


def field(item: Any, name: str) -> Any:
    """A field of a model, a struct or a dict; None when it is not there."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def encode(value: Any) -> str:
    """JSON text; non-ASCII characters stay as they are."""
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (TypeError, ValueError):  # lone surrogates, keys that are no text
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def input_messages(messages: Any) -> list[dict[str, Any]] | None:
    """The messages of a request; None when they are no list."""
    if not isinstance(messages, (list, tuple)):
        return None
    return [_message(message) for message in messages]


def output_messages(completion: Any) -> list[dict[str, Any]]:
    """The choices of a completion."""
    return [
        output_message(_said(field(choice, "message")), field(choice, "finish_reason"))
        for choice in field(completion, "choices") or ()
    ]


def output_message(parts: list[Part], reason: Any) -> dict[str, Any]:
    """One choice."""
    return {"role": "assistant", "parts": parts, "finish_reason": finish_reasons((reason,))[0]}


def tool_definitions(tools: Any) -> list[Any] | None:
    """The tools of a request, functions without the wrapping that the API gives them."""
    if not isinstance(tools, (list, tuple)):
        return None
    return [
        {"type": "function", **tool["function"]}
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping)
        else tool
        for tool in tools
    ]


def tool_call(ident: Any, name: Any, arguments: Any) -> Part:
    """A call that the model wants; arguments that are JSON become values."""
    if isinstance(arguments, str):
        with suppress(ValueError):  # half a stream, or a model's mistake: kept as the text it is
            arguments = msgspec.json.decode(arguments) if arguments else {}
    return {"type": "tool_call", "id": ident, "name": name, "arguments": arguments}


def role_of(role: Any) -> Any:
    """The conventions' word for a role."""
    return ROLES.get(role, role)


def _message(message: Any) -> dict[str, Any]:
    role = field(message, "role")
    if role in ("tool", "function"):
        ident = field(message, "tool_call_id") or field(message, "name")
        response = joined(field(message, "content"))
        return {"role": "tool", "parts": [{"type": "tool_call_response", "id": ident, "response": response}]}
    found = {"role": role_of(role), "parts": _said(message)}
    if isinstance(name := field(message, "name"), str):
        found["name"] = name
    return found


def _said(message: Any) -> list[Part]:
    """Reasoning, content, refusal and tool calls of a message."""
    parts: list[Part] = []
    if isinstance(reasoning := extra(message, "reasoning_content"), str) and reasoning:
        parts.append({"type": "reasoning", "content": reasoning})
    content = field(message, "content")
    if isinstance(content, str) and content:
        parts.append({"type": "text", "content": content})
    elif isinstance(content, (list, tuple)):
        parts += [part(item) for item in content]
    if isinstance(refusal := field(message, "refusal"), str) and refusal:
        parts.append(refused(refusal))
    if (audio := field(message, "audio")) is not None and (transcript := field(audio, "transcript")):
        parts.append({"type": "text", "content": transcript})
    for call in _each(field(message, "tool_calls")):
        parts.append(_tool_call(call))
    if (function := field(message, "function_call")) is not None:
        parts.append(tool_call(None, field(function, "name"), field(function, "arguments")))
    return parts


def refused(text: str) -> Part:
    """A refusal, which the conventions have no part for."""
    return {"type": "generic", "generic_type": "refusal", "content": text}


def _tool_call(call: Any) -> Part:
    if (custom := field(call, "custom")) is not None:
        return tool_call(field(call, "id"), field(custom, "name"), field(custom, "input"))
    function = field(call, "function")
    return tool_call(field(call, "id"), field(function, "name"), field(function, "arguments"))


def part(item: Any) -> Part:
    """A part of a message's content, of either API."""
    kind = field(item, "type")
    if kind in ("text", "input_text", "output_text"):
        return {"type": "text", "content": field(item, "text")}
    if kind == "refusal":
        return refused(field(item, "refusal"))
    if kind == "image_url":
        return _uri(str(field(field(item, "image_url"), "url")), "image")
    if kind == "input_image" and (url := field(item, "image_url")) is not None:
        return _uri(str(url), "image")
    if kind == "input_audio":
        audio = field(item, "input_audio")
        return _blob(f"audio/{field(audio, 'format')}", "audio", field(audio, "data"))
    if kind in ("file", "input_file", "input_image"):
        file = field(item, "file") if kind == "file" else item
        if (ident := field(file, "file_id")) is not None:
            return {"type": "file", "modality": "image" if kind == "input_image" else "file", "file_id": ident}
        return _uri(str(field(file, "file_data") or field(file, "file_url")), "file")
    return {"type": "generic", "generic_type": str(kind)}


def _uri(url: str, modality: str) -> Part:
    if not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": url}
    head, _, data = url.partition(",")
    return _blob(head.removeprefix("data:").removesuffix(";base64"), modality, data)


def _blob(mime_type: str, modality: str, data: Any) -> Part:
    text = data if isinstance(data, str) else ""
    if len(text) > MAX_BLOB_CHARS:
        said = {"mime_type": mime_type, "modality": modality, "base64_chars": len(text)}
        return {"type": "generic", "generic_type": "blob_left_out", **said}
    return {"type": "blob", "mime_type": mime_type, "modality": modality, "content": text}


def joined(content: Any) -> Any:
    """A tool's answer: its text, the parts of it joined."""
    if not isinstance(content, (list, tuple)):
        return content
    return "".join(str(field(item, "text") or "") for item in content)


def _each(items: Any) -> Iterable[Any]:
    return items if isinstance(items, (list, tuple)) else ()
