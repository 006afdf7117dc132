"""The producer kit, by a provider that is nothing like OpenAI, and its imitation beside OpenAI's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import echo_instrumentor
import httpx
import msgspec
import openai
import pytest
from llm_obs_core import semconv
from llm_obs_core.interfaces import Instrumentor
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_sdk.calls import CallInstrumentor, CallStarter, Place
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.provider import Provider
from llm_obs_sdk.recorder import Recorder
from llm_obs_testing.contracts.instrumentor import Case, InstrumentorContract
from llm_obs_testing.echo import client as echo
from llm_obs_testing.imitation import APIS, Answer, Call, Imitation, scripted
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

OWNERS = (echo.EchoClient, echo.AsyncEchoClient)
SAID = {
    semconv.OPERATION_NAME: "text_completion",
    semconv.PROVIDER_NAME: "echo",
    semconv.REQUEST_MODEL: "echo-1",
    semconv.SERVER_ADDRESS: "127.0.0.1",
}
WHOLE = SAID | {
    semconv.RESPONSE_MODEL: "echo-1.2",
    semconv.RESPONSE_FINISH_REASONS: ("stop",),
    semconv.USAGE_INPUT_TOKENS: 1,
    semconv.USAGE_BASIS: "reported",
}


def script(call: Call) -> Answer:
    asked = call.body.get("prompt")
    if asked == "wait":
        return Answer(delay_s=30)
    if asked == "stall":
        return Answer(text="one two three", chunk_delays_s=(0, 0, 30))
    if asked == "cut":
        return Answer(text="one two three four", cut_after=2)
    if asked == "busy":
        return scripted(call_with(call, "status=429"))
    return scripted(call)


def call_with(call: Call, header: str) -> Call:
    return msgspec.structs.replace(call, headers={"x-imitation": header})


@contextmanager
def imitation() -> Iterator[Imitation]:
    with Imitation(script, apis=(APIS["openai"], APIS["echo"])).running() as made:
        yield made
    assert made.failures == []


class TestContract(InstrumentorContract):
    def make(self) -> Instrumentor:
        return echo_instrumentor.make()

    def recorder(self, tracer: Any) -> Recorder:
        return Recorder(tracer, True, Guard())

    def symbols(self) -> Mapping[str, tuple[Any, str]]:
        return {
            f"{echo_instrumentor.MODULE}.{owner.__name__}.{name}": (owner, name)
            for owner in OWNERS
            for name in ("send", "pieces")
        }

    @asynccontextmanager
    async def world(self) -> AsyncIterator[Sequence[Case]]:
        with imitation() as server:
            client, waiting = (owner(server.url_of("echo")) for owner in OWNERS)
            yield [*cases("", client), *cases("async ", waiting), given_up(waiting)]
            client.close()
            await waiting.close()


class TestOwnRecorder(TestContract):
    """The same on the SDK's own tracer, which other code paths serve."""

    def recorder(self, tracer: Any) -> Recorder:
        provider = Provider(SpanQueue(1 << 26, 1 << 24, 1 << 22, lambda: None), Resource({}), 0)
        provider.add_span_processor(tracer.span_processor)
        return Recorder(provider.get_tracer("llm_obs"), True, Guard())


def cases(prefix: str, client: Any) -> list[Case]:
    def case(name: str, run: Any, expected: Any = WHOLE, **more: Any) -> Case:
        return Case(name=prefix + name, run=run, expected=expected, operation="text_completion", **more)

    async def raw_stream_async() -> Any:
        return (await client.raw("hi", lines=True)).parse()

    raw_stream = raw_stream_async if prefix else lambda: client.raw("hi", lines=True).parse()
    busy = SAID | {semconv.HTTP_RESPONSE_STATUS_CODE: 429, semconv.ERROR_TYPE: "EchoError"}
    cut: Any = httpx.RemoteProtocolError
    broken = SAID | {semconv.STREAM_OUTCOME: "error", semconv.STREAM_CHUNKS: 2}
    return [
        case("generate", lambda: client.generate("hi", limit=7), WHOLE | {semconv.REQUEST_MAX_TOKENS: 7}),
        case("for somebody", lambda: client.generate("hi", who="ann"), WHOLE | {semconv.USER_ID: "ann"}),
        case("busy", lambda: client.generate("busy"), busy, raises=echo.EchoError),
        case("raw", lambda: client.raw("hi")),
        case("raw, busy", lambda: client.raw("busy"), busy, raises=echo.EchoError),
        case("stream", lambda: client.generate("hi", lines=True), stream=True),
        case("raw stream", raw_stream, stream=True),
        case("stream, busy", lambda: client.generate("busy", lines=True), busy, raises=echo.EchoError),
        case("cut stream", lambda: client.generate("cut", lines=True), broken, stream=True, raises=cut),
        case("stalling stream", lambda: client.generate("stall", lines=True), stream=True, stalls=True),
        case("pieces", lambda: client.pieces("hi"), stream=True),
        case("pieces, busy", lambda: client.pieces("busy"), busy, stream=True, raises=echo.EchoError),
        case("cut pieces", lambda: client.pieces("cut"), broken, stream=True, raises=cut),
        case("stalling pieces", lambda: client.pieces("stall"), stream=True, stalls=True),
    ]


def given_up(client: echo.AsyncEchoClient) -> Case:
    return Case(name="given up", run=lambda: client.generate("wait"), stalls=True, operation="text_completion")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor, guard = echo_instrumentor.make(), Guard()
    instrumentor.instrument(Recorder(provider.get_tracer("llm_obs"), False, guard))
    yield exporter
    instrumentor.uninstrument()
    assert guard.errors == 0


def test_the_imitations_ledger_tells_providers_apart(spans: InMemorySpanExporter) -> None:
    with imitation() as server, openai.OpenAI(base_url=server.url, api_key="k") as other:
        client = echo.EchoClient(server.url_of("echo"))
        client.generate("hi", who="ann")
        list(client.pieces("hello you"))
        with pytest.raises(echo.EchoError):
            client.generate("busy")
        with pytest.raises(echo.EchoError, match="engine"):
            client.generate("hi", engine="echo-9")
        other.embeddings.create(model="text-embedding-3-small", input="hi", user="ann")
        client.close()
    apis = server.ledger.by_api()
    assert (apis["echo"].calls, apis["echo"].errors, apis["echo"].input_tokens) == (4, 2, 4)
    assert (apis["openai"].calls, apis["openai"].errors, apis["openai"].input_tokens) == (1, 0, 1)
    assert server.ledger.of("echo")["echo-1.2", "ann"].calls == 1
    found = [span.attributes or {} for span in spans.get_finished_spans()]
    assert sum(int(str(at.get(semconv.USAGE_OUTPUT_TOKENS, 0))) for at in found) == apis["echo"].output_tokens


def test_a_generator_takes_what_is_sent_and_thrown() -> None:
    class Told:
        def pieces(self, body: dict[str, Any]) -> Iterator[Any]:
            said = yield echo.Reply(piece="one")
            try:
                yield echo.Reply(piece=str(said))
            except LookupError as error:
                yield echo.Reply(piece=repr(error))
            return "over"

    made, exporter = _instrumented(Told, "pieces")
    stream: Any = Told().pieces({"prompt": "p", "engine": "e", "lines": True})
    assert next(stream).piece == "one"
    assert stream.send("two").piece == "two"
    assert stream.throw(LookupError("x")).piece == "LookupError('x')"
    with pytest.raises(StopIteration) as stop:
        next(stream)
    assert stop.value.value == "over"
    made.uninstrument()
    (span,) = exporter.get_finished_spans()
    assert (span.attributes or {})[semconv.STREAM_CHUNKS] == 3
    assert (span.attributes or {})[semconv.STREAM_OUTCOME] == "completed"


async def test_an_asynchronous_generator_too() -> None:
    closed = asyncio.Event()

    class Told:
        async def pieces(self, body: dict[str, Any]) -> AsyncIterator[Any]:
            try:
                said = yield echo.Reply(piece="one")
                yield echo.Reply(piece=str(said))
            finally:
                closed.set()

    made, exporter = _instrumented(Told, "pieces")
    stream: Any = Told().pieces({"prompt": "p", "engine": "e", "lines": True})
    assert (await anext(stream)).piece == "one"
    assert (await stream.asend("two")).piece == "two"
    await stream.aclose()
    assert closed.is_set()
    made.uninstrument()
    (span,) = exporter.get_finished_spans()
    assert (span.attributes or {})[semconv.STREAM_OUTCOME] == "abandoned"
    assert span.status.status_code is StatusCode.UNSET


def test_a_function_that_returns_a_generator_returns_one() -> None:
    class Told:
        def pieces(self, body: dict[str, Any]) -> Iterator[Any]:
            return (echo.Reply(piece=piece) for piece in "ab")

    made, exporter = _instrumented(Told, "pieces")
    stream = Told().pieces({"prompt": "p", "engine": "e", "lines": True})
    assert type(stream) is type(_ for _ in ())
    assert [reply.piece for reply in stream] == ["a", "b"]
    Told().pieces({"prompt": "p", "engine": "e", "lines": True})  # nobody reads it
    made.uninstrument()
    read, dropped = exporter.get_finished_spans()
    assert (read.attributes or {})[semconv.STREAM_OUTCOME] == "completed"
    assert (dropped.attributes or {})[semconv.STREAM_OUTCOME] == "abandoned"


def test_a_request_that_cannot_be_read_is_not_recorded_and_counted() -> None:
    class Told:
        def send(self, body: Any) -> Any:
            return body

    made, exporter = _instrumented(Told, "send")
    assert Told().send({"no": "engine"}) == {"no": "engine"}
    recorder = made._starter.recorder
    assert recorder is not None
    assert recorder.guard.errors == 1
    made.uninstrument()
    assert exporter.get_finished_spans() == ()


def _instrumented(owner: type, name: str) -> tuple[CallInstrumentor, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    setattr(echo, owner.__name__, owner)
    made = CallInstrumentor(
        CallStarter(echo_instrumentor.ECHO, echo_instrumentor.request),
        [Place(echo_instrumentor.MODULE, owner.__name__, name)],
    )
    made.instrument(Recorder(provider.get_tracer("llm_obs"), False, Guard()))
    delattr(echo, owner.__name__)
    return made, exporter
