"""What a request holds of the budget goes with it: once it is here, no other can take its room."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import grpc
import pytest
from feeding import until
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_collector.budget import Budget, Reservation
from llm_obs_collector.pipeline import Pipeline
from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_collector.receivers.http import HttpServer
from llm_obs_collector.signals import builtin
from llm_obs_collector.signals.traces import TraceHandler
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import GrpcReceiver, HttpReceiver
from llm_obs_core.errors import RetryableError
from llm_obs_core.signals import TRACES
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span
from receiving import post, read_answer
from writing import KeepingWriter

LIMIT = 4 << 20
SMALL, LARGE = 1, 30_000
"""Spans of a request that is prepared on the loop, and of one that is prepared in a thread."""


def body(spans: int, first: int = 1) -> bytes:
    return request([make_span(first + number, trace=1) for number in range(spans)])


class Contested(Budget):
    """Once it is wanted, others take every byte at the moment at which it is given back."""

    wanted = False
    peak = 0

    def give(self, nbytes: int) -> None:
        super().give(nbytes)
        self.peak = max(self.peak, self.used)
        if self.wanted:
            self.fill()

    def fill(self) -> None:
        self.wanted = True
        if self.used < self.limit_bytes:
            self.take(self.limit_bytes - self.used)


@pytest.mark.parametrize("spans", [SMALL, LARGE])
async def test_a_request_that_is_here_is_never_put_off_for_another(spans: int) -> None:
    """It waits behind one whose answer takes its time, and meanwhile others fill the budget to the last byte."""
    budget, log = Contested(LIMIT), KeepingWriter()
    log.gate = asyncio.Event()
    server = HttpServer(
        HttpReceiver(listen="127.0.0.1:0"), max_request_bytes=LIMIT, authorizer=Authorizer(()), budget=budget
    )
    await server.start(Pipeline(log, builtin(), budget))
    try:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        bodies = [body(SMALL), body(spans, 2)]
        writer.write(b"".join(post(item) for item in bodies))
        await until(lambda: budget.used >= sum(map(len, bodies)))
        budget.fill()
        log.gate.set()
        assert [(await read_answer(reader)).status for _ in bodies] == [200, 200]
        assert (len(bodies[1]) > TraceHandler.inline_bytes) == (spans == LARGE)
        assert [record.accepted for record in log.records] == [1, spans]
        writer.close()
    finally:
        log.gate.set()
        await server.stop()
    assert budget.used == LIMIT  # all of it the others'


@pytest.mark.parametrize("spans", [SMALL, LARGE])
async def test_compressed_requests_that_are_here_take_turns_beyond_the_limit(spans: int) -> None:
    budget, log = Contested(LIMIT), KeepingWriter()
    log.gate = asyncio.Event()
    server = HttpServer(
        HttpReceiver(listen="127.0.0.1:0"), max_request_bytes=LIMIT, authorizer=Authorizer(()), budget=budget
    )
    await server.start(Pipeline(log, builtin(), budget))
    bodies = [body(spans, 1 + n * spans) for n in range(4)]
    packed = [gzip.compress(item, compresslevel=0 if spans == SMALL else 1) for item in bodies]
    connections = [await asyncio.open_connection(*server.address.split(":")) for _ in bodies]
    try:
        for (_, writer), item in zip(connections, packed, strict=True):
            writer.write(post(body(SMALL, 999_999)) + post(item, "Content-Encoding: gzip"))
        await until(lambda: budget.used >= sum(map(len, packed)))
        budget.fill()
        log.gate.set()
        statuses = []
        for reader, _ in connections:
            statuses += [(await read_answer(reader)).status for _ in range(2)]
        assert statuses == [200] * 8
        assert sorted(record.accepted for record in log.records) == sorted([1] + [spans] * 4)
        assert LIMIT < budget.peak <= LIMIT + max(map(len, bodies))
    finally:
        log.gate.set()
        for _, writer in connections:
            writer.close()
        await server.stop()
    assert budget.used == LIMIT
    assert not budget.overdraft.locked()


async def test_at_no_step_is_there_room_that_the_request_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its last byte and its answer the budget never falls below what the body takes."""
    budget, log = Budget(LIMIT), KeepingWriter()
    log.gate = asyncio.Event()
    low: list[int] = []
    settle = Reservation.settle

    def watched(self: Reservation, nbytes: int) -> None:
        settle(self, nbytes)
        low.append(budget.used)

    monkeypatch.setattr(Reservation, "settle", watched)
    server = HttpServer(
        HttpReceiver(listen="127.0.0.1:0"), max_request_bytes=LIMIT, authorizer=Authorizer(()), budget=budget
    )
    await server.start(Pipeline(log, builtin(), budget))
    try:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        sent = body(100)
        writer.write(post(gzip.compress(sent), "Content-Encoding: gzip"))
        await until(lambda: low)
        assert budget.used == low[0] == len(sent)  # what it was on the wire is gone, what it became is held
        log.gate.set()
        assert (await read_answer(reader)).status == 200
        writer.close()
    finally:
        await server.stop()
    assert budget.used == 0


async def test_a_grpc_message_that_is_here_is_never_put_off_for_another() -> None:
    budget, log = Contested(LIMIT), KeepingWriter()
    server = GrpcServer(
        GrpcReceiver(listen="127.0.0.1:0"), max_request_bytes=LIMIT, authorizer=Authorizer(()), budget=budget
    )
    await server.start(Pipeline(log, builtin(), budget))
    sent, opened = body(LARGE), asyncio.Event()

    async def message() -> AsyncIterator[bytes]:
        await opened.wait()
        yield sent

    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            call = channel.stream_unary(TRACES.grpc_method or "")(message())
            await until(lambda: budget.used)
            assert budget.used < len(sent)  # a share: nobody knows yet how large it is
            budget.fill()
            opened.set()
            assert await call == b""
            assert [record.accepted for record in log.records] == [LARGE]
            assert budget.used == LIMIT
    finally:
        opened.set()
        await server.stop()


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["grow", "settle", "release"]), st.integers(0, 60))))
def test_the_budget_is_the_sum_of_its_reservations(steps: list[tuple[int, str, int]]) -> None:
    budget = Budget(100)
    reservations = [budget.reserve() for _ in range(3)]
    for which, action, nbytes in steps:
        mine, used = reservations[which], budget.used
        match action:
            case "grow":
                try:
                    mine.grow(nbytes)
                except RetryableError:
                    assert used + nbytes > 100
                    assert budget.used == used
                else:
                    assert not used or budget.used <= 100
            case "settle":
                mine.settle(nbytes)
                assert mine.nbytes == nbytes
            case _:
                mine.release()
        assert budget.used == sum(item.nbytes for item in reservations)
    for mine in reservations:
        mine.release()
        mine.release()
    assert budget.used == 0
