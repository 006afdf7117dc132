"""The endpoints that are recorded: how a request and an answer become attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from llm_obs_core import semconv
from llm_obs_sdk.fields import Fields

from llm_obs_openai import content, raw, request, response, responses, responses_content
from llm_obs_openai.responses_stream import ResponsesStreamCall
from llm_obs_openai.stream import StreamCall

__all__ = ["ENDPOINTS", "Endpoint"]


class Endpoint(NamedTuple):
    """One operation.

    Attributes:
        name: Tells it from the others.
        operation: `gen_ai.operation.name`.
        constant: Attributes of every call.
        asked: From the request's body to attributes.
        answered: From the answer to attributes.
        read: From a raw answer's body to the answer as decoded JSON; raises ValueError.
        question: From the request's body to attributes of content, JSON text each.
        answer: From the answer to attributes of content.
        identity: Fields of the request and the attributes that they become where no `llm_obs.context` sets them.
        stream: The call behind a stream.
        outcome: From the answer to finish reason and error, where an answer may tell of a failure.
    """

    name: str
    operation: str
    constant: Mapping[str, Any]
    asked: Fields
    answered: Fields
    read: Callable[[bytes], Any]
    question: Callable[[Mapping[str, Any]], dict[str, str]]
    answer: Callable[[Any], dict[str, str]]
    identity: tuple[tuple[str, str], ...] = (("user", semconv.USER_ID),)
    stream: type[StreamCall] = StreamCall
    outcome: Callable[[Any], tuple[str | None, str | None]] | None = None


def _chat_question(body: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if (messages := content.input_messages(body.get("messages"))) is not None:
        found[semconv.INPUT_MESSAGES] = content.encode(messages)
    if tools := content.tool_definitions(body.get("tools")):
        found[semconv.TOOL_DEFINITIONS] = content.encode(tools)
    return found


def _chat_answer(completion: Any) -> dict[str, str]:
    return {semconv.OUTPUT_MESSAGES: content.encode(content.output_messages(completion))}


def _nothing(_: Any) -> dict[str, str]:
    return {}  # the conventions have no place for the texts and vectors of embeddings


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/chat/completions": Endpoint(
        "chat_completions",
        "chat",
        {semconv.OPENAI_API_TYPE: "chat_completions"},
        request.CHAT,
        response.COMPLETION,
        raw.read_object,
        _chat_question,
        _chat_answer,
    ),
    "/embeddings": Endpoint(
        "embeddings",
        "embeddings",
        {},
        request.EMBEDDINGS,
        response.EMBEDDINGS,
        raw.read_embeddings,
        _nothing,
        _nothing,
    ),
    "/responses": Endpoint(
        "responses",
        "chat",
        {semconv.OPENAI_API_TYPE: "responses"},
        responses.ASKED,
        responses.RESPONSE,
        raw.read_object,
        responses_content.question,
        responses_content.answer,
        (("user", semconv.USER_ID), ("conversation", semconv.CONVERSATION_ID)),
        ResponsesStreamCall,
        responses.outcome,
    ),
}
"""By the path that the client asks for, below its base URL."""
