from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan

from llm_obs_core_ext.spanqueue import SpanQueue

class SpanEncoder:
    def __init__(self, queue: SpanQueue) -> None: ...
    def add(self, span: ReadableSpan) -> None: ...

def encode_spans(spans: Sequence[ReadableSpan]) -> bytes: ...
