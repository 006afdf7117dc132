"""`llm-obs price`: what a model costs."""

from __future__ import annotations

import datetime
from typing import Any

import click
import msgspec
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import PriceKey
from llm_obs_core.pricing import BundledPricer, PricingOptions

from llm_obs.commands.output import json_option, show

__all__ = ["price"]

EPOCH = datetime.date(1970, 1, 1)


@click.command()
@click.argument("provider")
@click.argument("model")
@click.option("--tier", default="", help="Service tier, such as priority.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day of the call; today when not given.")
@json_option
def price(provider: str, model: str, tier: str, day: datetime.datetime | None, as_json: bool) -> None:
    """What MODEL of PROVIDER costs, in US dollars a million tokens.

    PROVIDER is a name as in gen_ai.provider.name: openai, anthropic, azure.ai.openai, gcp.gemini …
    """
    from llm_obs_core import config

    rules = config.load().pricing.rules
    pricer = BundledPricer(msgspec.convert({"rules": rules}, PricingOptions, strict=False))
    date = day.date() if day else datetime.datetime.now(datetime.UTC).date()
    (found,) = pricer.prices([PriceKey(provider, model, tier, day=(date - EPOCH).days)])
    if found is None:
        raise LlmObsError(
            "a provider and model that has a price",
            got=f"{provider} {model}",
            fix="correct the names, or set the price yourself under [[pricing.rules]] in llm-obs.toml",
        )
    rows: list[dict[str, Any]] = []
    for band in found.bands:
        above = band.above_input_tokens
        for bucket, pico in msgspec.structs.asdict(band).items():
            if bucket not in ("above_input_tokens", "request") and (pico or bucket == "input_uncached"):
                row = {"tokens": bucket, "above_input_tokens": above, "usd_per_million": f"{pico / 1e6:g}"}
                rows.append(row | {"price": found.price_id})
    show(rows, as_json=as_json, empty="free")
