"""The instrumentor keeps the contract in every way in which the client can be called."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_openai.config import OpenAIOptions
from llm_obs_openai.instrumentor import METHOD, MODULE, OpenAIInstrumentor
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.provider import Provider
from llm_obs_sdk.recorder import Recorder
from llm_obs_testing.contracts.instrumentor import Case, InstrumentorContract
from llm_obs_testing.imitation import Answer, Call, Imitation, ToolCall, scripted
from openai import _base_client
from opentelemetry.sdk.resources import Resource
from pydantic import BaseModel

ASK: Any = [{"role": "user", "content": "Where is my order?"}]
MODEL = "gpt-4o-mini"
CUT: Any = (openai.APIConnectionError, httpx.RemoteProtocolError)
"""What a cut stream raises: before 3.0 the exception of the client's HTTP library."""


class Reply(BaseModel):
    order: int


def script(call: Call) -> Answer:
    last = call.body.get("messages", [{}])[-1].get("content") or call.body.get("input")
    if last == "stall":
        return Answer(text="one two three", chunk_delays_s=(0, 0, 30))
    if last == "tool":
        return Answer(tools=(ToolCall("lookup", '{"order": 17}'),))
    if last == "json":
        return Answer(text='{"order": 17}')
    if last == "cut":
        return Answer(text="one two three four", cut_after=2)
    if last == "length":
        return Answer(text='{"order', finish_reason="length")
    return scripted(call)


def ask(content: str) -> Any:
    return [{"role": "user", "content": content}]


class Broken(Exception):
    pass


BROKEN = Broken("the application's own")


def broken_messages() -> Iterator[Any]:
    raise BROKEN
    yield


class TestContract(InstrumentorContract):
    def make(self) -> OpenAIInstrumentor:
        return OpenAIInstrumentor(OpenAIOptions())

    def recorder(self, tracer: Any) -> Recorder:
        return Recorder(tracer, True, Guard())

    def symbols(self) -> Mapping[str, tuple[Any, str]]:
        owners = {"SyncAPIClient": _base_client.SyncAPIClient, "AsyncAPIClient": _base_client.AsyncAPIClient}
        return {f"{MODULE}.{name}.{METHOD}": (owner, METHOD) for name, owner in owners.items()}

    @asynccontextmanager
    async def world(self) -> AsyncIterator[Sequence[Case]]:
        with (
            Imitation(script).running() as imitation,
            openai.OpenAI(base_url=imitation.url, api_key="k", max_retries=0) as client,
        ):
            async with openai.AsyncOpenAI(base_url=imitation.url, api_key="k", max_retries=0) as waiting:
                yield [*cases("", client), *cases("async ", waiting), *raw(client), *raw_async(waiting)]
        assert imitation.failures == []


class TestOwnRecorder(TestContract):
    """The same on the SDK's own tracer, which other code paths serve."""

    def recorder(self, tracer: Any) -> Recorder:
        provider = Provider(SpanQueue(1 << 26, 1 << 24, 1 << 22, lambda: None), Resource({}), 0)
        provider.add_span_processor(tracer.span_processor)
        return Recorder(provider.get_tracer("llm_obs"), True, Guard())


def cases(prefix: str, client: Any) -> list[Case]:
    chat, beta = client.chat.completions, client.beta.chat.completions
    usage = {"include_usage": True}

    def case(name: str, run: Any, **more: Any) -> Case:
        return Case(name=prefix + name, run=run, **more)

    return [
        *(responses(prefix, client) if hasattr(client, "responses") else ()),  # clients before 1.66 have none
        case("create", lambda: chat.create(model=MODEL, messages=ASK)),
        case("choices", lambda: chat.create(model=MODEL, messages=ASK, n=3)),
        case("tools", lambda: chat.create(model=MODEL, messages=ask("tool"))),
        case("parse", lambda: beta.parse(model=MODEL, messages=ask("json"), response_format=Reply)),
        case(
            "parse, too long",
            lambda: beta.parse(model=MODEL, messages=ask("length"), response_format=Reply),
            raises=openai.LengthFinishReasonError,
        ),
        case("beta", lambda: beta.parse(model=MODEL, messages=ask("json"))),
        case(
            "embeddings",
            lambda: client.embeddings.create(model="text-embedding-3-small", input=["a", "b"]),
            operation="embeddings",
        ),
        case("stream", lambda: chat.create(model=MODEL, messages=ASK, stream=True), stream=True),
        case(
            "stream with usage",
            lambda: chat.create(model=MODEL, messages=ASK, stream=True, stream_options=usage, n=2),
            stream=True,
        ),
        case("stream of tools", lambda: chat.create(model=MODEL, messages=ask("tool"), stream=True), stream=True),
        case(
            "stalling stream",
            lambda: chat.create(model=MODEL, messages=ask("stall"), stream=True),
            stream=True,
            stalls=True,
        ),
        case(
            "cut stream",
            lambda: chat.create(model=MODEL, messages=ask("cut"), stream=True),
            stream=True,
            raises=CUT,
        ),
        case("unknown model", lambda: chat.create(model="gpt-99", messages=ASK), raises=openai.NotFoundError),
        case(
            "own exception",
            lambda: chat.create(model=MODEL, messages=broken_messages()),
            raises=Broken,
            error=BROKEN,
            spans=0,  # nothing was sent
        ),
        case(
            "rate limit",
            lambda: client.embeddings.create(
                model="text-embedding-3-small", input="a", extra_headers={"x-imitation": "status=429"}
            ),
            raises=openai.RateLimitError,
        ),
        case("raw", lambda: chat.with_raw_response.create(model=MODEL, messages=ASK)),
        case(
            "raw embeddings",
            lambda: client.embeddings.with_raw_response.create(model="text-embedding-3-small", input="a"),
            operation="embeddings",
        ),
        case(
            "raw, unknown model",
            lambda: chat.with_raw_response.create(model="gpt-99", messages=ASK),
            raises=openai.NotFoundError,
        ),
    ]


def responses(prefix: str, client: Any) -> list[Case]:
    given = client.responses

    def case(name: str, run: Any, **more: Any) -> Case:
        return Case(name=f"{prefix}responses, {name}", run=run, **more)

    return [
        case("create", lambda: given.create(model=MODEL, input="hi", instructions="Be kind.")),
        case("tools", lambda: given.create(model=MODEL, input="tool")),
        case("parse", lambda: given.parse(model=MODEL, input="json", text_format=Reply)),
        case("stream", lambda: given.create(model=MODEL, input="hi", stream=True), stream=True),
        case("stream of tools", lambda: given.create(model=MODEL, input="tool", stream=True), stream=True),
        case("stalling", lambda: given.create(model=MODEL, input="stall", stream=True), stream=True, stalls=True),
        case("cut", lambda: given.create(model=MODEL, input="cut", stream=True), stream=True, raises=CUT),
        case("unknown model", lambda: given.create(model="gpt-99", input="hi"), raises=openai.NotFoundError),
        case("raw", lambda: given.with_raw_response.create(model=MODEL, input="hi")),
    ]


def raw(client: openai.OpenAI) -> list[Case]:
    chat: Any = client.chat.completions

    def streamed(how: str, **more: Any) -> Any:
        with chat.with_streaming_response.create(model=MODEL, messages=ASK, **more) as response:
            if how == "parse":
                found = response.parse()
                return [type(item) for item in found] if more else found
            return b"".join(response.iter_bytes()) if how == "bytes" else getattr(response, how)()

    def helper() -> Any:
        with client.beta.chat.completions.stream(model=MODEL, messages=ask("json"), response_format=Reply) as stream:
            return stream.get_final_completion()

    return [
        Case(
            name="raw stream",
            run=lambda: chat.with_raw_response.create(model=MODEL, messages=ASK, stream=True).parse(),
            stream=True,
        ),
        *(
            Case(name=f"streaming response {how}", run=lambda how=how: streamed(how))
            for how in ("parse", "json", "bytes")
        ),
        Case(name="streaming response of a stream", run=lambda: streamed("parse", stream=True)),
        Case(name="streaming response of a stream, by bytes", run=lambda: streamed("bytes", stream=True)),
        Case(name="helper", run=helper),
    ]


def raw_async(client: openai.AsyncOpenAI) -> list[Case]:
    chat: Any = client.chat.completions

    async def raw_stream() -> Any:
        return (await chat.with_raw_response.create(model=MODEL, messages=ASK, stream=True)).parse()

    async def streamed(**more: Any) -> Any:
        async with chat.with_streaming_response.create(model=MODEL, messages=ASK, **more) as response:
            found = await response.parse()
            return [type(item) async for item in found] if more else found

    async def by_lines() -> Any:
        async with chat.with_streaming_response.create(model=MODEL, messages=ASK) as response:
            return [line async for line in response.iter_lines()]

    async def helper() -> Any:
        async with client.beta.chat.completions.stream(
            model=MODEL, messages=ask("json"), response_format=Reply
        ) as stream:
            return await stream.get_final_completion()

    return [
        Case(name="async raw stream", run=raw_stream, stream=True),
        Case(name="async streaming response", run=streamed),
        Case(name="async streaming response by lines", run=by_lines),
        Case(name="async streaming response of a stream", run=lambda: streamed(stream=True)),
        Case(name="async helper", run=helper),
    ]
