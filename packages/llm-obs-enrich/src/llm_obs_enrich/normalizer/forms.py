"""What becomes of messages and tool definitions in other dialects: the reference of `llm_obs_core_ext.forms`.

Read are the chat messages of OpenAI, Anthropic, Gemini, the Vercel AI SDK and those who speak like them; written is
the conventions' form, `[{"role": …, "parts": [{"type": …}]}]`. What has no place in it is kept under its own name, so
nothing that was said is lost. Not a message is an object without a role (unless there is one for those) and a value
that is no object; then the whole value is not in this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from llm_obs_core import semconv
from llm_obs_core.normalizer.forms import CALL_NAMES, MAX_MEMBERS, PART_TYPES, ROLES, TOOL_NAMES

from llm_obs_enrich.normalizer.jsontext import MISSING, JsonObject, clean, parse

__all__ = ["messages", "texts", "tools"]

_SAID: Final = ("parts", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call")
Value = dict[str, Any]


def messages(value: Any, role: str = "") -> list[Value] | None:
    """Messages with parts; None when the value is in no dialect of messages.

    Args:
        value: A message, a list of them, or texts.
        role: Of those that have none; empty: they are no messages.
    """
    found: list[Value] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and role:
            found.append({"role": role, "parts": [_text(item)]})
            continue
        made = _message(item, role) if _small(item) else None
        if made is None:
            return None
        found.append(made)
    return found


def tools(value: Any) -> list[Any] | None:
    """Definitions of tools without the wrapping that some APIs give them; None when the value is no list of them.

    A string that is JSON text is read as what it says.
    """
    if isinstance(value, list):
        return [_tool(item) for item in value]
    return [_tool(value)] if _small(value) and ("name" in value or "function" in value) else None


def texts(value: Any) -> list[str] | None:
    """The strings of a list of strings."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [clean(item) for item in value]
    return None


def _message(item: JsonObject, default: str) -> Value | None:
    role = item.get("role")
    if role is None:
        role = default if any(name in item for name in _SAID) else ""
    if not isinstance(role, str) or not role:
        return None
    role = ROLES.get(role, role)
    rest = {
        name: value for name, value in item.items() if value is not None and name not in ("role", "parts", "content")
    }
    parts = [
        {"type": "reasoning", "content": text}
        for name in ("reasoning_content", "reasoning")
        if (text := _taken(rest, name, str))
    ]
    parts += _content(item, rest, role)
    if refusal := _taken(rest, "refusal", str):
        parts.append({"type": "generic", "generic_type": "refusal", "content": refusal})
    parts += [_call(call) for call in _taken(rest, "tool_calls", list) or ()]
    if function := _taken(rest, "function_call", dict):
        parts.append(_call(function))
    parts += _parts(item.get("parts"))
    made: Value = {"role": role, "parts": parts}
    if (name := _taken(rest, "name", str)) is not None:
        made["name"] = name
    if (reason := _taken(rest, "finish_reason", str)) is not None:
        made["finish_reason"] = semconv.FINISH_REASON_ALIASES.get(reason, reason)
    return {**made, **rest}


def _taken(rest: Value, name: str, kind: type) -> Any:
    return rest.pop(name) if isinstance(rest.get(name), kind) else None


def _content(item: JsonObject, rest: Value, role: str) -> list[Value]:
    # A tool's answer is one part, unless it is a list of parts that say themselves what they answer.
    content = item.get("content")
    ident = _taken(rest, "tool_call_id", str)
    if role == "tool" and (ident is not None or isinstance(content, str)):
        answer = {} if content is None else {"response": content}
        return [{"type": "tool_call_response", **({} if ident is None else {"id": ident}), **answer}]
    if ident is not None:
        rest["tool_call_id"] = ident
    return _parts(content)


def _parts(content: Any) -> list[Value]:
    if content is None or content == "":
        return []
    return [_part(item) for item in content] if isinstance(content, list) else [_part(content)]


def _text(value: Any) -> Value:
    return {"type": "text", "content": value}


def _part(item: Any) -> Any:
    if not isinstance(item, dict):
        return _text(item)
    if not _small(item):
        return item
    kind = item.get("type")
    if kind is None and isinstance(item.get("text"), str):
        kind = "text"
    if not isinstance(kind, str):
        return item
    if kind in PART_TYPES:
        made, names = PART_TYPES[kind]
        return _named({"type": made}, item, names)
    if kind == "function":
        return _call(item)
    if kind == "image_url":
        url = item.get("image_url")
        url = url["url"] if _small(url) and "url" in url else url
        return _uri(url, "image") if isinstance(url, str) else item
    if kind == "image" and isinstance(item.get("uri"), str):
        return _uri(item["uri"], "image")
    return item


def _named(made: Value, item: Mapping[str, Any], names: Mapping[str, str]) -> Value:
    # The members under their names here; the first of a name counts, and null is none.
    for name, value in item.items():
        name = names.get(name, name)
        if value is not None and name not in made:
            made[name] = _arguments(value) if name == "arguments" else value
    return made


def _arguments(value: Any) -> Any:
    # Arguments that are JSON text become the value that they say.
    if not isinstance(value, str):
        return value
    if not value:
        return {}
    said = parse(clean(value))
    return value if said is MISSING else said


def _call(item: Any) -> Any:
    if not _small(item):
        return item if isinstance(item, dict) else _text(item)
    function = item.get("function")
    if not _small(function):
        return _named({"type": "tool_call"}, item, CALL_NAMES)
    outside = {name: value for name, value in item.items() if name != "function"}
    return _named(_named({"type": "tool_call"}, outside, CALL_NAMES), function, CALL_NAMES)


def _uri(url: str, modality: str) -> Value:
    head, comma, data = clean(url).partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        mime_type = head.removeprefix("data:").removesuffix(";base64")
        return {"type": "blob", "mime_type": mime_type, "modality": modality, "content": data}
    return {"type": "uri", "modality": modality, "uri": url}


def _tool(item: Any) -> Any:
    if isinstance(item, str):
        said = parse(clean(item))
        if not isinstance(said, dict):
            return item
        item = said
    if not _small(item) or not ("name" in item or "function" in item):
        return item
    kind = item.get("type")
    made: Value = {"type": kind if isinstance(kind, str) else "function"}
    function = item.get("function")
    if not _small(function):
        return _named(made, {name: value for name, value in item.items() if name != "type"}, TOOL_NAMES)
    outside = {name: value for name, value in item.items() if name not in ("function", "type")}
    return _named(_named(made, function, TOOL_NAMES), outside, TOOL_NAMES)


def _small(item: Any) -> TypeGuard[JsonObject]:
    return isinstance(item, JsonObject) and item.written <= MAX_MEMBERS
