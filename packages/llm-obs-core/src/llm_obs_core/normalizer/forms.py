"""Words of other dialects of messages and tools, and the conventions' words for them.

The compiled normaliser and its reference in `llm_obs_enrich` read these tables, so that they mean the same.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CALL_NAMES", "MAX_MEMBERS", "PART_TYPES", "ROLES", "TOOL_NAMES"]

MAX_MEMBERS: Final = 64
"""An object with more is no message; as a part, a call or a tool it stays as it is."""

ROLES: Final[dict[str, str]] = {"developer": "system", "function": "tool", "model": "assistant"}

CALL_NAMES: Final[dict[str, str]] = {
    "toolCallId": "id",
    "toolName": "name",
    "args": "arguments",
    "input": "arguments",
}
"""Members of a tool's call."""

_RESULT_NAMES: Final[dict[str, str]] = {
    "toolCallId": "id",
    "tool_use_id": "id",
    "toolName": "name",
    "output": "response",
    "result": "response",
    "content": "response",
}

PART_TYPES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "text": ("text", {"text": "content"}),
    "input_text": ("text", {"text": "content"}),
    "output_text": ("text", {"text": "content"}),
    "reasoning": ("reasoning", {"text": "content"}),
    "thinking": ("reasoning", {"thinking": "content"}),
    "tool_call": ("tool_call", CALL_NAMES),
    "tool_use": ("tool_call", CALL_NAMES),
    "tool-call": ("tool_call", CALL_NAMES),
    "tool_call_response": ("tool_call_response", {"result": "response"}),
    "tool_result": ("tool_call_response", _RESULT_NAMES),
    "tool-result": ("tool_call_response", _RESULT_NAMES),
}
"""Types of parts: the conventions' type, and its members' names for others."""

TOOL_NAMES: Final[dict[str, str]] = {"input_schema": "parameters", "inputSchema": "parameters"}
"""Members of a tool's definition."""
