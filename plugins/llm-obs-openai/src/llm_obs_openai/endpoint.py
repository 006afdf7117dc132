"""The endpoints that are recorded: how a request and an answer become attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from llm_obs_core import semconv
from llm_obs_sdk.calls import Endpoint, Library, read_object

from llm_obs_openai import content, request, response, responses, responses_content
from llm_obs_openai.responses_stream import EventReader
from llm_obs_openai.stream import ChatReader

__all__ = ["ENDPOINTS", "OPENAI"]


OPENAI: Final = Library("openai", answer_of=lambda error: getattr(error, "completion", None))
"""`parse` raises with the completion that was paid for."""


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


class _Embeddings(msgspec.Struct):
    model: Any = None
    usage: Any = None


def _read_embeddings(body: bytes) -> Any:
    """A raw embeddings response without its vectors; raises ValueError when it is no JSON object."""
    return msgspec.structs.asdict(msgspec.json.decode(body, type=_Embeddings))


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/chat/completions": Endpoint(
        OPENAI,
        "chat_completions",
        "chat",
        {semconv.OPENAI_API_TYPE: "chat_completions"},
        request.CHAT,
        response.COMPLETION,
        read_object,
        _chat_question,
        _chat_answer,
        request.IDENTITY,
        ChatReader,
    ),
    "/embeddings": Endpoint(
        OPENAI,
        "embeddings",
        "embeddings",
        {},
        request.EMBEDDINGS,
        response.EMBEDDINGS,
        _read_embeddings,
        _nothing,
        _nothing,
        request.IDENTITY,
    ),
    "/responses": Endpoint(
        OPENAI,
        "responses",
        "chat",
        {semconv.OPENAI_API_TYPE: "responses"},
        responses.ASKED,
        responses.RESPONSE,
        read_object,
        responses_content.question,
        responses_content.answer,
        responses.IDENTITY,
        EventReader,
        responses.outcome,
    ),
}
"""By the path that the client asks for, below its base URL."""
