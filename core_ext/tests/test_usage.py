"""Token buckets: the compiled rule, the Python one, and what both promise."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core.pricing.cost import TokenBuckets
from llm_obs_core.pricing.usage import MAX_TOKENS, Counts, settle
from llm_obs_core_ext.usage import settled

COUNT = st.none() | st.integers(-3, 30) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([MAX_TOKENS, 2**63 - 1])
COUNTS = st.builds(Counts, **dict.fromkeys(Counts.__struct_fields__, COUNT))


@settings(max_examples=1000, deadline=None)
@given(COUNTS)
def test_the_compiled_rule_is_the_python_one(counts: Counts) -> None:
    assert settled(counts) == settle(counts)


@settings(max_examples=1000, deadline=None)
@given(COUNTS)
def test_no_token_is_lost_or_counted_twice(counts: Counts) -> None:
    buckets = settle(counts)
    sent = {name: count for name, count in msgspec.structs.asdict(counts).items() if count is not None and count >= 0}
    if buckets is None:
        assert not sent
        return
    assert all(0 <= count < 2**43 for count in msgspec.structs.astuple(buckets))
    if "input_tokens" in sent:
        least = min(sent["input_tokens"], MAX_TOKENS)
        cached = buckets.cache_read + buckets.cache_write_5m + buckets.cache_write_1h
        assert buckets.input_tokens in (least, least + cached)
    if "output_tokens" in sent:
        assert buckets.output_tokens >= min(sent["output_tokens"], MAX_TOKENS)


@pytest.mark.parametrize(
    ("counts", "buckets"),
    [
        # the conventions: totals contain their parts
        (
            {"input_tokens": 100, "cache_read": 60, "cache_write": 10},
            {"input_uncached": 30, "cache_read": 60, "cache_write_5m": 10},
        ),
        ({"output_tokens": 50, "reasoning": 20}, {"output_text": 30, "output_reasoning": 20}),
        # an Anthropic total, which leaves the cached ones out
        ({"input_tokens": 5, "cache_read": 1000}, {"input_uncached": 5, "cache_read": 1000}),
        # a Gemini total, which leaves the thoughts out
        ({"output_tokens": 5, "reasoning": 20}, {"output_text": 5, "output_reasoning": 20}),
        # an hour's writes are part of all writes
        (
            {"input_tokens": 100, "cache_write": 30, "cache_write_1h": 10},
            {"input_uncached": 70, "cache_write_5m": 20, "cache_write_1h": 10},
        ),
        ({"input_tokens": 100, "cache_write": 5, "cache_write_1h": 10}, {"input_uncached": 90, "cache_write_1h": 10}),
        # audio that was read from the cache is in the cache's bucket
        ({"input_tokens": 100, "cache_read": 70, "audio_in": 80}, {"cache_read": 70, "audio_in": 30}),
        ({"input_tokens": 10, "audio_in": 7, "image_in": 7}, {"audio_in": 7, "image_in": 3}),
        # no total
        ({"cache_read": 3, "audio_in": 2, "audio_out": 4}, {"cache_read": 3, "audio_in": 2, "audio_out": 4}),
        ({"input_tokens": -1, "output_tokens": 0}, {}),
        ({"input_tokens": 2**63 - 1, "cache_read": 2**63 - 1}, {"cache_read": MAX_TOKENS}),
    ],
)
def test_rules(counts: dict[str, Any], buckets: dict[str, int]) -> None:
    assert settle(Counts(**counts)) == TokenBuckets(**buckets)


def test_nothing_sent_is_not_zero() -> None:
    assert settle(Counts()) is None
    assert settle(Counts(input_tokens=-5)) is None
