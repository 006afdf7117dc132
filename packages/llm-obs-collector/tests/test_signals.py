"""The registry: a signal that nobody has heard of goes from the socket to the log without a change anywhere else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import grpc
import llm_obs_collector
import pytest
from llm_obs_collector.budget import Budget
from llm_obs_collector.pipeline import Pipeline
from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_collector.signals import Prepared, SignalHandler, SignalRows, Signals, builtin
from llm_obs_collector.signals.handler import digest_of
from llm_obs_core import signals as contracts
from llm_obs_core.auth import Authorizer
from llm_obs_core.columnar import ColumnBatch
from llm_obs_core.columns import column_of, select, values_of
from llm_obs_core.config import GrpcReceiver
from llm_obs_core.errors import PluginError, WireError
from llm_obs_core.interfaces import Context, Outcome
from llm_obs_core.model import LogRecord, PayloadKind, RecordKind, Rejection
from llm_obs_core.signals import TRACES, Signal
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span
from receiving import http_server, post, send
from writing import KeepingWriter

TYPES = ("text/plain", "text/x-notes")
NOTES = Signal("notes", RecordKind.LOGS, PayloadKind.LOGS, "/v1/notes", "/made.up.Notes/Put", TYPES, "lines")


class Lines(ColumnBatch):
    """Rows of one column."""

    def select(self, mask: bytes | bytearray | memoryview) -> Lines:
        found = select(self, mask)
        return Lines(len(found), found.columns())


class Notes:
    """A signal of a test: a line is an item; lines of one first letter stay together."""

    signal = NOTES
    inline_bytes = 10

    def prepare(self, body: bytes, content_type: str, context: Context) -> Prepared:
        if b"\0" in body:
            raise WireError("lines", got="a zero")
        slices: dict[int, list[bytes]] = {}
        empty = 0
        for line in body.split(b"\n"):
            empty += not line
            if line:
                slices.setdefault(line[0] % 2, []).append(line)
        records = [
            LogRecord(
                NOTES.kind, context.tenant, context.received_ns, digest_of(NOTES.kind, body), len(lines), 0,
                b"\n".join(lines), partition=partition, slice=number,
            )
            for number, (partition, lines) in enumerate(slices.items())
        ]  # fmt: skip
        rejected = (Rejection("empty", 0, empty),) if empty else ()
        return Prepared(NOTES, records, rejected, {content_type: 1})

    def rows(self, record: LogRecord) -> Lines:
        lines = record.payload.split(b"\n")
        return Lines(len(lines), {"line": column_of("binary", lines)})

    def concat(self, parts: Sequence[SignalRows]) -> Lines:
        lines = [value for part in parts for value in values_of(part.columns()["line"])]
        return Lines(len(lines), {"line": column_of("binary", lines)})

    def response(self, outcome: Outcome, content_type: str) -> bytes:
        return f"{content_type}: {outcome.accepted} of which {outcome.repeated} known\n".encode()


SIGNALS = Signals([*builtin(), Notes()])


async def test_a_third_signal_goes_from_the_socket_to_the_log() -> None:
    log = KeepingWriter()
    seen: list[tuple[Prepared, Outcome]] = []
    pipeline = Pipeline(log, SIGNALS, Budget(1 << 20), lambda *both: seen.append(both))
    async with http_server(pipeline, signals=SIGNALS) as server:
        answer = await send(server, post(b"a\nb\n\nc", path="/v1/notes", media="text/x-notes"))
        assert (answer.status, answer.body) == (200, b"text/x-notes: 3 of which 0 known\n")
        assert answer.headers["content-type"] == "text/x-notes"
        again = await send(server, post(b"a\nb\n\nc", path="/v1/notes", media="text/plain"))
        assert again.body == b"text/plain: 3 of which 3 known\n"
        long = await send(server, post(b"in a thread\n" * 3, path="/v1/notes", media="text/plain"))
        assert long.body == b"text/plain: 3 of which 0 known\n"
        assert (await send(server, post(b"\0", path="/v1/notes", media="text/plain"))).status == 400
        assert (await send(server, post(b"a", path="/v1/notes"))).status == 415
        spans = await send(server, post(request([make_span(1)])))
        assert (spans.status, spans.body) == (200, b"")
        unknown = await send(server, post(b"a", path="/v1/note"))
        assert b"POST /v1/traces or POST /v1/annotations or POST /v1/notes, got POST /v1/note" in unknown.body
    assert [(item.kind, item.partition, item.slice, item.payload) for item in log.records[:3]] == [
        (RecordKind.LOGS, 0, 1, b"b"),
        (RecordKind.LOGS, 1, 0, b"a\nc"),
        (RecordKind.LOGS, 1, 0, b"in a thread\nin a thread\nin a thread"),
    ]
    assert [(done.signal.name, outcome.accepted, outcome.repeated) for done, outcome in seen] == [
        ("notes", 3, 0), ("notes", 3, 3), ("notes", 3, 0), ("traces", 1, 0),
    ]  # fmt: skip


async def test_a_request_of_which_the_log_holds_a_part_counts_that_part_as_repeated() -> None:
    log = KeepingWriter()
    pipeline = Pipeline(log, SIGNALS, Budget(1 << 20))
    context = Context("acme", RecordKind.LOGS, 1)
    done = pipeline.prepare(b"a\nb\nc", context)
    await log.append([done.records[0]])  # the process ended between the two partitions
    outcome = await pipeline.offer(b"a\nb\nc", context)
    assert (outcome.accepted, outcome.repeated) == (3, 2)
    assert [(record.slice, record.payload) for record in log.records] == [(0, b"a\nc"), (1, b"b")]


async def test_a_third_signal_is_taken_over_grpc() -> None:
    log = KeepingWriter()
    budget = Budget(1 << 20)
    server = GrpcServer(
        GrpcReceiver(listen="127.0.0.1:0"), max_request_bytes=1 << 20, authorizer=Authorizer(()), budget=budget,
        signals=SIGNALS,
    )  # fmt: skip
    await server.start(Pipeline(log, SIGNALS, budget))
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            put = channel.unary_unary("/made.up.Notes/Put")
            assert await put(b"a\nb") == b"text/plain: 2 of which 0 known\n"
            assert await channel.unary_unary(TRACES.grpc_method or "")(request([make_span(1)])) == b""
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/made.up.Notes/Get")(b"a")
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    finally:
        await server.stop()
    assert sorted(record.kind for record in log.records) == [RecordKind.SPANS, RecordKind.LOGS, RecordKind.LOGS]
    assert budget.used == 0


async def test_what_is_no_signal_of_the_collector_is_refused() -> None:
    pipeline = Pipeline(KeepingWriter(), builtin(), Budget(1 << 20))
    with pytest.raises(PluginError, match="METRICS"):
        await pipeline.offer(b"x", Context("acme", RecordKind.METRICS, 1))
    assert builtin().of_kind(RecordKind.MEASURES) is None


@pytest.mark.parametrize("field", ["name", "kind", "http_path", "grpc_method"])
def test_two_signals_with_one_address_are_refused(field: str) -> None:
    other = Notes()
    other.signal = NOTES._replace(**{field: getattr(TRACES, field)})
    with pytest.raises(PluginError, match=field):
        Signals([*builtin(), other])


def test_every_signal_of_the_contract_has_a_handler_and_rows() -> None:
    handlers: dict[Signal, SignalHandler] = {handler.signal: handler for handler in builtin()}
    assert tuple(handlers) == contracts.SIGNALS
    context = Context("acme", RecordKind.SPANS, 1)
    handler = handlers[TRACES]
    (record,) = handler.prepare(request([make_span(1), make_span(2)]), contracts.PROTOBUF, context).records
    rows = handler.rows(record)
    joined = handler.concat([rows.select(b"\0\1"), rows])
    assert (len(rows), len(joined)) == (2, 3)
    ids = joined.columns()["span_id"]
    assert bytes(ids.data) == b"".join(number.to_bytes(8, "big") for number in (2, 1, 2))


def test_equal_bytes_of_two_signals_are_two_requests() -> None:
    assert len({digest_of(kind, b"") for kind in RecordKind}) == len(RecordKind)


def test_receivers_and_pipeline_know_no_signal_by_name() -> None:
    root = Path(cast(str, llm_obs_collector.__file__)).parent
    words = re.compile(r"/v1/|opentelemetry\.proto|[Tt]races?\b|TRACES|[Aa]nnotations?\b|ANNOTATION|RecordKind|SPANS")
    for path in (*(root / "receivers").glob("*.py"), *(root / "pipeline").glob("*.py")):
        text = path.read_text(encoding="utf-8").replace("from __future__ import annotations", "")
        assert words.findall(text) == [], path.name
