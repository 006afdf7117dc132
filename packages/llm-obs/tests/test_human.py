"""What people read: money, durations, moments, foreign texts."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs.human import clean, duration, moment, money, since_ns, span_ns
from llm_obs_core.errors import LlmObsError


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (None, "-"),
        (0, "$0"),
        (1, "$0.000000001"),
        (12_345, "$0.0000123"),
        (493_123, "$0.000493"),
        (12_300_000, "$0.0123"),
        (999_999_999, "$1.0000"),
        (1_234_567_890_123, "$1,234.57"),
        (-4_500_000, "-$0.0045"),
    ],
)
def test_money_says_something_at_any_size(nano_usd: int | None, text: str) -> None:
    assert money(nano_usd) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0 ns"),
        (850, "850 ns"),
        (7_170, "7.17 µs"),
        (999_600, "1 ms"),
        (345_000_000, "345 ms"),
        (1_234_000_000, "1.23 s"),
        (59_999_000_000, "1m 00s"),
        (65_000_000_000, "1m 05s"),
        (3_725_000_000_000, "1h 02m"),
    ],
)
def test_durations_have_three_digits_and_a_unit(ns: int | None, text: str) -> None:
    assert duration(ns) == text


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_durations_and_money_never_fail(ns: int, nano_usd: int) -> None:
    assert duration(ns)
    assert money(nano_usd).startswith("$")


def test_moments_leave_out_what_is_known() -> None:
    now = datetime.datetime(2026, 5, 6, 12, 0, 0).astimezone()
    ns = int(now.timestamp()) * 10**9
    assert moment(ns, now) == "12:00:00"
    assert moment(ns - 86_400 * 10**9, now) == "May 05 12:00"
    assert moment(ns - 400 * 86_400 * 10**9, now).startswith("2025-04-01")


def test_times_are_read_as_people_write_them() -> None:
    assert span_ns("1.5s", "x") == 1_500_000_000
    assert since_ns("15m", "x", 10**18) == 10**18 - 900 * 10**9
    there = datetime.datetime(2026, 1, 31, 9, 30).astimezone()
    assert since_ns("2026-01-31T09:30", "x", 0) == int(there.timestamp()) * 10**9
    assert since_ns("2026-01-31T09:30:00+00:00", "x", 0) == 1_769_851_800 * 10**9
    for wrong in ("yesterday", "5 parsecs", "", "-3m"):
        with pytest.raises(LlmObsError, match="--since"):
            since_ns(wrong, "--since", 0)


def test_a_senders_text_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b]0;title\x07b\u202ec\nd") == "a\\x1b]0;title\\x07b\\x202ec\nd"
    assert clean("naïve 日本 🙂") == "naïve 日本 🙂"
