"""OpenInference: flattened messages, request and answer as JSON text beside them. Its totals contain cached tokens."""

from __future__ import annotations

from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Collect, Drop, Elapsed, Extract, Member, Operation, Place, Rename, When

from llm_obs_enrich.normalizer.conventions.common import content, on, parameters

__all__ = ["CONTENT", "EARLY"]

_LLM: Final = When(Place("openinference.span.kind"), ("LLM",))
_EMBEDDING: Final = When(Place("openinference.span.kind"), ("EMBEDDING",))

EARLY: Final[tuple[Operation, ...]] = (
    Rename(semconv.REQUEST_MODEL, ("llm.request.model_name",)),
    Extract(
        semconv.REQUEST_MODEL,
        (Place("llm.invocation_parameters", ("model",)), Place("embedding.invocation_parameters", ("model",))),
    ),
    Rename(semconv.RESPONSE_MODEL, ("llm.response.model_name", "llm.model_name")),
    *parameters(("llm.invocation_parameters",)),
    Elapsed(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, event="First Token Stream Event", when=(_LLM,)),
    Extract(
        semconv.RESPONSE_ID, (Place("output.value", ("id",)), Place("output.value", ("llm_output", "id"))), when=(_LLM,)
    ),
    Extract(
        semconv.OPENAI_RESPONSE_SERVICE_TIER,
        (Place("output.value", ("service_tier",)), Place("output.value", ("llm_output", "service_tier"))),
        when=(_LLM,),
    ),
)

_MESSAGE: Final = (
    Member("message.role", "role"),
    Member("message.name", "name"),
    Member("message.content", "content"),
    Member("message.contents.*.message_content.type", "parts.type"),
    Member("message.contents.*.message_content.text", "parts.text"),
    Member("message.contents.*.message_content.image.image.url", "parts.uri"),
    Member("message.tool_call_id", "tool_call_id"),
    Member("message.tool_calls.*.tool_call.id", "tool_calls.id"),
    Member("message.tool_calls.*.tool_call.function.name", "tool_calls.name"),
    Member("message.tool_calls.*.tool_call.function.arguments", "tool_calls.arguments"),
    Member("message.finish_reason", "finish_reason"),
)
_DOCUMENT: Final = (
    Member("document.id", "id"),
    Member("document.content", "content"),
    Member("document.score", "score"),
    Member("document.metadata", "metadata", "value"),
)
_INPUT: Final = When(Place(semconv.INPUT_MESSAGES))
_OUTPUT: Final = When(Place(semconv.OUTPUT_MESSAGES))
_TOOLS: Final = When(Place(semconv.TOOL_DEFINITIONS))

CONTENT: Final[tuple[Operation, ...]] = (
    Collect(semconv.INPUT_MESSAGES, "llm.input_messages.", _MESSAGE, "messages", "user"),
    Collect(semconv.INPUT_MESSAGES, "llm.prompts.", (Member("prompt.text", "content"),), "messages", "user"),
    Collect(
        semconv.INPUT_MESSAGES,
        "embedding.embeddings.",
        (Member("embedding.text", "content"),),
        "messages",
        "user",
        when=(on("embeddings"),),
    ),
    Collect(semconv.OUTPUT_MESSAGES, "llm.output_messages.", _MESSAGE, "messages", "assistant"),
    Collect(semconv.OUTPUT_MESSAGES, "llm.choices.", (Member("completion.text", "content"),), "messages", "assistant"),
    Collect(semconv.TOOL_DEFINITIONS, "llm.tools.", (Member("tool.json_schema", "", "value"),), "tools"),
    Collect(semconv.RETRIEVAL_DOCUMENTS, "retrieval.documents.", _DOCUMENT),
    # The request and the answer say the same again, as they went over the wire.
    Drop(
        (Place("input.value", ("prompt",)), Place("input.value", ("input",)), Place("input.value", ("messages",))),
        when=(_LLM, _INPUT),
    ),
    Drop((Place("input.value", ("input",)),), when=(_EMBEDDING, _INPUT)),
    Drop(
        (
            Place("output.value", ("generations",)),
            Place("output.value", ("output",)),
            Place("output.value", ("choices",)),
        ),
        when=(_LLM, _OUTPUT),
    ),
    Drop((Place("input.value", ("tools",)), Place("llm.invocation_parameters", ("tools",))), when=(_LLM, _TOOLS)),
    *content(
        semconv.INPUT_MESSAGES,
        Place("input.value", ("messages",)),
        Place("input.value", ("prompt",)),
        Place("input.value"),
    ),
    *content(semconv.OUTPUT_MESSAGES, Place("output.value")),
    Extract(semconv.TOOL_CALL_ARGUMENTS, (Place("input.value"),), take=True, when=(on("execute_tool"),)),
    Extract(semconv.TOOL_CALL_RESULT, (Place("output.value"),), take=True, when=(on("execute_tool"),)),
    Extract(semconv.RETRIEVAL_QUERY_TEXT, (Place("input.value"),), take=True, when=(on("retrieval"),)),
)
