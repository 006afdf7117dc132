"""The bodies of the Responses API: a response, and the events of a streamed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llm_obs_testing.imitation import api
from llm_obs_testing.imitation.answer import Answer, Usage

__all__ = ["events", "response"]

CREATED_S = 1_760_000_000
ARGUMENTS_CHARS = 8
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
Item = dict[str, Any]


def response(answer: Answer, ident: str, model: str, tier: str, asked: Mapping[str, Any]) -> bytes:
    """A `response`."""
    return msgspec.json.encode(_whole(answer, ident, model, tier, asked))


def events(answer: Answer, ident: str, model: str, tier: str, asked: Mapping[str, Any]) -> Iterator[bytes]:
    """The server-sent events of a streamed response."""
    number = 0

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return api.event({"type": kind, "sequence_number": number - 1, **fields}, kind)

    whole = _whole(answer, ident, model, tier, asked)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None, "error": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for place, item in enumerate(whole["output"]):
        at = {"item_id": item["id"], "output_index": place}
        yield event("response.output_item.added", output_index=place, item=_empty(item))
        if item["type"] == "reasoning":
            for index, part in enumerate(item["summary"]):
                yield event("response.reasoning_summary_text.delta", **at, summary_index=index, delta=part["text"])
        elif item["type"] == "function_call":
            text = item["arguments"]
            for start in range(0, len(text), ARGUMENTS_CHARS):
                piece = text[start : start + ARGUMENTS_CHARS]
                yield event("response.function_call_arguments.delta", **at, delta=piece)
            yield event("response.function_call_arguments.done", **at, name=item["name"], arguments=text)
        else:
            (part,) = item["content"]
            at["content_index"] = 0
            if part["type"] == "refusal":
                yield event("response.refusal.delta", **at, delta=part["refusal"])
            else:
                yield event("response.content_part.added", **at, part={**part, "text": ""})
                if answer.empty_first:
                    yield event("response.output_text.delta", **at, delta="", logprobs=[])
                for piece in answer.pieces():
                    yield event("response.output_text.delta", **at, delta=piece, logprobs=[])
                yield event("response.output_text.done", **at, text=part["text"], logprobs=[])
        yield event("response.output_item.done", output_index=place, item=item)
    yield event(f"response.{whole['status']}", response=whole)


def _whole(answer: Answer, ident: str, model: str, tier: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    incomplete = INCOMPLETE.get(answer.finish_reason or "")
    failed = answer.finish_reason == "error"
    status = "failed" if failed else "incomplete" if incomplete else "completed"
    return {
        "id": f"resp_{ident}",
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "error": {"code": answer.error_code or "server_error", "message": answer.message} if failed else None,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "model": model,
        "output": _output(answer, ident),
        "parallel_tool_calls": True,
        "previous_response_id": asked.get("previous_response_id"),
        "service_tier": tier,
        "temperature": 1.0,
        "text": asked.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": asked.get("tools") or [],
        "top_p": 1.0,
        "usage": _usage(answer.usage),
        "metadata": {},
    }


def _output(answer: Answer, ident: str) -> list[Item]:
    items: list[Item] = []
    if answer.reasoning:
        summary = [{"type": "summary_text", "text": text} for text in answer.reasoning]
        items.append({"id": f"rs_{ident}", "type": "reasoning", "summary": summary})
    for number, tool in enumerate(answer.tools):
        call = {"call_id": f"call_{ident[:12]}_{number}", "name": tool.name, "arguments": tool.arguments}
        items.append({"id": f"fc_{ident}_{number}", "type": "function_call", "status": "completed", **call})
    if answer.refusal is not None:
        part: Item = {"type": "refusal", "refusal": answer.refusal}
    elif answer.tools:
        return items
    else:
        part = {"type": "output_text", "text": answer.content(), "annotations": [], "logprobs": []}
    message = {"type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return [*items, {"id": f"msg_{ident}", **message}]


def _empty(item: Item) -> Item:
    """An item as it is announced, before its content."""
    bare: dict[str, Item] = {
        "message": {"content": []},
        "function_call": {"arguments": ""},
        "reasoning": {"summary": []},
    }
    return {**item, **bare[item["type"]]}


def _usage(usage: Usage | None) -> dict[str, Any]:
    counts = usage or Usage(prompt=0)
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt + counts.completion,
    }
