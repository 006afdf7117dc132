"""What is read out of a batch is given back when nobody looks at it."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable

import pytest
from llm_obs_core_ext.assemble import assemble
from llm_obs_core_ext.batch import KeyTable
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

pytestmark = pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer keeps freed memory")

KEY = bytes(32)
GROWTH_BYTES = 24 << 20


def body(spans: int = 2000) -> bytes:
    message = Request()
    scope = message.resource_spans.add().scope_spans.add()
    for n in range(spans):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(n + 1).to_bytes(8, "big"), name="n")
        for key, text in (
            ("gen_ai.operation.name", "chat"),
            ("user.id", f"user-{n}"),
            ("gen_ai.input.messages", '[{"role":"user"},' + " " * 100 + '{"role":"system"}]'),
        ):
            span.attributes.add(key=key).value.string_value = text
        lists = span.attributes.add(key="gen_ai.output.messages").value.array_value.values
        lists.add().kvlist_value.values.add(key="a").value.double_value = 0.5
    return message.SerializeToString()


BODY = body()
BATCH = scan(BODY)
FOREIGN = scan(BODY, keys=KeyTable(["user.id"]))


def refused() -> None:
    for call in (lambda: BATCH.contents(b""), FOREIGN.payloads, lambda: FOREIGN.contents(KEY)):
        with pytest.raises(ValueError, match="expected"):
            call()


CALLS: dict[str, Callable[[], object]] = {
    "columns": BATCH.columns,
    "payloads": BATCH.payloads,
    "contents": lambda: BATCH.contents(KEY).columns(),
    "measures": lambda: BATCH.measures().columns(),
    "assemble": lambda: assemble([bytes(200)] * 2000, [b"s" * 99] * 2000, [None] * 2000),
    "refused": refused,
}


def most_bytes() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@pytest.mark.parametrize("name", CALLS)
def test_nothing_stays(name: str) -> None:
    # Each call makes over 200 KB, so that what would stay of 300 is over twice the allowed growth.
    for _ in range(10):
        CALLS[name]()
    before = most_bytes()
    for _ in range(300):
        CALLS[name]()
    assert most_bytes() - before < GROWTH_BYTES
