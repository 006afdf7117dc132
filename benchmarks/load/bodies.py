"""Request bodies that are made once and stamped anew for every request.

All spans of a body have one length, so that the same byte of every span lies at one distance from the next: a request
is made unique by a few strided assignments in C, with no Python statement for a span.
"""

from __future__ import annotations

import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["SPANS_PER_TRACE", "Body", "make"]

SPANS_PER_TRACE = 4
STAMP_BYTES = 6
HIGH_BYTES = 5
"""Bytes of a time that are stamped; the three below differ from span to span (16 ms)."""

STAMP, START, END = b"\xfe" * STAMP_BYTES, b"\xfd" * HIGH_BYTES, b"\xfc" * HIGH_BYTES
"""What stands in a body where a stamp goes; no other bytes of it look so."""

MODELS = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("openai", "gpt-4.1", "gpt-4.1-2025-04-14"),
)
WORDS = (
    "please", "summarise", "the", "following", "report", "about", "our", "customers", "and", "their", "orders", "since",
    "2024", "with", "a", "table", "of", "42", "rows;", "explain", "each", "step", "in", "English", "version", "3.11",
)  # fmt: skip
SECRETS = ("jane.doe@mail.example.org", "4111 1111 1111 1111", "+49 30 901820-12", "sk-proj-" + "Ab1_" * 8)


class Body:
    """A request whose ids and times are rewritten in place.

    Args:
        data: The serialised request.
        spans: How many spans it has.
        first: Where the first one begins.
        stride: Bytes from one to the next.
        duration_ns: From start to end of each, about.
    """

    def __init__(self, data: bytes, spans: int, first: int, stride: int, duration_ns: int) -> None:
        self.data = bytearray(data)
        self.spans = spans
        self._view = memoryview(self.data)
        self._stride = stride
        self._duration = duration_ns >> 24
        second = data[first + stride : first + 2 * stride]
        trace = second.index(STAMP)
        span = second.index(STAMP, trace + STAMP_BYTES)
        self._trace, self._span = first + trace, first + span
        self.trace_at = self._trace - 2
        """Where the first trace's id stands."""
        self._parent = first + second.index(STAMP, span + STAMP_BYTES)
        self._start = data.index(START, first)
        self._finish = data.index(END, first)

    def stamp(self, number: int, now_ns: int) -> memoryview:
        """The body as request `number` of the run, from 1: no other request has its ids."""
        for place, byte in enumerate(number.to_bytes(STAMP_BYTES, "big")):
            every = bytes((byte,)) * self.spans
            self._put(self._trace + place, every)
            self._put(self._span + place, every)
            self._put(self._parent + place, bytes((0, byte, byte, byte)) * (self.spans // SPANS_PER_TRACE))
        start = (now_ns >> 24) - self._duration
        for at, high in ((self._start, start), (self._finish, start + self._duration)):
            for place, byte in enumerate(high.to_bytes(HIGH_BYTES, "little")):
                self._put(at + place, bytes((byte,)) * self.spans)
        return self._view

    def _put(self, at: int, column: bytes) -> None:
        self._view[at : at + self._stride * (self.spans - 1) + 1 : self._stride] = column


def make(seed: int, spans: int, span_bytes: int) -> Body:
    """A seeded body.

    Args:
        seed: Chooses model, words and duration.
        spans: A multiple of `SPANS_PER_TRACE`, at most 65,536.
        span_bytes: About the size of one span.
    """
    choose = random.Random(seed)
    model = MODELS[seed % len(MODELS)]
    common = bytes([1]) + choose.randbytes(7).translate(_LOW)
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = f"shop-{seed % 8}"
    scope = resource.scope_spans.add()
    scope.scope.name = "benchmarks.load"
    room = span_bytes - len(_span(choose, 0, common, model, 0).SerializeToString())
    made = [_span(choose, number, common, model, max(room, 64)) for number in range(spans)]
    scope.spans.extend(made)
    data = message.SerializeToString()
    encoded = made[0].SerializeToString()
    first = data.index(encoded)
    stride = data.index(made[1].SerializeToString()) - first
    assert first + stride * (spans - 1) == data.index(made[-1].SerializeToString()), "spans of one length"
    return Body(data, spans, first, stride, choose.randrange(1, 200) << 24)


_LOW = bytes(byte & 0x7F for byte in range(256))


def _span(choose: random.Random, number: int, common: bytes, model: tuple[str, str, str], room: int) -> Span:
    provider, request_model, response_model = model
    root = number - number % SPANS_PER_TRACE
    operation = "plan" if number == root else "chat"  # a trace's root is no call of a model, its other spans are
    low = 0 if number == 0 else choose.randrange(1 << 23)
    span = Span(
        trace_id=root.to_bytes(2, "big") + STAMP + common,
        span_id=number.to_bytes(2, "big") + STAMP,
        parent_span_id=bytes(8) if number == root else root.to_bytes(2, "big") + STAMP,
        name=f"{operation} {request_model}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=int.from_bytes(low.to_bytes(3, "little") + START, "little"),
        end_time_unix_nano=int.from_bytes(low.to_bytes(3, "little") + END, "little"),
    )
    texts = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": request_model,
        "gen_ai.response.model": response_model,
        "gen_ai.response.id": f"chatcmpl-{choose.randrange(10**20):020d}",
        "user.id": f"user-{choose.randrange(1000):03d}",
        "gen_ai.conversation.id": f"conversation-{choose.randrange(100):02d}",
        "gen_ai.input.messages": _messages(choose, "user", room // 2, secret=number % 10 == 0),
        "gen_ai.output.messages": _messages(choose, "assistant", room - room // 2, secret=False),
    }
    for key, text in texts.items():
        span.attributes.add(key=key).value.string_value = text
    for key, count in (
        ("gen_ai.usage.input_tokens", choose.randrange(1000, 9999)),
        ("gen_ai.usage.output_tokens", choose.randrange(200, 999)),
    ):
        span.attributes.add(key=key).value.int_value = count
    span.attributes.add(key="gen_ai.request.temperature").value.double_value = 0.7
    span.attributes.add(key="gen_ai.response.finish_reasons").value.array_value.values.add().string_value = "stop"
    return span


def _messages(choose: random.Random, role: str, room: int, *, secret: bool) -> str:
    words = choose.choices(WORDS, k=2 + room // 2)
    if secret:
        words.insert(1, choose.choice(SECRETS))
    text = "\\n".join(" ".join(words[at : at + 12]) for at in range(0, len(words), 12))[: max(room, 8)]
    text = text[:-1].rstrip("\\") + "." * (len(text) - len(text[:-1].rstrip("\\")))
    return f'[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]'
