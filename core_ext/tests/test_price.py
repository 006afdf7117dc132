"""Costs of a batch against the same costs in Python, call by call; the pricers are asked once a key."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core import semconv
from llm_obs_core.interfaces import Price, PriceBand, PriceKey
from llm_obs_core.model import AttributeValue
from llm_obs_core.pricing.cost import cost_nano_usd
from llm_obs_core.pricing.usage import COUNT_KEYS, counts_of, settle
from llm_obs_core.typed import as_int
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.price import PriceBook, Priced
from llm_obs_core_ext.scan import scan
from llm_obs_enrich.pricing import BundledPricer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_values import add_attributes

Attributes = dict[str, AttributeValue]
DAY_NS = 86_400 * 10**9
COST, PRICE_ID = semconv.COST_TOTAL_NANO_USD, semconv.PRICE_ID
NO_PRICE = "unknown"


class Pricer:
    """Knows every model but one; remembers what it was asked."""

    def __init__(self, bands: tuple[PriceBand, ...] = (PriceBand(),), known: bool = True) -> None:
        self.version = 1
        self.asked: list[list[PriceKey]] = []
        self.bands = bands
        self.known = known

    def prices(self, keys: Sequence[PriceKey]) -> list[Price | None]:
        self.asked.append(list(keys))
        return [Price(str(key), self.bands) if self.known and key.model != NO_PRICE else None for key in keys]


def request(rows: Sequence[tuple[int, Attributes]]) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, (start_ns, attributes) in enumerate(rows):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"))
        span.start_time_unix_nano = start_ns
        add_attributes(span, attributes)
    return message.SerializeToString()


def apply(book: PriceBook, rows: Sequence[tuple[int, Attributes]]) -> tuple[list[Attributes], Priced]:
    batch = scan(request(rows))
    edits = Edits(batch)
    counts = book.apply(batch, edits)
    return [dict(span.attributes) for span in scan(emit(batch, edits)).spans()], counts


def leaf(model: str = "m", provider: str = "openai", **counts: int) -> Attributes:
    values: Attributes = {semconv.USAGE_ROLE: "leaf", semconv.PROVIDER_NAME: provider, semconv.RESPONSE_MODEL: model}
    return values | {f"gen_ai.usage.{name}_tokens": count for name, count in counts.items()}


def text(value: AttributeValue) -> str:
    return value[:255] if isinstance(value, str) else ""


def key_of(start_ns: int, values: Attributes) -> PriceKey:
    return PriceKey(
        text(values.get(semconv.PROVIDER_NAME)),
        text(values.get(semconv.RESPONSE_MODEL)) or text(values.get(semconv.REQUEST_MODEL)),
        text(values.get(semconv.OPENAI_RESPONSE_SERVICE_TIER))
        or text(values.get(semconv.ANTHROPIC_RESPONSE_SERVICE_TIER))
        or text(values.get(semconv.OPENAI_REQUEST_SERVICE_TIER)),
        day=start_ns // DAY_NS,
    )


def expected(bands: tuple[PriceBand, ...], start_ns: int, attributes: Attributes) -> Attributes:
    """What the book does to one span's attributes."""
    values = dict(attributes)
    if values.get(semconv.USAGE_ROLE) != "leaf":
        return values
    tokens = settle(counts_of(values))
    key = key_of(start_ns, values)
    sent = as_int(values.get(COST))
    if tokens is not None and key.model not in ("", NO_PRICE):
        values[COST] = min(cost_nano_usd(Price("", bands), tokens), 2**63 - 1)
        values[PRICE_ID] = str(key)
    elif sent is not None and sent >= 0:
        values.setdefault(PRICE_ID, "sender")
    else:
        values.pop(COST, None)
        values.pop(PRICE_ID, None)
    return values


PICO = st.one_of(st.integers(0, 10**9), st.integers(0, 2**63 - 1))
BAND = st.builds(PriceBand, st.integers(0, 5000), *[PICO] * 10)
COUNT = st.one_of(st.integers(-5, 5000), st.integers(-(2**63), 2**63 - 1), st.just(1.0), st.just("12"))
WORD = st.sampled_from(["openai", "m", "n", NO_PRICE, "", "x" * 300, "é", "priority"])
ATTRIBUTES = st.fixed_dictionaries(
    {semconv.USAGE_ROLE: st.sampled_from(["leaf", "leaf", "leaf", "rollup", "unknown"])},
    optional={
        semconv.PROVIDER_NAME: WORD,
        semconv.RESPONSE_MODEL: WORD,
        semconv.REQUEST_MODEL: st.one_of(WORD, st.integers(0, 5)),
        semconv.OPENAI_RESPONSE_SERVICE_TIER: WORD,
        semconv.ANTHROPIC_RESPONSE_SERVICE_TIER: WORD,
        semconv.OPENAI_REQUEST_SERVICE_TIER: WORD,
        COST: st.one_of(st.integers(-5, 10**12), st.just("5"), st.just("x"), st.just(1.5), st.booleans()),
        PRICE_ID: WORD,
        **dict.fromkeys(COUNT_KEYS, COUNT),
    },
)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(BAND, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2**64 - 1), ATTRIBUTES), max_size=5),
)
def test_a_batch_costs_what_its_calls_cost(bands: list[PriceBand], rows: list[tuple[int, Attributes]]) -> None:
    pricer = Pricer(tuple(bands))
    after, counts = apply(PriceBook([pricer]), rows)
    assert after == [expected(pricer.bands, *row) for row in rows]
    has_cost = [COST in values for values in after]
    leaves = [values[semconv.USAGE_ROLE] == "leaf" for _, values in rows]
    assert sum(counts.priced.values()) == sum(a and b for a, b in zip(has_cost, leaves, strict=True))
    assert all(len(set(keys)) == len(keys) for keys in pricer.asked)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt-5", "o3", "no-such-model"]),
    st.sampled_from(["", "default", "priority", "scale"]),
    st.integers(0, 1_000_000),
    st.integers(0, 1_000_000),
    st.integers(0, 1_000_000),
)
def test_the_bundled_prices_reach_the_spans(model: str, tier: str, fresh: int, cached: int, output: int) -> None:
    pricer = BundledPricer()
    row = leaf(model, **{"input": fresh + cached, "cache_read.input": cached, "output": output})
    row[semconv.OPENAI_RESPONSE_SERVICE_TIER] = tier
    start_ns = 20_700 * DAY_NS
    ((after,), counts) = apply(PriceBook([pricer]), [(start_ns, row)])
    (price,) = pricer.prices([key_of(start_ns, row)])
    tokens = settle(counts_of(row))
    assert tokens is not None
    if price is None:
        assert (COST in after, PRICE_ID in after, counts) == (False, False, Priced({}, {"openai": 1}))
    else:
        assert (after[COST], after[PRICE_ID]) == (cost_nano_usd(price, tokens), price.price_id)
        assert counts == Priced({"openai": 1}, {})


def test_pricers_are_asked_once_a_key_until_their_version_changes() -> None:
    pricer = Pricer()
    book = PriceBook([pricer])
    rows = [
        (0, leaf("m", input=1)),
        (DAY_NS, leaf("m", input=1)),
        (DAY_NS + 5, leaf("m", input=1)),
        (0, leaf("n", input=1)),
    ]
    apply(book, rows * 50)
    assert pricer.asked == [[PriceKey("openai", "m"), PriceKey("openai", "m", day=1), PriceKey("openai", "n")]]
    apply(book, [*rows, (0, leaf(NO_PRICE, input=1))])
    apply(book, [(0, leaf(NO_PRICE, input=1))])
    assert pricer.asked[1:] == [[PriceKey("openai", NO_PRICE)]]
    pricer.version = book.version + 1
    apply(book, rows[:1])
    assert pricer.asked[2:] == [[PriceKey("openai", "m")]]


def test_many_distinct_keys_of_one_batch() -> None:
    pricer = Pricer((PriceBand(input_uncached=1000),))
    after, counts = apply(PriceBook([pricer]), [(0, leaf(f"model-{n}", input=n)) for n in range(3000)])
    assert [values[COST] for values in after] == list(range(3000))
    assert counts == Priced({"openai": 3000}, {})
    assert len(pricer.asked[0]) == 3000


def test_the_first_pricer_that_knows_wins_and_a_broken_one_costs_no_request(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Pricer):
        def prices(self, keys: Sequence[PriceKey]) -> list[Price | None]:
            self.asked.append(list(keys))
            raise RuntimeError("out of order")

    broken, ignorant = Broken(), Pricer(known=False)
    first, second = Pricer((PriceBand(input_uncached=1000),)), Pricer((PriceBand(input_uncached=2000),))
    book = PriceBook([broken, ignorant, first, second])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            ((after,), _) = apply(book, [(0, leaf(input=3))])
            assert after[COST] == 3
    assert caplog.text.count("out of order") == 1
    assert [len(pricer.asked) for pricer in (broken, ignorant, first, second)] == [2, 2, 2, 0]
    ((after,), counts) = apply(PriceBook([Pricer((PriceBand(input_uncached=-1),))]), [(0, leaf(input=3))])
    assert (COST in after, counts.unpriced) == (False, {"openai": 1})


def test_the_counts_name_only_providers_of_the_conventions() -> None:
    rows = [(0, leaf("m", provider, input=1)) for provider in ("openai", "anthropic", "openai", "my-own", "", "evil\n")]
    _, counts = apply(PriceBook([Pricer()]), [*rows, (0, leaf(NO_PRICE, "my-own", input=1))])
    assert counts == Priced({"openai": 2, "anthropic": 1, "other": 3}, {"other": 1})


def test_what_normalisers_set_is_priced_and_misuse_is_refused() -> None:
    pricer = Pricer((PriceBand(input_uncached=1000),))
    batch = scan(request([(0, leaf("old", input=5))]))
    edits = Edits(batch)
    edits.set(0, semconv.RESPONSE_MODEL.encode(), "new")
    edits.set(0, semconv.USAGE_INPUT_TOKENS.encode(), 7)
    PriceBook([pricer]).apply(batch, edits)
    (span,) = scan(emit(batch, edits)).spans()
    assert (span.attributes[COST], pricer.asked[0][0].model) == (7, "new")
    with pytest.raises(ValueError, match="of this batch"):
        PriceBook([]).apply(scan(b""), edits)
