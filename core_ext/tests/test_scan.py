"""The scanner reads what protobuf reads."""

import pytest
from llm_obs_core.errors import LimitError, WireError
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def request(spans: int = 2) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    scope_spans = message.resource_spans.add().scope_spans.add()
    for i in range(spans):
        span = scope_spans.spans.add(trace_id=bytes([1]) * 16, span_id=bytes([i + 1]) * 8, name=f"s{i}")
        span.attributes.add(key="gen_ai.request.model").value.string_value = "m"
    return message


def test_rows_are_read_as_protobuf_reads_them() -> None:
    batch = scan(request().SerializeToString())
    assert [span.name for span in batch.spans()] == ["s0", "s1"]
    assert [span.attributes for span in batch.spans()] == [{"gen_ai.request.model": "m"}] * 2
    assert batch.received == len(batch) == 2


def test_more_spans_than_allowed() -> None:
    body = request(3).SerializeToString()
    assert len(scan(body, max_spans=3)) == 3
    with pytest.raises(LimitError):
        scan(body, max_spans=2)


def test_a_cut_request_names_the_byte() -> None:
    body = request().SerializeToString()
    with pytest.raises(WireError) as caught:
        scan(body[:-1])
    assert 0 < caught.value.offset <= len(body)


@pytest.mark.parametrize("odd", ["é", "漢", "😀"])
def test_text_of_any_length_with_one_wide_character_anywhere(odd: str) -> None:
    message = request(1)
    for size in range(70):
        message.resource_spans[0].scope_spans[0].spans[0].name = (
            "a" * (size // 2) + odd + "b" * (size - size // 2) + odd
        )
        good = message.SerializeToString()
        assert len(scan(good)) == 1
        bad = good.replace(odd.encode(), b"\xff" * len(odd.encode()), 1)
        assert [rejection.reason for rejection in scan(bad).rejected] == ["invalid_utf8"]


def test_a_key_that_is_no_text_is_wrong_in_every_span_and_only_there() -> None:
    message = request(6)
    spans = message.resource_spans[0].scope_spans[0].spans
    for number, span in enumerate(spans):
        span.attributes.add(key="bad!" if number in (0, 1, 3) else "good").value.int_value = number
    batch = scan(message.SerializeToString().replace(b"bad!", b"ba\xff!"))
    assert [(item.index, item.count) for item in batch.rejected] == [(0, 3)]
    assert [span.attributes for span in batch.spans()] == [{"gen_ai.request.model": "m", "good": n} for n in (2, 4, 5)]


def test_rows_whose_attributes_differ_in_order_and_number() -> None:
    message = request(0)
    keys = ["a", "gen_ai.request.model", "bb", "gen_ai.response.id", "a key that is longer than all of the others are"]
    expected = []
    for number in range(60):
        span = message.resource_spans[0].scope_spans[0].spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
        mine = [keys[(number * 7 + place * 3) % 5] for place in range(number % 6)]
        for key in mine:
            span.attributes.add(key=key).value.string_value = key * number
        expected.append({key: key * number for key in mine})
    assert [span.attributes for span in scan(message.SerializeToString()).spans()] == expected


def test_no_byte_behind_the_body_is_read() -> None:
    # 80 bytes are announced by two bytes of length, of which the second would be behind the body.
    entry = b"\x0a\x01k\x12\x02\x0a\xd0"
    span = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8 + b"\x4a" + bytes([len(entry)]) + entry
    scope = b"\x12" + bytes([len(span)]) + span
    resource = b"\x12" + bytes([len(scope)]) + scope
    with pytest.raises(WireError):
        scan(memoryview(b"\x0a" + bytes([len(resource)]) + resource + b"\x00" * 80)[: 2 + len(resource)])
