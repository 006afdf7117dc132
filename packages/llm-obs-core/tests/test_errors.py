"""One grammar for every error."""

import pickle

import pytest
from llm_obs_core.errors import ConfigError, LlmObsError, PermanentError, RetryableError, StoreError, WireError


def test_text_names_expected_got_where_and_fix() -> None:
    error = ConfigError("a port from 0 to 65535", got="70000", where="query.listen", fix="choose another port")
    assert str(error) == "expected a port from 0 to 65535, got 70000 (at query.listen); choose another port"


def test_parts_that_are_not_known_are_left_out() -> None:
    assert str(StoreError("a writable folder")) == "expected a writable folder"


def test_a_wire_error_says_the_byte() -> None:
    error = WireError("a varint of at most 10 bytes", got="11", offset=17, where="span 3")
    assert error.offset == 17
    assert str(error) == "expected a varint of at most 10 bytes, got 11 (at span 3, byte 17)"


@pytest.mark.parametrize(
    "error",
    [
        WireError("x", offset=3),
        RetryableError("x", got="y", retry_after_s=1.5),
        PermanentError("x", items=[1, 2]),
        ConfigError("x", fix="z"),
    ],
)
def test_errors_cross_process_borders(error: LlmObsError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
