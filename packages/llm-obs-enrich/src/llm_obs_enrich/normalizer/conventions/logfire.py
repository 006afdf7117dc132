"""Logfire and Pydantic AI: usage as the provider's JSON, lists as JSON text; older releases request and answer."""

from __future__ import annotations

from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Extract, Operation, Place

from llm_obs_enrich.normalizer.conventions.common import AGENTS, content, parameters, provider_usage

__all__ = ["CONTENT", "EARLY"]

EARLY: Final[tuple[Operation, ...]] = (
    *provider_usage("gen_ai.usage.raw"),
    *provider_usage("response_data", "usage"),
    *parameters(("request_data",)),
    Extract(semconv.REQUEST_MODEL, (Place("request_data", ("model",)),)),
    Extract(semconv.RESPONSE_FINISH_REASONS, (Place(semconv.RESPONSE_FINISH_REASONS),), "texts", replace=True),
)

CONTENT: Final[tuple[Operation, ...]] = (
    Extract(semconv.TOOL_DEFINITIONS, (Place("request_data", ("tools",)),), "tools", take=True),
    *content(
        semconv.INPUT_MESSAGES,
        Place("request_data", ("messages",)),
        Place("request_data", ("input",)),
        Place("request_data", ("prompt",)),
    ),
    *content(
        semconv.OUTPUT_MESSAGES,
        Place("response_data", ("message",)),
        Place("response_data", ("combined_chunk_content",)),
    ),
    Extract(
        semconv.INPUT_MESSAGES,
        (Place("pydantic_ai.all_messages"), Place("all_messages_events")),
        "messages",
        take=True,
        when=(AGENTS,),
    ),
    *content(semconv.OUTPUT_MESSAGES, Place("final_result")),
    Extract(semconv.TOOL_CALL_ARGUMENTS, (Place("tool_arguments"),), take=True),
    Extract(semconv.TOOL_CALL_RESULT, (Place("tool_response"),), take=True),
)
