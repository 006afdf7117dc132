"""The text scan against Python's `re` with the same expressions and checks, beside a thread that is busy in Python.

Prompts of 1 KB as JSON messages, one in ten with one to three secrets, 512 a request. Figures are means, not minima: a
scan that gives the interpreter lock away waits for it, and that must show.
"""

from __future__ import annotations

import importlib.util
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan
from llm_obs_core_ext.textscan import TextScan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parent.parent
PROMPT_BYTES = 1024
WORDS = (
    "please", "summarise", "the", "following", "report", "about", "our", "customers", "and", "their", "orders", "since",
    "2024", "with", "a", "table", "of", "42", "rows;", "user_id", "response", "naïve", "certificates,", "secretary",
    "explain", "each", "step", "(in", "English).", "12:30", "version", "3.11", "gpt-4o",
)  # fmt: skip
SECRETS = (
    "jane.doe@mail.example.org", "4111 1111 1111 1111", "536-22-1234", "+49 30 901820-12",
    "DE89 3704 0044 0532 0130 00", "AKIAIOSFODNN7EXAMPLE", "ghp_" + "aB3" * 12, "sk-proj-" + "Ab1_" * 8,
    "Bearer abcdef0123456789abcdef", "postgres://u:pa55word@db/orders",
)  # fmt: skip


def oracle() -> Any:
    """The expressions and checks that the collector's tests hold the scan to."""
    path = ROOT / "packages/llm-obs-collector/tests/support/scrub_oracle.py"
    spec = importlib.util.spec_from_file_location("scrub_oracle", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prompts(count: int = 512) -> list[bytes]:
    """The seeded texts that are measured."""
    choose = random.Random(1)
    made = []
    for number in range(count):
        words = choose.choices(WORDS, k=300)
        for _ in range(choose.randint(1, 3) if number % 10 == 0 else 0):
            words.insert(choose.randrange(80), choose.choice(SECRETS))
        lines = "\n".join(" ".join(words[at : at + 20]) for at in range(0, len(words), 20))
        text = json.dumps([{"role": "user", "parts": [{"type": "text", "content": lines}]}], ensure_ascii=False)
        made.append(text.encode()[: PROMPT_BYTES - 4].decode(errors="ignore").encode() + b'"}]}]'[:4])
    return made


def request(texts: list[bytes]) -> bytes:
    """A request of one span a text, with nothing else in it."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number, text in enumerate(texts):
        span = spans.add(trace_id=bytes([1] * 16), span_id=(number + 1).to_bytes(8, "big"), name="chat gpt-4o")
        span.attributes.add(key="gen_ai.input.messages").value.string_value = text.decode()
    return message.SerializeToString()


@contextmanager
def busy_thread() -> Iterator[None]:
    """A second thread that never leaves the interpreter by itself."""
    stopping = False

    def work() -> None:
        while not stopping:
            sum(range(1000))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping = True
        thread.join()


def with_re(patterns: dict[str, Any]) -> Callable[[list[bytes]], int]:
    """What a Python program does: every expression over every text, and the checks."""
    compiled = [(re.compile(pattern.expression.encode()), pattern.check) for pattern in patterns.values()]

    def find(texts: list[bytes]) -> int:
        hits = 0
        for text in texts:
            for expression, check in compiled:
                for match in expression.finditer(text):
                    value = match.group(match.re.groups)
                    hits += check is None or check(value) > 0
        return hits

    return find


def mean_ns(call: Callable[[], object], rounds: int) -> float:
    """Wall time of one of `rounds` calls, nanoseconds."""
    start = time.perf_counter_ns()
    for _ in range(rounds):
        call()
    return (time.perf_counter_ns() - start) / rounds


def measure(rounds: int, count: int = 512) -> dict[str, float]:
    """Nanoseconds a prompt of 1 KB, both beside a busy thread.

    Returns:
        `ours` (scan and the edits that replace what it finds), `peer` (`re`, finding only).
    """
    names = [name for name in oracle().PATTERNS if name not in ("ipv4", "mac_address")]
    texts = prompts(count)
    batch = scan(request(texts))
    ours = TextScan(dict.fromkeys(names, b""))
    peer = with_re({name: oracle().PATTERNS[name] for name in names})
    with busy_thread():
        mean_ns(lambda: ours.scrub(batch, Edits(batch)), 3)
        return {
            "ours": mean_ns(lambda: ours.scrub(batch, Edits(batch)), rounds * 20) / count,
            "peer": mean_ns(lambda: peer(texts), max(1, rounds // 20)) / count,
        }


def test_the_benchmark_measures_the_same_thing() -> None:
    texts = prompts(60)
    patterns = oracle().PATTERNS
    assert all(1000 < len(text) <= PROMPT_BYTES for text in texts)
    batch = scan(request(texts))
    edits = Edits(batch)
    counts = TextScan(dict.fromkeys(patterns, b"")).scrub(batch, edits)
    assert sum(counts.values()) == with_re(patterns)(texts) >= 6
    assert emit(batch, edits).count(b"[REDACTED:") == sum(counts.values())
    assert all(value > 0 for value in measure(1, 8).values())
