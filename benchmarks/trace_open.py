"""How long a trace of 10,001 spans takes to open: over the API, by `llm-obs show`, and in the page.

`python -m benchmarks.trace_open [--rounds N] [--folder F]` starts a real `llm-obs up`, sends the trace by OTLP, waits
until the lake has it, and asks. The page is measured in Chromium where there is one, from inside: from the click on the
trace's line in the list until the first line of the waterfall has been painted.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from llm_obs_core import semconv
from llm_obs_core.model import Span, SpanKind
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span, make_traces

from benchmarks.lake_read import calibration_ms
from benchmarks.load.collector import CollectorProcess

TRACE = 1 << 64
BATCHES, CALLS = 100, 99
SPANS = 1 + BATCHES * (1 + CALLS)
A_REQUEST = 512
OTHER_TRACES = 2_000
S = 1_000_000_000
CLICK = """() => new Promise(done => {
    const started = performance.now();
    const watch = new MutationObserver(() => {
        if (!document.querySelector("[role=treeitem]")) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
    });
    watch.observe(document.body, { childList: true, subtree: true });
    document.querySelector(`.row-link[href*="%s"]`).click();
})"""


def large(start_ns: int) -> list[Span]:
    """One root, a hundred batches, ninety-nine calls in each, every one with about a kilobyte of messages."""
    root = 1 << 32
    spans = [make_span(root, trace=TRACE, name="nightly evaluation", start_ns=start_ns, duration_ns=BATCHES * 10 * S)]
    for batch in range(BATCHES):
        at, parent = start_ns + batch * 10 * S, root + 1 + batch * (CALLS + 1)
        name = f"batch {batch}"
        spans.append(make_span(parent, trace=TRACE, parent=root, name=name, start_ns=at, duration_ns=10 * S))
        for item in range(CALLS):
            number = parent + 1 + item
            spans.append(
                make_span(
                    number, trace=TRACE, parent=parent, name="chat gpt-4o", start_ns=at + item * S // 10,
                    duration_ns=S // 10, kind=SpanKind.CLIENT, attributes=_call(number),
                )
            )  # fmt: skip
    return spans


def _call(number: int) -> dict[str, Any]:
    def said(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    return {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "openai",
        semconv.REQUEST_MODEL: "gpt-4o",
        semconv.RESPONSE_MODEL: "gpt-4o-2024-08-06",
        semconv.USAGE_INPUT_TOKENS: 1200 + number % 100,
        semconv.USAGE_OUTPUT_TOKENS: 90,
        semconv.USER_ID: "evaluation",
        semconv.RESPONSE_FINISH_REASONS: ["stop"],
        semconv.INPUT_MESSAGES: said("user", f"Is answer {number} right? " * 20),
        semconv.OUTPUT_MESSAGES: said("assistant", f"Answer {number} is right because … " * 12),
    }


def send(server: CollectorProcess) -> None:
    """The large trace in the middle of small ones; returns once the lake has it."""
    now_ns = time.time_ns()
    others = make_traces(OTHER_TRACES)
    by = now_ns - 3000 * S - others[0].start_ns
    moved = [msgspec.structs.replace(span, start_ns=span.start_ns + by, end_ns=span.end_ns + by) for span in others]
    spans = moved + large(now_ns - 1500 * S)
    connection = http.client.HTTPConnection(server.addresses["http"], timeout=60)
    for first in range(0, len(spans), A_REQUEST):
        body = request(spans[first : first + A_REQUEST])
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"the collector answered {answer.status}")
    connection.close()
    for _ in range(600):
        if server.ledger()["sinks"]["lake"]["counts"].get("stored") == len(spans):
            return
        time.sleep(0.1)
    raise SystemExit("the lake did not get every span within 60 s")


def show(name: str, rounds: int, question: Callable[[], float], note: str = "") -> None:
    """Asks once without looking, then prints a line."""
    question()
    took_ms = [question() for _ in range(rounds)]
    p95 = statistics.quantiles(took_ms, n=20)[-1]
    print(f"{name:34} P50 {statistics.median(took_ms):7.1f} ms   P95 {p95:7.1f} ms   {note}", flush=True)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


def command(folder: Path, *arguments: str) -> Callable[[], object]:
    """The command in a process of its own, started and ended."""
    line = [sys.executable, "-c", "from llm_obs.cli import main; main()"]
    return lambda: subprocess.run(
        [*line, "show", TRACE.to_bytes(16, "big").hex(), "--data-dir", str(folder), *arguments],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def in_the_page(address: str, rounds: int) -> None:
    """Clicks in Chromium; what the page asked is asked again by itself."""
    from playwright.sync_api import sync_playwright

    trace_id = TRACE.to_bytes(16, "big").hex()
    asked: dict[str, str] = {}

    def note(body: str | None) -> None:
        for name in ("query Trace(", "query Details("):
            if body and name in body:
                asked[name[6:-1]] = body

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda sent: note(sent.post_data))

        def click() -> float:
            page.goto(f"http://{address}/traces?range=1h&live=off&name=nightly")
            page.locator(".row-link").wait_for()
            took: float = page.evaluate(CLICK % trace_id)
            page.locator(".details .section").first.wait_for()
            return took

        show("page, from click to waterfall", rounds, click)
        browser.close()
    for name, body in asked.items():
        answers: list[bytes] = []

        def ask(body: str = body, answers: list[bytes] = answers) -> float:
            return timed(lambda: answers.append(post(address, body)))

        show(f"API, the page's {name}", rounds, ask)
        print(f"{'':34} {len(answers[-1]) / 1e3:,.0f} KB")


def post(address: str, body: str) -> bytes:
    """The body of one GraphQL answer, as a browser takes it."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        connection.request("POST", "/graphql", body, headers)
        return connection.getresponse().read()
    finally:
        connection.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = (given.folder or Path(folder)) / "data"
        server = CollectorProcess(data, "up", {})
        try:
            send(server)
            print(f"a trace of {SPANS:,} spans beside {OTHER_TRACES:,} others; calibration {calibration_ms():.1f} ms")
            if shutil.which("chromium"):
                in_the_page(server.addresses["query"], given.rounds)
            few = max(given.rounds // 3, 2)
            show("llm-obs show", few, lambda: timed(command(data)))
            show("llm-obs show --json", few, lambda: timed(command(data, "--json")))
        finally:
            server.close()


if __name__ == "__main__":
    main()
