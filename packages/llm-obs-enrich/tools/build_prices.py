"""Compiles the genai-prices data set into `llm_obs_enrich/pricing/prices.json`: integers, no code, no dependency.

Run with `nox -s prices`. Prices become integer pico-dollars a token. What our price vectors cannot say is left out and
counted on the last line: prices by the hour of audio or the thousand searches, and prices by the time of day.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

OUT = Path(__file__).parents[1] / "src/llm_obs_enrich/pricing/prices.json"
PICO_PER_TOKEN = Decimal(10**12) / Decimal(10**6)
BUCKETS = {
    "input_uncached": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_in": "input_audio_mtok",
    "image_in": "input_image_mtok",
    "output_text": "output_mtok",
    "output_reasoning": "output_reasoning_mtok",
    "audio_out": "output_audio_mtok",
}
KNOWN = {*BUCKETS.values(), "requests_kcount"}
left_out: Counter[str] = Counter()


def at(value: Any, input_tokens: int) -> Decimal:
    """The price that holds just above a number of input tokens."""
    if not isinstance(value, types.TieredPrices):
        return Decimal(value)
    price = value.base
    for tier in value.tiers:
        if input_tokens >= tier.start:
            price = tier.price
    return Decimal(price)


def whole(value: Decimal) -> int:
    """An integer; a price finer than a pico-dollar would be a change of the data set that needs a decision."""
    rounded = value.to_integral_value()
    if rounded != value:
        left_out["price finer than a pico-dollar, rounded"] += 1
    return int(rounded)


def bands(prices: dict[str, Any]) -> list[dict[str, int]]:
    """The price bands of one price, by rising input."""
    left_out.update(f"price {key}" for key in prices if key not in KNOWN)
    starts = {0}
    for key in KNOWN & set(prices):
        if isinstance(prices[key], types.TieredPrices):
            starts |= {tier.start for tier in prices[key].tiers}
    out = []
    for start in sorted(starts):
        band = {"above_input_tokens": start} if start else {}
        for bucket, key in BUCKETS.items():
            if key in prices:
                band[bucket] = whole(at(prices[key], start or -1) * PICO_PER_TOKEN)
        if "requests_kcount" in prices:
            band["request"] = whole(at(prices["requests_kcount"], -1) * 10**9)
        out.append(band)
    return out


def given(price: Any) -> dict[str, Any]:
    """The prices that are set, by the data set's names."""
    return {key: value for key, value in vars(price).items() if value is not None and not key.startswith("_")}


def start_of(item: Any) -> datetime.date:
    """The day from which a price or variant holds."""
    return item.constraint.start_date if item.constraint is not None else datetime.date.min


def dated(model: Any) -> list[dict[str, Any]]:
    """A model's prices by their first day, each with the service tiers that override it."""
    every = model.prices if isinstance(model.prices, list) else [types.ConditionalPrice(prices=model.prices)]
    standard, variants = [], []
    for item in every:
        if isinstance(item.constraint, types.TimeOfDateConstraint):
            left_out["price by time of day"] += 1
        else:
            standard.append(item)
    for variant in model.price_variants or ():
        if set(variant.when) == {"service_tier"}:
            variants.append(variant)
        else:
            left_out[f"variant by {', '.join(sorted(variant.when))}"] += 1
    out: list[dict[str, Any]] = []
    for day in sorted({start_of(item) for item in [*standard, *variants]} | {datetime.date.min}):
        active = [item for item in standard if start_of(item) <= day] or standard[:1]
        base = given(active[-1].prices) if active else {}
        if not KNOWN & set(base):
            continue
        tiers: dict[str, dict[str, Any]] = {}
        for variant in reversed([item for item in variants if start_of(item) <= day]):
            tiers.setdefault(variant.when["service_tier"], dict(base)).update(given(variant.prices))
        entry: dict[str, Any] = {"bands": bands(base)}
        if tiers:
            entry["tiers"] = {name: bands(prices) for name, prices in sorted(tiers.items())}
        if out and entry == {key: value for key, value in out[-1].items() if key != "from"}:
            continue
        if day != datetime.date.min:
            entry["from"] = day.isoformat()
        out.append(entry)
    return out


def clause(match: Any) -> Any:
    """A match clause as plain data."""
    ((kind, value),) = vars(match).items()
    kind = kind.rstrip("_")
    return {kind: [clause(item) for item in value] if kind in ("or", "and") else value}


def main() -> None:
    """Writes the file and says what was left out."""
    table = []
    for provider in providers:
        models = [
            {"id": model.id, "match": clause(model.match), "prices": prices}
            for model in provider.models
            if (prices := dated(model)) or left_out.update(["model without a price by the token"])
        ]
        entry: dict[str, Any] = {"id": provider.id, "models": models}
        if provider.model_match is not None:
            entry["match"] = clause(provider.model_match)
        if provider.fallback_model_providers:
            entry["fallback"] = provider.fallback_model_providers
        table.append(entry)
    data = {
        "source": f"genai-prices {importlib.metadata.version('genai-prices')}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "unit": "pico-dollars (1e-12 USD) a token, or a request",
        "providers": table,
    }
    lines = json.dumps(data, separators=(",", ":")).replace('{"id":', '\n{"id":')
    OUT.write_text(lines + "\n", encoding="utf-8")
    count = sum(len(entry["models"]) for entry in table)
    print(f"{count} models of {len(table)} providers, {OUT.stat().st_size} bytes; left out: {dict(left_out)}")


if __name__ == "__main__":
    main()
