"""OpenLLMetry, whose older releases flatten messages. Its totals contain cached tokens."""

from __future__ import annotations

from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Collect, Elapsed, Extract, Member, Operation, Place

from llm_obs_enrich.normalizer.conventions.common import content, on

__all__ = ["CONTENT", "EARLY"]

EARLY: Final[tuple[Operation, ...]] = (
    Elapsed(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, event="gen_ai.content.completion.chunk"),
)

_MESSAGE: Final = (
    Member("role", "role"),
    Member("reasoning", "reasoning"),
    Member("content", "content", "parts"),
    Member("tool_call_id", "tool_call_id"),
    Member("tool_calls.*.id", "tool_calls.id"),
    Member("tool_calls.*.name", "tool_calls.name"),
    Member("tool_calls.*.arguments", "tool_calls.arguments"),
    Member("finish_reason", "finish_reason"),
)
_TOOL: Final = (
    Member("name", "name"),
    Member("description", "description"),
    Member("parameters", "parameters", "value"),
    Member("input_schema", "input_schema", "value"),
)

CONTENT: Final[tuple[Operation, ...]] = (
    Collect(semconv.INPUT_MESSAGES, "gen_ai.prompt.", _MESSAGE, "messages", "user"),
    Collect(semconv.OUTPUT_MESSAGES, "gen_ai.completion.", _MESSAGE, "messages", "assistant"),
    Collect(semconv.TOOL_DEFINITIONS, "llm.request.functions.", _TOOL, "tools"),
    *content(semconv.INPUT_MESSAGES, Place("traceloop.entity.input")),
    *content(semconv.OUTPUT_MESSAGES, Place("traceloop.entity.output")),
    Extract(semconv.TOOL_CALL_ARGUMENTS, (Place("traceloop.entity.input"),), take=True, when=(on("execute_tool"),)),
    Extract(semconv.TOOL_CALL_RESULT, (Place("traceloop.entity.output"),), take=True, when=(on("execute_tool"),)),
)
