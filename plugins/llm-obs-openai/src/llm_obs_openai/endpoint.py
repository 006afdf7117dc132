"""The endpoints that are recorded: how a request and an answer become attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from llm_obs_core import semconv
from llm_obs_sdk.fields import Fields

from llm_obs_openai import content, raw, request, response

__all__ = ["ENDPOINTS", "Endpoint"]


class Endpoint(NamedTuple):
    """One operation.

    Attributes:
        operation: `gen_ai.operation.name`.
        constant: Attributes of every call.
        asked: From the request's body to attributes.
        answered: From the answer to attributes.
        read: From a raw answer's body to the answer as decoded JSON; raises ValueError.
        question: From the request's body to attributes of content, JSON text each.
        answer: From the answer to attributes of content.
    """

    operation: str
    constant: Mapping[str, Any]
    asked: Fields
    answered: Fields
    read: Callable[[bytes], Any]
    question: Callable[[Mapping[str, Any]], dict[str, str]]
    answer: Callable[[Any], dict[str, str]]


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
        "chat",
        {semconv.OPENAI_API_TYPE: "chat_completions"},
        request.CHAT,
        response.COMPLETION,
        raw.read_completion,
        _chat_question,
        _chat_answer,
    ),
    "/embeddings": Endpoint(
        "embeddings",
        {},
        request.EMBEDDINGS,
        response.EMBEDDINGS,
        raw.read_embeddings,
        _nothing,
        _nothing,
    ),
}
"""By the path that the client asks for, below its base URL."""
