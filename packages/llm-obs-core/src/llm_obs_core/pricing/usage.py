"""From the token counts that a span carries to disjoint buckets: the reference that core_ext is tested against.

The conventions' totals contain their parts (`gen_ai.usage.input_tokens` the cached, cache-write, audio and image ones,
`gen_ai.usage.output_tokens` the reasoning and audio ones), but not every sender keeps to that. The rules, in order:

1. A negative count is one that was not sent. A count above `MAX_TOKENS` is taken as `MAX_TOKENS`.
2. `cache_write_5m` is what the cache writes have above those for an hour, never below 0.
3. A total that was not sent is the sum of its parts; without parts there is none.
4. A total below its cached and cache-write tokens (or below its reasoning tokens) leaves them out, as the Anthropic API
   (and Gemini's, for reasoning) counts: they are added to it.
5. Audio and image tokens may be cached ones as well. A token stands in one bucket, the cache's before audio's before
   image's, so each takes at most what those before it left of the total.
6. `input_uncached` and `output_text` are the rest.

So the input buckets always add up to all input tokens, the output buckets to all output tokens, and none is negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from llm_obs_core import semconv
from llm_obs_core.model import AttributeValue
from llm_obs_core.pricing.cost import TokenBuckets
from llm_obs_core.typed import as_int

__all__ = ["COUNT_KEYS", "MAX_TOKENS", "Counts", "counts_of", "settle"]

MAX_TOKENS: Final = 2**40 - 1
"""More than any call has; the sums of a batch and a price times a bucket's sum stay far inside what can be added up."""


class Counts(msgspec.Struct, frozen=True):
    """Token counts as they were sent; None is not sent. The totals contain the parts that follow them."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    audio_in: int | None = None
    image_in: int | None = None
    reasoning: int | None = None
    audio_out: int | None = None


COUNT_KEYS: Final[tuple[str, ...]] = (
    semconv.USAGE_INPUT_TOKENS,
    semconv.USAGE_OUTPUT_TOKENS,
    semconv.USAGE_CACHE_READ_INPUT_TOKENS,
    semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
    semconv.USAGE_CACHE_WRITE_1H_INPUT_TOKENS,
    semconv.USAGE_AUDIO_INPUT_TOKENS,
    semconv.USAGE_IMAGE_INPUT_TOKENS,
    semconv.USAGE_REASONING_OUTPUT_TOKENS,
    semconv.USAGE_AUDIO_OUTPUT_TOKENS,
)
"""The attribute of each field of `Counts`, in its order."""


def counts_of(attributes: Mapping[str, AttributeValue]) -> Counts:
    """The counts of a span's attributes; a value that is no int by `as_int` was not sent."""
    return Counts(*(as_int(attributes.get(key)) for key in COUNT_KEYS))


def settle(counts: Counts) -> TokenBuckets | None:
    """The disjoint buckets of one call by the rules above; None when no count was sent."""
    sent = {
        name: min(count, MAX_TOKENS)
        for name in Counts.__struct_fields__
        if (count := getattr(counts, name)) is not None and count >= 0
    }
    if not sent:
        return None
    cache_read, cache_write_1h = sent.get("cache_read", 0), sent.get("cache_write_1h", 0)
    cache_write_5m = max(sent.get("cache_write", 0) - cache_write_1h, 0)
    cached = cache_read + cache_write_5m + cache_write_1h
    audio_in, image_in = sent.get("audio_in", 0), sent.get("image_in", 0)
    input_tokens = _total(sent.get("input_tokens"), cached, audio_in + image_in)
    audio_in = min(audio_in, input_tokens - cached)
    image_in = min(image_in, input_tokens - cached - audio_in)
    reasoning, audio_out = sent.get("reasoning", 0), sent.get("audio_out", 0)
    output_tokens = _total(sent.get("output_tokens"), reasoning, audio_out)
    audio_out = min(audio_out, output_tokens - reasoning)
    return TokenBuckets(
        input_uncached=input_tokens - cached - audio_in - image_in,
        cache_read=cache_read,
        cache_write_5m=cache_write_5m,
        cache_write_1h=cache_write_1h,
        audio_in=audio_in,
        image_in=image_in,
        output_text=output_tokens - reasoning - audio_out,
        output_reasoning=reasoning,
        audio_out=audio_out,
    )


def _total(sent: int | None, firm: int, loose: int) -> int:
    """A total from what was sent and its parts: `firm` ones are in no other bucket, `loose` ones may be."""
    if sent is None:
        return firm + loose
    return sent + firm if sent < firm else sent
