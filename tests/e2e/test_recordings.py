"""Recorded exchanges with the provider, served to the real client, followed through collector and lake to GraphQL.

`LLM_OBS_RECORDINGS` names the folder of the cassettes; without it they are looked for beside the checkout.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import llm_obs_sdk as llm_obs
import openai
import pytest
from llm_obs_testing.recordings import Exchange, Playback, Recording, load

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("LLM_OBS_RECORDINGS") or ROOT.parent / "shared" / "recordings" / "openai")
PATHS = ("/v1/chat/completions", "/v1/embeddings", "/v1/responses")
COMMAND = [sys.executable, "-c", "from llm_obs.cli import main; main()", "up", "--json", "--free-ports", "--data-dir"]
VISIBLE_WITHIN_S = 30.0

PRICES = {
    "gpt-4-0613": ("30", "30", "60"),
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0.60"),
    "gpt-5.4-2026-03-05": ("2.50", "0.25", "15"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
}
"""The provider's list: US dollars a million tokens of input, of cached input, of output."""

ERRORS = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}
FINISH = {"tool_calls": "tool_call", "function_call": "tool_call"}

QUERY = """query($session: FilterValue) {
  traces(where: {field: "session_id", op: EQ, value: $session}, first: 2) { nodes { id callCount } } }"""
SPANS = """query($id: ID!) { trace(id: $id) { spans(ids: null) { operation requestModel responseModel finishReason
  errorType httpStatus stream costNanoUsd priceId responseId status usage { inputTokens outputTokens cacheRead
  outputReasoning } attributes content { slot body } } } }"""

Row = dict[str, Any]


def recordings() -> list[Recording]:
    """Every cassette with chat completions, responses or embeddings."""
    if not FOLDER.is_dir():
        return []
    loaded = [load(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return [recording for recording in loaded if all(exchange.path in PATHS for exchange in recording.exchanges)]


@pytest.mark.e2e
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings at {FOLDER}; set LLM_OBS_RECORDINGS")
def test_every_recorded_call_is_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Model, tokens, finish reason, error and cost of each call are those of the recording."""
    cassettes = recordings()
    assert len(cassettes) > 40
    with up(tmp_path / "data") as addresses, Playback(cassettes).running() as playback:
        llm_obs.init(
            "recordings",
            endpoint=f"http://{addresses['http']}",
            instrument=["openai"],
            instrument_options={"openai": {"providers": {"127.0.0.1": "openai"}}},
            capture_content=True,
        )
        try:
            for recording in cassettes:
                replay(recording, playback.url(recording.name))
            result = llm_obs.flush(30)
        finally:
            llm_obs.shutdown(5)
        assert playback.unknown == []
        calls = [(recording, place) for recording in cassettes for place in range(len(recording.exchanges))]
        assert (result.ok, result.exported) == (True, len(calls))
        found, differing = 0, []
        for recording, place in calls:
            stored = find(addresses["query"], session(recording, place))
            expected = expectation(recording.exchanges[place])
            found += stored is not None
            different = differences(expected, stored or {})
            if different:
                differing.append(f"{recording.name} #{place}: {different}")
    with capsys.disabled():
        print(f"\n\nrecordings {len(cassettes)}   calls {len(calls)}   found {found}   differing {len(differing)}")
        for line in differing:
            print(f"  {line}")
    assert found == len(calls)
    assert differing == []


def session(recording: Recording, place: int) -> str:
    """The conversation by which a call is found."""
    return f"{recording.name}#{place}"


@contextmanager
def up(data: Path) -> Iterator[dict[str, str]]:
    """`llm-obs up`, until the block ends."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_OBS_", "OTEL_"))}
    with subprocess.Popen([*COMMAND, str(data)], stdout=subprocess.PIPE, text=True, env=environ) as child:
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(60)


def replay(recording: Recording, url: str) -> None:
    """Makes every call of a recording, as its name says it was made."""
    given = {"base_url": url, "api_key": "k", "max_retries": 0}
    if "async" in recording.name:
        asyncio.run(replay_async(recording, given))
        return
    with openai.OpenAI(**given) as client:
        for place, exchange in enumerate(recording.exchanges):
            with llm_obs.context(session=session(recording, place)):
                try:
                    answer = method(client, recording, exchange)(**exchange.asked)
                    answer = answer.parse() if "raw_response" in recording.name else answer
                    if exchange.streamed:
                        with answer:
                            for _ in answer:
                                pass
                except openai.APIStatusError:
                    assert exchange.status >= 400


async def replay_async(recording: Recording, given: Mapping[str, Any]) -> None:
    """The same with the asynchronous client."""
    async with openai.AsyncOpenAI(**given) as client:
        for place, exchange in enumerate(recording.exchanges):
            with llm_obs.context(session=session(recording, place)):
                try:
                    answer = await method(client, recording, exchange)(**exchange.asked)
                    answer = answer.parse() if "raw_response" in recording.name else answer
                    if exchange.streamed:
                        async for _ in answer:
                            pass
                except openai.APIStatusError:
                    assert exchange.status >= 400


def method(client: Any, recording: Recording, exchange: Exchange) -> Any:
    """The method that asks an exchange's question."""
    resources = {"embeddings": client.embeddings, "responses": client.responses}
    resource = resources.get(exchange.path.rpartition("/")[2], client.chat.completions)
    return (resource.with_raw_response if "raw_response" in recording.name else resource).create


def expectation(exchange: Exchange) -> Row:
    """What must be stored, read from the recording alone."""
    chat, responses = exchange.path.endswith("completions"), exchange.path.endswith("responses")
    expected: Row = {
        "operation": "chat" if chat or responses else "embeddings",
        "requestModel": exchange.asked["model"],
        "httpStatus": exchange.status,
        "stream": True if exchange.asked.get("stream") else None,
    }
    if exchange.status >= 400:
        nothing = dict.fromkeys(("responseModel", "finishReason", "costNanoUsd", "usage"))
        return {**expected, **nothing, "errorType": ERRORS[exchange.status], "status": "ERROR"}
    if responses:
        first, reason, text, usage = said_by_response(exchange)
    elif exchange.streamed:
        events = [json.loads(event.removeprefix(b"data: ")) for event in exchange.events() if b"[DONE]" not in event]
        first = events[0]
        usage = next((event["usage"] for event in events if event.get("usage")), None)
        choices = [choice for event in events for choice in event["choices"] if choice["index"] == 0]
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        reason = next((choice["finish_reason"] for choice in choices if choice["finish_reason"]), None)
    else:
        first = json.loads(exchange.body)
        usage = first["usage"]
        reason = first["choices"][0]["finish_reason"] if chat else None
        text = (first["choices"][0]["message"]["content"] or "") if chat else ""
    expected |= {
        "responseModel": first["model"],
        "responseId": first.get("id"),
        "finishReason": FINISH.get(reason, reason),
        "errorType": None,
        "status": "UNSET",
    }
    if text:
        expected["text"] = text
    if usage is None:
        return {**expected, "costNanoUsd": None, "usage": None, "basis": "partial"}
    output = usage.get("completion_tokens")
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    expected["usage"] = {
        "inputTokens": str(usage["prompt_tokens"]),
        "outputTokens": None if output is None else str(output),
        "cacheRead": None if cached is None else str(cached),
        "outputReasoning": None if reasoning is None else str(reasoning),
    }
    expected["basis"] = "reported"
    plain, read, written = (Decimal(price) for price in PRICES[first["model"]])
    nano_a_token = Decimal(1000)  # a dollar for a million tokens
    cost = (usage["prompt_tokens"] - (cached or 0)) * plain + (cached or 0) * read + (output or 0) * written
    expected["costNanoUsd"] = str((cost * nano_a_token).quantize(Decimal(1), ROUND_HALF_UP))
    return expected


def said_by_response(exchange: Exchange) -> tuple[Row, str, str, Row]:
    """The response of an exchange, its finish reason, its text, and its usage in the words of chat completions."""
    if exchange.streamed:
        data = [line.removeprefix(b"data: ") for line in exchange.body.splitlines() if line.startswith(b"data: ")]
        said = next(event["response"] for event in map(json.loads, data) if event["type"] == "response.completed")
    else:
        said = json.loads(exchange.body)
    text = "".join(part.get("text", "") for item in said["output"] for part in item.get("content") or ())
    reason = "tool_call" if any(item["type"] == "function_call" for item in said["output"]) else "stop"
    if said["status"] == "incomplete":
        reason = {"max_output_tokens": "length"}.get(said["incomplete_details"]["reason"], "content_filter")
    usage = said["usage"]
    words = {
        "prompt_tokens": usage["input_tokens"],
        "prompt_tokens_details": usage["input_tokens_details"],
        "completion_tokens": usage["output_tokens"],
        "completion_tokens_details": usage["output_tokens_details"],
    }
    return said, reason, text, words


def find(query: str, wanted: str) -> Row | None:
    """The one span of a conversation, by GraphQL; None when it does not become visible in time."""
    deadline = time.monotonic() + VISIBLE_WITHIN_S
    while True:
        nodes = graphql(query, QUERY, session=wanted)["traces"]["nodes"]
        if nodes:
            assert len(nodes) == 1
            (span,) = graphql(query, SPANS, id=nodes[0]["id"])["trace"]["spans"]
            found: Row = span
            return found
        if time.monotonic() > deadline:
            return None
        time.sleep(0.2)


def graphql(query: str, text: str, **variables: Any) -> Any:
    """One question."""
    body = json.dumps({"query": text, "variables": variables}).encode()
    request = urllib.request.Request(f"http://{query}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)
    assert "errors" not in found, found
    return found["data"]


def differences(expected: Row, stored: Row) -> Row:
    """Field to (recorded, stored) where they differ."""
    stored = {**stored, "basis": stored.get("attributes", {}).get("llm_obs.usage.basis")}
    said = [item["body"] for item in stored.get("content") or () if item["slot"] == "output"]
    if said and "text" in expected:
        stored["text"] = "".join(part.get("content", "") for part in json.loads(said[0])["parts"])
    found: Row = {}
    for name, value in expected.items():
        theirs = stored.get(name)
        if name == "usage" and isinstance(value, dict):
            theirs = {key: (theirs or {}).get(key) for key in value}
        if theirs != value:
            found[name] = (value, theirs)
    return found
