"""Columns against the same values computed in Python, read by pyarrow."""

from __future__ import annotations

from typing import Any

import pytest
from arrow_reading import array_of, pylist, rows_of
from batch_properties import BatchProperties
from column_oracle import row_of
from llm_obs_core.model import SPAN_COLUMNS
from llm_obs_core_ext.batch import KeyTable, SpanBatch
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from otlp_values import add_attributes
from python_work import python_work


def one_span(attributes: dict[str, Any] | None = None, spans: int = 1, **fields: Any) -> SpanBatch:
    """A batch of equal spans."""
    message = Request()
    scope = message.resource_spans.add().scope_spans.add()
    for n in range(spans):
        span = scope.spans.add(**{"trace_id": b"t" * 16, "span_id": (n + 1).to_bytes(8, "big"), **fields})
        add_attributes(span, attributes or {})
    return scan(message.SerializeToString())


def value(column: str, attributes: dict[str, Any] | None = None, **fields: Any) -> Any:
    return pylist(one_span(attributes, **fields).columns()[column])[0]


class TestColumns(BatchProperties):
    def check(self, batch: SpanBatch) -> None:
        assert rows_of(batch.columns()) == [row_of(span) for span in batch.spans()]


def test_every_column_has_its_type_and_only_nullable_ones_are_null() -> None:
    columns = one_span({"gen_ai.usage.input_tokens": "x"}, spans=3).columns()
    assert [(name, column.type, column.length) for name, column in columns.items()] == [
        (column.name, column.type, 3) for column in SPAN_COLUMNS
    ]
    assert {name for name, column in columns.items() if column.null_count} == {
        column.name for column in SPAN_COLUMNS if column.nullable
    }


def test_no_spans_are_no_rows() -> None:
    columns = scan(b"").columns()
    assert len(columns) == len(SPAN_COLUMNS)
    assert all(len(array_of(column)) == 0 for column in columns.values())


def test_the_token_columns_are_the_settled_counts() -> None:
    sent = {"gen_ai.usage.input_tokens": "10", "gen_ai.usage.cache_read.input_tokens": 40.0}
    (row,) = rows_of(one_span(sent).columns())
    assert (row["input_tokens"], row["input_uncached"], row["cache_read"]) == (50, 10, 40)
    assert row["cache_write_5m"] is None
    assert row["output_tokens"] is None
    assert row["output_text"] is None


@pytest.mark.parametrize(
    ("sent", "seen"),
    [(["a", "b"], "a"), ("a", "a"), ([], None), ([""], ""), ("", ""), (1, None), (True, None)],
)
def test_the_finish_reason_is_the_first_choices(sent: Any, seen: str | None) -> None:
    assert value("finish_reason", {"gen_ai.response.finish_reasons": sent}) == seen


def test_hostile_numbers() -> None:
    assert value("http_status", {"http.response.status_code": 2**31}) is None
    assert value("http_status", {"http.response.status_code": "503"}) == 503
    assert value("ttft_ns", {"gen_ai.response.time_to_first_chunk": float("nan")}) is None
    assert value("ttft_ns", {"gen_ai.response.time_to_first_chunk": 0.25}) == 250_000_000
    assert value("cost_nano_usd", {"llm_obs.cost.total_nano_usd": str(-(2**63))}) == -(2**63)
    assert value("prompt_version", {"gen_ai.prompt.version": -(2**63)}) == str(-(2**63))
    assert value("start_ns", start_time_unix_nano=2**64 - 1) == 2**63 - 1
    assert value("duration_ns", end_time_unix_nano=2**64 - 1) == 2**63 - 1
    assert value("duration_ns", start_time_unix_nano=9, end_time_unix_nano=3) == 0


def test_thousands_of_unknown_keys_change_nothing() -> None:
    many = {f"key{n}": n for n in range(1000)}
    assert rows_of(one_span({"user.id": "u"} | many).columns()) == rows_of(one_span({"user.id": "u"}).columns())


def test_a_key_table_without_the_columns_keys() -> None:
    body = one_span({"user.id": "u", "gen_ai.usage.input_tokens": 3}, name="n").otlp()
    (row,) = rows_of(scan(body, keys=KeyTable(["other"])).columns())
    assert (row["name"], row["user_id"], row["input_tokens"]) == ("n", None, None)
    (row,) = rows_of(scan(body, keys=KeyTable(["other", "user.id"])).columns())
    assert row["user_id"] == "u"


def test_long_texts_grow() -> None:
    text = "é" * 100_000
    columns = one_span({"user.id": text}, spans=50).columns()
    assert pylist(columns["user_id"]) == [text] * 50


def test_views_outlive_the_batch_and_each_other() -> None:
    column = one_span({"user.id": "u" * 5000}, spans=100).columns()["user_id"]
    numbers = one_span(spans=100).columns()["start_ns"].data
    assert pylist(column) == ["u" * 5000] * 100
    assert bytes(numbers) == bytes(800)


def test_no_python_runs_per_span() -> None:
    few, many = one_span({"user.id": "u"}, spans=16), one_span({"user.id": "u"}, spans=4096)
    assert python_work(few.columns) == python_work(many.columns)
