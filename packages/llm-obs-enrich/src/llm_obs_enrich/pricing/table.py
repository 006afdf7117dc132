"""The bundled table: finding a provider's model by its match clauses, and its price on a day."""

from __future__ import annotations

import datetime
import json
import re
from functools import cached_property
from importlib import resources
from typing import Any, Final

from llm_obs_core.interfaces.process import Price, PriceBand, PriceKey

__all__ = ["PriceTable", "fill", "tier_of"]

EPOCH: Final = datetime.date(1970, 1, 1)

PROVIDER_IDS: Final[dict[str, str]] = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""`gen_ai.provider.name` to the table's id, where they differ."""

STANDARD_TIERS: Final = frozenset({"", "default", "standard", "auto"})
"""What providers call the tier of the plain price; `auto` is what was asked for when no answer says more."""
COMPACT_DATE: Final = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")

_DEFAULTS: Final = (
    ("cache_read", "input_uncached"),
    ("cache_write_5m", "input_uncached"),
    ("cache_write_1h", "cache_write_5m"),
    ("audio_in", "input_uncached"),
    ("image_in", "input_uncached"),
    ("output_reasoning", "output_text"),
    ("audio_out", "output_text"),
)


def tier_of(name: str) -> str:
    """A service tier in lower case; empty for the standard one, by whatever name."""
    tier = name.lower()
    return "" if tier in STANDARD_TIERS else tier


def fill(prices: dict[str, int]) -> PriceBand:
    """A band with every bucket priced: one without a price of its own costs what its base bucket costs."""
    full = {"input_uncached": 0, "output_text": 0} | prices
    for bucket, base in _DEFAULTS:
        full.setdefault(bucket, full[base])
    return PriceBand(**full)


class PriceTable:
    """The table as it is in the wheel; read on first use."""

    @cached_property
    def _data(self) -> dict[str, Any]:
        text = resources.files("llm_obs_enrich.pricing").joinpath("prices.json").read_text(encoding="utf-8")
        data: dict[str, Any] = json.loads(text)
        data["by_id"] = {provider["id"]: provider for provider in data["providers"]}
        return data

    @cached_property
    def date(self) -> datetime.date:
        """The day on which the table was made."""
        return datetime.date.fromisoformat(self._data["date"])

    def find(self, key: PriceKey) -> Price | None:
        """The price of a key; None when the table does not know the provider, the model, or the model's service tier.

        A tier that the table has no price for is not priced as the standard one: it may cost half as much or twice.
        Where nobody named a provider, the one whose models have such names is taken, when there is just one; the
        price's id begins with `by-model:` then.
        """
        provider = self._data["by_id"].get(PROVIDER_IDS.get(key.provider, key.provider))
        if not key.provider:
            provider = self._maker(key.model.lower())
        if provider is None or (model := self._model(provider, key.model.lower())) is None:
            return None
        day = (EPOCH + datetime.timedelta(days=key.day)).isoformat()
        entry = model["prices"][0]
        for dated in model["prices"][1:]:
            if dated.get("from", "") <= day:
                entry = dated
        bands, tier = entry["bands"], ""
        if (name := tier_of(key.tier)) != "":
            if name not in entry.get("tiers", {}):
                return None
            bands, tier = entry["tiers"][name], f"/{name}"
        by = "" if key.provider else "by-model:"
        price_id = f"{by}genai-prices/{self._data['date']}/{provider['id']}/{model['id']}{tier}"
        return Price(price_id, tuple(fill(band) for band in bands))

    def _maker(self, name: str) -> dict[str, Any] | None:
        makers = [item for item in self._data["providers"] if "match" in item and _matches(item["match"], name)]
        return makers[0] if len(makers) == 1 else None

    def _model(self, provider: dict[str, Any], name: str) -> dict[str, Any] | None:
        dashed = COMPACT_DATE.sub(r"-\1-\2-\3", name)
        for text in (name, dashed) if dashed != name else (name,):
            for owner in (provider, *(self._data["by_id"].get(other) for other in provider.get("fallback", ()))):
                for model in owner["models"] if owner else ():
                    if _matches(model["match"], text):
                        found: dict[str, Any] = model
                        return found
        return None


def _matches(clause: dict[str, Any], text: str) -> bool:
    ((kind, value),) = clause.items()
    if kind == "or":
        return any(_matches(item, text) for item in value)
    if kind == "and":
        return all(_matches(item, text) for item in value)
    if kind == "regex":
        return re.search(value, text) is not None
    wanted = value.lower()
    if kind == "equals":
        return bool(text == wanted)
    if kind == "starts_with":
        return text.startswith(wanted)
    if kind == "ends_with":
        return text.endswith(wanted)
    return wanted in text
