"""What values count as."""

import math

import pytest
from llm_obs_core.typed import as_bool, as_first_text, as_int, as_nanoseconds, as_text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        ("-7", -7),
        ("007", 7),
        (7.0, 7),
        (-0.0, 0),
        (2**63 - 1, 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), None),
        ("9" * 19, None),
        ("0" * 20, None),
        (2.0**63, None),
        (-(2.0**63), -(2**63)),
        (7.5, None),
        (math.nan, None),
        (math.inf, None),
        ("", None),
        ("-", None),
        ("+7", None),
        (" 7", None),
        ("7 ", None),
        ("7.0", None),
        ("٣", None),
        (True, None),
        (b"7", None),
        ([7], None),
        ({}, None),
        (None, None),
    ],
)
def test_ints(value: object, number: int | None) -> None:
    assert as_int(value) == number  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.25, 250_000_000),
        (2, 2_000_000_000),
        (0.0, 0),
        (-0.0, 0),
        (5e-10, 0),
        (1.5e-9, 2),
        (2.5e-9, 2),
        (1e300, None),
        (9.3e9, None),
        (9.2e9, 9_200_000_000_000_000_000),
        (-1e-9, None),
        (math.nan, None),
        (math.inf, None),
        (True, None),
        ("0.25", None),
        (-1, None),
        (2**62, None),
        (None, None),
    ],
)
def test_seconds(value: object, number: int | None) -> None:
    assert as_nanoseconds(value) == number  # type: ignore[arg-type]


def test_texts_and_bools() -> None:
    assert [as_text(value) for value in ("", "a", 42, -1, True, 1.0, b"a", ["a"], None)] == [
        "",
        "a",
        "42",
        "-1",
        *[None] * 5,
    ]
    assert [as_first_text(value) for value in ("a", ["a", "b"], [], [1, "b"], None, {})] == [
        "a",
        "a",
        None,
        None,
        None,
        None,
    ]
    assert [as_bool(value) for value in (True, False, 1, "true", None)] == [True, False, None, None, None]
