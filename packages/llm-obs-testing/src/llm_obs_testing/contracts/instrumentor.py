"""`InstrumentorContract`: what every instrumentor owes the application that it is in."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import msgspec
import pytest
from llm_obs_core import semconv
from llm_obs_core.interfaces import Instrumentor, Recorder
from opentelemetry import context as otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llm_obs_testing.contracts.exits import EXITS, leave
from llm_obs_testing.contracts.faults import FAULTS, faulty
from llm_obs_testing.contracts.garbage import collect, only_new

__all__ = ["Case", "InstrumentorContract"]

KINDS = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One way of calling the library.

    Attributes:
        name: For messages.
        run: Makes the call and returns what the library gave: an object, an awaitable of one, or raises.
        stream: What it gave is iterated, with `for` or `async for`.
        stalls: It waits until it is given up: a stream after its first item, a call without an answer.
        raises: The call raises this.
        error: The very exception that is raised, when the case can know it.
        spans: How many spans the call makes: one, or none when it fails before anything is asked.
        operation: `gen_ai.operation.name` of the call.
        expected: Attributes that each of them has, as the provider's side of it knows them.
    """

    name: str
    run: Callable[[], Any]
    stream: bool = False
    stalls: bool = False
    raises: type[BaseException] | None = None
    error: BaseException | None = None
    spans: int = 1
    operation: str = "chat"
    expected: Mapping[str, Any] = {}


class InstrumentorContract:
    """Subclass it, give it a name that begins with `Test`, and say what is tested by the four methods.

    It knows no provider: what can be called and what is expected of it is in the cases.
    """

    def make(self) -> Instrumentor:
        """The instrumentor, not yet at work."""
        raise NotImplementedError

    def recorder(self, tracer: Any) -> Recorder:
        """A recorder of the SDK that captures content: `Recorder(tracer, True, Guard())`."""
        raise NotImplementedError

    def symbols(self) -> Mapping[str, tuple[Any, str]]:
        """Symbol, as `wrapped` names it, to the owner and the attribute; the library is imported."""
        raise NotImplementedError

    def world(self) -> AbstractAsyncContextManager[Sequence[Case]]:
        """A server, a client and the cases, for one test; entered inside its event loop."""
        raise NotImplementedError

    def test_wrappers_come_off(self) -> None:
        """After `uninstrument` every wrapped attribute is the original; both may be called twice."""
        symbols, instrumentor = self.symbols(), self.make()
        assert symbols
        before = {name: vars(owner)[attribute] for name, (owner, attribute) in symbols.items()}
        instrumentor.uninstrument()
        for _ in range(2):
            instrumentor.instrument(self.recorder(_Spans().tracer))
        during = {name: vars(owner)[attribute] for name, (owner, attribute) in symbols.items()}
        wrapped = instrumentor.wrapped()
        for _ in range(2):
            instrumentor.uninstrument()
        after = {name: vars(owner)[attribute] for name, (owner, attribute) in symbols.items()}
        assert [name for name in symbols if not wrapped.get(name)] == []
        assert [name for name in symbols if during[name] is before[name]] == []
        assert [name for name in symbols if after[name] is not before[name]] == []

    def test_wrappers_keep_what_a_function_is(self) -> None:
        """A wrapped function has its name, its text, its signature, and is of its kind."""
        symbols = self.symbols()

        def looks() -> dict[str, Any]:
            found = {}
            for name, (owner, attribute) in symbols.items():
                function = vars(owner)[attribute]
                kinds = [kind(function) for kind in KINDS]
                found[name] = (function.__name__, function.__doc__, inspect.signature(function), kinds)
            return found

        bare = looks()
        with self._instrumented():
            assert looks() == bare

    def test_one_span_a_call(self) -> None:
        """Every case makes one span, which names operation, provider and model, and says what is expected of it."""

        async def check() -> None:
            async with self.world() as cases:
                for case in _finite(cases):
                    needed = {semconv.OPERATION_NAME, semconv.PROVIDER_NAME, semconv.REQUEST_MODEL}
                    with self._instrumented() as spans:
                        await _run(case)
                        for span in spans.ended(case.name, case.spans):
                            attributes = dict(span.attributes or {})
                            assert needed <= set(attributes), case.name
                            said = {key: attributes.get(key) for key in case.expected}
                            assert said == dict(case.expected), (
                                f"{case.name}: expected {dict(case.expected)}, got {said}"
                            )

        asyncio.run(check())

    def test_the_answer_is_the_librarys_own(self) -> None:
        """Type and items of an answer, or type and arguments of an exception, are those without instrumentation."""

        async def check() -> None:
            async with self.world() as cases:
                for case in _finite(cases):
                    bare = await _run(case)
                    with self._instrumented():
                        found = await _run(case)
                    assert found == bare, case.name

        asyncio.run(check())

    @pytest.mark.parametrize("fault", FAULTS)
    def test_nothing_raises_into_the_call(self, fault: str) -> None:
        """A recorder that fails at one step changes no answer and no exception."""

        async def check() -> None:
            async with self.world() as cases:
                for case in _finite(cases):
                    bare = await _run(case)
                    with self._instrumented(fault):
                        found = await _run(case)
                    assert found == bare, case.name

        asyncio.run(check())

    @pytest.mark.parametrize("exit", EXITS)
    def test_a_stream_ends_once(self, exit: str, caplog: pytest.LogCaptureFixture) -> None:
        """However a stream is left, its one span ends once and says how."""
        caplog.set_level(logging.WARNING, "opentelemetry")

        async def check() -> None:
            async with self.world() as cases:
                for case in cases:
                    if not case.stream or case.raises or case.stalls != (exit == "cancelled"):
                        continue
                    with self._instrumented() as spans:
                        if outcomes := await leave(exit, case.run()):
                            (span,) = spans.ended(case.name)
                            outcome = (span.attributes or {})[semconv.STREAM_OUTCOME]
                            assert outcome in outcomes, (case.name, outcome)

        asyncio.run(check())
        assert [record.message for record in caplog.records if record.name.startswith("opentelemetry")] == []

    def test_a_call_that_is_given_up_ends(self) -> None:
        """Its task is cancelled while it waits for the answer: no error, and `aborted`."""

        async def check() -> None:
            async with self.world() as cases:
                for case in cases:
                    if not case.stalls or case.stream:
                        continue
                    with self._instrumented() as spans:
                        task = asyncio.ensure_future(case.run())
                        await asyncio.sleep(0.01)  # into the wait for the answer
                        task.cancel()
                        await asyncio.wait([task])
                        assert task.cancelled(), case.name
                        (span,) = spans.ended(case.name)
                        attributes = span.attributes or {}
                        assert attributes.get(semconv.COMPLETENESS) == "aborted", case.name
                        assert semconv.ERROR_TYPE not in attributes, case.name

        asyncio.run(check())

    @pytest.mark.parametrize("outer_has_usage", [True, False])
    def test_a_call_that_a_framework_claims_counts_once(self, outer_has_usage: bool) -> None:
        """Of the framework's span and the client's one counts, and the client's is inside of the framework's."""
        usage = {semconv.USAGE_INPUT_TOKENS: 7} if outer_has_usage else {}

        async def check() -> None:
            async with self.world() as cases:
                for case in _finite(cases):
                    if case.spans != 1 or case.raises is not None:
                        continue
                    with self._instrumented() as spans:
                        recorder = spans.recorder
                        outer = recorder.start_call(case.operation, "framework", "m")
                        assert outer is not None
                        with recorder.claim(outer):
                            await _run(case)
                        outer.end(usage)
                        found = {span.context.span_id: span for span in spans.ended(case.name, 2)}
                        claiming = found.pop(outer.span.get_span_context().span_id)
                        (inner,) = found.values()
                        roles = [(span.attributes or {}).get(semconv.USAGE_ROLE) for span in (inner, claiming)]
                        assert roles in ([None, "rollup"], ["duplicate", None]), (case.name, roles)
                        assert inner.parent is not None
                        assert inner.parent.span_id == claiming.context.span_id, case.name

        asyncio.run(check())

    def test_suppression_is_honoured(self) -> None:
        """With OpenTelemetry's suppress key in the context nothing is recorded."""

        async def check() -> None:
            async with self.world() as cases:
                with self._instrumented() as spans:
                    for key in (otel._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"):
                        token = otel.attach(otel.set_value(key, True))
                        for case in _finite(cases):
                            await _run(case)
                        otel.detach(token)
                assert spans.exporter.get_finished_spans() == ()

        asyncio.run(check())

    def test_after_uninstrument_nothing_is_recorded(self) -> None:
        """Also by clients that were made before."""

        async def check() -> None:
            async with self.world() as cases:
                with self._instrumented():
                    for case in _finite(cases):
                        await _run(case)
                with self._instrumented() as spans:
                    pass
                for case in _finite(cases):
                    await _run(case)
                assert spans.exporter.get_finished_spans() == ()

        asyncio.run(check())

    @contextmanager
    def _instrumented(self, fault: str | None = None) -> Iterator[_Spans]:
        instrumentor, spans = self.make(), _Spans()
        recorder = spans.recorder = self.recorder(spans.tracer)
        instrumentor.instrument(recorder if fault is None else faulty(recorder, fault))
        try:
            with only_new():
                yield spans
        finally:
            instrumentor.uninstrument()


class _Spans:
    recorder: Recorder

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("llm_obs")

    def ended(self, name: str, count: int = 1) -> tuple[ReadableSpan, ...]:
        collect()
        found = self.exporter.get_finished_spans()
        assert len(found) == count, (name, [span.name for span in found])
        return found


def _finite(cases: Sequence[Case]) -> list[Case]:
    return [case for case in cases if not case.stalls]


async def _run(case: Case) -> Any:
    """What can be compared between two runs: types, how many items, an exception's type and text."""
    try:
        answer = case.run()
        if inspect.isawaitable(answer):
            answer = await answer
        items: list[Any] = []
        if case.stream:
            if hasattr(answer, "__aiter__"):
                items = [type(item) async for item in answer]
            else:
                items = [type(item) for item in answer]
    except BaseException as error:
        if case.raises is None or not isinstance(error, case.raises):
            raise
        return type(error), str(error), case.error is None or error is case.error
    assert case.raises is None, f"{case.name} did not raise"
    return type(answer), items
