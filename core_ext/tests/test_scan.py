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
