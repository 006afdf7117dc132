"""Scan and emit against protobuf's own parser: valid messages, odd encodings of them, and damaged bytes."""

from collections import Counter

import pytest
from google.protobuf.descriptor import FieldDescriptor as Kind
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_obs_core.errors import WireError
from llm_obs_core.model import AttributeValue, Event, Link, Span
from llm_obs_core_ext.emit import emit
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from random_requests import message_of, odd

LIMIT = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
LETTERS = st.text(st.sampled_from("ab é漢\U0001f600\0"), max_size=20)
KEYS = st.sampled_from(["", "a", "b", "gen_ai.request.model", "gen_ai.usage.input_tokens", "k" * 200])


# --- the oracle: what protobuf read, as our rules see it -------------------------------------------------------------


def value_of(value: AnyValue) -> AttributeValue:
    match value.WhichOneof("value"):
        case None | "string_value_strindex":
            return None
        case "array_value":
            return [value_of(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes_of(value.kvlist_value.values)
        case name:
            return getattr(value, name)


def attributes_of(entries) -> dict[str, AttributeValue]:
    return {entry.key: value_of(entry.value) for entry in entries}


def fault_of(span) -> str | None:
    for name, size in (("trace_id", 16), ("span_id", 8)):
        value = getattr(span, name)
        if len(value) != size:
            return f"{name}_length"
        if not any(value):
            return f"{name}_zero"
    return "parent_span_id_length" if len(span.parent_span_id) not in (0, 8) else None


def span_of(span, scope, resource) -> Span:
    parent = span.parent_span_id
    return Span(
        span.trace_id, span.span_id, parent if any(parent) else None, span.name, span.kind, span.start_time_unix_nano,
        span.end_time_unix_nano, span.status.code, span.status.message, attributes_of(span.attributes),
        [Event(e.name, e.time_unix_nano, attributes_of(e.attributes), e.dropped_attributes_count) for e in span.events],
        [
            Link(k.trace_id, k.span_id, k.trace_state, attributes_of(k.attributes), k.dropped_attributes_count, k.flags)
            for k in span.links
        ],
        attributes_of(resource.attributes), scope.name, scope.version, attributes_of(scope.attributes),
        span.trace_state, span.flags, span.dropped_attributes_count, span.dropped_events_count,
        span.dropped_links_count,
    )  # fmt: skip


def read(message: Request) -> tuple[list[Span], Counter[str]]:
    spans, faults = [], Counter()
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                fault = fault_of(span)
                if fault:
                    faults[fault] += 1
                else:
                    spans.append(span_of(span, scope.scope, resource.resource))
    return spans, faults


def one_key_once(entries) -> None:
    places: dict[str, int] = {}
    kept = []
    for entry in entries:
        if entry.key in places:
            kept[places[entry.key]] = entry
        else:
            places[entry.key] = len(kept)
            kept.append(entry)
    if len(kept) < len(entries):
        copies = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
        del entries[:]
        entries.extend(copies)


def tidy(message: Message) -> None:
    """In place: what emit promises, for everything below a message."""
    for field, value in message.ListFields():
        if field.name in ("string_value_strindex", "key_strindex"):
            message.ClearField(field.name)
        elif field.type == Kind.TYPE_MESSAGE:
            if field.is_repeated and field.message_type.name == "KeyValue":
                one_key_once(value)
            for child in value if field.is_repeated else [value]:
                tidy(child)


def canonical(message: Request) -> bytes:
    message = Request.FromString(message.SerializeToString())
    message.DiscardUnknownFields()
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            good = [span for span in scope.spans if not fault_of(span)]
            for span in good:
                if not any(span.parent_span_id):
                    span.ClearField("parent_span_id")
            copies = [type(span).FromString(span.SerializeToString()) for span in good]
            del scope.spans[:]
            scope.spans.extend(copies)
        full = [scope for scope in resource.scope_spans if scope.spans]
        copies = [type(scope).FromString(scope.SerializeToString()) for scope in full]
        del resource.scope_spans[:]
        resource.scope_spans.extend(copies)
    out = Request()
    out.resource_spans.extend(resource for resource in message.resource_spans if resource.scope_spans)
    tidy(out)
    return out.SerializeToString()


def compare(body: bytes) -> str:
    try:
        message = Request.FromString(body)
    except DecodeError as error:
        if "UTF-8" not in str(error):
            with pytest.raises(WireError) as caught:
                scan(body)
            assert 0 <= caught.value.offset <= len(body)
            return "refused"
        try:
            batch = scan(body)
        except WireError:
            return "utf8"
        Request.FromString(emit(batch))
        list(batch.spans())
        batch.texts()
        return "utf8"
    batch = scan(body)
    spans, faults = read(message)
    assert repr(list(batch.spans())) == repr(spans)
    assert {rejection.reason: rejection.count for rejection in batch.rejected} == faults
    written = emit(batch)
    assert written == canonical(message)
    again = scan(written)
    assert emit(again) == written
    assert not again.rejected
    return "read"


SEEDS = st.integers(0, 2**64)


@LIMIT
@given(SEEDS)
def test_valid_messages(seed: int) -> None:
    message, _ = message_of(seed)
    assert compare(message.SerializeToString()) == "read"


@LIMIT
@given(SEEDS)
def test_odd_encodings(seed: int) -> None:
    message, random_ = message_of(seed)
    assert compare(odd(message, random_)) == "read"


@LIMIT
@given(SEEDS)
def test_damaged_bytes(seed: int) -> None:
    message, random_ = message_of(seed)
    body = bytearray(odd(message, random_) if seed & 1 else message.SerializeToString())
    for _ in range(random_.choice((1, 1, 2, 5))):
        at, end = sorted((random_.randrange(len(body) + 1), random_.randrange(len(body) + 1)))
        match random_.randrange(6):
            case 0:
                del body[at:]
            case 1:
                del body[at:end]
            case 2:
                body[at:at] = body[at:end]
            case 3:
                body[at:at] = random_.randbytes(random_.randrange(12))
            case _ if body:
                body[at % len(body)] ^= 1 << random_.randrange(8)
    compare(bytes(body))


@LIMIT
@given(st.binary(max_size=60))
def test_any_bytes(body: bytes) -> None:
    compare(body)
