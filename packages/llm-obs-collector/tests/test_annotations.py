"""Annotations from the socket to the log: read, checked one by one, scrubbed, packed, and read back as rows."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_collector.budget import Budget
from llm_obs_collector.pipeline import Pipeline
from llm_obs_collector.receivers.http import HttpServer
from llm_obs_collector.scrub import BUILTIN, Scanner
from llm_obs_collector.signals import Signals, builtin
from llm_obs_collector.signals.annotations import MAX_BODY_BYTES, AnnotationHandler, AnnotationRows
from llm_obs_core.config import ApiKey, Receiver
from llm_obs_core.errors import LimitError, LlmObsError, StoreError, WireError
from llm_obs_core.interfaces import Context, Outcome, ScrubRules
from llm_obs_core.model import ANNOTATION_COLUMNS, LogRecord, RecordKind
from llm_obs_core.signals import ANNOTATIONS
from llm_obs_testing.arrow import decode
from receiving import Answer, http_server, post, send
from writing import KeepingWriter

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
RULES = ScrubRules(1, builtin=tuple(BUILTIN), patterns=(("ticket", r"ticket-\d+"),))
HANDLER = AnnotationHandler(Scanner([RULES]), max_items=100)
CONTEXT = Context("acme", RecordKind.ANNOTATION, 77)


def item(value: Any = 0.5, key: str = "score.helpfulness", **changed: Any) -> dict[str, Any]:
    return {"target": {"trace_id": TRACE, "span_id": SPAN}, "key": key, "value": value} | changed


def encoded(*items: Any) -> bytes:
    return json.dumps({"annotations": list(items)}).encode()


def table(rows: AnnotationRows) -> list[tuple[Any, ...]]:
    columns = {name: decode(column) for name, column in rows.columns().items()}
    assert list(columns) == [column.name for column in ANNOTATION_COLUMNS]
    return list(zip(*columns.values(), strict=True))


def kept(*items: Any, handler: AnnotationHandler = HANDLER) -> list[tuple[Any, ...]]:
    """The rows that are in the log."""
    done = handler.prepare(encoded(*items), "application/json", CONTEXT)
    return [row for record in done.records for row in table(handler.rows(record))]


@asynccontextmanager
async def receiving(
    log: KeepingWriter, signals: Signals | None = None, keys: tuple[ApiKey, ...] = ()
) -> AsyncIterator[HttpServer]:
    signals = signals or builtin(Scanner([RULES]))
    async with http_server(Pipeline(log, signals, Budget(1 << 30)), signals=signals, keys=keys) as server:
        yield server


async def say(server: HttpServer, body: bytes, *headers: str) -> Answer:
    return await send(server, post(body, *headers, path="/v1/annotations", media="application/json"))


async def test_from_the_socket_to_the_log() -> None:
    log = KeepingWriter()
    async with receiving(log) as server:
        body = encoded(item(True), item("good", revision=3), item(None, target={"trace_id": TRACE.upper()}))
        answer = await say(server, body)
        assert (answer.status, json.loads(answer.body)) == (200, {"accepted": 3, "rejected": []})
        assert answer.headers["content-type"] == "application/json"
        for encoding, packed in (("gzip", gzip.compress(body)), ("zstd", zstandard.compress(body))):
            assert (await say(server, packed, f"Content-Encoding: {encoding}")).status == 200
    (record,) = log.records  # those that were compressed say the same again
    assert (record.kind, record.tenant, record.accepted) == (RecordKind.ANNOTATION, "default", 3)
    trace, span = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    received = record.received_ns
    assert table(HANDLER.rows(record)) == [
        (trace, span, "score.helpfulness", "true", 0, received),
        (trace, span, "score.helpfulness", '"good"', 3, received),
        (trace, None, "score.helpfulness", "null", 0, received),
    ]


async def test_refusals_are_json_and_nothing_is_kept() -> None:
    log = KeepingWriter()
    handler = AnnotationHandler(Scanner(()), max_items=2)
    async with receiving(log, Signals([*[*builtin()][:1], handler])) as server:
        for body, status, said in (
            (b"", 400, "expected a JSON object"),
            (b"[]", 400, "expected a JSON object"),
            (b'{"annotations": [{]}', 400, "(at byte 0)"),
            (b'{"annotations": [], "more": 1}', 400, "more"),
            (b"\xff", 400, "expected a JSON object"),
            (b'{"annotations":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "expected a JSON object"),
            (encoded(*[item()] * 3), 413, "at most 2 annotations, got 3"),
            (encoded(item("x" * MAX_BODY_BYTES)), 413, "at most 1048576 bytes"),
        ):
            answer = await say(server, body)
            assert (answer.status, answer.headers["content-type"]) == (status, "application/json"), body[:50]
            assert said in json.loads(answer.body)["error"]
        wrong_type = await send(server, post(encoded(item()), path="/v1/annotations", media="text/plain"))
        assert (wrong_type.status, json.loads(wrong_type.body)["error"]) == (
            415, "expected Content-Type application/json, got text/plain",
        )  # fmt: skip
        unknown = await send(server, post(b"", path="/v1/annotation"))
        assert unknown.status == 404
        assert b"POST /v1/traces or POST /v1/annotations, got POST /v1/annotation" in unknown.body
    assert log.records == []


async def test_a_key_needs_the_scope_ingest() -> None:
    import hashlib

    keys = tuple(
        ApiKey(scope, hashlib.sha256(scope.encode()).hexdigest(), tenant=scope, scopes=(scope,))  # type: ignore[arg-type]
        for scope in ("ingest", "read")
    )
    log = KeepingWriter()
    async with receiving(log, keys=keys) as server:
        for headers, status in (((), 401), (("x-api-key: read",), 403), (("x-api-key: ingest",), 200)):
            assert (await say(server, encoded(item()), *headers)).status == status
    assert [record.tenant for record in log.records] == ["ingest"]


WRONG: list[tuple[Any, str, str]] = [
    (5, "fields", "expected an object with target, key, value, got 5 (at annotations[1])"),
    ([], "fields", "got a list (at annotations[1])"),
    ({"key": "k", "value": 1}, "fields", "expected the field target, got none (at annotations[1])"),
    (item(target="x"), "fields", "(at annotations[1].target)"),
    (item(target={}), "fields", "expected the field trace_id, got none (at annotations[1].target)"),
    (item(target={"trace_id": TRACE, "user": "u"}), "fields", 'got "user" (at annotations[1].target)'),
    (item(tags=[]), "fields", 'expected only key, revision, target, value, got "tags" (at annotations[1])'),
    (item(target={"trace_id": "zz"}), "trace_id", 'expected 32 hexadecimal digits, not all zero, got "zz" (at '
     "annotations[1].target.trace_id); correct it"),
    (item(target={"trace_id": "0" * 32}), "trace_id", "not all zero"),
    (item(target={"trace_id": TRACE[:-1] + "\u0661"}), "trace_id", "hexadecimal"),
    (item(target={"trace_id": TRACE[:-1] + "\n"}), "trace_id", "hexadecimal"),
    (item(target={"trace_id": 7}), "trace_id", "got 7"),
    (item(target={"trace_id": TRACE, "span_id": SPAN[:-1]}), "span_id", "16 hexadecimal digits"),
    (item(key=""), "key", 'expected a text of 1 to 256 characters, got ""'),
    (item(key="k" * 257), "key", "… (259 characters)"),
    (item(key=5), "key", "got 5"),
    (item([1]), "value", "expected a string, a number, a boolean or null, got a list"),
    (item({"a": 1}), "value", "got an object"),
    (item("x" * (64 * 1024 + 1)), "value", "expected at most 65536 bytes, got 65537 (at annotations[1].value)"),
    (item("é" * (32 * 1024 + 1)), "value", "got 65538"),
    (item(2**63), "value", "expected an integer of 64 bits, got one of 64"),
    (item(10**400), "value", "expected an integer of 64 bits"),
    (item(revision=-1), "revision", "got -1"),
    (item(revision=2**63), "revision", "got 9223372036854775808"),
    (item(revision=True), "revision", "got true"),
    (item(revision=1.0), "revision", "got 1.0"),
    (item(revision=None), "revision", "got null"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "reason", "message"), WRONG)
def test_a_wrong_one_is_left_out_alone(wrong: Any, reason: str, message: str) -> None:
    done = HANDLER.prepare(encoded(item(1), wrong, item(2), wrong), "application/json", CONTEXT)
    assert [row[3] for record in done.records for row in table(HANDLER.rows(record))] == ["1", "2"]
    (rejection,) = done.rejected
    assert (rejection.reason, rejection.index, rejection.count) == (reason, 1, 2)
    assert message in rejection.message
    assert done.records[0].rejected == 2
    said = json.loads(HANDLER.response(Outcome(2, done.rejected), "application/json"))
    assert said == {
        "accepted": 2,
        "rejected": [{"reason": reason, "index": 1, "count": 2, "message": rejection.message}],
    }


def test_bytes_that_are_no_utf8_spoil_one_annotation() -> None:
    body = encoded(item("A"), item("B"), item("C")).replace(b'"B"', b'"\xff"')
    done = HANDLER.prepare(body, "application/json", CONTEXT)
    assert [(rejection.reason, rejection.index) for rejection in done.rejected] == [("invalid_json", 1)]
    assert done.accepted == 2
    none = HANDLER.prepare(encoded(5), "application/json", CONTEXT)
    assert (none.records, none.accepted, len(none.rejected)) == ((), 0, 1)


SECRET, CARD = "jane.doe@mail.example.org", "4111111111111111"
NESTED = '{"a": "x\\n%s"}'


@pytest.mark.parametrize(
    ("given_item", "key", "value"),
    [
        (item(f"write to {SECRET}"), "score.helpfulness", '"write to [REDACTED:email]"'),
        (item(1, key=f"by {SECRET}"), "by [REDACTED:email]", "1"),
        (item("see ticket-12"), "score.helpfulness", '"see [REDACTED:ticket]"'),
        (item(NESTED % SECRET), "score.helpfulness", json.dumps(NESTED % "[REDACTED:email]")),
        (item(int(CARD)), "score.helpfulness", '"[REDACTED:credit_card]"'),
        (item(float(CARD)), "score.helpfulness", '"[REDACTED:credit_card]"'),
        (item(1e300), "score.helpfulness", "1e300"),
        (item(0.4012888888881881), "score.helpfulness", "0.4012888888881881"),  # 16 decimals that look like a card
        (item(""), "score.helpfulness", '""'),
        (item('quote " and \\ and \x00 and \u2028'), "score.helpfulness", None),
        (item(-(2**63)), "score.helpfulness", "-9223372036854775808"),
    ],
)  # fmt: skip
def test_secrets_are_written_over_before_the_log(given_item: dict[str, Any], key: str, value: str | None) -> None:
    done = HANDLER.prepare(encoded(given_item), "application/json", CONTEXT)
    ((_, _, kept_key, kept_value, _, _),) = table(HANDLER.rows(done.records[0]))
    assert kept_key == key
    assert SECRET.encode() not in done.records[0].payload
    assert CARD.encode() not in done.records[0].payload
    if value is None:
        assert json.loads(kept_value) == given_item["value"]
    else:
        assert json.loads(kept_value) == json.loads(value)
    assert sum(done.scrubbed.values()) == (b"[REDACTED:" in done.records[0].payload)
    assert done.records[0].scrub_version == 1


values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
items = st.builds(
    lambda trace, span, key, value, revision: {
        "target": {"trace_id": trace.hex(), "span_id": span and span.hex()},
        "key": key, "value": value, "revision": revision,
    },
    st.binary(min_size=16, max_size=16).filter(any),
    st.none() | st.binary(min_size=8, max_size=8).filter(any),
    texts.filter(bool), values | texts, st.integers(0, 2**63 - 1),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(items, max_size=5), max_size=4), st.randoms(use_true_random=False))
def test_what_is_said_comes_back_as_it_was(requests: list[list[Any]], chance: random.Random) -> None:
    handler = AnnotationHandler(Scanner(()), max_items=100)
    parts, expected = [], []
    for said in requests:
        for record in handler.prepare(encoded(*said), "application/json", CONTEXT).records:
            rows = handler.rows(record)
            mask = bytes(chance.randint(0, 1) for _ in said)
            parts.append(rows.select(mask))
            assert len(parts[-1]) == sum(mask)
            expected += [item for item, keeps in zip(said, mask, strict=True) if keeps]
    joined = handler.concat(parts)
    assert len(joined) == len(expected)
    assert [
        (trace.hex(), span and span.hex(), key, json.loads(value), revision, received)
        for trace, span, key, value, revision, received in table(joined)
    ] == [
        (item["target"]["trace_id"], item["target"]["span_id"], item["key"], item["value"], item["revision"], 77)
        for item in expected
    ]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_bodies_are_refused_or_read_and_nothing_else(cut: int, flips: list[tuple[int, int]]) -> None:
    body = bytearray(encoded(item("text"), item(12), item(None)))
    for place, value in flips:
        body[place % len(body)] = value
    try:
        done = HANDLER.prepare(bytes(body[: len(body) - cut % 50]), "application/json", CONTEXT)
    except LlmObsError as error:
        assert isinstance(error, WireError | LimitError)  # noqa: PT017
    else:
        assert done.accepted + sum(rejection.count for rejection in done.rejected) <= 3


def test_many_and_tiny_items_are_counted_before_they_are_read() -> None:
    with pytest.raises(LimitError, match="max_annotations_per_request"):
        HANDLER.prepare(b'{"annotations":[' + b"0," * 300_000 + b"0]}", "application/json", CONTEXT)


def test_a_record_that_is_none_is_said_to_be() -> None:
    record = LogRecord(RecordKind.ANNOTATION, "acme", 1, bytes(16), 1, 0, b"not columns")
    with pytest.raises(StoreError):
        HANDLER.rows(record)


def test_the_limits_are_those_of_the_configuration() -> None:
    handler = builtin(limits=Receiver(max_annotations_per_request=1)).at_path(ANNOTATIONS.http_path)
    assert handler is not None
    with pytest.raises(LimitError):
        handler.prepare(encoded(item(), item()), "application/json", CONTEXT)
