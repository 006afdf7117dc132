"""Prices: equal to the data set's own library on every model, the user's rules first, unknown is not free."""

import datetime
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core import plugins
from llm_obs_core.components import build
from llm_obs_core.config import Config, Pricing
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Price, PriceBand, PriceKey, Pricer
from llm_obs_core.pricing.cost import TokenBuckets, cost_nano_usd
from llm_obs_core.roles import PRICER as ROLE
from llm_obs_enrich.pricing import (
    BundledPricer,
    PricingOptions,
    PricingRule,
    RulePricer,
)

DAY = datetime.date(2026, 11, 1)
DAYS = (DAY - datetime.date(1970, 1, 1)).days
PRICER = BundledPricer()
TOKEN_PRICES = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "requests_kcount"}


def priced_by_tokens() -> list[tuple[str, str]]:
    """Models whose price is made of nothing but text tokens and requests."""
    when = datetime.datetime.combine(DAY, datetime.time(12), datetime.UTC)
    found = []
    for provider in providers:
        for model in provider.models:
            prices = {key for key, value in vars(model.get_prices(when)).items() if value is not None}
            timed = isinstance(model.prices, list) and any("Time" in type(p.constraint).__name__ for p in model.prices)
            first = provider.find_model(model.id)
            if prices and prices <= TOKEN_PRICES and not timed and first is not None and first is model:
                found.append((provider.id, model.id))
    return found


MODELS = priced_by_tokens()


def test_the_table_is_wide() -> None:
    assert len(MODELS) > 1500


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.integers(0, 2_000_000),
    st.integers(0, 1_000_000),
    st.integers(0, 1_000_000),
    st.integers(0, 100_000),
)
def test_costs_equal_the_data_sets_own_library(
    model: tuple[str, str], uncached: int, read: int, write: int, out: int
) -> None:
    provider = next(item for item in providers if item.id == model[0])
    info = provider.find_model(model[1])
    assert info is not None
    usage = Usage(
        input_tokens=uncached + read + write, cache_read_tokens=read, cache_write_tokens=write, output_tokens=out
    )
    when = datetime.datetime.combine(DAY, datetime.time(12), datetime.UTC)
    expected = info.calc_price(usage, provider, genai_request_timestamp=when).total_price
    (price,) = PRICER.prices([PriceKey(*model, day=DAYS)])
    assert price is not None
    mine = cost_nano_usd(
        price, TokenBuckets(input_uncached=uncached, cache_read=read, cache_write_5m=write, output_text=out)
    )
    tokens = uncached + read + write + out
    assert abs(Decimal(mine) - expected * 10**9) <= Decimal("0.5") + Decimal(tokens) / 2000  # prices round to 1e-12


@pytest.mark.parametrize(
    ("provider", "model", "millions"),
    [
        ("openai", "gpt-4o-mini-2024-07-18", (Decimal("0.15"), Decimal("0.6"))),
        ("openai", "gpt-4o-mini", (Decimal("0.15"), Decimal("0.6"))),
        ("azure.ai.openai", "gpt-4o", (Decimal("2.5"), Decimal(10))),
        ("openai", "text-embedding-3-small", (Decimal("0.02"), Decimal(0))),
        ("anthropic", "claude-3-5-haiku-20241022", (Decimal("0.8"), Decimal(4))),
    ],
)
def test_prices_that_everybody_knows(provider: str, model: str, millions: tuple[Decimal, Decimal]) -> None:
    (price,) = PRICER.prices([PriceKey(provider, model, day=DAYS)])
    assert price is not None
    assert (price.bands[0].input_uncached, price.bands[0].output_text) == tuple(int(m * 10**6) for m in millions)
    assert price.price_id.startswith("genai-prices/")


def test_unknown_is_not_free() -> None:
    keys = [PriceKey("openai", "no-such-model"), PriceKey("nobody", "gpt-4o"), PriceKey("", "")]
    assert PRICER.prices(keys) == [None, None, None]


def test_a_model_that_only_one_provider_makes_needs_no_provider() -> None:
    named, alone, *unknown = PRICER.prices(
        [
            PriceKey("openai", "gpt-4o-mini-2024-07-18", day=DAYS),
            PriceKey("", "gpt-4o-mini-2024-07-18", day=DAYS),
            PriceKey("", "no-such-model", day=DAYS),
            PriceKey("", "claude-gemini", day=DAYS),  # two makers
            PriceKey("elsewhere", "gpt-4o-mini", day=DAYS),
        ]
    )
    assert named is not None
    assert alone is not None
    assert alone.bands == named.bands
    assert alone.price_id == "by-model:" + named.price_id
    assert unknown == [None, None, None]


def test_a_users_rule_wins_and_zero_is_free() -> None:
    rules = (
        PricingRule("my-*", input="0.1234567".rstrip("7"), output=2, provider="openai", valid_from="2026-01-01"),
        PricingRule("gpt-4o", input=0),
    )
    pricer = BundledPricer(PricingOptions(rules))
    mine, early, free = pricer.prices(
        [PriceKey("openai", "my-model", day=DAYS), PriceKey("openai", "my-model", day=0), PriceKey("x", "gpt-4o")]
    )
    assert mine == Price(
        "rule/0/openai/my-*",
        (
            PriceBand(
                0,
                *[123456] * 6,
                output_text=2_000_000,
                output_reasoning=2_000_000,
                audio_out=2_000_000,
            ),
        ),
    )
    assert early is None
    assert free is not None
    assert cost_nano_usd(free, TokenBuckets(input_uncached=10**9)) == 0


@pytest.mark.parametrize("value", ["-1", "abc", "0.0000001", "NaN", float("inf")])
def test_a_price_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"pricing\.rules\[0\]\.input"):
        BundledPricer(PricingOptions((PricingRule("x", input=value),)))


def test_a_band_applies_above_its_threshold() -> None:
    price = Price("x", (PriceBand(input_uncached=1000), PriceBand(above_input_tokens=100, input_uncached=3000)))
    assert cost_nano_usd(price, TokenBuckets(input_uncached=100)) == 100
    assert cost_nano_usd(price, TokenBuckets(input_uncached=101)) == 303


def test_a_service_tier_of_the_table_is_used_and_named() -> None:
    standard, priority, upper = PRICER.prices(
        [PriceKey("openai", "gpt-5", tier, day=DAYS) for tier in ("default", "priority", "Priority")]
    )
    assert standard is not None
    assert priority is not None
    assert upper == priority
    assert priority.price_id.endswith("/priority")
    assert priority.bands[0].input_uncached > standard.bands[0].input_uncached


def test_a_tier_without_a_price_is_not_priced_as_the_standard_one() -> None:
    keys = [
        PriceKey("openai", "gpt-5", "scale", day=DAYS),
        PriceKey("anthropic", "claude-sonnet-4-5", "batch", day=DAYS),
    ]
    assert PRICER.prices(keys) == [None, None]
    rule = PricingRule("gpt-5", input=1, tier="scale")
    (mine,) = BundledPricer(PricingOptions((rule,))).prices(keys[:1])
    assert mine is not None


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_of_a_users_rules_the_newest_that_is_valid_wins(order: tuple[int, ...]) -> None:
    rules = (
        PricingRule("m", input=1, valid_from="2026-01-01"),
        PricingRule("m*", input=2, valid_from="2026-03-01"),
        PricingRule("m", input=3, valid_from="2026-05-01"),
        PricingRule("other", input=9, valid_from="2026-05-02"),
    )
    pricer = RulePricer([rules[n] for n in order])
    days = [datetime.date(2026, month, day) - datetime.date(1970, 1, 1) for month, day in ((2, 28), (3, 1), (6, 1))]
    found = pricer.prices([PriceKey("p", "m", day=day.days) for day in days])
    assert [price and price.bands[0].input_uncached for price in found] == [1_000_000, 2_000_000, 3_000_000]
    assert pricer.prices([PriceKey("p", "m", day=0)]) == [None]


def test_of_rules_of_one_day_the_first_wins_and_a_tier_may_be_named() -> None:
    rules = (
        PricingRule("m", input=1, tier="flex"),
        PricingRule("m", input=2, tier="default"),
        PricingRule("m", input=3),
    )
    found = RulePricer(rules).prices([PriceKey("p", "m", tier) for tier in ("Flex", "", "standard", "other")])
    assert [price and price.bands[0].input_uncached for price in found] == [1_000_000, 2_000_000, 2_000_000, 3_000_000]


def made(section: Pricing) -> list[Pricer]:
    return [pricer for _, pricer in build(ROLE, plugins.load(only=["bundled"]), Config(pricing=section), Hosts())]


def test_the_section_makes_the_pricers_with_own_rules_first() -> None:
    section = Pricing(rules=({"model": "gpt-4o", "input": "7"},))
    own, bundled = made(section)
    assert own.prices([PriceKey("openai", "gpt-4o")])[0] is not None
    assert own.prices([PriceKey("openai", "gpt-5")]) == [None]
    assert bundled.prices([PriceKey("openai", "gpt-5")]) != [None]
    assert [type(pricer).__name__ for pricer in made(Pricing(pricers=(), rules=section.rules))] == ["RulePricer"]
    with pytest.raises(ConfigError, match=r"pricing\.rules"):
        made(Pricing(rules=({"name": "gpt-4o", "input": 1},)))
    with pytest.raises(PluginError, match="bundled"):
        made(Pricing(pricers=("bunled",)))
