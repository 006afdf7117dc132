"""The sender: `python -m benchmarks.load.generator`, a process of its own, so that its work is not the collector's.

One thread, several keep-alive HTTP/1.1 connections, one request at a time on each. At a rate it is an open loop: a
request is due at its time whether or not the ones before were answered, and its latency counts from when it was due.
Without a rate each connection sends again as soon as it is answered. It ends by itself and prints what it did as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import selectors
import socket
import sys
import time
from array import array
from collections import Counter, deque

import msgspec

from benchmarks.load.bodies import Body, make

__all__ = ["Sent", "percentiles"]

ANSWER_TIMEOUT_S = 30.0
"""How long the last answers are waited for."""


class Sent(msgspec.Struct):
    """What the sender did.

    Attributes:
        requests: Requests sent.
        spans: Spans in them.
        acked_spans: Spans of requests that were answered 200 without partial success.
        refused: Status to requests that were answered otherwise; `partial` for partial success, `none` for no answer.
        bytes: Of bodies.
        seconds: From the first request to the last answer.
        sending_s: From the first request to the last one sent.
        due_ms: Percentiles of the time from when a request was due to its answer.
        wire_ms: The same from its first byte sent.
        cpu_s: Of this process, from the first request to the last answer.
        late: Requests that waited for a connection.
    """

    requests: int
    spans: int
    acked_spans: int
    refused: dict[str, int]
    bytes: int
    seconds: float
    sending_s: float
    due_ms: dict[str, float]
    wire_ms: dict[str, float]
    cpu_s: float
    late: int


def percentiles(values_s: array[float]) -> dict[str, float]:
    """P50, P95, P99, P99.9 and the greatest of all values, milliseconds; exact."""
    ordered = sorted(values_s)
    if not ordered:
        return {}
    marks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {
        name: round(ordered[min(len(ordered) - 1, int(mark * len(ordered)))] * 1e3, 3) for name, mark in marks.items()
    }


class Connection:
    """One keep-alive connection with bodies of its own."""

    def __init__(self, address: tuple[str, int], bodies: list[Body], key: str) -> None:
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._bodies = bodies
        self._turn = 0
        self._pending: list[memoryview] = []
        self._answer = bytearray()
        self.body = bodies[0]
        self.due = self.began = 0.0
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._heads = [
            (
                f"POST /v1/traces HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n{authorization}"
                f"Content-Type: application/x-protobuf\r\nContent-Length: {len(body.data)}\r\n\r\n"
            ).encode()
            for body in bodies
        ]

    def begin(self, number: int, due: float) -> bool:
        """Begins to send; True when all of it went."""
        self._turn = (self._turn + 1) % len(self._bodies)
        self.body = self._bodies[self._turn]
        body = self.body.stamp(number, time.time_ns())
        self.due, self.began = due, time.perf_counter()
        self._pending = [memoryview(self._heads[self._turn]), body]
        return self.send()

    def send(self) -> bool:
        """Sends on; True when all of it went."""
        while self._pending:
            try:
                sent = self.socket.sendmsg(self._pending)
            except BlockingIOError:
                return False
            while self._pending and sent >= len(self._pending[0]):
                sent -= len(self._pending.pop(0))
            if sent:
                self._pending[0] = self._pending[0][sent:]
        return True

    def receive(self) -> tuple[int, bytes] | None:
        """The answer's status and body once it is whole.

        Raises:
            ConnectionError: The collector closed the connection.
        """
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionError("the collector closed a connection")
        self._answer += data
        head, found, body = bytes(self._answer).partition(b"\r\n\r\n")
        if not found:
            return None
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        if len(body) < length:
            return None
        self._answer.clear()
        return int(head[9:12]), body


def run(args: argparse.Namespace) -> Sent:
    """Sends for the time asked, or so many requests."""
    host, _, port = args.address.rpartition(":")
    bodies = [make(seed, args.spans, args.span_bytes) for seed in range(max(args.bodies, args.connections))]
    selector = selectors.DefaultSelector()
    connections = [
        Connection((host, int(port)), bodies[number :: args.connections], args.key)
        for number in range(args.connections)
    ]
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    idle: deque[Connection] = deque(connections)
    waiting: deque[float] = deque()
    due_s, wire_s = array("d"), array("d")
    refused: Counter[str] = Counter()
    requests = acked = nbytes = late = 0
    interval = args.spans / args.rate if args.rate else 0.0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    start = next_due = time.perf_counter()
    end = start + args.seconds
    last_sent = start
    print("started", file=sys.stderr, flush=True)
    while True:
        now = time.perf_counter()
        if args.rate:
            while next_due <= now and next_due < end and (not args.requests or requests + len(waiting) < args.requests):
                waiting.append(next_due)
                next_due += interval
            sending = next_due < end and (not args.requests or requests + len(waiting) < args.requests)
        else:
            sending = now < end and (not args.requests or requests < args.requests)
            waiting.extend([now] * (len(idle) if sending else 0))
        while waiting and idle:
            due = waiting.popleft()
            connection = idle.popleft()
            late += now - due > interval > 0
            requests += 1
            number = args.offset + requests
            nbytes += len(connection.body.data)
            last_sent = time.perf_counter()
            if not connection.begin(number, due):
                selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
        if not sending and not waiting and len(idle) == len(connections):
            break
        if now > end + ANSWER_TIMEOUT_S:
            refused["none"] += len(connections) - len(idle)
            break
        timeout = max(0.0, min(next_due - time.perf_counter(), 0.1)) if args.rate and sending else 0.1
        for key, events in selector.select(timeout):
            connection = key.data
            if events & selectors.EVENT_WRITE and connection.send():
                selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if not events & selectors.EVENT_READ:
                continue
            answer = connection.receive()
            if answer is None:
                continue
            status, body = answer
            done = time.perf_counter()
            due_s.append(done - connection.due)
            wire_s.append(done - connection.began)
            if status == 200 and not body:
                acked += args.spans
            else:
                refused[str(status) if status != 200 else "partial"] += 1
            idle.append(connection)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    for connection in connections:
        connection.socket.close()
    return Sent(
        requests=requests,
        spans=requests * args.spans,
        acked_spans=acked,
        refused=dict(refused),
        bytes=nbytes,
        seconds=seconds,
        sending_s=last_sent - start,
        due_ms=percentiles(due_s),
        wire_ms=percentiles(wire_s),
        cpu_s=usage.ru_utime + usage.ru_stime - cpu,
        late=late,
    )


def main() -> None:
    """Reads the arguments, sends, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="host:port of the collector's HTTP receiver; loopback only")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.0, help="spans a second; 0: as fast as they are answered")
    parser.add_argument("--requests", type=int, default=0, help="at most so many requests")
    parser.add_argument("--spans", type=int, default=512, help="spans a request")
    parser.add_argument("--span-bytes", type=int, default=1024)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--bodies", type=int, default=32, help="distinct bodies")
    parser.add_argument("--offset", type=int, default=0, help="number of the first request: ids follow from it")
    parser.add_argument("--key", default="", help="API key")
    args = parser.parse_args()
    if args.address.rpartition(":")[0].strip("[]") not in ("127.0.0.1", "localhost", "::1"):
        parser.error("a loopback address: this is a load test of one's own machine")
    print(json.dumps(msgspec.to_builtins(run(args))))


if __name__ == "__main__":
    main()
