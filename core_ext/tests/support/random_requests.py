"""Requests at random: any message, the same in odd encodings, and spans of model calls with values of any type."""

from __future__ import annotations

import random
from collections.abc import Sequence

from google.protobuf.descriptor import FieldDescriptor as Kind
from google.protobuf.message import Message
from llm_obs_core import semconv
from llm_obs_core.model import CONTENT_SLOTS, SPAN_COLUMNS
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

__all__ = ["call_request", "fill", "message_of", "odd"]


def fill(message: Message, random_: random.Random, depth: int = 0) -> None:
    """A random message of its type, small, with all kinds of values."""
    texts = ["", "a", "b", "é漢😀", "gen_ai.request.model", "x" * 150, "\0"]
    for field in message.DESCRIPTOR.fields:
        if random_.random() < 0.35 or (depth > 9 and field.type == Kind.TYPE_MESSAGE):
            continue
        for _ in range(random_.choice((0, 1, 1, 2, 3)) if field.is_repeated else 1):
            if field.type == Kind.TYPE_MESSAGE:
                child = getattr(message, field.name)
                child = child.add() if field.is_repeated else child
                child.SetInParent()
                fill(child, random_, depth + 1)
                continue
            if field.type == Kind.TYPE_STRING:
                value = random_.choice(texts)
            elif field.type == Kind.TYPE_BYTES:
                size = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}.get(field.name, 3)
                value = random_.choice([b"", bytes(size), b"1", *[random_.randbytes(size)] * 30])
            elif field.type == Kind.TYPE_DOUBLE:
                value = random_.choice([0.0, -0.0, 1.5, float("inf"), float("nan")])
            elif field.type == Kind.TYPE_BOOL:
                value = random_.random() < 0.5
            elif field.type in (Kind.TYPE_ENUM, Kind.TYPE_INT32, Kind.TYPE_INT64):
                value = random_.choice([0, 1, 3, -1, -(2**31), 2**31 - 1, 127, 128])
            else:
                value = random_.choice([0, 1, 127, 128, 2**32 - 1])
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)


def varint(number: int, length: int = 1) -> bytes:
    out = bytearray()
    while number > 127 or len(out) < length - 1:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def odd(message: Message, random_: random.Random) -> bytes:
    """The same fields in another order, some split, doubled, padded, of the wrong type, or among unknown ones."""
    parts: list[bytes] = []

    def head(number: int, wire: int) -> bytes:
        return varint(number << 3 | wire, random_.choice((1, 1, 1, 1, 2, 5)))

    def delimited(number: int, payload: bytes) -> bytes:
        return head(number, 2) + varint(len(payload), random_.choice((1, 1, 1, 2, 5))) + payload

    for field, values in message.ListFields():
        for value in values if field.is_repeated else [values]:
            if field.type == Kind.TYPE_MESSAGE:
                if random_.random() < 0.2:
                    half = type(value)()
                    fill(half, random_, 8)
                    parts.append(delimited(field.number, odd(half, random_)))
                parts.append(delimited(field.number, odd(value, random_)))
            elif field.type in (Kind.TYPE_STRING, Kind.TYPE_BYTES):
                parts.append(delimited(field.number, value.encode() if isinstance(value, str) else value))
            elif field.type in (Kind.TYPE_DOUBLE, Kind.TYPE_FIXED64, Kind.TYPE_FIXED32):
                alone = type(message)(**{field.name: value}).SerializeToString()
                parts.append(alone)
            else:
                number = int(value) & (2**64 - 1)
                if field.type != Kind.TYPE_INT64 and random_.random() < 0.3:
                    number |= random_.getrandbits(20) << 32 if field.type != Kind.TYPE_BOOL else 2
                parts.append(head(field.number, 0) + varint(number, random_.choice((1, 1, 2, 10))))
            if random_.random() < 0.05:
                parts.append(random_.choice(parts))
    if random_.random() < 0.3:
        number = random_.choice((1, 3, 7, 9, 11, 99, 2**29 - 1))
        group = head(number, 3) + head(5, 0) + b"\x07" + head(number, 4)
        parts.append(random_.choice((group, head(77, 1) + bytes(8), head(5, 5) + bytes(4), head(78, 0) + b"\x01")))
    if random_.random() < 0.5:
        random_.shuffle(parts)
    return b"".join(parts)


def message_of(seed: int) -> tuple[Request, random.Random]:
    random_ = random.Random(seed)
    message = Request()
    fill(message, random_)
    return message, random_


# --- spans of model calls --------------------------------------------------------------------------------------------

COLUMN_KEYS = [column.source for column in SPAN_COLUMNS if ":" not in column.source]
CONTENT_KEYS = [key for _, key in CONTENT_SLOTS]
COUNT_KEYS = [key for key in semconv.KNOWN_KEYS if key.endswith("_tokens")]
ALL_KEYS = [*COLUMN_KEYS, *CONTENT_KEYS, *COUNT_KEYS, "other", "é"]
TEXTS = ["", "stop", "chat", "embeddings", "gpt-4o", "é漢😀", "leaf", "rollup", "x" * 70, "007", "-3", "12a", "9" * 25]
INTS = [0, 1, 2, 17, 200, 429, 1234, -1, 2**31, 2**40, 2**63 - 1, -(2**63)]
DOUBLES = [0.0, -0.0, 0.25, 3.0, -1.0, 1e-9, 1.5e-9, 1e300, float("nan"), float("inf"), -float("inf"), 2.0**63]
JSON = [
    '[{"role":"user","parts":[]},"a", 1]',
    "[]",
    " [ 1 , 2 ] ",
    "[1,",
    '{"a":[1]}',
    "hello",
    "[1] x",
    '["\\u00e9\\""]',
]


def any_value(value: AnyValue, random_: random.Random, depth: int = 0) -> None:
    """Sets a value of any type, or none."""
    match random_.randrange(10 if depth < 4 else 6):
        case 0 | 1:
            value.string_value = random_.choice(TEXTS)
        case 2:
            value.int_value = random_.choice(INTS)
        case 3:
            value.double_value = random_.choice(DOUBLES)
        case 4:
            value.bool_value = random_.random() < 0.5
        case 5 if depth:
            value.bytes_value = random_.randbytes(random_.randrange(20))
        case 6 | 7:
            value.array_value.SetInParent()
            for _ in range(random_.randrange(4)):
                any_value(value.array_value.values.add(), random_, depth + 1)
        case 8:
            value.kvlist_value.SetInParent()
            for key in random_.sample(["a", "b", 'q"', ""], random_.randrange(4)):
                any_value(value.kvlist_value.values.add(key=key).value, random_, depth + 1)


def usual_value(key: str, value: AnyValue, random_: random.Random) -> None:
    """Sets a value as a well-behaved sender would."""
    if key in COUNT_KEYS:
        value.int_value = random_.choice([0, 1, 5, 100, 1000, 12_345])
    elif key in CONTENT_KEYS:
        value.string_value = random_.choice(JSON)
    elif key == semconv.RESPONSE_FINISH_REASONS:
        value.array_value.values.add().string_value = random_.choice(["stop", "length"])
    elif key == semconv.RESPONSE_TIME_TO_FIRST_CHUNK:
        value.double_value = random_.choice([0.1, 0.25, 2.0])
    elif key == semconv.REQUEST_STREAM:
        value.bool_value = random_.random() < 0.5
    elif key == semconv.OPERATION_NAME:
        value.string_value = random_.choice([*semconv.MODEL_CALLS, "execute_tool"])
    elif key == semconv.USAGE_ROLE:
        value.string_value = random_.choice(["leaf", "leaf", "rollup"])
    elif key in (semconv.COST_TOTAL_NANO_USD, semconv.HTTP_RESPONSE_STATUS_CODE):
        value.int_value = random_.choice([0, 200, 429, 123_456])
    else:
        value.string_value = random_.choice(["a", "b", "gpt-4o"])


def call_request(seed: int, odd_values: float = 0.2, keys: Sequence[str] = ALL_KEYS) -> tuple[Request, random.Random]:
    """Spans with the attributes that columns, contents and measures read; a share of the values is of any type."""
    random_ = random.Random(seed)
    message = Request()
    for _ in range(random_.randrange(4)):
        resource = message.resource_spans.add()
        for key in ("service.name", "deployment.environment", "deployment.environment.name", "llm_obs.measured", "x"):
            if random_.random() < 0.4:
                value = resource.resource.attributes.add(key=key).value
                if random_.random() < odd_values:
                    any_value(value, random_)
                elif key == "llm_obs.measured":
                    value.bool_value = random_.random() < 0.3
                else:
                    value.string_value = random_.choice(["shop", "prod", ""])
        for _ in range(random_.randrange(3)):
            scope = resource.scope_spans.add()
            if random_.random() < 0.7:
                scope.scope.name = random_.choice(["", "llm_obs.openai"])
                scope.scope.version = random_.choice(["", "1"])
            for _ in range(random_.randrange(9)):
                call_span(scope.spans.add(), random_, odd_values, keys)
    return message, random_


def call_span(span: Message, random_: random.Random, odd_values: float, keys: Sequence[str]) -> None:
    """One span of `call_request`."""
    span.trace_id, span.span_id = random_.randbytes(16), random_.randbytes(8)
    if random_.random() < 0.5:
        span.parent_span_id = random_.randbytes(8)
    span.name = random_.choice(["", "chat gpt-4o", "é"])
    span.kind = random_.choice([0, 1, 3, 99, 127, 128, -1, -129, 2**31 - 1])
    minute = 60_000_000_000
    span.start_time_unix_nano = random_.choice([0, 1, minute - 1, minute, 10**18, 10**18 + 1, 2**63, 2**64 - 1])
    span.end_time_unix_nano = random_.choice(
        [0, span.start_time_unix_nano, min(span.start_time_unix_nano + random_.choice([1, 40, 10**9]), 2**64 - 1)]
    )
    if random_.random() < 0.5:
        span.status.code = random_.choice([0, 1, 2, 2, 300])
        span.status.message = random_.choice(["", "boom"])
    for key in random_.sample(keys, random_.randrange(len(keys) + 1)):
        value = span.attributes.add(key=key).value
        if random_.random() < odd_values:
            any_value(value, random_)
        else:
            usual_value(key, value, random_)
    for _ in range(random_.choice([0, 0, 1])):
        span.events.add(name="e", time_unix_nano=5).attributes.add(key="k").value.string_value = "v"
