"""Measures against the same sums made in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from arrow_reading import array_of, rows_of
from batch_properties import LIMIT, SEEDS, BatchProperties
from column_oracle import row_of
from hypothesis import given
from llm_obs_core import histogram, semconv
from llm_obs_core.model import MEASURE_KEYS, MEASURE_VALUES
from llm_obs_core_ext.batch import KeyTable, SpanBatch
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from otlp_values import add_attributes
from python_work import python_work
from random_requests import call_request, odd

KEYS = [column.name for column in MEASURE_KEYS]
SUMS = [column.name for column in MEASURE_VALUES if column.type == "int64"]
HISTOGRAMS = [column.name for column in MEASURE_VALUES if column.type == "histogram"]
MINUTE_NS = 60_000_000_000
FEW_KEYS = [
    semconv.OPERATION_NAME,
    semconv.USAGE_ROLE,
    semconv.USAGE_INPUT_TOKENS,
    semconv.USAGE_OUTPUT_TOKENS,
    semconv.RESPONSE_TIME_TO_FIRST_CHUNK,
    semconv.REQUEST_STREAM,
    semconv.COST_TOTAL_NANO_USD,
    semconv.USER_ID,
]

Rows = dict[tuple[Any, ...], tuple[Counter[str], dict[str, Counter[int]]]]


# --- the oracle ------------------------------------------------------------------------------------------------------


def values_of(row: dict[str, Any]) -> dict[str, int]:
    tokens = {name: row[name] or 0 for name in SUMS if name in row and name != "cost_nano_usd"}
    used = row["input_tokens"] is not None or row["output_tokens"] is not None
    ttft_ns = row["ttft_ns"]
    rated = (row["output_tokens"] or 0) > 0 and row["duration_ns"] > (ttft_ns or 0)
    rated = rated and (ttft_ns is not None or not row["stream"])
    return tokens | {
        "requests": 1,
        "errors": int(row["status_code"] == 2 or row["error_type"] is not None),
        "cost_nano_usd": row["cost_nano_usd"] or 0,
        "unpriced": int(used and row["cost_nano_usd"] is None),
        "duration_sum_ns": row["duration_ns"],
        "ttft_count": int(ttft_ns is not None),
        "ttft_sum_ns": ttft_ns or 0,
        "generation_tokens": row["output_tokens"] if rated else 0,
        "generation_ns": row["duration_ns"] - (ttft_ns or 0) if rated else 0,
    }


def clamp(number: int) -> int:
    return min(max(number, -(2**63)), 2**63 - 1)


def expected(batch: SpanBatch) -> Rows:
    rows: Rows = {}
    for span in batch.spans():
        row = row_of(span)
        counted = row["operation"] in semconv.MODEL_CALLS and row["usage_role"] in (None, "leaf")
        if not counted or span.resource.get(semconv.MEASURED) is True:
            continue
        row["minute_ns"] = row["start_ns"] // MINUTE_NS * MINUTE_NS
        sums, histograms = rows.setdefault(
            tuple(row[key] for key in KEYS), (Counter(), {name: Counter() for name in HISTOGRAMS})
        )
        for name, value in values_of(row).items():
            sums[name] = clamp(sums[name] + value)
        histograms["duration_hist"][histogram.bucket_index(row["duration_ns"])] += 1
        if row["ttft_ns"] is not None:
            histograms["ttft_hist"][histogram.bucket_index(row["ttft_ns"])] += 1
    return rows


def read(batch: SpanBatch) -> Rows:
    rows: Rows = {}
    measures = batch.measures()
    read_rows = rows_of(measures.columns())
    assert len(measures) == len(read_rows)
    for row in read_rows:
        key = tuple(row[name] for name in KEYS)
        assert key not in rows
        histograms = {}
        for name in HISTOGRAMS:
            assert row[f"{name}_index"] == sorted(set(row[f"{name}_index"]))
            histograms[name] = Counter(dict(zip(row[f"{name}_index"], row[f"{name}_count"], strict=True)))
        rows[key] = Counter({name: row[name] for name in SUMS}), histograms
    return rows


class TestMeasures(BatchProperties):
    def check(self, batch: SpanBatch) -> None:
        found, wanted = read(batch), expected(batch)
        assert list(found) == list(wanted)
        assert found == wanted

    @LIMIT
    @given(SEEDS)
    def test_many_calls_of_few_keys(self, seed: int) -> None:
        message, random_ = call_request(seed, keys=FEW_KEYS, odd_values=0.05)
        self.check(scan(message.SerializeToString()))
        self.check(scan(odd(message, random_)))


def added(parts: Iterable[Rows]) -> Rows:
    total: Rows = {}
    for rows in parts:
        for key, (sums, histograms) in rows.items():
            all_sums, all_histograms = total.setdefault(key, (Counter(), {name: Counter() for name in HISTOGRAMS}))
            for name, value in sums.items():
                all_sums[name] = clamp(all_sums[name] + value)
            for name, counts in histograms.items():
                all_histograms[name].update(counts)
    return total


@LIMIT
@given(SEEDS, SEEDS)
def test_measures_of_parts_add_up_to_those_of_the_whole(one: int, two: int) -> None:
    first, second = (
        scan(call_request(seed, keys=FEW_KEYS, odd_values=0.0)[0].SerializeToString()) for seed in (one, two)
    )
    assert read(SpanBatch.concat([first, second])) == added([read(first), read(second)])
    mask = bytes(n & 1 for n in range(len(first)))
    assert added([read(first.select(mask)), read(first.select(bytes(1 - n for n in mask)))]) == read(first)


# --- rules -----------------------------------------------------------------------------------------------------------


def calls(*many: dict[str, Any], measured: bool = False, **fields: Any) -> SpanBatch:
    message = Request()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="llm_obs.measured").value.bool_value = measured
    scope = resource.scope_spans.add()
    for n, attributes in enumerate(many):
        span = scope.spans.add(**{"trace_id": b"t" * 16, "span_id": (n + 1).to_bytes(8, "big"), **fields})
        add_attributes(span, {semconv.OPERATION_NAME: "chat", **attributes})
    return scan(message.SerializeToString())


def one(**changes: Any) -> dict[str, Any]:
    (row,) = rows_of(calls(changes.pop("attributes", {}), **changes).measures().columns())
    return row


def test_every_column_is_there_in_order() -> None:
    columns = calls({}).measures().columns()
    names = [name for name in SUMS if not name.endswith("_hist")]
    lists = [f"{name}_{part}" for name in HISTOGRAMS for part in ("index", "count")]
    assert list(columns) == [*KEYS, *names, *lists]
    assert [columns[name].type for name in lists] == ["list<uint16>", "list<uint32>"] * 2
    assert {name: columns[name].type for name in KEYS} == {column.name: column.type for column in MEASURE_KEYS}


@pytest.mark.parametrize(
    ("attributes", "requests"),
    [
        ({}, 1),
        ({semconv.OPERATION_NAME: "execute_tool"}, 0),
        ({semconv.OPERATION_NAME: "chat\0generate_content"}, 0),
        ({semconv.OPERATION_NAME: ""}, 0),
        ({semconv.USAGE_ROLE: "leaf"}, 1),
        ({semconv.USAGE_ROLE: "rollup"}, 0),
        ({semconv.USAGE_ROLE: "duplicate"}, 0),
        ({semconv.USAGE_ROLE: ""}, 0),
    ],
)
def test_which_spans_count(attributes: dict[str, Any], requests: int) -> None:
    assert len(calls(attributes).measures()) == requests
    assert len(calls(attributes, measured=True).measures()) == 0


@pytest.mark.parametrize(
    ("attributes", "tokens", "generation_ns"),
    [
        ({semconv.USAGE_OUTPUT_TOKENS: 10}, 10, 5_000_000_000),
        ({semconv.USAGE_OUTPUT_TOKENS: 10, semconv.REQUEST_STREAM: False}, 10, 5_000_000_000),
        ({semconv.USAGE_OUTPUT_TOKENS: 10, semconv.REQUEST_STREAM: True}, 0, 0),
        ({semconv.USAGE_OUTPUT_TOKENS: 10, semconv.RESPONSE_TIME_TO_FIRST_CHUNK: 2.0}, 10, 3_000_000_000),
        ({semconv.USAGE_OUTPUT_TOKENS: 10, semconv.RESPONSE_TIME_TO_FIRST_CHUNK: 5.0}, 0, 0),
        ({semconv.USAGE_OUTPUT_TOKENS: 0}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_generation(attributes: dict[str, Any], tokens: int, generation_ns: int) -> None:
    row = one(attributes=attributes, start_time_unix_nano=1, end_time_unix_nano=5_000_000_001)
    assert (row["generation_tokens"], row["generation_ns"]) == (tokens, generation_ns)


def test_unknown_costs_are_counted_and_not_zero() -> None:
    assert one(attributes={semconv.USAGE_INPUT_TOKENS: 0})["unpriced"] == 1
    assert one(attributes={semconv.USAGE_INPUT_TOKENS: 5, semconv.COST_TOTAL_NANO_USD: 0})["unpriced"] == 0
    assert one()["unpriced"] == 0


def test_errors() -> None:
    assert one(status={"code": 2})["errors"] == 1
    assert one(attributes={semconv.ERROR_TYPE: "timeout"}, status={"code": 1})["errors"] == 1
    assert one(status={"code": 1})["errors"] == 0


def test_keys_are_told_apart_by_their_bytes_and_by_null() -> None:
    users = [{}, {semconv.USER_ID: ""}, {semconv.USER_ID: "a"}, {semconv.USER_ID: "a\0"}, {semconv.REQUEST_MODEL: "a"}]
    rows = rows_of(calls(*users, *users).measures().columns())
    assert [row["user_id"] for row in rows] == [None, "", "a", "a\0", None]
    assert {row["requests"] for row in rows} == {2}


def test_minutes() -> None:
    assert one(start_time_unix_nano=2 * MINUTE_NS - 1)["minute_ns"] == MINUTE_NS
    assert one(start_time_unix_nano=2 * MINUTE_NS)["minute_ns"] == 2 * MINUTE_NS
    assert one(start_time_unix_nano=2**64 - 1)["minute_ns"] == (2**63 - 1) // MINUTE_NS * MINUTE_NS


def test_sums_stay_at_the_end_of_64_bits() -> None:
    huge = {semconv.COST_TOTAL_NANO_USD: 2**63 - 1}
    (row,) = rows_of(calls(huge, huge, end_time_unix_nano=2**64 - 1).measures().columns())
    assert row["cost_nano_usd"] == row["duration_sum_ns"] == 2**63 - 1
    (row,) = rows_of(calls(*[{semconv.COST_TOTAL_NANO_USD: -(2**63)}] * 2).measures().columns())
    assert row["cost_nano_usd"] == -(2**63)


def test_thousands_of_keys() -> None:
    users = [{semconv.USER_ID: f"user-{n % 5000}"} for n in range(20_000)]
    rows = rows_of(calls(*users).measures().columns())
    assert [(row["user_id"], row["requests"]) for row in rows] == [(f"user-{n}", 4) for n in range(5000)]


def test_a_key_table_without_the_keys_measures_nothing() -> None:
    assert len(scan(calls({}).otlp(), keys=KeyTable(["other"])).measures()) == 0


def test_no_spans() -> None:
    columns = scan(b"").measures().columns()
    assert all(len(array_of(column)) == 0 for column in columns.values())


def test_no_python_runs_per_span() -> None:
    few, many = (calls(*[{semconv.USER_ID: "u"}] * spans) for spans in (16, 4096))
    assert python_work(lambda: few.measures().columns()) == python_work(lambda: many.measures().columns())
