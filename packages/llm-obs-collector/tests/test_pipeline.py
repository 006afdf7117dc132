"""From a real exporter's request to the log and back: nothing secret reaches the disk, everything else does."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_collector.budget import Budget
from llm_obs_collector.pipeline import Meaning, Pipeline
from llm_obs_collector.scrub import BUILTIN, DEFAULT, Scanner
from llm_obs_collector.signals import Prepared, builtin
from llm_obs_core import plugins
from llm_obs_core.config import Config, Pricing, Receiver
from llm_obs_core.errors import ConfigError, LimitError, PluginError, RetryableError, WireError
from llm_obs_core.interfaces import Context, LogWriter, ScrubRules
from llm_obs_core.model import RecordKind, Span
from llm_obs_core_ext.scan import scan
from llm_obs_testing.otlp import request as otlp_request
from llm_obs_testing.spans import make_span
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_values import add_attributes
from writing import KeepingWriter

SECRETS = {
    "email": "jane.doe+x@mail.example.org",
    "credit_card": "4111 1111 1111 1111",
    "us_ssn": "536-22-1234",
    "phone": "+49 30 901820-12",
    "iban": "DE89 3704 0044 0532 0130 00",
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "github_token": "ghp_" + "aB3" * 12,
    "api_key": "sk-proj-" + "Ab1_" * 8,
    "google_api_key": "AIza" + "b" * 35,
    "slack_token": "xoxb-123456789012-abcdefABCDEF",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz",
    "private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
    "url_password": "postgres://u:pa55word@db",
    "ipv4": "203.0.113.77",
    "mac_address": "00:1B:44:11:3A:B7",
}
HARMLESS = (
    "4111 1111 1111 1112",
    "1700000000000000000",
    "GB00 0000 0000 0000 0000 00",
    "000-12-3456",
    "gpt-4o",
    "12 @ 5",
)
SCANNER = Scanner([ScrubRules(1, builtin=tuple(BUILTIN))])
CONTEXT = Context("acme", RecordKind.SPANS, 1)


def request(*texts: str, spans: int = 1) -> bytes:
    """Each text in every place that holds text."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    for text in texts:
        resource.resource.attributes.add(key="r").value.string_value = text
    scope = resource.scope_spans.add()
    scope.scope.name = texts[0] if texts else ""
    for number in range(spans):
        span = scope.spans.add(
            trace_id=bytes([1] * 16), span_id=(number + 1).to_bytes(8, "big"), name="".join(texts[:1])
        )
        for place, text in enumerate(texts):
            span.attributes.add(key=f"k{place}").value.string_value = text
            span.attributes.add(key="list " + text).value.array_value.values.add().string_value = text
            event = span.events.add(name=text)
            event.attributes.add(key="e").value.kvlist_value.values.add(
                key=text
            ).value.string_value = f'{{"a":"{text}"}}'
            span.status.message = text
    return message.SerializeToString()


INSTALLED = plugins.load(only=["genai", "bundled"])
MEANING = Meaning.configured(INSTALLED, Config())


def make_pipeline(
    log: LogWriter, scanner: Scanner = SCANNER, limits: Receiver | None = None, meaning: Meaning | None = None
) -> Pipeline:
    limits = limits or Receiver()
    return Pipeline(log, builtin(scanner, limits, meaning), Budget(limits.max_in_flight_bytes))


def prepared(body: bytes, scanner: Scanner = SCANNER, meaning: Meaning = MEANING) -> Prepared:
    return make_pipeline(KeepingWriter(), scanner, meaning=meaning).prepare(body, CONTEXT)


def stored(body: bytes, scanner: Scanner = SCANNER) -> bytes:
    return prepared(body, scanner).records[0].payload


@pytest.mark.parametrize(("name", "secret"), SECRETS.items())
def test_a_secret_is_written_over_wherever_it_stands(name: str, secret: str) -> None:
    payload = stored(request(secret, f"before {secret} after", f'[{{"content":"{secret}"}}]'))
    assert secret.encode() not in payload
    assert f"[REDACTED:{name}]".encode() in payload
    ExportTraceServiceRequest.FromString(payload)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert ExportTraceServiceRequest.FromString(stored(request(text))) == ExportTraceServiceRequest.FromString(
        request(text)
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.text('ab1 .:@-+\n"', max_size=12), st.sampled_from(sorted(SECRETS)), st.text(' .\n"', max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_planted_secrets_are_found_in_any_company(planted: list[tuple[str, str, str]]) -> None:
    texts = [f"{before} {SECRETS[name]} {after}" for before, name, after in planted]
    payload = stored(request(*texts))
    for _, name, _ in planted:
        assert SECRETS[name].encode() not in payload


def test_a_secret_at_the_border_of_a_text_is_found_whatever_stands_beside_it() -> None:
    for length in range(1, 130):  # the length byte before a text may be a letter or a digit
        secret = "sk-" + "a" * (20 + length)
        assert secret.encode() not in stored(request(secret))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([*SECRETS.values(), *HARMLESS, "ticket-7", " ", '"', "\\n", "\n", "é", ""])).map(
            "".join
        ),
        max_size=6,
    )
)
def test_texts_that_are_no_spans_are_scrubbed_as_the_values_of_spans_are(texts: list[str]) -> None:
    scanner = Scanner([ScrubRules(1, tuple(BUILTIN), (("ticket", r"ticket-\d+"),), "pseudonym", b"k" * 16)])
    spans = [make_span(number, attributes={"k": text}) for number, text in enumerate(texts, start=1)]
    found, scrubbed = scanner.texts(texts)
    done = prepared(otlp_request(spans), scanner, Meaning())
    stored_spans = scan(done.records[0].payload).spans() if done.records else ()
    assert found == [span.attributes["k"] for span in stored_spans]
    assert scrubbed.counts == done.scrubbed


ESCAPED = {
    "us_ssn": r"\n536-22-1234",
    "aws_access_key": r"\nAKIAIOSFODNN7EXAMPLE",
    "api_key": r"\\nsk-proj-" + "Ab1_" * 8,
    "credit_card": r"\t4111111111111111",
    "email": r"alice\u0040example.com",
    "url_password": r"postgres:\/\/u:pa55word@db",
    "aws_secret_key": 'aws_secret_access_key = "' + "aB3/" * 10 + '"',
    "basic_credentials": "Basic dTpwYXNzd2Q=",
    "private_key": r"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "bearer_token": "Authorization: Bearer abcdef0123456789",
}


@pytest.mark.parametrize(("name", "text"), ESCAPED.items())
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_json_escapes_hide_nothing_and_stay_sound(name: str, text: str, depth: int) -> None:
    for _ in range(depth):
        text = json.dumps(text)[1:-1]
    payload = stored(request(f"x {text} bob@example.com"))
    assert f"[REDACTED:{name}]".encode() in payload
    assert name == "private_key" or b"[REDACTED:email]" in payload  # a key without its end takes words with it


def test_a_redacted_document_is_still_json() -> None:
    document = json.dumps([{"content": "hello\nbob@example.com\tand 'sk-" + "a" * 30 + '\'"x"'}])
    span = next(scan(stored(request(document))).spans())
    assert json.loads(str(span.attributes["k0"]))[0]["content"].startswith("hello\n[REDACTED:email]\tand")


def test_pseudonyms_are_equal_for_equal_values_and_need_a_key() -> None:
    rules = ScrubRules(1, builtin=("email",), style="pseudonym", key=b"k" * 16)
    payload = stored(request("a@b.example", "to a@b.example", "c@b.example"), Scanner([rules]))
    words = {payload[i : i + 24] for i in range(len(payload)) if payload.startswith(b"[email:", i)}
    assert len(words) == 2
    with pytest.raises(ConfigError, match="pseudonym key"):
        Scanner([ScrubRules(1, builtin=("email",), style="pseudonym")])


def test_a_users_pattern_and_a_wrong_one() -> None:
    payload = stored(request("ticket-123 is"), Scanner([ScrubRules(1, patterns=(("ticket", r"ticket-\d+"),))]))
    assert b"[REDACTED:ticket] is" in payload
    with pytest.raises(ConfigError, match=r"patterns\.mine"):
        Scanner([ScrubRules(1, patterns=(("mine", "(?<=a)b"),))])
    with pytest.raises(ConfigError, match="email"):
        Scanner([ScrubRules(1, builtin=("e-mail",))])


async def test_a_request_is_kept_once_and_a_repeated_one_is_counted() -> None:
    log = KeepingWriter()
    seen = []
    signals = builtin(Scanner([ScrubRules(1, builtin=DEFAULT)]))
    pipeline = Pipeline(log, signals, Budget(1 << 20), lambda done, outcome: seen.append((done.accepted, outcome)))
    body = request("hello jane@mail.example", spans=3)
    outcome = await pipeline.offer(body, Context("acme", RecordKind.SPANS, time.time_ns()))
    again = await pipeline.offer(body, Context("acme", RecordKind.SPANS, time.time_ns()))
    other = await pipeline.offer(body, Context("other", RecordKind.SPANS, time.time_ns()))
    assert [(item.accepted, item.repeated) for item in (outcome, again, other)] == [(3, 0), (3, 3), (3, 0)]
    assert seen == [(3, outcome), (3, again), (3, other)]
    assert [(record.tenant, record.accepted, record.slice) for record in log.records] == [
        ("acme", 3, 0),
        ("other", 3, 0),
    ]
    spans: list[Span] = list(scan(log.records[0].payload).spans())
    assert [span.attributes["k0"] for span in spans] == ["hello [REDACTED:email]"] * 3
    assert b"jane@" not in log.records[0].payload


async def test_nothing_is_stored_of_a_request_whose_scan_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    log = KeepingWriter()

    def fail(*_: object) -> None:
        raise MemoryError

    pipeline = make_pipeline(log)
    monkeypatch.setattr(SCANNER, "scrub", fail)
    with pytest.raises(MemoryError):
        await pipeline.offer(request("jane@mail.example"), CONTEXT)
    assert not log.records


async def test_bad_spans_are_left_out_and_reported() -> None:
    log = KeepingWriter()
    pipeline = make_pipeline(log, limits=Receiver(max_spans_per_request=10))
    message = ExportTraceServiceRequest.FromString(request("x", spans=4))
    message.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
    outcome = await pipeline.offer(message.SerializeToString(), CONTEXT)
    assert (outcome.accepted, [(item.reason, item.index, item.count) for item in outcome.rejected]) == (
        3,
        [("trace_id_length", 1, 1)],
    )
    with pytest.raises(WireError):
        await pipeline.offer(b"\xff\xff", CONTEXT)
    with pytest.raises(LimitError):
        await pipeline.offer(request("x", spans=11), CONTEXT)
    assert (await pipeline.offer(b"", CONTEXT)).accepted == 0
    assert [(record.accepted, record.rejected) for record in log.records] == [(3, 1)]


async def test_too_much_under_way_is_put_off() -> None:
    log = KeepingWriter()
    log.gate = asyncio.Event()
    pipeline = make_pipeline(log, limits=Receiver(max_in_flight_bytes=1))
    first = asyncio.create_task(pipeline.offer(request("x"), CONTEXT))
    await asyncio.sleep(0)
    with pytest.raises(RetryableError, match="max_in_flight_bytes"):
        await pipeline.offer(request("y"), CONTEXT)
    log.gate.set()
    assert (await first).accepted == 1


async def test_a_reservation_is_released_once_it_is_known_what_became_of_the_request() -> None:
    budget = Budget(100)
    log = KeepingWriter()
    log.gate = asyncio.Event()
    pipeline = Pipeline(log, builtin(SCANNER), budget)
    body = request("x" * 200)
    sender = asyncio.create_task(pipeline.offer(body, CONTEXT, budget.reserve()))  # larger than was known: taken anyway
    await asyncio.sleep(0)
    assert budget.used == len(body)
    sender.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (sender.cancelled(), budget.used) == (True, len(body))  # the record is still on its way
    log.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(log.records), budget.used) == (1, 0)
    log.failure = RetryableError("room")
    with pytest.raises(RetryableError):
        await pipeline.offer(request("y"), CONTEXT, budget.reserve())
    with pytest.raises(WireError):
        await pipeline.offer(b"\xff\xff", CONTEXT, budget.reserve())
    assert budget.used == 0


def calls_request(*calls: dict[str, str | int | list[str]], spans: int = 1) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(spans * len(calls)):
        span = scope.spans.add(trace_id=bytes([1] * 16), span_id=(number + 1).to_bytes(8, "big"), name="call")
        span.start_time_unix_nano = 1_790_000_000_000_000_000
        add_attributes(span, calls[number % len(calls)])
    return message.SerializeToString()


CALL: dict[str, str | int | list[str]] = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-4o-mini",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 100,
    "llm.finish_reason": "tool_calls",
    "input.value": "mail jane@mail.example",
}


def test_a_foreign_span_is_normalised_priced_and_scrubbed() -> None:
    done = prepared(calls_request(CALL, {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}))
    first, second = scan(done.records[0].payload).spans()
    assert {key: first.attributes.get(key) for key in CALL} == {**CALL, "input.value": None}
    assert {key: value for key, value in first.attributes.items() if key not in CALL and key != "llm_obs.price.id"} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.response.finish_reasons": ["tool_call"],
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"mail [REDACTED:email]"}]}]',
        "llm_obs.completeness": "complete",
        "llm_obs.usage.role": "leaf",
        "llm_obs.usage.basis": "reported",
        "llm_obs.cost.total_nano_usd": 1000 * 150 + 100 * 600,
    }
    assert str(first.attributes["llm_obs.price.id"]).startswith("genai-prices/")
    assert "llm_obs.cost.total_nano_usd" not in second.attributes
    assert (done.priced, done.unpriced) == ({"openai": 1}, {"other": 1})
    assert (done.records[0].normalizer_version, done.records[0].prices_version > 20_000) == (3, True)


def test_what_normalising_collects_is_scrubbed_and_counted_once() -> None:
    flat: dict[str, str | int | list[str]] = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": 'mail "jane@mail.example" or\n+49 30 901820-12',
        "llm.input_messages.1.message.content": "roles are those of the target",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "send",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"to": "joe@mail.example"}',
        "llm.tools.0.tool.json_schema": '{"name": "send", "description": "as ann@mail.example"}',
        "input.value": '{"messages": [{"role": "user", "content": "jane@mail.example"}], "user": "bob@mail.example"}',
    }
    agent: dict[str, str | int | list[str]] = {
        "openinference.span.kind": "AGENT",
        "input.value": "mail eve@mail.example",
    }
    done = prepared(calls_request(flat, agent))
    assert b"@mail" not in done.records[0].payload
    assert b"901820" not in done.records[0].payload
    call, around = scan(done.records[0].payload).spans()
    assert json.loads(str(call.attributes["gen_ai.input.messages"]))[0]["parts"] == [
        {"type": "text", "content": 'mail "[REDACTED:email]" or\n[REDACTED:phone]'}
    ]
    assert json.loads(str(call.attributes["gen_ai.output.messages"]))[0]["parts"][0]["arguments"] == {
        "to": "[REDACTED:email]"
    }
    assert json.loads(str(call.attributes["input.value"])) == {"messages": None, "user": "[REDACTED:email]"}
    assert around.attributes["gen_ai.input.messages"] == "mail [REDACTED:email]"
    assert "input.value" not in around.attributes
    assert done.scrubbed == {"email": 5, "phone": 1}


def test_own_patterns_see_what_normalising_collects() -> None:
    flat: dict[str, str | int | list[str]] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "case ACME-1234",
    }
    agent: dict[str, str | int | list[str]] = {"gen_ai.operation.name": "invoke_agent", "input.value": "ACME-99"}
    scanner = Scanner([ScrubRules(1, patterns=(("case", "ACME-[0-9]+"),))])
    done = prepared(calls_request(flat, agent), scanner=scanner)
    assert b"ACME-" not in done.records[0].payload
    assert done.scrubbed == {"case": 2}


def test_a_value_that_normalising_copies_is_scrubbed() -> None:
    finish = {"gen_ai.operation.name": "chat", "llm.finish_reason": "AKIAIOSFODNN7EXAMPLE"}
    payload = prepared(calls_request(finish)).records[0].payload
    assert b"AKIA" not in payload
    (span,) = scan(payload).spans()
    assert span.attributes["gen_ai.response.finish_reasons"] == ["[REDACTED:aws_access_key]"]


def test_own_prices_win_and_what_is_not_installed_is_named() -> None:
    rules = ({"model": "gpt-4o-*", "input": "7", "output": 0},)
    meaning = Meaning.configured(INSTALLED, Config(pricing=Pricing(rules=rules)))
    (span,) = scan(prepared(calls_request(CALL), meaning=meaning).records[0].payload).spans()
    assert (span.attributes["llm_obs.cost.total_nano_usd"], span.attributes["llm_obs.price.id"]) == (
        7_000_000,
        "rule/0/*/gpt-4o-*",
    )
    with pytest.raises(PluginError, match=r"pricing\.pricers"):
        Meaning.configured(INSTALLED, Config(pricing=Pricing(pricers=("none",))))


def python_calls(body: bytes) -> int:
    count = 0

    def profile(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    stored(body)  # lazy imports and caches are not the request's
    sys.setprofile(profile)
    try:
        stored(body)
    finally:
        sys.setprofile(None)
    return count


def test_python_runs_per_request_not_per_span() -> None:
    assert python_calls(request("hello", spans=16)) == python_calls(request("hello", spans=4096))
    call = CALL | {"input.value": "hello"}
    assert python_calls(calls_request(call, spans=16)) == python_calls(calls_request(call, spans=4096))
