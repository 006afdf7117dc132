"""Normalise and price 512 spans of 1.6 KB with 17 attributes; shown, no gate. The peer is the same in Python."""

from __future__ import annotations

import time
from collections.abc import Callable

from llm_obs_core import semconv
from llm_obs_core.interfaces import PriceKey
from llm_obs_core.pricing.cost import cost_nano_usd
from llm_obs_core.pricing.usage import counts_of, settle
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.normalise import CompiledRules
from llm_obs_core_ext.price import PriceBook
from llm_obs_core_ext.scan import scan
from llm_obs_enrich.normalizer import GenAiNormalizer, apply
from llm_obs_enrich.pricing import BundledPricer

from benchmarks.test_bench_scan import fastest_ns, request

RULES = [GenAiNormalizer().rules()]
PRICER = BundledPricer()


def in_python(batch: SpanBatch) -> int:
    """Rules and prices of every span, one after the other; the sum of the costs."""
    total = 0
    for span in batch.spans():
        values = apply(RULES, span.attributes, is_root=span.parent_span_id is None)
        tokens = settle(counts_of(values))
        key = PriceKey(
            str(values[semconv.PROVIDER_NAME]),
            str(values[semconv.RESPONSE_MODEL]),
            day=span.start_ns // (86_400 * 10**9),
        )
        (price,) = PRICER.prices([key])
        if tokens is not None and price is not None:
            total += cost_nano_usd(price, tokens)
    return total


def fastest_after_ns(prepare: Callable[[], Edits], call: Callable[[Edits], object], rounds: int) -> float:
    """As `fastest_ns`, of calls that each need fresh edits."""
    best = float("inf")
    for _ in range(rounds):
        edits = prepare()
        start = time.perf_counter_ns()
        call(edits)
        best = min(best, time.perf_counter_ns() - start)
    return best


def measure(rounds: int, spans: int = 512) -> dict[str, float]:
    """Minima in nanoseconds a span.

    Returns:
        `normalise`, `price` (after it), `ours` (both), `emit` (with their edits), `peer` (both in Python).
    """
    rules = CompiledRules(RULES)
    book = PriceBook([PRICER], rules.keys)
    batch = scan(request(spans), keys=rules.keys)

    def normalised() -> Edits:
        edits = Edits(batch)
        rules.apply(batch, edits)
        return edits

    done = normalised()
    book.apply(batch, done)
    normalise = fastest_after_ns(lambda: Edits(batch), lambda edits: rules.apply(batch, edits), rounds * 4) / spans
    price = fastest_after_ns(normalised, lambda edits: book.apply(batch, edits), rounds * 4) / spans
    return {
        "normalise": normalise,
        "price": price,
        "ours": normalise + price,
        "emit": fastest_ns(lambda: emit(batch, done), rounds * 4) / spans,
        "peer": fastest_ns(lambda: in_python(batch), max(rounds // 10, 1)) / spans,
    }


def test_the_benchmark_measures_the_same_thing() -> None:
    rules = CompiledRules(RULES)
    batch = scan(request(4), keys=rules.keys)
    edits = Edits(batch)
    rules.apply(batch, edits)
    PriceBook([PRICER], rules.keys).apply(batch, edits)
    costs = [span.attributes[semconv.COST_TOTAL_NANO_USD] for span in scan(emit(batch, edits)).spans()]
    assert sum(cost for cost in costs if isinstance(cost, int)) == in_python(batch) > 0
    assert all(value > 0 for value in measure(1, spans=4).values())
