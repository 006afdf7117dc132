"""Traces that head sampling rejects and a rule keeps."""

import gc
import os
import random
import threading

import llm_obs_sdk as sdk
import pytest
from llm_obs_core.errors import ConfigError
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

S = 1_000_000_000
T0 = 1_700_000_000 * S


def exact(result):
    return result.created == result.exported + result.queued + sum(result.dropped.values())


@pytest.fixture
def start(collector):
    def start(**options):
        given = {"sample_rate": 0.0, **options}
        return sdk.init("t", endpoint=collector.url, instrument=(), **given)

    return start


def chain(client, *, error=None, lasts_s=1.0, tokens=0, children=2, name="root"):
    """A root with children, whose spans begin and end at times of their own."""
    root = client.tracer.start_span(name, start_time=T0)
    context = trace.set_span_in_context(root)
    for number in range(children):
        child = client.tracer.start_span(f"{name}.{number}", context, start_time=T0)
        child.set_attributes({"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 1})
        if error == number:
            child.set_status(StatusCode.ERROR)
        child.end(T0 + S)
    if error == "root":
        root.set_status(StatusCode.ERROR)
    root.end(T0 + int(lasts_s * S))
    return root


def kept_by(span):
    return {a.key: a.value.string_value for a in span.attributes}.get("llm_obs.sampling.kept_by")


@pytest.mark.parametrize(
    ("options", "how", "rule"),
    [
        ({}, {}, None),
        ({}, {"error": 0}, "error"),
        ({}, {"error": 1}, "error"),
        ({}, {"error": "root"}, "error"),
        ({}, {"lasts_s": 5}, "slow"),
        ({}, {"lasts_s": 4.9}, None),
        ({"keep_slow_s": 0}, {"lasts_s": 500}, None),
        ({"keep_slow_s": 0.5}, {}, "slow"),
        ({"keep_tokens": 22}, {"tokens": 10}, "tokens"),
        ({"keep_tokens": 23}, {"tokens": 10}, None),
        ({"keep_errors": False}, {"error": 0}, None),
        ({"keep_errors": False, "keep_slow_s": 0}, {"error": 0, "lasts_s": 9}, None),
    ],
)
def test_a_rule_keeps_a_whole_trace(start, collector, options, how, rule):
    client = start(**options)
    chain(client, **how)
    result = sdk.flush(5)
    assert exact(result)
    assert (result.created, result.sampled_out, result.pending) == ((3, 0, 0) if rule else (0, 3, 0))
    assert [kept_by(span) for span in collector.spans()] == [rule] * result.created
    assert {span.name for span in collector.spans()} == ({"root", "root.0", "root.1"} if rule else set())
    assert all(span.trace_state == "" for span in collector.spans())


def test_it_is_pending_until_then_and_not_sampled_for_others(start, collector):
    client = start()
    with sdk.span("root") as root:
        assert root.is_recording()
        assert sdk.inject({})["traceparent"].endswith("-02"), "random, not sampled"
        client.tracer.start_span("child").end()
        assert (client.ledger().pending, client.ledger().created) == (1, 0)
        failed = client.tracer.start_span("failed")
        failed.set_status(StatusCode.ERROR)
        failed.end()
        assert (client.ledger().pending, client.ledger().created) == (0, 2)
        late = client.tracer.start_span("late")
    late.end()
    assert sdk.flush(5).exported == 4
    assert [kept_by(span) for span in collector.spans()] == ["error"] * 4
    assert len({span.trace_id for span in collector.spans()}) == 1


def test_what_the_rate_keeps_goes_as_before(start, collector):
    client = start(sample_rate=0.5)
    for _ in range(200):
        chain(client, error=0)
    result = sdk.flush(5)
    assert (result.created, result.sampled_out, result.pending) == (600, 0, 0)
    sampled = [span for span in collector.spans() if span.trace_state]
    assert 150 < len(sampled) < 450
    assert {(span.trace_state, kept_by(span)) for span in collector.spans()} == {("ot=th:8", None), ("", "error")}


def test_a_local_root_below_a_rejected_remote_parent(start, collector):
    client = start(sample_rate=0.5)
    headers = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-00"}
    with sdk.extract(headers), sdk.span("here") as span:
        client.tracer.start_span("below").end()
        span.set_status(StatusCode.ERROR)
    sdk.flush(5)
    spans = collector.by_name()
    assert set(spans) == {"here", "below"}
    assert spans["here"].trace_id.hex() == "1" * 32
    with sdk.extract({"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}), sdk.span("chosen there") as span:
        assert span.get_span_context().trace_flags.sampled


def test_memory_is_bounded_and_the_oldest_goes(start, collector):
    client = start(pending_bytes=20_000, keep_slow_s=3600)
    roots = [client.tracer.start_span(f"r{number}", start_time=T0) for number in range(100)]
    for root in roots:
        child = client.tracer.start_span("child", trace.set_span_in_context(root), start_time=T0)
        child.set_attribute("text", "x" * 1000)
        child.end(T0 + S)
        assert client.provider.pending.nbytes <= 20_000
    result = client.ledger()
    assert exact(result)
    assert result.pending + result.dropped["pending_full"] == 100
    assert 10 < result.pending < 20
    assert client.tracer.start_span("more", trace.set_span_in_context(roots[0])).is_recording() is False
    for root in roots:
        root.set_status(StatusCode.ERROR)
        root.end(T0 + S)
    result = sdk.flush(5)
    assert exact(result)
    assert (result.pending, client.provider.pending.nbytes) == (0, 0)
    assert result.created + result.sampled_out == 201
    assert result.exported == 2 * (200 - result.dropped["pending_full"]) // 2


def test_the_oldest_is_kept_when_it_is_slow_already(start, collector):
    client = start(pending_bytes=5_000)
    root = client.tracer.start_span("slow", start_time=T0)
    for number in range(8):
        child = client.tracer.start_span("child", trace.set_span_in_context(root), start_time=T0)
        child.set_attribute("text", "x" * 1000)
        child.end(T0 + number * 2 * S)
    result = client.ledger()
    assert (result.pending, result.created, result.dropped) == (0, 8, {})
    root.end(T0 + 20 * S)
    sdk.flush(5)
    assert {kept_by(span) for span in collector.spans()} == {"slow"}


def test_shutdown_decides_by_what_has_ended(start, collector):
    client = start()
    fast, slow = client.tracer.start_span("fast"), client.tracer.start_span("slow", start_time=T0)
    for root in (fast, slow):
        client.tracer.start_span("child", trace.set_span_in_context(root)).end()
    result = sdk.shutdown(5)
    assert (result.created, result.exported, result.sampled_out) == (1, 1, 1)
    fast.end()
    slow.end()
    assert client.ledger().pending == 0


def test_a_trace_that_nobody_ends_is_given_back(start):
    client = start()
    root = client.tracer.start_span("root")
    assert client.provider.pending.spans == 0
    del root
    gc.collect()
    assert exact(client.ledger())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_send_what_its_parent_holds(start, collector):
    client = start()
    root = client.tracer.start_span("root")
    client.tracer.start_span("child", trace.set_span_in_context(root)).end()
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            root.set_status(StatusCode.ERROR)
            root.end()
            result = sdk.flush(5)
            os.write(writing, b"%d %d" % (result.created, result.pending))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reading, 99) == b"1 0"
    os.close(reading)
    os.close(writing)
    assert client.ledger().pending == 1


def test_the_ledger_is_exact_in_many_threads(start, collector):
    client = start(sample_rate=0.3, keep_tokens=100, pending_bytes=30_000)
    made = []

    def work(seed):
        chance = random.Random(seed)
        for _ in range(300):
            children = chance.randrange(5)
            chain(
                client,
                error=chance.choice([None, None, None, 0, "root"]),
                lasts_s=chance.choice([1, 1, 1, 9]),
                tokens=chance.choice([0, 1, 90]),
                children=children,
            )
            made.append(children + 1)
            assert exact(client.ledger())

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = sdk.flush(30)
    assert exact(result)
    assert (result.pending, result.queued) == (0, 0)
    assert result.created + result.sampled_out == sum(made)
    assert result.exported == len(collector.spans())
    assert client.provider.pending.nbytes == 0


def test_other_samplers_decide_alone(start, monkeypatch):
    assert not start(sample_rate=None, sampler=ALWAYS_OFF).tracer.start_span("x").is_recording()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    assert not start(sample_rate=None).tracer.start_span("x").is_recording()
    assert start().tracer.start_span("x").is_recording()
    assert not start(disabled=True).tracer.start_span("x").is_recording()


@pytest.mark.parametrize(
    "given", [{"keep_slow_s": -1}, {"keep_tokens": -1}, {"keep_tokens": "many"}, {"pending_bytes": 1}]
)
def test_wrong_rules_are_named(start, given):
    with pytest.raises(ConfigError, match=next(iter(given))):
        start(**given)
