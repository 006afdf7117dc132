"""`llm-obs price`: what a model costs, and what one call costs and why."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import click
import msgspec
from llm_obs_core.errors import ConfigError, LlmObsError
from llm_obs_core.interfaces import Price, PriceBand, PriceKey

from llm_obs.commands.output import show
from llm_obs.options import json_option

__all__ = ["price"]

EPOCH = datetime.date(1970, 1, 1)
COUNTS = {
    "input": ("input_tokens", "All input tokens, cached and cache-write ones included."),
    "output": ("output_tokens", "All output tokens, reasoning included."),
    "cached": ("cache_read", "Input tokens read from a cache."),
    "cache-write": ("cache_write", "Input tokens written to a cache."),
    "cache-write-1h": ("cache_write_1h", "Those of them that are written for an hour."),
    "reasoning": ("reasoning", "Output tokens of reasoning."),
    "audio-in": ("audio_in", "Audio input tokens."),
    "audio-out": ("audio_out", "Audio output tokens."),
    "image-in": ("image_in", "Image input tokens."),
}
"""Option to field of `llm_obs_core.pricing.usage.Counts`, and its help."""


def _count_options(command: Any) -> Any:
    for option, (field, text) in reversed(COUNTS.items()):
        command = click.option(f"--{option}", field, type=click.IntRange(min=0), help=text)(command)
    return command


@click.command()
@click.argument("provider")
@click.argument("model")
@click.option("--tier", default="", help="Service tier, such as priority.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day of the call; today when not given.")
@_count_options
@json_option
def price(
    provider: str, model: str, tier: str, day: datetime.datetime | None, as_json: bool, **counts: int | None
) -> None:
    """Say what MODEL of PROVIDER costs, or one call of it.

    In US dollars a million tokens; with token counts, what one call costs.

    PROVIDER is a name as in gen_ai.provider.name: openai, anthropic, azure.ai.openai, gcp.gemini … The price is named
    by the rule that it comes from: `rule/N/…` is the N-th of [[pricing.rules]], from 0.
    """
    date = day.date() if day else datetime.datetime.now(datetime.UTC).date()
    found = _find(PriceKey(provider, model, tier, day=(date - EPOCH).days))
    given = any(count is not None for count in counts.values())
    rows = _call(found, counts) if given else _prices(found)
    if as_json or not rows:
        show(rows, as_json=as_json, empty="free")
        return
    hidden = {"price"} if any(row.get("above_input_tokens") for row in rows) else {"price", "above_input_tokens"}
    show([{key: value for key, value in row.items() if key not in hidden} for row in rows], as_json=False, empty="")
    click.echo(f"\nprice {found.price_id}")


def _find(key: PriceKey) -> Price:
    from llm_obs_core import config, plugins
    from llm_obs_core.components import build
    from llm_obs_core.host import Hosts
    from llm_obs_core.roles import PRICER

    for _, pricer in build(PRICER, plugins.load(), config.load(), Hosts()):
        (found,) = pricer.prices([key])
        if found is not None:
            return found
    raise LlmObsError(
        "a provider, model and tier that has a price",
        got=f"{key.provider} {key.model} {key.tier}".rstrip(),
        fix="correct the names, or set the price yourself under [[pricing.rules]] in llm-obs.toml",
    )


def _prices(found: Price) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for band in found.bands:
        above = band.above_input_tokens
        for bucket, pico in msgspec.structs.asdict(band).items():
            if bucket not in ("above_input_tokens", "request") and (pico or bucket == "input_uncached"):
                row = {"tokens": bucket, "above_input_tokens": above, "usd_per_million": f"{pico / 1e6:g}"}
                rows.append(row | {"price": found.price_id})
    return rows


def _call(found: Price, counts: dict[str, int | None]) -> list[dict[str, Any]]:
    from llm_obs_core.pricing.cost import band_of, cost_nano_usd
    from llm_obs_core.pricing.usage import Counts, settle

    for part, whole in (
        ("cache_read", "input_tokens"),
        ("cache_write", "input_tokens"),
        ("reasoning", "output_tokens"),
    ):
        total, within = counts[whole], counts[part]
        if total is not None and within is not None and within > total:
            raise ConfigError(
                f"parts that are within --{whole.removesuffix('_tokens')}",
                got=f"{within} of {total}",
                where=f"--{next(option for option, (field, _) in COUNTS.items() if field == part)}",
                fix="give the total with its parts included",
            )
    tokens = settle(Counts(**counts))
    assert tokens is not None  # a count was given
    band: PriceBand = band_of(found, tokens.input_tokens)
    rows = [
        {
            "tokens": bucket,
            "count": count,
            "usd_per_million": f"{getattr(band, bucket) / 1e6:g}",
            "usd": _usd(count * getattr(band, bucket), 12),
            "price": found.price_id,
        }
        for bucket, count in msgspec.structs.asdict(tokens).items()
        if count
    ]
    if band.request:
        rows.append(_row("request", 1, _usd(band.request, 12), found))
    every = tokens.input_tokens + tokens.output_text + tokens.output_reasoning + tokens.audio_out
    return [*rows, _row("total", every, _usd(cost_nano_usd(found, tokens), 9), found)]


def _row(name: str, count: int, usd: str, found: Price) -> dict[str, Any]:
    return {"tokens": name, "count": count, "usd_per_million": None, "usd": usd, "price": found.price_id}


def _usd(amount: int, decimals: int) -> str:
    return f"{Decimal(amount).scaleb(-decimals):f}"
