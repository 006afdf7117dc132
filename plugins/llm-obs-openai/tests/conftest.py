from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from llm_obs_openai.config import OpenAIOptions
from llm_obs_openai.instrumentor import OpenAIInstrumentor
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.recorder import Recorder
from llm_obs_testing.imitation import Imitation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Recording:
    """An instrumentor at work whose spans are kept."""

    def __init__(self, capture: bool = False, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.guard = Guard()
        self.tracer = provider.get_tracer("llm_obs")
        self.instrumentor = OpenAIInstrumentor(OpenAIOptions(**options))
        self.capture = capture
        self.instrumentor.instrument(self.recorder())

    def recorder(self) -> Recorder:
        return Recorder(self.tracer, self.capture, self.guard)

    def spans(self) -> list[Any]:
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found

    def one(self) -> SimpleNamespace:
        """The only span since the last look: name, status and attributes."""
        (span,) = self.spans()
        return SimpleNamespace(name=span.name, status=span.status, events=span.events, at=dict(span.attributes))


@pytest.fixture
def recording() -> Iterator[Recording]:
    made = Recording()
    yield made
    made.instrumentor.uninstrument()
    assert made.guard.errors == 0


@pytest.fixture
def capturing() -> Iterator[Recording]:
    made = Recording(capture=True, providers={"127.0.0.1": "openai"})
    yield made
    made.instrumentor.uninstrument()
    assert made.guard.errors == 0


@pytest.fixture
def imitation() -> Iterator[Imitation]:
    with Imitation().running() as made:
        yield made
    assert made.failures == []


@pytest.fixture
def client(imitation: Imitation) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=imitation.url, api_key="k", max_retries=0) as made:
        yield made
