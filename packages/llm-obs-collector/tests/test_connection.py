"""A connection as a state machine: whatever arrives in whatever pieces, answers come in order and bytes come back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.connection import NEXT, Connection, ConnectionSettings, State
from llm_obs_collector.receivers.request import Request, head
from llm_obs_collector.receivers.status import Cause, Refusal
from receiving import post, read_answer

BOUNDS = ConnectionSettings(
    "receiver.test", header_timeout_s=10, body_timeout_s=10, idle_timeout_s=10, max_body_bytes=64,
    max_body_key="receiver.test.max_bytes", max_owed=3,
)  # fmt: skip


class Wire(asyncio.Transport):
    """A transport without a network: keeps what is written."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.written: list[bytes] = []
        self.closing = False
        self.aborted = False
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.closing, "written after the close"
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()


class Echo:
    """A handler that is no collector: answers with the body, refuses `/no`."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.here: set[Connection] = set()
        self.seen: set[Connection] = set()
        self.counted: list[int] = []
        self.failures: list[BaseException] = []

    def admit(self, connection: Connection) -> bool:
        self.here.add(connection)
        self.seen.add(connection)
        return True

    def left(self, connection: Connection) -> None:
        self.here.remove(connection)

    def screen(self, request: Request) -> Refusal | None:
        length = request.headers.get("content-length", "")
        request.content_length = int(length) if length else None
        return Refusal(Cause.NOT_FOUND, "expected another path") if request.path == "/no" else None

    async def answer(self, request: Request) -> bytes:
        await self.open.wait()
        status = 200 if request.refusal is None else request.refusal.cause.http
        body = b"".join(request.body)
        return head(status, len(body), "text/plain", keep_alive=request.keep_alive) + body

    def refused(self, request: Request) -> None:
        assert request.refusal is not None
        self.counted.append(request.refusal.cause.http)

    def failed(self, error: BaseException) -> None:
        self.failures.append(error)


class Driven:
    """A connection whose bytes, clock and transport are the test's."""

    def __init__(self, budget_bytes: int = 1 << 20) -> None:
        self.handler = Echo()
        self.budget = Budget(budget_bytes)
        self.buffer = bytearray(4096)
        self.connection = Connection(self.handler, BOUNDS, self.budget, self.buffer)
        self.wire = Wire(self.connection)
        self.connection.connection_made(self.wire)

    def feed(self, data: bytes) -> None:
        if self.wire.closing:
            return
        self.buffer[: len(data)] = data
        self.connection.buffer_updated(len(data))

    async def settle(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    def late(self) -> None:
        self.connection.check(math.inf)

    @property
    def answers(self) -> list[tuple[int, bytes]]:
        """Status and body of each answer."""
        found = []
        for answer in self.wire.written:
            top, _, body = answer.partition(b"\r\n\r\n")
            found.append((int(top.split()[1]), body))
        return found


GOOD = [(post(bytes([65 + n]) * (n + 1), path="/yes"), (200, bytes([65 + n]) * (n + 1))) for n in range(4)]
CHUNKED = (
    b"POST /yes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", (200, b"abc"),
)  # fmt: skip
EMPTY_REFUSED = (b"GET /no HTTP/1.1\r\nHost: x\r\n\r\n", (404, b""))
UPGRADE = (post(b"up", "Connection: Upgrade", "Upgrade: h2c", path="/yes"), (200, b"up"))
LAST = [
    (post(b"bye", "Connection: close", path="/yes"), (200, b"bye")),
    (post(b"no", path="/no"), (404, b"")),
    (post(b"x" * 65, path="/yes"), (413, b"")),
    (b"\0 garbage\r\n\r\n", (400, b"")),
]
"""After these nothing more is answered."""

exchanges = st.tuples(
    st.lists(st.sampled_from([*GOOD, CHUNKED, EMPTY_REFUSED, UPGRADE]), max_size=8), st.sampled_from([None, *LAST])
)


def chopped(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


@settings(max_examples=150, deadline=None)
@given(exchanges, st.lists(st.integers(0, 5000), max_size=12), st.integers(0, 12), st.booleans())
def test_requests_in_any_pieces_are_answered_in_order(
    exchange: tuple[list[Any], Any], cuts: list[int], held_at: int, ends: bool
) -> None:
    requests, last = exchange
    whole = [*requests, *([last] if last else [])]
    pieces = chopped(b"".join(data for data, _ in whole), cuts)

    async def run() -> None:
        driven = Driven()
        for number, piece in enumerate(pieces):
            if number == held_at:
                driven.handler.open.clear()  # the answer takes its time
            for start in range(0, len(piece), 100):
                driven.feed(piece[start : start + 100])
                if number % 2:
                    await driven.settle()
        if ends and not driven.wire.closing:
            driven.connection.eof_received()
        driven.handler.open.set()
        await driven.settle()
        assert driven.answers == [answer for _, answer in whole]
        assert driven.budget.used == 0
        assert driven.handler.failures == []
        assert driven.handler.counted == [status for _, (status, _) in whole if status != 200]
        closes = [b"Connection: close" in answer for answer in driven.wire.written]
        assert not any(closes[:-1])
        if last or ends:
            assert (driven.connection.state, driven.handler.here) == (State.CLOSED, set())
        else:
            assert driven.connection.state is (State.IDLE if whole else State.HEADERS)
            assert driven.wire.reading
            assert driven.connection.stop() is None
            await driven.settle()
            assert driven.handler.here == set()

    asyncio.run(run())


ACTIONS = ("feed", "feed", "feed", "settle", "hold", "open", "pause", "resume", "late", "eof", "stop", "lose")


@settings(max_examples=300, deadline=None)
@given(exchanges, st.lists(st.sampled_from(ACTIONS), max_size=40), st.integers(1, 60), st.sampled_from([300, 1 << 20]))
def test_nothing_that_happens_leaves_bytes_or_answers_out_of_order(
    exchange: tuple[list[Any], Any], actions: list[str], size: int, budget_bytes: int
) -> None:
    requests, last = exchange
    whole = [*requests, *([last] if last else [])]
    data = b"".join(data for data, _ in whole)

    async def run() -> None:
        nonlocal data
        driven = Driven(budget_bytes)
        connection, lost = driven.connection, False
        for action in actions:
            before = connection.state
            if driven.wire.closing or lost:
                break
            match action:
                case "feed":
                    driven.feed(data[:size])
                    data = data[size:]
                case "settle":
                    await driven.settle()
                case "hold":
                    driven.handler.open.clear()
                case "open":
                    driven.handler.open.set()
                case "pause":
                    connection.pause_writing()
                case "resume":
                    connection.resume_writing()
                case "late":
                    driven.late()
                case "eof":
                    connection.eof_received()
                case "stop":
                    connection.stop()
                case "lose":
                    lost = driven.wire.closing = True
                    connection.connection_lost(None)
            assert connection.state is before or before is not State.CLOSED
        driven.handler.open.set()
        connection.resume_writing()
        await driven.settle()
        connection.stop()
        await driven.settle()
        assert (connection.state, driven.handler.here, driven.budget.used) == (State.CLOSED, set(), 0)
        assert driven.handler.failures == []
        answers, expected = driven.answers, [answer for _, answer in whole]
        if answers:
            assert answers[:-1] == expected[: len(answers) - 1]
            assert answers[-1] in ((408, b""), (503, b""), *expected[len(answers) - 1 : len(answers)])

    asyncio.run(run())


def test_every_state_leads_to_the_end_and_none_leads_out_of_it() -> None:
    assert set(NEXT) == set(State)
    assert all(State.CLOSED in NEXT[state] for state in State if state is not State.CLOSED)
    assert NEXT[State.CLOSED] == frozenset()
    assert {state for state in State if state.receives} == {State.HEADERS, State.BODY, State.ANSWERING, State.IDLE}


async def test_the_last_answer_says_that_it_is_the_last() -> None:
    driven = Driven()
    driven.handler.open.clear()
    for _ in range(3):
        driven.feed(post(b"x", path="/yes"))
    answering = driven.connection.stop()
    driven.handler.open.set()
    assert answering is not None
    await answering
    assert [b"Connection: close" in answer for answer in driven.wire.written] == [False, False, True]
    assert driven.connection.state is State.CLOSED


async def test_reading_pauses_while_too_many_wait() -> None:
    driven = Driven()
    driven.handler.open.clear()
    for _ in range(BOUNDS.max_owed):
        driven.feed(post(b"x", path="/yes"))
    driven.feed(post(b"begun", path="/yes")[:-3])  # was in the kernel's buffer already
    await driven.settle()
    assert not driven.wire.reading
    driven.late()
    assert driven.connection.state is State.BODY  # our time, not the sender's
    driven.handler.open.set()
    await driven.settle()
    assert driven.wire.reading
    driven.late()
    await driven.settle()
    assert [status for status, _ in driven.answers] == [200, 200, 200, 408]


@pytest.mark.parametrize("state", [State.HEADERS, State.BODY, State.IDLE, State.CLOSED])
async def test_each_state_has_its_deadline(state: State) -> None:
    driven = Driven()
    request = post(b"x", path="/yes")
    driven.feed(request if state in (State.IDLE, State.CLOSED) else request[: -1 if state is State.BODY else 5])
    await driven.settle()
    if state is State.CLOSED:
        driven.wire.connection = Driven().connection  # nobody takes the last bytes: it is never told that it is lost
        driven.connection.stop()
    assert driven.connection.state is state
    driven.connection.check(0.0)
    assert not driven.wire.aborted
    driven.late()
    await driven.settle()
    assert driven.wire.closing
    assert driven.wire.aborted == (state is State.CLOSED)
    assert [status for status, _ in driven.answers] == [408] if state <= State.BODY else [200]


async def test_another_server_can_use_it() -> None:
    echo, buffer = Echo(), bytearray(64)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(echo, BOUNDS, Budget(1 << 20), buffer), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(post(b"hello", path="/anything") + post(b"x" * 65, path="/anything"))
        answers = [await read_answer(reader) for _ in range(2)]
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"hello"), (413, b"")]
        assert await reader.read() == b""
        writer.close()
